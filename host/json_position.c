/* SPDX-License-Identifier: Apache-2.0
 * json_position.c: scans the structure and remembers offsets; single values are read by the SDK's strict reader.
 */
#include "json_position.h"
#include <errno.h>
#include <hone/json.h>
#include <string.h>
#include <sys/stat.h>

#define LARGEST_FILE (4u << 20)
#define MAX_DEPTH 64
/* After so many slips it is no longer a JSON file that somebody mistyped. */
#define MOST_SLIPS 20

/* A tree beside the values: pointers as keys of one table would take memory by the square of the text. */
typedef struct Spot {
    gsize name, value;   /* offsets */
    GHashTable *members; /* of Spot *, by name; or NULL */
    GPtrArray *elements; /* of Spot *; or NULL */
} Spot;

struct HoneJsonText {
    char *file;
    char *text;
    gsize length;
    GArray *lines; /* of gsize: offset of each line's start */
    Spot *spot;    /* of the root */
    JsonNode *root;
};

typedef struct {
    HoneJsonText *out;
    HoneMistakes *mistakes;
    const char *text;
    gsize at, end;
    Spot *spot; /* of the value being read; NULL inside a member that was there already */
    guint depth, slips;
    bool broken;  /* some value could not be read */
    bool stopped; /* the structure is lost */
} Scanner;

static JsonNode *scan_value(Scanner *s);

static HonePlace place_at(const HoneJsonText *text, gsize offset)
{
    guint low = 0, high = text->lines->len;
    while (high - low > 1) {
        guint middle = (low + high) / 2;
        if (g_array_index(text->lines, gsize, middle) <= offset)
            low = middle;
        else
            high = middle;
    }
    gsize start = g_array_index(text->lines, gsize, low);
    glong column = g_utf8_strlen(text->text + start, (gssize)(offset - start)) + 1;
    return (HonePlace){.file = text->file, .line = low + 1, .column = (guint)column};
}

static void slip_at(Scanner *s, gsize offset, const char *message)
{
    if (s->stopped)
        return;
    hone_mistakes_add(s->mistakes, place_at(s->out, offset), "%s", message);
    s->stopped = ++s->slips >= MOST_SLIPS;
}

static JsonNode *stop_at(Scanner *s, gsize offset, const char *message)
{
    slip_at(s, offset, message);
    s->stopped = true;
    return NULL;
}

/* White space, and comments with a word about them. */
static void skip_space(Scanner *s)
{
    while (s->at < s->end) {
        char c = s->text[s->at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            s->at++;
        } else if (c == '/' && s->at + 1 < s->end && (s->text[s->at + 1] == '/' || s->text[s->at + 1] == '*')) {
            slip_at(s, s->at, "JSON has no comments; \"description\" holds words about the pipeline or a node");
            bool line = s->text[s->at + 1] == '/';
            const char *close = strstr(s->text + s->at + 2, line ? "\n" : "*/");
            s->at = close != NULL ? (gsize)(close - s->text) + (line ? 1 : 2) : s->end;
        } else {
            return;
        }
    }
}

static char peek(const Scanner *s)
{
    return s->at < s->end ? s->text[s->at] : 0;
}

/* The string [from, at) as a value. A mistake in it is placed where the strict reader stopped. */
static JsonNode *read_string(Scanner *s, gsize from)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = hone_json_parse(s->text + from, s->at - from, NULL, &error);
    if (node != NULL)
        return node;
    const char *reason = g_strrstr(error->message, ": ");
    const char *column = strstr(error->message, "column ");
    guint64 skip = column != NULL ? g_ascii_strtoull(column + strlen("column "), NULL, 10) : 1;
    const char *where = s->text + from;
    for (guint64 i = 1; i < skip && where < s->text + s->at; i++)
        where = g_utf8_next_char(where);
    slip_at(s, (gsize)(where - s->text), reason != NULL ? reason + 2 : error->message);
    s->broken = true;
    return json_node_init_null(json_node_alloc());
}

