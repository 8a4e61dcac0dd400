/* SPDX-License-Identifier: Apache-2.0
 * findings.c: see findings.h. The words of every check are in one table.
 */
#include "findings.h"

#define IDS_IN_NOTE 5

static const struct {
    const char *name, *title, *advice;
} checks[CHECK_COUNT] = {
    [CHECK_EXACT_DUPLICATES] = {"exact_duplicates", "the same row again",
                                "Copies count double in training, and leak into the test set."},
    [CHECK_NEAR_DUPLICATES] = {"near_duplicates", "nearly the same row again",
                               "Look at a pair: vary the wording, or keep one."},
    [CHECK_CONTRADICTIONS] = {"contradictions", "the same question with another answer",
                              "Decide which answer is right: a model cannot learn both."},
    [CHECK_EMPTY_ANSWERS] = {"empty_answers", "no answer, or an empty one",
                             "Fill in the answers: learned as they are, they teach silence."},
    [CHECK_BROKEN_ENCODING] = {"broken_encoding", "text damaged by a wrong encoding",
                               "Export the data again as UTF-8 from where it is still whole."},
    [CHECK_EQUAL_PAIRS] = {"equal_pairs", "chosen and rejected are equal",
                           "Such a pair prefers nothing; label it again."},
    [CHECK_LENGTH_OUTLIERS] = {"length_outliers", "far longer or shorter than the others",
                               "Look at them: often a paste gone wrong, or a row of another task."},
    [CHECK_ANSWER_FORMAT] = {"answer_format", "answer in another form than nearly all",
                             "Bring these answers into the form of the others."},
    [CHECK_PROMPT_TEMPLATE] = {"prompt_template", "nearly all prompts share their wording",
                               "The model may learn to answer to this wording only: move it to the system message, or "
                               "vary it."},
    [CHECK_IMBALANCE] = {"imbalance", "values of very uneven frequency",
                         "Add rows of the rare kinds: seldom seen values are hardly learned."},
};

static const char *const done_words[] = {[ACTION_KEEP] = "kept", [ACTION_DROP] = "dropped", [ACTION_FAIL] = "failed"};

const char *check_name(Check check)
{
    return checks[check].name;
}

Finding *finding_new(Check check, Action action)
{
    Finding *finding = g_new0(Finding, 1);
    finding->check = check;
    finding->action = action;
    finding->ids = g_ptr_array_new_with_free_func(g_free);
    return finding;
}

void finding_free(Finding *finding)
{
    if (finding == NULL)
        return;
    g_ptr_array_unref(finding->ids);
    g_free(finding->detail);
    g_free(finding);
}

void finding_add(Finding *finding, const char *id, size_t examples)
{
    if (finding->count++ < examples)
        g_ptr_array_add(finding->ids, g_strdup(id));
}

JsonNode *finding_to_json(const Finding *finding)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "check", checks[finding->check].name);
    json_object_set_string_member(object, "title", checks[finding->check].title);
    json_object_set_string_member(object, "severity", finding->action == ACTION_KEEP ? "warning" : "problem");
    json_object_set_int_member(object, "count", (gint64)finding->count);
    json_object_set_string_member(object, "action", done_words[finding->action]);
    JsonArray *rows = json_array_new();
    for (guint i = 0; i < finding->ids->len; i++)
        json_array_add_string_element(rows, finding->ids->pdata[i]);
    json_object_set_array_member(object, "rows", rows);
    if (finding->detail != NULL)
        json_object_set_string_member(object, "detail", finding->detail);
    json_object_set_string_member(object, "advice", checks[finding->check].advice);
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, object);
    return node;
}

/* "t-5, t-9, ..." Caller frees. */
static char *shown_ids(const Finding *finding)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(finding->ids->len, IDS_IN_NOTE); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)finding->ids->pdata[i]);
    if (finding->count > IDS_IN_NOTE && text->len > 0)
        g_string_append(text, ", ...");
    return g_string_free(text, FALSE);
}

void finding_note(const Finding *finding, HoneProgress *progress)
{
    g_autofree char *ids = shown_ids(finding);
    hone_progress_note(progress, HONE_NOTE_WARNING, "%s: %zu rows %s%s%s%s%s%s", checks[finding->check].title,
                       finding->count, done_words[finding->action], *ids != 0 ? " (" : "", ids, *ids != 0 ? ")" : "",
                       finding->detail != NULL ? ": " : "", finding->detail != NULL ? finding->detail : "");
}

GStrv finding_cells(const Finding *finding)
{
    g_autoptr(GStrvBuilder) cells = g_strv_builder_new();
    g_autofree char *count = g_strdup_printf("%zu", finding->count);
    g_strv_builder_add_many(cells, checks[finding->check].title, count, done_words[finding->action],
                            checks[finding->check].advice, NULL);
    return g_strv_builder_end(cells);
}
