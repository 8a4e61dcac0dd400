/* SPDX-License-Identifier: Apache-2.0
 * json.c: recursive descent over RFC 8259, straight into json-glib's nodes.
 */
#include "json_text.h"
#include <errno.h>
#include <hone/json.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 128

typedef struct {
    const char *text, *at, *end;
    const char *problem; /* what is wrong at `at`, once something is */
    unsigned depth;
    GString *scratch;
} Parser;

static JsonNode *parse_value(Parser *p);

static bool fail(Parser *p, const char *problem)
{
    if (p->problem == NULL)
        p->problem = problem;
    return false;
}

static JsonNode *refuse(Parser *p, const char *problem)
{
    fail(p, problem);
    return NULL;
}

static void skip_space(Parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* Four hexadecimal digits at `at`, or -1. */
static int parse_hex4(Parser *p)
{
    if (p->end - p->at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(p->at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    p->at += 4;
    return value;
}

/* What follows "\u". */
static bool parse_unicode_escape(Parser *p)
{
    int unit = parse_hex4(p);
    if (unit < 0)
        return fail(p, "\\u wants four hexadecimal digits");
    if (unit == 0)
        return fail(p, "\\u0000 is not allowed in text");
    gunichar c = (gunichar)unit;
    if (unit >= 0xD800 && unit < 0xE000) {
        if (unit >= 0xDC00 || p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return fail(p, "half of a surrogate pair");
        p->at += 2;
        int low = parse_hex4(p);
        if (low < 0xDC00 || low >= 0xE000)
            return fail(p, "half of a surrogate pair");
        c = 0x10000 + (((gunichar)unit - 0xD800) << 10) + ((gunichar)low - 0xDC00);
    }
    g_string_append_unichar(p->scratch, c);
    return true;
}

/* A string at its opening quote, into scratch. */
static bool parse_string(Parser *p)
{
    g_string_truncate(p->scratch, 0);
    p->at++;
    for (;;) {
        const char *from = p->at;
        while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
            p->at++;
        g_string_append_len(p->scratch, from, p->at - from);
        if (p->at == p->end)
            return fail(p, "the text ends inside a string");
        if (*p->at == '"') {
            p->at++;
            return true;
        }
        if (*p->at != '\\')
            return fail(p, "a control character in a string must be escaped");
        const char *escape = p->at++;
        static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        const char *found = p->at < p->end && *p->at != 0 ? strchr(names, *p->at) : NULL;
        if (found != NULL) {
            p->at++;
            g_string_append_c(p->scratch, values[found - names]);
        } else if (p->at < p->end && *p->at == 'u') {
            p->at++;
            if (!parse_unicode_escape(p)) {
                p->at = escape;
                return false;
            }
        } else {
            return fail(p, "unknown escape in a string");
        }
    }
}

static bool skip_digits(Parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && g_ascii_isdigit(*p->at))
        p->at++;
    return p->at > from || fail(p, "a digit was expected");
}

static JsonNode *parse_number(Parser *p)
{
    const char *from = p->at;
    bool whole = true;
    if (*p->at == '-')
        p->at++;
    if (p->at < p->end && *p->at == '0')
        p->at++;
    else if (!skip_digits(p))
        return NULL;
    if (p->at < p->end && *p->at == '.') {
        whole = false;
        p->at++;
        if (!skip_digits(p))
            return NULL;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        whole = false;
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!skip_digits(p))
            return NULL;
    }
    g_autofree char *number = g_strndup(from, (gsize)(p->at - from));
    JsonNode *node = json_node_alloc();
    if (whole && strcmp(number, "-0") != 0) {
        errno = 0;
        gint64 value = g_ascii_strtoll(number, NULL, 10);
        if (errno == 0)
            return json_node_init_int(node, value);
    }
    double value = g_ascii_strtod(number, NULL);
    if (!isfinite(value)) {
        json_node_unref(node);
        p->at = from;
        return refuse(p, "the number is too large");
    }
    return json_node_init_double(node, value);
}

static JsonNode *parse_array(Parser *p)
{
    g_autoptr(JsonArray) array = json_array_new();
    p->at++;
    skip_space(p);
    bool closed = p->at < p->end && *p->at == ']';
    while (!closed) {
        JsonNode *element = parse_value(p);
        if (element == NULL)
            return NULL;
        json_array_add_element(array, element);
        skip_space(p);
        if (p->at == p->end || (*p->at != ',' && *p->at != ']'))
            return refuse(p, "',' or ']' was expected");
        closed = *p->at == ']';
        p->at += !closed;
    }
    p->at++;
    return json_node_init_array(json_node_alloc(), array);
}

static JsonNode *parse_object(Parser *p)
{
    g_autoptr(JsonObject) object = json_object_new();
    p->at++;
    skip_space(p);
    bool closed = p->at < p->end && *p->at == '}';
    while (!closed) {
        skip_space(p);
        if (p->at == p->end || *p->at != '"')
            return refuse(p, "a member's name in double quotes was expected");
        const char *start = p->at;
        if (!parse_string(p))
            return NULL;
        g_autofree char *name = g_strdup(p->scratch->str);
        if (json_object_has_member(object, name)) {
            p->at = start;
            return refuse(p, "a member of this name was there already");
        }
        skip_space(p);
        if (p->at == p->end || *p->at != ':')
            return refuse(p, "':' was expected");
        p->at++;
        JsonNode *value = parse_value(p);
        if (value == NULL)
            return NULL;
        json_object_set_member(object, name, value);
        skip_space(p);
        if (p->at == p->end || (*p->at != ',' && *p->at != '}'))
            return refuse(p, "',' or '}' was expected");
        closed = *p->at == '}';
        p->at += !closed;
    }
    p->at++;
    return json_node_init_object(json_node_alloc(), object);
}

static JsonNode *parse_word(Parser *p, const char *word, JsonNode *node)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) {
        json_node_unref(node);
        return refuse(p, "a value was expected");
    }
    p->at += n;
    return node;
}

