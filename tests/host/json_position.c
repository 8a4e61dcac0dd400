/* SPDX-License-Identifier: Apache-2.0
 * Places of names and values, and every way in which a text can fail to be JSON.
 */
#include "json_position.h"
#include "marked.h"

#define EXPECT(text, ...) expect((text), (const char *const[]){__VA_ARGS__, NULL})

static void expect(const char *marked, const char *const *fragments)
{
    g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_autofree char *text = unmark(marked, marks);
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HoneJsonText) read = hone_json_text_parse("f.json", text, strlen(text), mistakes);
    assert_mistakes(mistakes, marks, fragments);
}

static void test_places(void)
{
    /* Marks in the order of the text: name, value, name, element, element, name, value. */
    const char *marked = "{\n  @\"a\": @1,\n  @\"é~/b\": [@true,\n @{@\"c\":\t@\"x\"}]\n}\n";
    const struct {
        const char *pointer;
        bool name;
    } wanted[] = {{"/a", true},         {"/a", false},         {"/é~0~1b", true},     {"/é~0~1b/0", false},
                  {"/é~0~1b/1", false}, {"/é~0~1b/1/c", true}, {"/é~0~1b/1/c", false}};
    g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_autofree char *text = unmark(marked, marks);
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HoneJsonText) read = hone_json_text_parse("f.json", text, strlen(text), mistakes);
    g_assert_nonnull(read);
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, 0);
    g_assert_cmpuint(marks->len, ==, G_N_ELEMENTS(wanted));
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        HonePlace place = wanted[i].name ? hone_json_text_name(read, wanted[i].pointer)
                                         : hone_json_text_value(read, wanted[i].pointer);
        g_assert_cmpuint(place.line, ==, g_array_index(marks, Mark, i).line);
        g_assert_cmpuint(place.column, ==, g_array_index(marks, Mark, i).column);
        g_assert_cmpstr(place.file, ==, "f.json");
    }
    /* What is not there is shown at what is above it. */
    g_assert_cmpuint(hone_json_text_value(read, "/a/x/y").column, ==, g_array_index(marks, Mark, 1).column);
    g_assert_cmpuint(hone_json_text_value(read, "/é~0~1b/7").line, ==, 3);
    g_assert_cmpuint(hone_json_text_value(read, "").line, ==, 1);
}

/* The values are those that json-glib reads from the same text. */
static void test_values(void)
{
    static const char text[] = "{\"i\": -12, \"d\": 1E+5, \"e\": -0.5e-3, \"s\": \"\\ud83d\\ude00 \\\"\\n\\u00e9\","
                               " \"t\": true, \"n\": null, \"a\": [1, [], {}], \"big\": 9223372036854775807}";
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HoneJsonText) read = hone_json_text_parse("f", text, strlen(text), mistakes);
    g_assert_nonnull(read);
    g_autoptr(JsonNode) other = json_from_string(text, NULL);
    g_assert_true(json_node_equal(hone_json_text_root(read), other));
}

static void test_slips(void)
{
    /* Reading goes on after these. */
    EXPECT("{\"a\": 1@,}", "nothing follows this comma");
    EXPECT("{\"a\": [1, 2@,]}", "nothing follows this comma");
    EXPECT("{\"a\": 1\n @\"b\": 2\n @\"c\": [1 @2 @[]]}", "a comma is missing", "a comma is missing",
           "a comma is missing", "a comma is missing");
    EXPECT("@// hello\n{\"a\": @/* one */ 1}", "no comments", "no comments");
    EXPECT("{\"a\": 1,\n @\"a\": 2, \"b\": {\"c\": 1, @\"c\": {\"c\": 1, @\"c\": 2}}}", "first is on line 1",
           "first is on line 2", "here twice");
    EXPECT("{\"a\": \"x\\@q\", \"b\": @01, \"c\": @tru, \"d\": @1., \"e\": @-}", "unknown escape",
           "01 is no JSON value", "tru is no", "1. is no", "- is no");
    EXPECT("[\"@\\ud800x\", \"@\t\", @NaN]", "surrogate", "control character", "NaN is no");
    EXPECT("[@1e999, @-1e999]", "a number too large", "a number too large");
    /* After these it cannot. */
    EXPECT("@", "the file ends");
    EXPECT("{\"a\": 1} @x", "text after the end");
    EXPECT("@{\"a\": 1", "not closed");
    EXPECT("[1, @[2", "not closed");
    EXPECT("{\"a\": @\"x\n\"}", "not closed on its line");
    EXPECT("{\"a\": @'x'}", "double quotes");
    EXPECT("{@a: 1}", "a name in double quotes");
    EXPECT("{\"a\" @1}", "':' was expected");
    EXPECT("{\"a\": 1@]", "',' or '}' was expected");
    EXPECT("[1@}", "',' or ']' was expected");
    EXPECT("{\"a\": @}", "a value was expected");
}

