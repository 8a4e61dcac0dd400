/* SPDX-License-Identifier: Apache-2.0
 * quality: looks for what spoils training data before it is trained on, drops what the user lets it drop, and reports.
 *
 * Every check has an action: keep (tell only), drop (leave the rows out), fail (end the run). Checks run in the order
 * of the table below, each on the rows that the ones before it left.
 */
#include "checks.h"
#include "histogram.h"
#include <hone/file.h>
#include <hone/stage.h>
#include <string.h>

static const char *const row_actions[] = {"keep", "drop", "fail", NULL};
static const char *const set_actions[] = {"keep", "fail", NULL}; /* where no row is to blame */

#define ACTION(check, text, def, list, what)                                                                           \
    {                                                                                                                  \
        .name = (text), .type = HONE_PARAM_CHOICE, .offset = offsetof(Quality, action[check]), .fallback = (def),      \
        .choices = (list), .help = "what to do about " what                                                            \
    }

static const HoneParam params[] = {
    ACTION(CHECK_EXACT_DUPLICATES, "exact_duplicates", "\"drop\"", row_actions,
           "rows whose messages were there before"),
    ACTION(CHECK_NEAR_DUPLICATES, "near_duplicates", "\"drop\"", row_actions,
           "rows nearly like an earlier one, numbers equal"),
    ACTION(CHECK_CONTRADICTIONS, "contradictions", "\"keep\"", row_actions, "equal questions with different answers"),
    ACTION(CHECK_EMPTY_ANSWERS, "empty_answers", "\"drop\"", row_actions,
           "rows without an assistant turn, or with an empty one"),
    ACTION(CHECK_BROKEN_ENCODING, "broken_encoding", "\"drop\"", row_actions,
           "U+FFFD, mojibake and control characters"),
    ACTION(CHECK_EQUAL_PAIRS, "equal_pairs", "\"drop\"", row_actions,
           "preferences whose chosen and rejected are equal"),
    ACTION(CHECK_LENGTH_OUTLIERS, "length_outliers", "\"keep\"", row_actions, "prompts and answers of unusual length"),
    ACTION(CHECK_ANSWER_FORMAT, "answer_format", "\"keep\"", row_actions,
           "answers that are not JSON with the usual members, where nearly all are"),
    ACTION(CHECK_PROMPT_TEMPLATE, "prompt_template", "\"keep\"", set_actions,
           "prompts that nearly all share a beginning or an end"),
    ACTION(CHECK_IMBALANCE, "imbalance", "\"keep\"", set_actions, "labels or JSON fields of very uneven values"),
    HONE_NUMBER(Quality, near_threshold, "0.9", 0.5, 1,
                "share of common word triples from which rows are near duplicates"),
    HONE_NUMBER(Quality, outlier_factor, "3", 0.5, 100,
                "distance beyond the quartiles, in quartile ranges of log length"),
    HONE_NUMBER(Quality, format_share, "0.8", 0.5, 1, "share of JSON answers from which JSON is the usual form"),
    HONE_NUMBER(Quality, template_share, "0.95", 0.5, 1, "share of prompts with common wording from which it is told"),
    HONE_INT(Quality, examples, "20", 0, 1000, "ids kept in the report for each finding", .unit = "rows"),
    {0},
};

static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HonePort ports[] = {
    {"dataset", HONE_PORT_IN, HONE_DATASET | HONE_PREFERENCES, 0, "the rows to look at"},
    {"dataset", HONE_PORT_OUT, HONE_DATASET | HONE_PREFERENCES, 0, "the rows that are kept, in their order"},
    {"report", HONE_PORT_OUT, HONE_REPORT, 0, "quality.json: findings and the spread of lengths"},
    {0},
};

/* ---- What checks.h offers the checks. ---- */

Facts *checking_next(const Checking *c, guint *index)
{
    while (*index < c->rows->len) {
        Facts *row = c->rows->pdata[(*index)++];
        if (!row->dropped)
            return row;
    }
    return NULL;
}

size_t checking_count(const Checking *c)
{
    size_t count = 0;
    for (guint i = 0; checking_next(c, &i) != NULL;)
        count++;
    return count;
}

