/* SPDX-License-Identifier: Apache-2.0
 * jsonl: reads rows from a file of JSON lines, or of one JSON array, in any of the usual formats.
 *
 * The format is recognised by the columns of the first rows and named in a note. Columns without a meaning are kept in
 * the rows' "extra". A row that cannot be read whole ends the run, or is dropped and counted when the user says so.
 */
#include "convert.h"
#include "records.h"
#include <hone/stage.h>
#include <string.h>

typedef struct {
    char *path, *format, *on_error, *tool_arguments;
    JsonNode *columns;
    int64_t limit;
} Jsonl;

static const char *const argument_choices[] = {"object", "text", NULL};
static const char *const on_error_choices[] = {"fail", "drop", NULL};

static const HoneParam params[] = {
    HONE_PATH(Jsonl, path, NULL, "the file: JSON lines, or one JSON array of objects; UTF-8"),
    HONE_CHOICE(Jsonl, format, "\"auto\"", format_choices, "how rows are written; auto: by the first rows' columns"),
    HONE_JSON(Jsonl, columns, "null", "which column is which where names differ: {\"prompt\": \"customer_text\"}"),
    HONE_CHOICE(Jsonl, tool_arguments, "\"object\"", argument_choices,
                "what the template wants the arguments of tool calls to be: objects (most), or JSON text"),
    HONE_INT(Jsonl, limit, "0", 0, 1e18, "stop after this many rows; 0: read all", .unit = "rows"),
    HONE_CHOICE(Jsonl, on_error, "\"fail\"", on_error_choices, "what a broken row does: end the run, or be dropped"),
    {0},
};

static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HonePort ports[] = {
    {"dataset", HONE_PORT_OUT, HONE_DATASET | HONE_PREFERENCES, 0,
     "the rows; preferences where they hold chosen or rejected answers"},
    {0},
};

#define ROWS_LOOKED_AT 50 /* to recognise the format, and by `hone check` */
#define PLACES_SHOWN 10
#define ROWS_PER_SIGN 256 /* between looks at the user's wish to stop */

typedef struct {
    const Jsonl *params;
    Records *records;
    Columns columns;
    Seen seen;
    Format format;
    GHashTable *ids; /* set */
    size_t kept, dropped, renamed;
    GString *places; /* lines of the first dropped rows */
    char *first_problem;
    char *stem; /* what made ids begin with */
} Reading;

static void reading_clear(Reading *r)
{
    records_free(r->records);
    columns_clear(&r->columns);
    seen_clear(&r->seen);
    g_clear_pointer(&r->ids, g_hash_table_unref);
    if (r->places != NULL)
        g_string_free(r->places, TRUE);
    g_free(r->first_problem);
    g_free(r->stem);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

/* Decides about a broken row: false ends the reading with the error. Takes `problem`. */
static bool pass_over(Reading *r, GError *problem, GError **error)
{
    if (strcmp(r->params->on_error, "drop") != 0 || !records_go_on(r->records)) {
        g_propagate_error(error, problem);
        return false;
    }
    if (r->dropped++ == 0)
        r->first_problem = g_strdup(problem->message);
    if (r->dropped <= PLACES_SHOWN)
        g_string_append_printf(r->places, "%s%zu", r->dropped > 1 ? ", " : "", records_line(r->records));
    g_error_free(problem);
    return true;
}

/* The next JSON object of the file; NULL at the end or with an error that ends the reading. */
static JsonNode *next_object(Reading *r, GError **error)
{
    for (;;) {
        GError *problem = NULL;
        g_autoptr(JsonNode) node = records_next(r->records, &problem);
        if (node == NULL && problem == NULL)
            return NULL;
        if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
            return g_steal_pointer(&node);
        if (problem == NULL)
            g_set_error(&problem, HONE_ERROR, HONE_ERROR_INVALID, "%s: a row must be a JSON object",
                        records_place(r->records));
        if (!pass_over(r, problem, error))
            return NULL;
    }
}

/* By the first rows that are objects at all; the file is opened again to read on. */
static bool recognise_format(Reading *r, GError **error)
{
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (strcmp(r->params->format, format_name((Format)f)) == 0) {
            r->format = (Format)f;
            return true;
        }
    }
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    g_autofree char *place = NULL;
    for (int i = 0; i < ROWS_LOOKED_AT && records_go_on(r->records); i++) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(JsonNode) node = records_next(r->records, &problem);
        if (node == NULL && problem == NULL)
            break;
        if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
            continue;
        if (objects->len == 0)
            place = g_strdup(records_place(r->records));
        g_ptr_array_add(objects, json_object_ref(json_node_get_object(node)));
    }
    int found = format_recognise(&r->columns, objects);
    if (found < 0 && objects->len > 0) {
        g_autofree char *what = format_mismatch(-1, &r->columns, objects->pdata[0]);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: unknown format: %s", place, what);
        return false;
    }
    r->format = found < 0 ? FORMAT_MESSAGES : (Format)found; /* without objects there is nothing to convert */
    records_free(r->records);
    r->records = records_open(r->params->path, error);
    return r->records != NULL;
}

