/* SPDX-License-Identifier: Apache-2.0
 * speaker.c: see speaker.h.
 */
#include "speaker.h"
#include "backend_choice.h"
#include "model_source.h"
#include <math.h>
#include <signal.h>
#include <unistd.h>

#define ROWS_AT_ONCE 8

struct HoneSpeaker {
    const HoneSpeakerOptions *options;
    HoneRegistry *registry;
    HoneBackend *backend;
    HoneModel *model;
};

void hone_speaker_options_clear(HoneSpeakerOptions *options)
{
    g_clear_pointer(&options->plugin_path, g_strfreev);
    g_clear_pointer(&options->stop, g_strfreev);
    g_clear_pointer(&options->store, g_free);
    g_clear_pointer(&options->backend, g_free);
}

bool hone_speaker_options_check(const HoneSpeakerOptions *o)
{
    const char *problem = NULL;
    if (o->max_tokens < 1)
        problem = "--max-tokens must be at least 1";
    else if (!(o->temperature >= 0 && isfinite(o->temperature)))
        problem = "--temperature must be 0 or more";
    else if (o->top_k < 0)
        problem = "--top-k must be 0 (all) or more";
    else if (!(o->top_p > 0 && o->top_p <= 1))
        problem = "--top-p must be above 0 and at most 1";
    else if (!(o->repetition_penalty > 0 && isfinite(o->repetition_penalty)))
        problem = "--repetition-penalty must be above 0 (1: none)";
    else if (o->threads < 0)
        problem = "--threads must be 0 (all) or more";
    for (char **s = o->stop; s && *s && !problem; s++)
        problem = **s ? NULL : "--stop needs a text";
    if (problem)
        hone_complain("%s", problem);
    return !problem;
}

HoneSpeaker *hone_speaker_new(const char *model, const HoneSpeakerOptions *options, GError **error)
{
    g_auto(HoneModelSource) source = {0};
    if (!hone_model_source_find(&source, model, options->store, (const char *const *)options->plugin_path, error))
        return NULL;
    g_autoptr(HoneSpeaker) speaker = g_new0(HoneSpeaker, 1);
    speaker->options = options;
    speaker->registry = hone_registry_new((const char *const *)options->plugin_path);
    HoneBackendOptions machine = {.size = sizeof machine, .threads = (uint32_t)options->threads};
    HoneBackendInfo info = {.size = sizeof info};
    const HoneComponent *component =
        hone_backend_choose(speaker->registry, options->backend ? options->backend : "auto", &machine, &info, error);
    speaker->backend = component ? hone_backend_open(component, NULL, &machine, error) : NULL;
    if (!speaker->backend)
        return NULL;
    if (source.artifact)
        speaker->model = hone_model_open_artifact(source.artifact, speaker->backend, source.hash_folder, NULL, error);
    else
        speaker->model = hone_model_open(source.path, speaker->backend, NULL, error);
    return speaker->model ? g_steal_pointer(&speaker) : NULL;
}

void hone_speaker_free(HoneSpeaker *speaker)
{
    if (!speaker)
        return;
    g_clear_pointer(&speaker->model, hone_model_free);
    g_clear_pointer(&speaker->backend, hone_backend_close);
    g_clear_pointer(&speaker->registry, hone_registry_free);
    g_free(speaker);
}

HoneModel *hone_speaker_model(const HoneSpeaker *speaker)
{
    return speaker->model;
}

/* ---- Answers. ---- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL);
}

typedef struct Listener {
    bool show;
    gint64 started;
    double first;
} Listener;

static bool hear(size_t index, const char *piece, void *data)
{
    Listener *listener = data;
    if (listener->first < 0)
        listener->first = (double)(g_get_monotonic_time() - listener->started) / G_USEC_PER_SEC;
    if (listener->show)
        hone_show_text(piece);
    return !interrupted;
}

bool hone_speaker_answer(HoneSpeaker *speaker, const GPtrArray *prompts, uint64_t turn, bool show, HoneAnswer *answer,
                         GError **error)
{
    const HoneSpeakerOptions *o = speaker->options;
    HoneSampling sampling = {.size = sizeof sampling,
                             .temperature = o->temperature,
                             .top_k = (uint32_t)o->top_k,
                             .top_p = o->top_p,
                             .repetition_penalty = o->repetition_penalty,
                             .max_tokens = (uint32_t)o->max_tokens,
                             .seed = (uint64_t)o->seed + turn,
                             .stop = (const char *const *)o->stop};
    Listener listener = {show, g_get_monotonic_time(), -1};
    g_autofree HoneCompletion **out = g_new0(HoneCompletion *, prompts->len + 1);
    struct sigaction own = {.sa_handler = note_interrupt}, before;
    interrupted = 0;
    sigaction(SIGINT, &own, &before);
    bool ok = hone_model_generate(speaker->model, (GArray *const *)prompts->pdata, prompts->len, ROWS_AT_ONCE,
                                  &sampling, hear, &listener, out, error);
    sigaction(SIGINT, &before, NULL);
    *answer = (HoneAnswer){.completions = g_ptr_array_new_with_free_func((GDestroyNotify)hone_completion_free)};
    answer->seconds = (double)(g_get_monotonic_time() - listener.started) / G_USEC_PER_SEC;
    answer->first = listener.first;
    answer->stopped = interrupted != 0;
    for (guint i = 0; ok && i < prompts->len; i++) {
        g_ptr_array_add(answer->completions, out[i]);
        answer->tokens += out[i]->ids->len;
    }
    return ok;
}

void hone_answer_clear(HoneAnswer *answer)
{
    g_clear_pointer(&answer->completions, g_ptr_array_unref);
}

void hone_answer_report(const HoneAnswer *answer)
{
    fprintf(stderr, "%zu tokens, %.1f tokens/s", answer->tokens,
            answer->seconds > 0 ? (double)answer->tokens / answer->seconds : 0.0);
    if (answer->first >= 0)
        fprintf(stderr, ", the first after %.2f s", answer->first);
    fprintf(stderr, "%s\n", answer->stopped ? "; stopped" : "");
}

void hone_show_text(const char *text)
{
    if (!isatty(STDOUT_FILENO)) {
        fputs(text, stdout);
    } else {
        for (const char *c = text; *c; c = g_utf8_next_char(c)) {
            gunichar character = g_utf8_get_char(c);
            if (character == '\n' || character == '\t' || !g_unichar_iscntrl(character))
                fwrite(c, 1, (size_t)(g_utf8_next_char(c) - c), stdout);
        }
    }
    fflush(stdout);
}