Finding *checking_find(const Checking *c, Check check)
{
    const char *action = c->params->action[check];
    return finding_new(check, strcmp(action, "drop") == 0   ? ACTION_DROP
                              : strcmp(action, "fail") == 0 ? ACTION_FAIL
                                                            : ACTION_KEEP);
}

void checking_mark(const Checking *c, Finding *finding, Facts *row)
{
    finding_add(finding, row->id, (size_t)c->params->examples);
    row->dropped = finding->action == ACTION_DROP;
}

void checking_end(Checking *c, Finding *finding)
{
    if (finding->count > 0)
        g_ptr_array_add(c->findings, finding);
    else
        finding_free(finding);
}

/* What is broken by itself goes first, so that it is not compared with; copies go before contradictions, so that a copy
 * is not one. */
static void (*const all_checks[])(Checking *c) = {
    check_empty_answers,   check_broken_encoding, check_equal_pairs,   check_exact_duplicates, check_contradictions,
    check_near_duplicates, check_length_outliers, check_answer_format, check_prompt_template,  check_imbalance,
};

/* ---- The run. ---- */

static bool next_row(HoneRowReader *reader, HoneStage *stage, HoneRow **row, GError **error)
{
    *row = NULL;
    if (hone_stage_cancelled(stage))
        return hone_stage_stop(stage, error);
    GError *problem = NULL;
    *row = hone_row_reader_next(reader, &problem);
    if (problem == NULL)
        return true;
    g_propagate_error(error, problem);
    return false;
}

static bool read_facts(Checking *c, HoneStage *stage, HoneArtifact *in, GError **error)
{
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(in, error);
    if (reader == NULL)
        return false;
    for (;;) {
        g_autoptr(HoneRow) row = NULL;
        if (!next_row(reader, stage, &row, error))
            return false;
        if (row == NULL)
            return true;
        g_ptr_array_add(c->rows, facts_new(row));
        if (c->rows->len % 512 == 0)
            hone_progress_step(hone_stage_progress(stage), c->rows->len, 0, "rows", NULL);
    }
}

static bool write_kept(const Checking *c, HoneStage *stage, HoneArtifact *in, GError **error)
{
    HoneArtifact *out = hone_stage_output(stage, "dataset", hone_artifact_type(in), error);
    g_autoptr(HoneRowWriter) writer = out != NULL ? hone_row_writer_open(out, error) : NULL;
    g_autoptr(HoneRowReader) reader = writer != NULL ? hone_row_reader_open(in, error) : NULL;
    if (reader == NULL)
        return false;
    for (guint i = 0; i < c->rows->len; i++) {
        g_autoptr(HoneRow) row = NULL;
        if (!next_row(reader, stage, &row, error))
            return false;
        if (row == NULL) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s changed while it was read", hone_artifact_label(in));
            return false;
        }
        if (!((Facts *)c->rows->pdata[i])->dropped && !hone_row_writer_add(writer, row, error))
            return false;
    }
    return hone_row_writer_close(writer, error);
}

static void add_table(const Checking *c, JsonObject *meta, size_t kept)
{
    static const char *const columns[] = {"found", "rows", "done", "what it means"};
    JsonObject *table = json_object_new();
    g_autofree char *title = g_strdup_printf("Data quality: %zu of %u rows kept", kept, c->rows->len);
    json_object_set_string_member(table, "title", title);
    JsonArray *names = json_array_new(), *lines = json_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(columns) && c->findings->len > 0; i++)
        json_array_add_string_element(names, columns[i]);
    for (guint i = 0; i < c->findings->len; i++) {
        g_auto(GStrv) cells = finding_cells(c->findings->pdata[i]);
        JsonArray *line = json_array_new();
        for (char **cell = cells; *cell != NULL; cell++)
            json_array_add_string_element(line, *cell);
        json_array_add_array_element(lines, line);
    }
    json_object_set_array_member(table, "columns", names);
    json_object_set_array_member(table, "rows", lines);
    json_object_set_object_member(meta, "table", table);
}