static JsonNode *scan_string(Scanner *s)
{
    gsize from = s->at++;
    while (s->at < s->end && s->text[s->at] != '"') {
        if (s->text[s->at] == '\n')
            return stop_at(s, from, "this string is not closed on its line");
        s->at += s->text[s->at] == '\\' && s->at + 1 < s->end ? 2 : 1;
    }
    if (s->at >= s->end)
        return stop_at(s, from, "this string is not closed");
    s->at++;
    return read_string(s, from);
}

/* A number or a word, as far as it goes. */
static JsonNode *scan_word(Scanner *s)
{
    gsize from = s->at;
    while (s->at < s->end && strchr(" \t\r\n,:[]{}\"/", s->text[s->at]) == NULL)
        s->at++;
    if (s->at == from)
        return stop_at(s, from, "a value was expected here");
    JsonNode *node = hone_json_parse(s->text + from, s->at - from, NULL, NULL);
    if (node != NULL)
        return node;
    g_autofree char *word = g_strndup(s->text + from, s->at - from);
    g_autofree char *start = g_utf8_strlen(word, -1) > 40 ? g_utf8_substring(word, 0, 40) : g_strdup(word);
    g_autofree char *message = g_strdup_printf("%s is no JSON value, or a number too large", start);
    slip_at(s, from, message);
    s->broken = true;
    return json_node_init_null(json_node_alloc());
}

static void free_spot(gpointer data)
{
    Spot *spot = data;
    g_clear_pointer(&spot->members, g_hash_table_unref);
    g_clear_pointer(&spot->elements, g_ptr_array_unref);
    g_free(spot);
}

static Spot *new_spot(gsize name, gsize value)
{
    Spot *spot = g_new0(Spot, 1);
    spot->name = name;
    spot->value = value;
    return spot;
}

static Spot *member_spot(Spot *parent, const char *name, gsize name_at, gsize value_at)
{
    if (parent->members == NULL)
        parent->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_spot);
    Spot *spot = new_spot(name_at, value_at);
    g_hash_table_insert(parent->members, g_strdup(name), spot);
    return spot;
}

static Spot *element_spot(Spot *parent, gsize at)
{
    if (parent->elements == NULL)
        parent->elements = g_ptr_array_new_with_free_func(free_spot);
    Spot *spot = new_spot(at, at);
    g_ptr_array_add(parent->elements, spot);
    return spot;
}

/* Between two members or elements. True where another one follows; false at the end, or when all is lost. */
static bool next_part(Scanner *s, char close, gsize open)
{
    skip_space(s);
    char c = peek(s);
    if (c == close) {
        s->at++;
        return false;
    }
    if (c == ',') {
        gsize comma = s->at++;
        skip_space(s);
        if (peek(s) == close) {
            slip_at(s, comma, "nothing follows this comma");
            s->at++;
            return false;
        }
        return !s->stopped;
    }
    if (s->at >= s->end) {
        stop_at(s, open, close == '}' ? "this '{' is not closed" : "this '[' is not closed");
        return false;
    }
    bool begins = close == '}' ? c == '"' : strchr("}:,", c) == NULL;
    if (!begins) {
        stop_at(s, s->at, close == '}' ? "',' or '}' was expected here" : "',' or ']' was expected here");
        return false;
    }
    slip_at(s, s->at, "a comma is missing before this");
    return !s->stopped;
}