static bool reading_start(Reading *r, const Jsonl *p, GError **error)
{
    r->params = p;
    seen_init(&r->seen);
    r->seen.arguments_as_text = strcmp(p->tool_arguments, "text") == 0;
    r->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r->places = g_string_new(NULL);
    g_autofree char *base = g_path_get_basename(p->path);
    char *dot = strrchr(base, '.');
    if (dot != NULL && dot != base)
        *dot = 0;
    r->stem = g_utf8_make_valid(base, -1);
    if (!columns_init(&r->columns, p->columns, error))
        return false;
    r->records = records_open(p->path, error);
    return r->records != NULL && recognise_format(r, error);
}

/* Ids are unique in a dataset; a repeated one gets its line. */
static void settle_id(Reading *r, HoneRow *row)
{
    if (!g_hash_table_add(r->ids, g_strdup(row->id))) {
        r->renamed++;
        char *id = g_strdup_printf("%s#%zu", row->id, records_line(r->records));
        while (!g_hash_table_add(r->ids, g_strdup(id))) {
            char *longer = g_strconcat(id, "'", NULL);
            g_free(id);
            id = longer;
        }
        g_free(row->id);
        row->id = id;
    }
}

/* The next row; NULL at the end or with an error. */
static HoneRow *reading_next(Reading *r, GError **error)
{
    for (;;) {
        g_autoptr(JsonNode) node = next_object(r, error);
        if (node == NULL)
            return NULL;
        g_autofree char *id = g_strdup_printf("%s-%zu", r->stem, records_line(r->records));
        GError *problem = NULL;
        HoneRow *row = convert_row(r->format, &r->columns, json_node_get_object(node), id, records_place(r->records),
                                   &r->seen, &problem);
        if (row != NULL) {
            settle_id(r, row);
            r->kept++;
            return row;
        }
        if (!pass_over(r, problem, error))
            return NULL;
    }
}

static bool refuse_empty(const Reading *r, GError **error)
{
    if (r->dropped > 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: all %zu rows are broken; the first: %s",
                    r->params->path, r->dropped, r->first_problem);
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the file holds no rows", r->params->path);
    return false;
}

static void append_names(GString *text, const char *before, GHashTable *counts)
{
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(counts), (GCompareFunc)(void (*)(void))strcmp);
    for (GList *n = names; n != NULL; n = n->next)
        g_string_append_printf(text, "%s%s", n == names ? before : ", ", (const char *)n->data);
}