static JsonNode *report_to_json(const Checking *c, size_t kept)
{
    JsonObject *report = json_object_new();
    json_object_set_int_member(report, "rows_in", c->rows->len);
    json_object_set_int_member(report, "rows_out", (gint64)kept);
    JsonArray *findings = json_array_new(), *passed = json_array_new(), *histograms = json_array_new();
    bool found[CHECK_COUNT] = {false};
    for (guint i = 0; i < c->findings->len; i++) {
        found[((Finding *)c->findings->pdata[i])->check] = true;
        json_array_add_element(findings, finding_to_json(c->findings->pdata[i]));
    }
    for (int check = 0; check < CHECK_COUNT; check++)
        if (!found[check])
            json_array_add_string_element(passed, check_name((Check)check));
    static const struct {
        size_t offset;
        const char *name, *label, *unit;
    } quantities[] = {
        {offsetof(Facts, prompt_words), "prompt_words", "Length of prompts", "words"},
        {offsetof(Facts, answer_words), "answer_words", "Length of answers", "words"},
        {offsetof(Facts, prompt_bytes), "prompt_bytes", "Length of prompts", "bytes"},
        {offsetof(Facts, answer_bytes), "answer_bytes", "Length of answers", "bytes"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(quantities); i++)
        json_array_add_element(histograms, histogram_of(c->rows, quantities[i].offset, quantities[i].name,
                                                        quantities[i].label, quantities[i].unit));
    json_object_set_array_member(report, "findings", findings);
    json_object_set_array_member(report, "passed", passed);
    json_object_set_array_member(report, "histograms", histograms);
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, report);
    return node;
}

static bool write_report(const Checking *c, HoneStage *stage, size_t kept, GError **error)
{
    HoneArtifact *out = hone_stage_output(stage, "report", HONE_REPORT, error);
    if (out == NULL)
        return false;
    g_autoptr(JsonNode) node = report_to_json(c, kept);
    g_autofree char *path = hone_artifact_file(out, "quality.json");
    if (!hone_file_write_json(path, node, error))
        return false;
    add_table(c, hone_artifact_meta(out), kept);
    return true;
}

/* Ends the run where a finding's action says so, or where nothing is left. */
static bool check_outcome(const Checking *c, size_t kept, GError **error)
{
    GString *failed = g_string_new(NULL);
    for (guint i = 0; i < c->findings->len; i++) {
        const Finding *finding = c->findings->pdata[i];
        if (finding->action == ACTION_FAIL)
            g_string_append_printf(failed, "%s%s (%zu rows%s%s)", failed->len > 0 ? ", " : "",
                                   check_name(finding->check), finding->count,
                                   finding->ids->len > 0 ? ", the first " : "",
                                   finding->ids->len > 0 ? (const char *)finding->ids->pdata[0] : "");
    }
    g_autofree char *names = g_string_free(failed, FALSE);
    if (*names != 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "the data fails checks whose action is \"fail\": %s; repair the rows, or set the action to "
                    "\"drop\" or \"keep\"",
                    names);
    else if (c->rows->len == 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the dataset is empty");
    else if (kept == 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "all %u rows were dropped; the notes above say why",
                    c->rows->len);
    else
        return true;
    return false;
}

static bool run(HoneStage *stage, void *params_, GError **error)
{
    HoneArtifact *in = hone_stage_input(stage, "dataset");
    HoneProgress *progress = hone_stage_progress(stage);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)facts_free);
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    Checking c = {.params = params_, .rows = rows, .findings = findings};
    if (!read_facts(&c, stage, in, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(all_checks); i++) {
        if (hone_stage_cancelled(stage))
            return hone_stage_stop(stage, error);
        all_checks[i](&c);
    }
    size_t kept = checking_count(&c);
    for (guint i = 0; i < findings->len; i++)
        finding_note(findings->pdata[i], progress);
    if (!check_outcome(&c, kept, error) || !write_kept(&c, stage, in, error) || !write_report(&c, stage, kept, error))
        return false;
    hone_progress_note(progress, HONE_NOTE_INFO, "%zu of %u rows kept; %u of %d checks found something", kept,
                       rows->len, findings->len, CHECK_COUNT);
    return true;
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "quality",
    .version = "1",
    .summary = "Finds duplicates, contradictions, damaged and unusual rows; drops what may be dropped",
    .help =
        "Actions: keep only tells, drop leaves the rows out, fail ends the run. Near duplicates: share of common word "
        "triples (Broder 1997), found by MinHash; rows whose numbers differ are none. Length outliers: Tukey's "
        "fences on the logarithm of words.",
    .params = groups,
    .instance_size = sizeof(Quality),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("quality", "1", "Apache-2.0", "Checks training data and drops what spoils it", &component)
