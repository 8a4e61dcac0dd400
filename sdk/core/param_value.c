/* SPDX-License-Identifier: Apache-2.0
 * param_value.c: whether one JSON value may stand for one parameter, and the sentence when it may not.
 */
#include "params_private.h"
#include <hone/hub.h>
#include <hone/json.h>
#include <math.h>
#include <string.h>

/* Doubles hold every integer up to here. */
#define EXACT_INTEGERS 9007199254740992.0
/* A folder larger than this is not searched for a name like the missing one. */
#define MOST_FILES_SEARCHED 4096

size_t hone_param_field_size(HoneParamType type)
{
    switch (type) {
    case HONE_PARAM_BOOL:
        return sizeof(bool);
    case HONE_PARAM_INT:
        return sizeof(int64_t);
    case HONE_PARAM_NUMBER:
        return sizeof(double);
    case HONE_PARAM_STRING:
    case HONE_PARAM_CHOICE:
    case HONE_PARAM_PATH:
    case HONE_PARAM_STRINGS:
    case HONE_PARAM_JSON:
        return sizeof(void *);
    }
    return 0;
}

JsonNode *hone_param_fallback(const HoneParam *param)
{
    return param->fallback == NULL ? NULL : hone_json_parse(param->fallback, strlen(param->fallback), NULL, NULL);
}

bool hone_param_allows_null(const HoneParam *param)
{
    bool nullable =
        param->type == HONE_PARAM_STRING || param->type == HONE_PARAM_PATH || param->type == HONE_PARAM_JSON;
    return nullable && param->fallback != NULL && strcmp(param->fallback, "null") == 0;
}

char *hone_param_absolute(const char *path, const char *folder)
{
    if (g_str_has_prefix(path, "~/"))
        return g_canonicalize_filename(path + 2, g_get_home_dir());
    return g_canonicalize_filename(path, folder);
}

/* The value as a user would write it, cut where it is long. */
static char *value_text(JsonNode *value)
{
    char *text = hone_json_text(value);
    if (g_utf8_strlen(text, -1) > 48) {
        char *cut = g_utf8_substring(text, 0, 45);
        g_free(text);
        text = g_strconcat(cut, "...", NULL);
        g_free(cut);
    }
    return text;
}

static bool report(const HoneParam *param, int element, GPtrArray *problems, char *message)
{
    HoneProblem *problem = g_new(HoneProblem, 1);
    problem->pointer =
        element < 0 ? g_strdup_printf("/%s", param->name) : g_strdup_printf("/%s/%d", param->name, element);
    problem->message = message;
    g_ptr_array_add(problems, problem);
    return false;
}

static bool wants(const HoneParam *param, const char *what, JsonNode *value, int element, GPtrArray *problems)
{
    g_autofree char *text = value_text(value);
    return report(param, element, problems, g_strdup_printf("\"%s\" must be %s, not %s", param->name, what, text));
}