static JsonNode *parse_value(Parser *p)
{
    skip_space(p);
    if (p->at == p->end)
        return refuse(p, "a value was expected, but the text ends");
    char c = *p->at;
    if (c == '{' || c == '[') {
        if (p->depth == MAX_DEPTH)
            return refuse(p, "nested more than 128 levels deep");
        p->depth++;
        JsonNode *node = c == '{' ? parse_object(p) : parse_array(p);
        p->depth--;
        return node;
    }
    if (c == '"')
        return parse_string(p) ? json_node_init_string(json_node_alloc(), p->scratch->str) : NULL;
    if (c == 't' || c == 'f')
        return parse_word(p, c == 't' ? "true" : "false", json_node_init_boolean(json_node_alloc(), c == 't'));
    if (c == 'n')
        return parse_word(p, "null", json_node_init_null(json_node_alloc()));
    if (c == '-' || g_ascii_isdigit(c))
        return parse_number(p);
    return refuse(p, "a value was expected");
}

static void set_error(const Parser *p, const char *where, GError **error)
{
    size_t line = 1;
    const char *start = p->text;
    for (const char *c = p->text; c < p->at; c++) {
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    }
    g_autofree char *line_text = line > 1 ? g_strdup_printf("line %zu, ", line) : g_strdup("");
    /* Columns count bytes where the text is not UTF-8, characters otherwise. */
    size_t column = g_utf8_validate_len(start, (gsize)(p->at - start), NULL)
                        ? (size_t)g_utf8_strlen(start, p->at - start)
                        : (size_t)(p->at - start);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s%snot valid JSON at %scolumn %zu: %s",
                where != NULL ? where : "", where != NULL ? ": " : "", line_text, column + 1, p->problem);
}

JsonNode *hone_json_parse(const char *text, size_t length, const char *where, GError **error)
{
    Parser p = {.text = text, .at = text, .end = text + length};
    const char *bad;
    if (!g_utf8_validate_len(text, length, &bad)) {
        p.at = bad;
        p.problem = *bad == 0 ? "NUL byte" : "not UTF-8";
        set_error(&p, where, error);
        return NULL;
    }
    p.scratch = g_string_new(NULL);
    JsonNode *node = parse_value(&p);
    if (node != NULL)
        skip_space(&p); /* a failure stays where it happened */
    if (node != NULL && p.at < p.end) {
        g_clear_pointer(&node, json_node_unref);
        fail(&p, "text after the value");
    }
    g_string_free(p.scratch, TRUE);
    if (node == NULL)
        set_error(&p, where, error);
    return node;
}

char *hone_json_text(JsonNode *node)
{
    return g_string_free(hone_json_compact(node), FALSE);
}
