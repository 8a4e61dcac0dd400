/* SPDX-License-Identifier: Apache-2.0
 * speaker.h: an opened model that answers, for `hone generate` and `hone chat`: its options, its text as it comes, and
 * Ctrl-C, which ends an answer.
 */
#ifndef HONE_HOST_SPEAKER_H
#define HONE_HOST_SPEAKER_H

#include "command.h"
#include <hone/model.h>

typedef struct HoneSpeakerOptions {
    char **plugin_path, **stop, *store, *backend;
    int threads, max_tokens, top_k;
    double temperature, top_p, repetition_penalty;
    gint64 seed;
} HoneSpeakerOptions;

#define HONE_SPEAKER_DEFAULTS .max_tokens = 512, .top_p = 1, .repetition_penalty = 1
#define HONE_SPEAKER_OPTIONS(o)                                                                                        \
    HONE_PLUGIN_PATH_OPTION(o), {"store", 's', 0, G_OPTION_ARG_FILENAME, &(o).store, "The store", "FOLDER"},           \
        {"backend", 0, 0, G_OPTION_ARG_STRING, &(o).backend, "What computes (default: auto, the fastest)", "NAME"},    \
        {"threads", 0, 0, G_OPTION_ARG_INT, &(o).threads, "Threads (default: all)", "N"},                              \
        {"max-tokens", 'n', 0, G_OPTION_ARG_INT, &(o).max_tokens, "Longest answer (default: 512)", "N"},               \
        {"temperature", 't', 0, G_OPTION_ARG_DOUBLE, &(o).temperature, "0: the likeliest token, always", "X"},         \
        {"top-k", 0, 0, G_OPTION_ARG_INT, &(o).top_k, "Choose among the K likeliest tokens (0: all)", "K"},            \
        {"top-p", 0, 0, G_OPTION_ARG_DOUBLE, &(o).top_p, "Choose among the likeliest that hold the share P", "P"},     \
        {"repetition-penalty",                                                                                         \
         0,                                                                                                            \
         0,                                                                                                            \
         G_OPTION_ARG_DOUBLE,                                                                                          \
         &(o).repetition_penalty,                                                                                      \
         "Above 1: what was said becomes less likely",                                                                 \
         "X"},                                                                                                         \
        {"stop", 0, 0, G_OPTION_ARG_STRING_ARRAY, &(o).stop, "Text that ends the answer (may be repeated)", "TEXT"},   \
    {                                                                                                                  \
        "seed", 0, 0, G_OPTION_ARG_INT64, &(o).seed, "Same seed, same text (default: 0)", "N"                          \
    }
void hone_speaker_options_clear(HoneSpeakerOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneSpeakerOptions, hone_speaker_options_clear)
/* Complains and returns false where a number is out of range. */
bool hone_speaker_options_check(const HoneSpeakerOptions *options);

typedef struct HoneSpeaker HoneSpeaker;

/* model: a GGUF file, a folder, or a node whose result is a model or an adapter. options must outlive the speaker. */
HoneSpeaker *hone_speaker_new(const char *model, const HoneSpeakerOptions *options, GError **error);
void hone_speaker_free(HoneSpeaker *speaker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneSpeaker, hone_speaker_free)
HoneModel *hone_speaker_model(const HoneSpeaker *speaker);

typedef struct HoneAnswer {
    GPtrArray *completions; /* of HoneCompletion *, one for each prompt */
    size_t tokens;          /* of all completions */
    double seconds, first;  /* in all, and until the first text came */
    bool stopped;           /* by Ctrl-C */
} HoneAnswer;
void hone_answer_clear(HoneAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneAnswer, hone_answer_clear)

/* Answers prompts (of GArray of int32_t). turn: how many answers came before, so that each draws its own random
 * numbers. With `show`, the text of the only prompt goes to stdout while it comes. A second Ctrl-C ends the program. */
bool hone_speaker_answer(HoneSpeaker *speaker, const GPtrArray *prompts, uint64_t turn, bool show, HoneAnswer *answer,
                         GError **error);
/* "212 tokens, 31.4 tokens/s, the first after 0.3 s" to stderr. */
void hone_answer_report(const HoneAnswer *answer);
/* Text from outside to stdout; on a terminal without characters that could move its cursor. */
void hone_show_text(const char *text);

#endif