/* "from 1 to 64 rows". Bounds of 1e18 and more are written by authors who mean none. */
static char *range_text(const HoneParam *param)
{
    const double endless = 1e18;
    char low[G_ASCII_DTOSTR_BUF_SIZE], high[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(low, sizeof low, "%.15g", param->min);
    g_ascii_formatd(high, sizeof high, "%.15g", param->max);
    const char *unit = param->unit != NULL ? param->unit : "", *space = param->unit != NULL ? " " : "";
    if (param->max >= endless && param->min <= -endless)
        return g_strdup("");
    if (param->max >= endless)
        return g_strdup_printf(" of %s%s%s or more", low, space, unit);
    if (param->min <= -endless)
        return g_strdup_printf(" of %s%s%s or less", high, space, unit);
    return g_strdup_printf(" from %s to %s%s%s", low, high, space, unit);
}

static bool check_number(const HoneParam *param, JsonNode *value, GPtrArray *problems)
{
    bool whole = param->type == HONE_PARAM_INT, fits = false;
    if (JSON_NODE_HOLDS_VALUE(value)) {
        GType type = json_node_get_value_type(value);
        double number = json_node_get_double(value);
        fits = (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE) && isfinite(number);
        if (whole && type == G_TYPE_DOUBLE)
            fits = fits && number == floor(number) && fabs(number) <= EXACT_INTEGERS;
        fits = fits && number >= param->min && number <= param->max;
    }
    if (fits)
        return true;
    g_autofree char *range = range_text(param);
    g_autofree char *what = g_strconcat(whole ? "a whole number" : "a number", range, NULL);
    return wants(param, what, value, -1, problems);
}

static bool holds_string(JsonNode *value)
{
    return JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING;
}

static bool check_choice(const HoneParam *param, JsonNode *value, GPtrArray *problems)
{
    const char *text = holds_string(value) ? json_node_get_string(value) : NULL;
    size_t n = 0;
    GString *list = g_string_new("one of ");
    for (; param->choices[n] != NULL; n++) {
        if (text != NULL && strcmp(text, param->choices[n]) == 0) {
            g_string_free(list, TRUE);
            return true;
        }
        g_string_append_printf(list, "%s\"%s\"", n > 0 ? ", " : "", param->choices[n]);
    }
    const char *near = text != NULL ? hone_nearest(text, param->choices, n) : NULL;
    g_autofree char *what = g_string_free(list, FALSE);
    g_autofree char *given = value_text(value);
    GString *message = g_string_new(NULL);
    g_string_printf(message, "\"%s\" must be %s, not %s", param->name, what, given);
    if (near != NULL)
        g_string_append_printf(message, "; did you mean \"%s\"?", near);
    return report(param, -1, problems, g_string_free(message, FALSE));
}

/* A file of the same folder with nearly the same name. Caller frees. */
static char *similar_file(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    if (dir == NULL)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *entry;
    while (names->len < MOST_FILES_SEARCHED && (entry = g_dir_read_name(dir)) != NULL) {
        if (g_utf8_validate(entry, -1, NULL))
            g_ptr_array_add(names, g_strdup(entry));
    }
    return g_strdup(hone_nearest(name, (const char *const *)names->pdata, names->len));
}

static bool check_path(const HoneParam *param, JsonNode *value, const char *folder, GPtrArray *problems)
{
    if (!holds_string(value) || *json_node_get_string(value) == 0)
        return wants(param, "a path", value, -1, problems);
    if (folder == NULL || (param->flags & HONE_PARAM_MAY_BE_ABSENT) != 0)
        return true;
    const char *path = json_node_get_string(value);
    g_autofree char *absolute = hone_param_absolute(path, folder);
    if (g_file_test(absolute, G_FILE_TEST_EXISTS))
        return true;
    if ((param->flags & HONE_PARAM_MAY_BE_HUB) != 0 && hone_hub_is_meant(path, absolute))
        return true;
    g_autofree char *near = similar_file(absolute);
    GString *message = g_string_new(NULL);
    g_string_printf(message, "\"%s\": no file \"%s\"", param->name, path);
    if (strcmp(absolute, path) != 0)
        g_string_append_printf(message, " (%s)", absolute);
    if (near != NULL)
        g_string_append_printf(message, "; did you mean \"%s\"?", near);
    return report(param, -1, problems, g_string_free(message, FALSE));
}

static bool check_strings(const HoneParam *param, JsonNode *value, GPtrArray *problems)
{
    if (!JSON_NODE_HOLDS_ARRAY(value))
        return wants(param, "a list of strings", value, -1, problems);
    JsonArray *array = json_node_get_array(value);
    bool good = true;
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);
        if (!holds_string(element)) {
            g_autofree char *text = value_text(element);
            good = report(param, (int)i, problems,
                          g_strdup_printf("\"%s\" must hold strings only, not %s", param->name, text));
        }
    }
    return good;
}

bool hone_param_check_value(const HoneParam *param, JsonNode *value, const char *folder, GPtrArray *problems)
{
    if (JSON_NODE_HOLDS_NULL(value) && hone_param_allows_null(param))
        return true;
    switch (param->type) {
    case HONE_PARAM_BOOL:
        if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_BOOLEAN)
            return true;
        return wants(param, "true or false", value, -1, problems);
    case HONE_PARAM_INT:
    case HONE_PARAM_NUMBER:
        return check_number(param, value, problems);
    case HONE_PARAM_STRING:
        return holds_string(value) || wants(param, "a string", value, -1, problems);
    case HONE_PARAM_CHOICE:
        return check_choice(param, value, problems);
    case HONE_PARAM_PATH:
        return check_path(param, value, folder, problems);
    case HONE_PARAM_STRINGS:
        return check_strings(param, value, problems);
    case HONE_PARAM_JSON:
        return !JSON_NODE_HOLDS_NULL(value) || wants(param, "a value", value, -1, problems);
    }
    g_assert_not_reached();
}
