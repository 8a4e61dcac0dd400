/* SPDX-License-Identifier: Apache-2.0
 * generate.c: `hone generate MODEL` completes one prompt while you watch, or every row of a file.
 */
#include "row_source.h"
#include "speaker.h"
#include <hone/json.h>
#include <string.h>
#include <unistd.h>

#define STDIN_LIMIT ((size_t)16 << 20)
#define ROWS_AT_ONCE 32 /* answered before their texts are printed */

typedef struct Task {
    char *prompt, *file, *system;
    gboolean raw, as_json;
} Task;

static void task_clear(Task *task)
{
    g_free(task->prompt);
    g_free(task->file);
    g_free(task->system);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Task, task_clear)

static char *read_stdin(GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    ssize_t n;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Type the prompt; Ctrl-D ends it.\n");
    while ((n = read(STDIN_FILENO, buffer, sizeof buffer)) > 0 && text->len <= STDIN_LIMIT)
        g_string_append_len(text, buffer, n);
    if (n < 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "the prompt could not be read from the standard input");
    else if (text->len > STDIN_LIMIT)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the prompt on the standard input is longer than 16 MiB");
    else if (!g_utf8_validate(text->str, (gssize)text->len, NULL))
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the prompt on the standard input is no valid UTF-8");
    else
        return g_string_free(g_steal_pointer(&text), FALSE);
    return NULL;
}

/* The ids of a row's prompt, the system's text before it where the row has none of its own. */
static GArray *encode_row(HoneModel *model, HoneRow *row, const char *system, GError **error)
{
    const HoneChat *chat = hone_model_chat(model, error);
    if (!chat) {
        g_prefix_error(error, "the model cannot be asked as in a conversation (--raw completes plain text): ");
        return NULL;
    }
    const HoneMessage *first = row->messages->len > 0 ? row->messages->pdata[0] : NULL;
    if (system && (!first || strcmp(first->role, "system") != 0))
        g_ptr_array_insert(row->messages, 0, hone_message_new("system", system, 0));
    g_autoptr(HoneTokens) tokens = hone_chat_encode_prompt_with(chat, row->messages, row->tools, error);
    return tokens ? g_array_ref(tokens->ids) : NULL;
}

/* As the tokenizer itself begins a text; a text that says so already does not begin twice. */
static GArray *encode_raw(const HoneTokenizer *tokenizer, const char *text, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    uint32_t flags = HONE_ENCODE_SPECIAL | HONE_ENCODE_ADDED;
    if (!hone_tokenizer_try_encode(tokenizer, text, strlen(text), flags, ids, error))
        return NULL;
    const int32_t *first = (const int32_t *)(const void *)ids->data;
    if (ids->len > 1 && first[0] == first[1] && first[0] == hone_tokenizer_bos(tokenizer))
        g_array_remove_index(ids, 0);
    return g_steal_pointer(&ids);
}

static GArray *encode_text(HoneModel *model, const Task *task, const char *text, GError **error)
{
    if (task->raw)
        return encode_raw(hone_model_tokenizer(model), text, error);
    g_autoptr(HoneRow) row = hone_row_new("prompt");
    g_ptr_array_add(row->messages, hone_message_new("user", text, 0));
    return encode_row(model, row, task->system, error);
}

/* One answer as one line of JSON. id may be NULL. */
static void print_json(const char *id, const HoneCompletion *completion, const HoneAnswer *answer)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_node_take_object(node, object);
    if (id)
        json_object_set_string_member(object, "id", id);
    json_object_set_string_member(object, "text", completion->text);
    json_object_set_int_member(object, "tokens", completion->ids->len);
    json_object_set_boolean_member(object, "finished", completion->finished);
    if (!id) {
        json_object_set_double_member(object, "seconds", answer->seconds);
        json_object_set_boolean_member(object, "stopped", answer->stopped);
    }
    g_autofree char *text = hone_json_text(node);
    puts(text);
}

static int generate_one(HoneSpeaker *speaker, const Task *task, GError **error)
{
    g_autofree char *read = task->prompt ? NULL : read_stdin(error);
    const char *text = task->prompt ? task->prompt : read;
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    GArray *ids = text ? encode_text(hone_speaker_model(speaker), task, text, error) : NULL;
    if (!ids)
        return HONE_EXIT_FAILED;
    g_ptr_array_add(prompts, ids);
    g_auto(HoneAnswer) answer = {0};
    if (!hone_speaker_answer(speaker, prompts, 0, !task->as_json, &answer, error))
        return HONE_EXIT_FAILED;
    if (task->as_json)
        print_json(NULL, answer.completions->pdata[0], &answer);
    else
        putchar('\n');
    fflush(stdout);
    hone_answer_report(&answer);
    return answer.stopped ? HONE_EXIT_STOPPED : HONE_EXIT_OK;
}