static void scan_member(Scanner *s, JsonObject *object)
{
    skip_space(s);
    gsize start = s->at;
    if (peek(s) != '"') {
        stop_at(s, start, "a name in double quotes was expected here");
        return;
    }
    g_autoptr(JsonNode) name_node = scan_string(s);
    if (name_node == NULL)
        return;
    const char *name = JSON_NODE_HOLDS_NULL(name_node) ? "" : json_node_get_string(name_node);
    skip_space(s);
    if (peek(s) != ':') {
        stop_at(s, s->at, "':' was expected here");
        return;
    }
    s->at++;
    skip_space(s);
    Spot *outer = s->spot;
    bool again = json_object_has_member(object, name);
    if (again) {
        const Spot *first = outer != NULL ? g_hash_table_lookup(outer->members, name) : NULL;
        g_autofree char *message = first != NULL ? g_strdup_printf("\"%s\" is here twice; the first is on line %u",
                                                                   name, place_at(s->out, first->name).line)
                                                 : g_strdup_printf("\"%s\" is here twice", name);
        slip_at(s, start, message);
    }
    s->spot = again || outer == NULL ? NULL : member_spot(outer, name, start, s->at);
    g_autoptr(JsonNode) value = scan_value(s);
    if (!again && value != NULL)
        json_object_set_member(object, name, g_steal_pointer(&value));
    s->spot = outer;
}

static void scan_element(Scanner *s, JsonArray *array)
{
    skip_space(s);
    Spot *outer = s->spot;
    s->spot = outer != NULL ? element_spot(outer, s->at) : NULL;
    JsonNode *value = scan_value(s);
    if (value != NULL)
        json_array_add_element(array, value);
    s->spot = outer;
}

static JsonNode *scan_container(Scanner *s)
{
    gsize open = s->at;
    bool is_object = s->text[s->at++] == '{';
    char close = is_object ? '}' : ']';
    if (++s->depth > MAX_DEPTH)
        return stop_at(s, open, "nested more than 64 levels deep");
    g_autoptr(JsonObject) object = json_object_new();
    g_autoptr(JsonArray) array = json_array_new();
    skip_space(s);
    if (peek(s) == close) {
        s->at++;
    } else {
        do {
            if (is_object)
                scan_member(s, object);
            else
                scan_element(s, array);
        } while (!s->stopped && next_part(s, close, open));
    }
    s->depth--;
    if (s->stopped)
        return NULL;
    return is_object ? json_node_init_object(json_node_alloc(), object)
                     : json_node_init_array(json_node_alloc(), array);
}

static JsonNode *scan_value(Scanner *s)
{
    skip_space(s);
    if (s->stopped)
        return NULL;
    if (s->at >= s->end)
        return stop_at(s, s->at, "the file ends where a value was expected");
    char c = peek(s);
    if (c == '{' || c == '[')
        return scan_container(s);
    if (c == '\'')
        return stop_at(s, s->at, "strings are written in double quotes");
    return c == '"' ? scan_string(s) : scan_word(s);
}

static void find_lines(HoneJsonText *text)
{
    gsize start = 0;
    g_array_append_val(text->lines, start);
    for (gsize i = 0; i < text->length; i++) {
        if (text->text[i] == '\n') {
            start = i + 1;
            g_array_append_val(text->lines, start);
        }
    }
}

static bool check_encoding(const HoneJsonText *text, HoneMistakes *mistakes)
{
    const char *bad;
    if (g_utf8_validate_len(text->text, text->length, &bad))
        return true;
    HonePlace place = place_at(text, (gsize)(bad - text->text));
    if (*bad == 0)
        hone_mistakes_add(mistakes, place, "a NUL byte: this is not a text file");
    else
        hone_mistakes_add(mistakes, place, "byte 0x%02X is not UTF-8; save the file as UTF-8", (guchar)*bad);
    return false;
}

