/* SPDX-License-Identifier: Apache-2.0
 * formats.c: the table of formats, the user's column map, and the choice by the first rows.
 */
#include "formats.h"

static const struct {
    const char *name, *meaning;
    const char *columns[3];
} formats[FORMAT_COUNT] = {
    [FORMAT_PREFERENCE] = {"preference", "a prompt, then chosen against rejected", {"chosen", "rejected"}},
    [FORMAT_JUDGED] = {"judged", "one answer: chosen where label is true, rejected where it is false", {"label"}},
    [FORMAT_MESSAGES] = {"messages", "messages with roles", {"messages"}},
    [FORMAT_SHAREGPT] = {"sharegpt", "conversations: human -> user, gpt -> assistant", {"conversations"}},
    [FORMAT_ALPACA] = {"alpaca", "instruction and input -> user, output -> assistant", {"instruction", "output"}},
    [FORMAT_PROMPT_COMPLETION] = {"prompt_completion",
                                  "prompt -> user, completion -> assistant",
                                  {"prompt", "completion"}},
    [FORMAT_QUESTION_ANSWER] = {"question_answer", "question -> user, answer -> assistant", {"question", "answer"}},
    [FORMAT_INPUT_OUTPUT] = {"input_output", "input -> user, output -> assistant", {"input", "output"}},
    [FORMAT_TEXT] = {"text", "text -> a document, without turns", {"text"}},
};

const char *const format_choices[] = {"auto",   "preference",        "judged",          "messages",     "sharegpt",
                                      "alpaca", "prompt_completion", "question_answer", "input_output", "text",
                                      NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(format_choices) == FORMAT_COUNT + 2);

/* Every name that the column map may give a column for. */
static const char *const known_names[] = {"id",     "system",  "messages", "conversations", "instruction", "input",
                                          "output", "history", "prompt",   "completion",    "question",    "answer",
                                          "text",   "chosen",  "rejected", "label",         "tools"};

const char *format_name(Format format)
{
    return formats[format].name;
}

const char *format_meaning(Format format)
{
    return formats[format].meaning;
}

const char *const *format_columns(Format format)
{
    return formats[format].columns;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known_names); i++)
        if (g_str_equal(known_names[i], name))
            return true;
    return false;
}

static bool refuse_map(GError **error, const char *name, const char *what)
{
    const char *near = hone_nearest(name, known_names, G_N_ELEMENTS(known_names));
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "columns: \"%s\" %s%s%s%s", name, what,
                near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
    return false;
}

bool columns_init(Columns *columns, JsonNode *map, GError **error)
{
    columns->theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    columns->taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (map == NULL)
        return true;
    if (!JSON_NODE_HOLDS_OBJECT(map)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "columns must be an object such as {\"prompt\": \"customer_text\"}");
        return false;
    }
    JsonObjectIter iter;
    const char *ours;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, json_node_get_object(map));
    while (json_object_iter_next_ordered(&iter, &ours, &value)) {
        if (!is_known(ours))
            return refuse_map(error, ours, "is not a name that a column can stand for");
        if (!JSON_NODE_HOLDS_VALUE(value) || json_node_get_value_type(value) != G_TYPE_STRING) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "columns: \"%s\" must be the name of a column", ours);
            return false;
        }
        const char *theirs = json_node_get_string(value);
        if (!g_hash_table_add(columns->taken, g_strdup(theirs))) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "columns: the column \"%s\" is given two meanings",
                        theirs);
            return false;
        }
        g_hash_table_insert(columns->theirs, g_strdup(ours), g_strdup(theirs));
    }
    return true;
}

void columns_clear(Columns *columns)
{
    g_clear_pointer(&columns->theirs, g_hash_table_unref);
    g_clear_pointer(&columns->taken, g_hash_table_unref);
}

const char *columns_name(const Columns *columns, const char *ours)
{
    const char *theirs = g_hash_table_lookup(columns->theirs, ours);
    if (theirs != NULL)
        return theirs;
    return g_hash_table_contains(columns->taken, ours) ? NULL : ours;
}

JsonNode *columns_get(const Columns *columns, JsonObject *row, const char *ours)
{
    const char *theirs = columns_name(columns, ours);
    JsonNode *node = theirs != NULL ? json_object_get_member(row, theirs) : NULL;
    return node != NULL && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

int columns_get_bool(const Columns *columns, JsonObject *row, const char *ours)
{
    JsonNode *node = columns_get(columns, row, ours);
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
        return -1;
    return json_node_get_boolean(node);
}

bool format_fits(Format format, const Columns *columns, JsonObject *row)
{
    for (const char *const *c = formats[format].columns; *c != NULL; c++) {
        const char *theirs = columns_name(columns, *c);
        if (theirs == NULL || !json_object_has_member(row, theirs))
            return false;
    }
    /* Labels of many kinds stand beside messages; only one that is true or false judges them. */
    return format != FORMAT_JUDGED || columns_get_bool(columns, row, "label") >= 0;
}

int format_recognise(const Columns *columns, const GPtrArray *rows)
{
    int best = -1;
    guint most = 0;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        guint fits = 0;
        for (guint i = 0; i < rows->len; i++)
            fits += format_fits((Format)f, columns, rows->pdata[i]);
        if (fits > most) {
            most = fits;
            best = f;
        }
    }
    return best;
}

char *format_mismatch(int wanted, const Columns *columns, JsonObject *row)
{
    GString *text = g_string_new("found ");
    g_autoptr(GList) members = json_object_get_members(row);
    if (members == NULL)
        g_string_append(text, "no columns");
    else
        g_string_append(text, members->next != NULL ? "the columns " : "the column ");
    for (GList *m = members; m != NULL; m = m->next)
        g_string_append_printf(text, "%s\"%s\"", m != members ? ", " : "", (const char *)m->data);
    g_string_append(text, "; expected ");
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (wanted >= 0 && f != wanted)
            continue;
        if (wanted < 0 && f > 0)
            g_string_append(text, ", or ");
        for (const char *const *c = formats[f].columns; *c != NULL; c++) {
            const char *theirs = columns_name(columns, *c);
            g_string_append_printf(text, "%s\"%s\"", c != formats[f].columns ? " and " : "",
                                   theirs != NULL ? theirs : *c);
        }
        g_string_append_printf(text, " (%s)", formats[f].name);
    }
    g_string_append(text, "; `columns` can say which column is which");
    return g_string_free(text, FALSE);
}
