/* SPDX-License-Identifier: Apache-2.0
 * chat.c: `hone chat MODEL` talks with a model and keeps the conversation. Reads lines, so it works in a pipe too.
 */
#include "speaker.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] = "/system TEXT  start anew with this system message (without TEXT: the model's own)\n"
                                "/reset        start anew\n"
                                "/quit         leave, as Ctrl-D does; Ctrl-C stops an answer\n";

typedef struct Talk {
    HoneSpeaker *speaker;
    const HoneChat *chat;
    GPtrArray *messages; /* of HoneMessage * */
    char *system;        /* or NULL */
    const HoneSpeakerOptions *options;
    uint64_t turns;
    bool terminal; /* a person types */
} Talk;

static void reset(Talk *talk)
{
    g_ptr_array_set_size(talk->messages, 0);
    if (talk->system)
        g_ptr_array_add(talk->messages, hone_message_new("system", talk->system, 0));
}

/* The conversation's tokens, with its oldest turns forgotten where an answer would not fit behind them all. */
static HoneTokens *encode(Talk *talk, GError **error)
{
    size_t context = hone_model_config(hone_speaker_model(talk->speaker))->context, forgotten = 0;
    guint first = talk->system ? 1 : 0;
    HoneTokens *tokens;
    while ((tokens = hone_chat_encode_prompt(talk->chat, talk->messages, error)) != NULL) {
        bool fits = tokens->ids->len + (size_t)talk->options->max_tokens <= context;
        if (fits || talk->messages->len < first + 3)
            break;
        hone_tokens_free(tokens);
        g_ptr_array_remove_range(talk->messages, first, 2); /* a question and its answer */
        forgotten++;
    }
    if (forgotten > 0)
        fprintf(stderr,
                "(the conversation is longer than the model's context of %zu tokens: its oldest %zu turns are "
                "forgotten)\n",
                context, forgotten);
    return tokens;
}

static bool answer(Talk *talk, const char *question, GError **error)
{
    g_ptr_array_add(talk->messages, hone_message_new("user", question, 0));
    g_autoptr(HoneTokens) tokens = encode(talk, error);
    g_autoptr(GPtrArray) prompts = g_ptr_array_new();
    g_auto(HoneAnswer) said = {0};
    if (tokens)
        g_ptr_array_add(prompts, tokens->ids);
    if (!tokens || !hone_speaker_answer(talk->speaker, prompts, talk->turns, true, &said, error)) {
        g_ptr_array_set_size(talk->messages, (int)talk->messages->len - 1);
        return false;
    }
    putchar('\n');
    fflush(stdout);
    if (talk->terminal)
        hone_answer_report(&said);
    const HoneCompletion *completion = said.completions->pdata[0];
    g_ptr_array_add(talk->messages, hone_message_new("assistant", completion->text, 0));
    talk->turns++;
    return true;
}

/* False: leave. */
static bool obey(Talk *talk, const char *line)
{
    if (strcmp(line, "/quit") == 0 || strcmp(line, "/exit") == 0)
        return false;
    if (strcmp(line, "/reset") == 0) {
        reset(talk);
    } else if (strcmp(line, "/system") == 0 || g_str_has_prefix(line, "/system ")) {
        g_autofree char *text = g_strdup(line + strlen("/system"));
        g_free(talk->system);
        talk->system = *g_strstrip(text) ? g_steal_pointer(&text) : NULL;
        reset(talk);
    } else if (strcmp(line, "/help") == 0) {
        fputs(help_text, stderr);
    } else {
        fprintf(stderr, "no command %s; a space before it sends it to the model\n%s", line, help_text);
    }
    return true;
}

static void wake(int number)
{
}

/* A line without its end, or NULL at the end of the input. Ctrl-C drops what was typed. */
static char *read_line(const Talk *talk)
{
    struct sigaction own = {.sa_handler = wake}, before; /* without SA_RESTART: it interrupts the read */
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (talk->terminal)
        sigaction(SIGINT, &own, &before);
    do {
        if (talk->terminal) {
            fputs("> ", stdout);
            fflush(stdout);
        }
        errno = 0;
        length = getline(&line, &room, stdin);
        if (length < 0 && errno == EINTR) {
            clearerr(stdin);
            fputs("\n(/quit or Ctrl-D leaves)\n", stderr);
        }
    } while (length < 0 && errno == EINTR);
    if (talk->terminal)
        sigaction(SIGINT, &before, NULL);
    if (length < 0) {
        free(line);
        return NULL;
    }
    g_autofree char *copy = g_utf8_make_valid(line, length);
    free(line);
    return g_strdup(g_strchomp(copy));
}

static int talk_on(Talk *talk)
{
    int status = HONE_EXIT_OK;
    while (true) {
        g_autofree char *line = read_line(talk);
        g_autoptr(GError) error = NULL;
        if (!line)
            break;
        if (!*line)
            continue;
        if (*line == '/') {
            if (!obey(talk, line))
                return status;
        } else if (!answer(talk, line, &error)) {
            hone_complain("%s", error->message);
            status = talk->terminal ? HONE_EXIT_OK : HONE_EXIT_FAILED;
        }
    }
    if (talk->terminal)
        putchar('\n');
    return status;
}

int hone_command_chat(int argc, char **argv)
{
    /* What SmolLM2's authors recommend for conversations. */
    g_auto(HoneSpeakerOptions) options = {HONE_SPEAKER_DEFAULTS, .temperature = 0.2};
    options.top_p = 0.9;
    g_autofree char *system = NULL;
    const GOptionEntry entries[] = {
        {"system", 0, 0, G_OPTION_ARG_STRING, &system, "The system's message (default: the model's own)", "TEXT"},
        HONE_SPEAKER_OPTIONS(options),
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    if (!hone_speaker_options_check(&options))
        return HONE_EXIT_USAGE;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSpeaker) speaker = hone_speaker_new(argv[1], &options, &error);
    const HoneChat *chat = speaker ? hone_model_chat(hone_speaker_model(speaker), &error) : NULL;
    if (!chat) {
        hone_complain("%s", error->message);
        return HONE_EXIT_FAILED;
    }
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    Talk talk = {.speaker = speaker, .chat = chat, .messages = messages, .options = &options};
    talk.system = g_steal_pointer(&system);
    talk.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    reset(&talk);
    if (talk.terminal)
        fprintf(stderr, "%s. /help lists commands.\n", hone_model_config(hone_speaker_model(speaker))->name);
    status = talk_on(&talk);
    g_free(talk.system);
    return status;
}