static void parse_raw(const char *text, gsize length, guint line, guint column, const char *fragment)
{
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HoneJsonText) read = hone_json_text_parse("f", text, length, mistakes);
    g_assert_null(read);
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, 1);
    const HoneMistake *m = hone_mistakes_get(mistakes, 0);
    g_assert_cmpuint(m->line, ==, line);
    g_assert_cmpuint(m->column, ==, column);
    g_assert_nonnull(strstr(m->message, fragment));
}

static void test_bytes(void)
{
    parse_raw("{\n \"\xff\": 1}", 9, 2, 3, "0xFF is not UTF-8");
    parse_raw("[1,\0 2]", 7, 1, 4, "NUL");
    parse_raw("[\"\xe2\x82", 4, 1, 3, "not UTF-8"); /* cut inside a character */
    parse_raw("", 0, 1, 1, "the file ends");
    /* A byte order mark takes no column. */
    parse_raw("\xEF\xBB\xBF[x]", 6, 1, 2, "x is no JSON value");
}

static void test_hostile(void)
{
    GString *deep = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    parse_raw(deep->str, deep->len, 1, 65, "64 levels");
    g_string_free(deep, TRUE);

    /* 64 levels are read. */
    GString *good = g_string_new(NULL);
    for (int i = 0; i < 64; i++)
        g_string_append_c(good, '[');
    for (int i = 0; i < 64; i++)
        g_string_append_c(good, ']');
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HoneJsonText) read = hone_json_text_parse("f", good->str, good->len, mistakes);
    g_assert_nonnull(read);
    g_string_free(good, TRUE);

    g_autofree char *huge = g_strnfill(5 << 20, ' ');
    parse_raw(huge, 5 << 20, 0, 0, "larger than 4 MiB");

    /* A long name above many values: memory stays in proportion to the text. */
    GString *wide = g_string_new("{\"");
    for (int i = 0; i < 1000000; i++)
        g_string_append_c(wide, 'n');
    g_string_append(wide, "\": [0");
    for (int i = 0; i < 300000; i++)
        g_string_append(wide, ",0");
    g_string_append(wide, "]}");
    g_autoptr(HoneJsonText) wide_text = hone_json_text_parse("f", wide->str, wide->len, mistakes);
    g_assert_nonnull(wide_text);
    g_string_free(wide, TRUE);

    /* Somebody else's file: a few slips are told, then it is enough. */
    GString *rubbish = g_string_new("[");
    for (int i = 0; i < 10000; i++)
        g_string_append(rubbish, "1 ");
    g_string_append(rubbish, "]");
    g_autoptr(HoneMistakes) many = hone_mistakes_new();
    g_autoptr(HoneJsonText) none = hone_json_text_parse("f", rubbish->str, rubbish->len, many);
    g_assert_null(none);
    g_assert_cmpuint(hone_mistakes_count(many), ==, 20);
    g_string_free(rubbish, TRUE);
}

static void test_files(void)
{
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_assert_null(hone_json_text_read("/no/such/file.json", mistakes));
    g_assert_null(hone_json_text_read("/dev/zero", mistakes));
    g_assert_null(hone_json_text_read("/", mistakes));
    g_assert_cmpuint(hone_mistakes_errors(mistakes), ==, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpuint(hone_mistakes_get(mistakes, i)->line, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json_position/places", test_places);
    g_test_add_func("/json_position/values", test_values);
    g_test_add_func("/json_position/slips", test_slips);
    g_test_add_func("/json_position/bytes", test_bytes);
    g_test_add_func("/json_position/hostile", test_hostile);
    g_test_add_func("/json_position/files", test_files);
    return g_test_run();
}