HoneJsonText *hone_json_text_parse(const char *file, const char *text, gsize length, HoneMistakes *mistakes)
{
    if (length > LARGEST_FILE) {
        hone_mistakes_add(mistakes, (HonePlace){.file = file}, "larger than %u MiB: this is no pipeline",
                          LARGEST_FILE >> 20);
        return NULL;
    }
    g_autoptr(HoneJsonText) out = g_new0(HoneJsonText, 1);
    out->file = g_strdup(file);
    out->lines = g_array_new(FALSE, FALSE, sizeof(gsize));
    /* Windows editors put a byte order mark first; it is no column. */
    gsize mark = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    out->length = length - mark;
    out->text = g_malloc(out->length + 1);
    memcpy(out->text, text + mark, out->length);
    out->text[out->length] = 0;
    find_lines(out);
    if (!check_encoding(out, mistakes))
        return NULL;
    Scanner s = {.out = out, .mistakes = mistakes, .text = out->text, .end = out->length};
    skip_space(&s);
    s.spot = out->spot = new_spot(s.at, s.at);
    out->root = scan_value(&s);
    skip_space(&s);
    if (!s.stopped && s.at < s.end)
        stop_at(&s, s.at, "text after the end of the value");
    return s.stopped || s.broken ? NULL : g_steal_pointer(&out);
}

HoneJsonText *hone_json_text_read(const char *file, HoneMistakes *mistakes)
{
    HonePlace whole = {.file = file};
    struct stat info;
    if (stat(file, &info) != 0) {
        hone_mistakes_add(mistakes, whole, "%s", g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        hone_mistakes_add(mistakes, whole, "not a file");
        return NULL;
    }
    if (info.st_size > (off_t)LARGEST_FILE) {
        hone_mistakes_add(mistakes, whole, "larger than %u MiB: this is no pipeline", LARGEST_FILE >> 20);
        return NULL;
    }
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(file, &text, &length, &error)) {
        hone_mistakes_add(mistakes, whole, "%s", error->message);
        return NULL;
    }
    return hone_json_text_parse(file, text, length, mistakes);
}

void hone_json_text_free(HoneJsonText *text)
{
    if (text == NULL)
        return;
    g_free(text->file);
    g_free(text->text);
    g_array_unref(text->lines);
    g_clear_pointer(&text->spot, free_spot);
    g_clear_pointer(&text->root, json_node_unref);
    g_free(text);
}

JsonNode *hone_json_text_root(const HoneJsonText *text)
{
    return text->root;
}

const char *hone_json_text_file(const HoneJsonText *text)
{
    return text->file;
}

/* The child that one token of a pointer names, or NULL. */
static const Spot *find_child(const Spot *spot, const char *token)
{
    if (spot->elements != NULL) {
        guint64 index;
        if (g_ascii_string_to_unsigned(token, 10, 0, G_MAXUINT, &index, NULL) && index < spot->elements->len)
            return spot->elements->pdata[index];
        return NULL;
    }
    return spot->members != NULL ? g_hash_table_lookup(spot->members, token) : NULL;
}

static HonePlace find_place(const HoneJsonText *text, const char *pointer, bool name)
{
    const Spot *spot = text->spot;
    g_auto(GStrv) tokens = g_strsplit(*pointer == '/' ? pointer + 1 : pointer, "/", -1);
    for (gsize i = 0; tokens[i] != NULL; i++) {
        GString *token = g_string_new(tokens[i]);
        g_string_replace(token, "~1", "/", 0);
        g_string_replace(token, "~0", "~", 0);
        const Spot *child = find_child(spot, token->str);
        g_string_free(token, TRUE);
        if (child == NULL)
            break;
        spot = child;
    }
    return place_at(text, name ? spot->name : spot->value);
}

HonePlace hone_json_text_value(const HoneJsonText *text, const char *pointer)
{
    return find_place(text, pointer, false);
}

HonePlace hone_json_text_name(const HoneJsonText *text, const char *pointer)
{
    return find_place(text, pointer, true);
}

char *hone_json_pointer(const char *pointer, const char *name)
{
    GString *longer = g_string_new(pointer);
    g_string_append_c(longer, '/');
    for (const char *c = name; *c != 0; c++) {
        if (*c == '~' || *c == '/')
            g_string_append(longer, *c == '~' ? "~0" : "~1");
        else
            g_string_append_c(longer, *c);
    }
    return g_string_free(longer, FALSE);
}

char *hone_json_pointer_index(const char *pointer, guint index)
{
    return g_strdup_printf("%s/%u", pointer, index);
}