typedef struct Batch {
    GPtrArray *ids;     /* of char *: rows' names */
    GPtrArray *prompts; /* of GArray * */
} Batch;

/* Up to ROWS_AT_ONCE rows; false on a broken one. */
static bool read_batch(HoneSpeaker *speaker, HoneRowSource *source, const Task *task, Batch *batch, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_ptr_array_set_size(batch->ids, 0);
    g_ptr_array_set_size(batch->prompts, 0);
    while (batch->prompts->len < ROWS_AT_ONCE) {
        g_autoptr(HoneRow) row = hone_row_source_next(source, &problem);
        GArray *ids = row ? encode_row(hone_speaker_model(speaker), row, task->system, &problem) : NULL;
        if (!ids)
            break;
        g_ptr_array_add(batch->ids, g_strdup(row->id));
        g_ptr_array_add(batch->prompts, ids);
    }
    if (!problem)
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

static int generate_rows(HoneSpeaker *speaker, const Task *task, const char *store, GError **error)
{
    g_autoptr(HoneRowSource) source = hone_row_source_open(task->file, store, error);
    if (!source)
        return HONE_EXIT_FAILED;
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    Batch batch = {ids, prompts};
    HoneAnswer total = {.first = -1};
    size_t rows = 0;
    int status = HONE_EXIT_OK;
    while (status == HONE_EXIT_OK && read_batch(speaker, source, task, &batch, error) && prompts->len > 0) {
        g_auto(HoneAnswer) answer = {0};
        if (!hone_speaker_answer(speaker, prompts, rows, false, &answer, error))
            return HONE_EXIT_FAILED;
        for (guint i = 0; i < prompts->len; i++) {
            const HoneCompletion *completion = answer.completions->pdata[i];
            if (answer.stopped && !completion->finished)
                continue;
            if (task->as_json) {
                print_json(ids->pdata[i], completion, &answer);
                continue;
            }
            printf("## %s\n", (const char *)ids->pdata[i]);
            hone_show_text(completion->text);
            printf("\n\n");
        }
        fflush(stdout);
        rows += prompts->len;
        total.tokens += answer.tokens;
        total.seconds += answer.seconds;
        total.stopped = answer.stopped;
        status = answer.stopped ? HONE_EXIT_STOPPED : HONE_EXIT_OK;
    }
    if (error && *error)
        return HONE_EXIT_FAILED;
    fprintf(stderr, "%zu rows, ", rows);
    hone_answer_report(&total);
    return status;
}

int hone_command_generate(int argc, char **argv)
{
    g_auto(HoneSpeakerOptions) options = {HONE_SPEAKER_DEFAULTS};
    g_auto(Task) task = {0};
    const GOptionEntry entries[] = {
        {"prompt", 'p', 0, G_OPTION_ARG_STRING, &task.prompt, "The prompt (default: the standard input)", "TEXT"},
        {"file", 'f', 0, G_OPTION_ARG_FILENAME, &task.file, "Answer each row of a file or of a dataset node", "ROWS"},
        {"system", 0, 0, G_OPTION_ARG_STRING, &task.system, "The system's message", "TEXT"},
        {"raw", 0, 0, G_OPTION_ARG_NONE, &task.raw, "Complete plain text, without the chat template", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &task.as_json, "Print a line of JSON for each answer", NULL},
        HONE_SPEAKER_OPTIONS(options),
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    if (!hone_speaker_options_check(&options))
        return HONE_EXIT_USAGE;
    if ((task.prompt && task.file) || (task.raw && (task.file || task.system))) {
        hone_complain("%s", task.prompt && task.file ? "--prompt and --file exclude each other"
                                                     : "--raw excludes --file and --system: it uses no chat template");
        return HONE_EXIT_USAGE;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSpeaker) speaker = hone_speaker_new(argv[1], &options, &error);
    status = HONE_EXIT_FAILED;
    if (speaker)
        status =
            task.file ? generate_rows(speaker, &task, options.store, &error) : generate_one(speaker, &task, &error);
    if (error)
        hone_complain("%s", error->message);
    return status;
}
