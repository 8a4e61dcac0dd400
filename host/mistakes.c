/* SPDX-License-Identifier: Apache-2.0
 * mistakes.c: the list of mistakes.
 */
#include "mistakes.h"
#include <string.h>

/* Nobody mends more at once; a hostile file could make millions. */
#define MOST_MISTAKES 500

struct HoneMistakes {
    GPtrArray *list; /* of HoneMistake * */
    bool sorted;
    guint errors, unsaid;
};

static void free_mistake(gpointer data)
{
    HoneMistake *mistake = data;
    g_free(mistake->file);
    g_free(mistake->message);
    g_free(mistake);
}

HoneMistakes *hone_mistakes_new(void)
{
    HoneMistakes *mistakes = g_new0(HoneMistakes, 1);
    mistakes->list = g_ptr_array_new_with_free_func(free_mistake);
    return mistakes;
}

void hone_mistakes_free(HoneMistakes *mistakes)
{
    if (mistakes == NULL)
        return;
    g_ptr_array_unref(mistakes->list);
    g_free(mistakes);
}

static void add(HoneMistakes *mistakes, HonePlace place, bool warning, char *message)
{
    if (mistakes->list->len == MOST_MISTAKES) {
        mistakes->unsaid++;
        mistakes->errors += !warning;
        g_free(message);
        return;
    }
    for (guint i = 0; i < mistakes->list->len; i++) {
        const HoneMistake *m = mistakes->list->pdata[i];
        if (m->line == place.line && m->column == place.column && m->warning == warning &&
            strcmp(m->message, message) == 0 && strcmp(m->file, place.file) == 0) {
            g_free(message);
            return;
        }
    }
    HoneMistake *mistake = g_new0(HoneMistake, 1);
    mistake->file = g_strdup(place.file);
    mistake->line = place.line;
    mistake->column = place.column;
    mistake->warning = warning;
    mistake->message = message;
    g_ptr_array_add(mistakes->list, mistake);
    mistakes->sorted = false;
    mistakes->errors += !warning;
}

void hone_mistakes_add(HoneMistakes *mistakes, HonePlace place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(mistakes, place, false, g_strdup_vprintf(format, args));
    va_end(args);
}

void hone_mistakes_warn(HoneMistakes *mistakes, HonePlace place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(mistakes, place, true, g_strdup_vprintf(format, args));
    va_end(args);
}

guint hone_mistakes_errors(const HoneMistakes *mistakes)
{
    return mistakes->errors;
}

guint hone_mistakes_count(const HoneMistakes *mistakes)
{
    return mistakes->list->len;
}

bool hone_mistakes_full(const HoneMistakes *mistakes)
{
    return mistakes->list->len == MOST_MISTAKES;
}

static int compare(gconstpointer a, gconstpointer b)
{
    const HoneMistake *x = *(HoneMistake *const *)a, *y = *(HoneMistake *const *)b;
    int files = strcmp(x->file, y->file);
    if (files != 0)
        return files;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->message, y->message);
}

const HoneMistake *hone_mistakes_get(HoneMistakes *mistakes, guint i)
{
    if (!mistakes->sorted)
        g_ptr_array_sort(mistakes->list, compare);
    mistakes->sorted = true;
    return i < mistakes->list->len ? mistakes->list->pdata[i] : NULL;
}

void hone_mistakes_print(HoneMistakes *mistakes, FILE *out)
{
    const HoneMistake *m;
    for (guint i = 0; (m = hone_mistakes_get(mistakes, i)) != NULL; i++) {
        if (m->line > 0)
            fprintf(out, "%s:%u:%u: ", m->file, m->line, m->column);
        else
            fprintf(out, "%s: ", m->file);
        fprintf(out, "%s%s\n", m->warning ? "warning: " : "", m->message);
    }
    if (mistakes->unsaid > 0)
        fprintf(out, "... and %u more\n", mistakes->unsaid);
}

JsonNode *hone_mistakes_to_json(HoneMistakes *mistakes)
{
    JsonArray *array = json_array_new();
    const HoneMistake *m;
    for (guint i = 0; (m = hone_mistakes_get(mistakes, i)) != NULL; i++) {
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "file", m->file);
        json_object_set_int_member(object, "line", m->line);
        json_object_set_int_member(object, "column", m->column);
        json_object_set_string_member(object, "severity", m->warning ? "warning" : "error");
        json_object_set_string_member(object, "message", m->message);
        json_array_add_object_element(array, object);
    }
    JsonNode *node = json_node_init_array(json_node_alloc(), array);
    json_array_unref(array);
    return node;
}

char *hone_did_you_mean(const char *name, const char *const *candidates, gsize n)
{
    const char *near = hone_nearest(name, candidates, n);
    return near != NULL ? g_strdup_printf("; did you mean \"%s\"?", near) : g_strdup("");
}