static void tell(const Reading *r, HoneProgress *progress)
{
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%zu rows, format %s: %s", r->kept, format_name(r->format), format_meaning(r->format));
    append_names(text, "; kept in extra: ", r->seen.extra);
    append_names(text, "; passed over in messages: ", r->seen.message_keys);
    if (r->seen.converted > 0)
        g_string_append_printf(text, "; arguments of %zu tool calls read as %s", r->seen.converted,
                               r->seen.arguments_as_text ? "text" : "objects");
    if (r->renamed > 0)
        g_string_append_printf(text, "; %zu repeated ids got their line added", r->renamed);
    if (records_blank(r->records) > 0)
        g_string_append_printf(text, "; %zu blank lines", records_blank(r->records));
    hone_progress_note(progress, HONE_NOTE_INFO, "%s", text->str);
    g_string_free(text, TRUE);
    if (r->dropped > 0)
        hone_progress_note(progress, HONE_NOTE_WARNING, "%zu broken rows dropped (lines %s%s); the first: %s",
                           r->dropped, r->places->str, r->dropped > PLACES_SHOWN ? ", ..." : "", r->first_problem);
}

static bool run(HoneStage *stage, void *params_, GError **error)
{
    const Jsonl *p = params_;
    g_auto(Reading) r = {0};
    if (!reading_start(&r, p, error))
        return false;
    HoneArtifact *out = hone_stage_output(
        stage, "dataset", r.format == FORMAT_PREFERENCE || r.format == FORMAT_JUDGED ? HONE_PREFERENCES : HONE_DATASET,
        error);
    g_autoptr(HoneRowWriter) writer = out != NULL ? hone_row_writer_open(out, error) : NULL;
    if (writer == NULL)
        return false;
    while (p->limit == 0 || r.kept < (size_t)p->limit) {
        GError *problem = NULL;
        g_autoptr(HoneRow) row = reading_next(&r, &problem);
        if (problem != NULL) {
            g_propagate_error(error, problem);
            return false;
        }
        if (row == NULL)
            break;
        if (!hone_row_writer_add(writer, row, error))
            return false;
        if (r.kept % ROWS_PER_SIGN == 0) {
            if (hone_stage_cancelled(stage))
                return hone_stage_stop(stage, error);
            hone_progress_step(hone_stage_progress(stage), r.kept, 0, "rows", NULL);
        }
    }
    if (r.kept == 0)
        return refuse_empty(&r, error);
    if (!hone_row_writer_close(writer, error))
        return false;
    JsonObject *meta = hone_artifact_meta(out);
    json_object_set_string_member(meta, "format", format_name(r.format));
    json_object_set_int_member(meta, "dropped", (gint64)r.dropped);
    tell(&r, hone_stage_progress(stage));
    return true;
}

/* The first rows, as the run would read them. */
static bool check(const void *params_, GError **error)
{
    g_auto(Reading) r = {0};
    if (!reading_start(&r, params_, error))
        return false;
    while (r.kept < ROWS_LOOKED_AT && r.dropped < ROWS_LOOKED_AT) {
        GError *problem = NULL;
        g_autoptr(HoneRow) row = reading_next(&r, &problem);
        if (problem != NULL) {
            g_propagate_error(error, problem);
            return false;
        }
        if (row == NULL)
            break;
    }
    return r.kept > 0 || refuse_empty(&r, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run, .check = check};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "jsonl",
    .version = "1",
    .summary = "Reads rows from JSON lines or a JSON array, recognising the usual formats",
    .help = "Formats: messages (role/content, also in parts, with weight or loss_weight), sharegpt (from/value), "
            "alpaca (instruction/input/output/history), prompt_completion, question_answer, input_output, preference "
            "(chosen/rejected), judged (label true or false), text. A column \"system\" becomes the first message, "
            "\"id\" the row's id. Messages may "
            "have tool_calls, tool_call_id, name and reasoning_content, and rows tools (JSON schemas).",
    .params = groups,
    .instance_size = sizeof(Jsonl),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("jsonl", "1", "Apache-2.0", "Reads rows from JSON lines or a JSON array", &component)
