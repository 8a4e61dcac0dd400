/* SPDX-License-Identifier: Apache-2.0
 * json: what hone_json_parse takes, refuses and makes of a text, against Python's json module made strict
 * (tests/oracle/json_cases.py).
 */
#include <hone/json.h>
#include <string.h>

static GString *unhex(const char *hex)
{
    GString *bytes = g_string_new(NULL);
    for (const char *h = hex; h[0] != 0 && h[0] != '-'; h += 2)
        g_string_append_c(bytes, (char)(g_ascii_xdigit_value(h[0]) << 4 | g_ascii_xdigit_value(h[1])));
    return bytes;
}

static void show_hex(GString *out, const char *text)
{
    for (; *text != 0; text++)
        g_string_append_printf(out, "%02x", (unsigned char)*text);
}

/* The rendering that json_cases.py describes. */
static void show(GString *out, JsonNode *node)
{
    if (JSON_NODE_HOLDS_NULL(node)) {
        g_string_append_c(out, 'n');
    } else if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *array = json_node_get_array(node);
        g_string_append_c(out, '[');
        for (guint i = 0; i < json_array_get_length(array); i++) {
            show(out, json_array_get_element(array, i));
            g_string_append_c(out, ';');
        }
        g_string_append_c(out, ']');
    } else if (JSON_NODE_HOLDS_OBJECT(node)) {
        g_string_append_c(out, '{');
        JsonObjectIter iter;
        const char *name;
        JsonNode *value;
        json_object_iter_init_ordered(&iter, json_node_get_object(node));
        while (json_object_iter_next_ordered(&iter, &name, &value)) {
            show_hex(out, name);
            g_string_append_c(out, ':');
            show(out, value);
            g_string_append_c(out, ';');
        }
        g_string_append_c(out, '}');
    } else if (json_node_get_value_type(node) == G_TYPE_BOOLEAN) {
        g_string_append_c(out, json_node_get_boolean(node) ? 't' : 'f');
    } else if (json_node_get_value_type(node) == G_TYPE_INT64) {
        g_string_append_printf(out, "i%" G_GINT64_FORMAT, json_node_get_int(node));
    } else if (json_node_get_value_type(node) == G_TYPE_DOUBLE) {
        double value = json_node_get_double(node);
        guint64 bits;
        memcpy(&bits, &value, sizeof bits);
        g_string_append_printf(out, "d%016" G_GINT64_MODIFIER "x", bits);
    } else {
        g_string_append_c(out, 's');
        show_hex(out, json_node_get_string(node));
    }
}

static void test_cases(void)
{
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests/core/data/json_cases.txt", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t good = 0, bad = 0;
    for (char **line = lines; *line != NULL && **line != 0; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        GString *input = unhex(words[0]);
        /* A copy without the final NUL, so that reading past the end is seen by ASan. */
        g_autofree char *exact = g_memdup2(input->str, MAX(input->len, 1));
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = hone_json_parse(exact, input->len, "here", &error);
        if (strcmp(words[1], "bad") == 0) {
            if (node != NULL)
                g_test_message("wrongly taken: %s", input->str);
            g_assert_null(node);
            g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
            g_assert_true(g_str_has_prefix(error->message, "here: "));
            bad++;
        } else {
            g_assert_no_error(error);
            GString *shown = g_string_new(NULL);
            show(shown, node);
            g_assert_cmpstr(shown->str, ==, words[2]);
            g_string_free(shown, TRUE);
            /* What we write, we read back the same. */
            g_autofree char *again_text = hone_json_text(node);
            g_autoptr(JsonNode) again = hone_json_parse(again_text, strlen(again_text), NULL, &error);
            g_assert_no_error(error);
            g_assert_true(json_node_equal(node, again));
            good++;
        }
        g_string_free(input, TRUE);
    }
    g_assert_cmpuint(good, >=, 50);
    g_assert_cmpuint(bad, >=, 60);
}

static void test_places(void)
{
    const struct {
        const char *text, *place;
    } cases[] = {
        {"{\"a\": 1,\n  \"b\": tru}", "here: not valid JSON at line 2, column 8: "},
        {"[1, \"é\", x]", "here: not valid JSON at column 10: "},
        {"{\"a\":1,\"a\":2}", "here: not valid JSON at column 8: a member of this name"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(hone_json_parse(cases[i].text, strlen(cases[i].text), "here", &error));
        if (!g_str_has_prefix(error->message, cases[i].place))
            g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, cases[i].place));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/cases", test_cases);
    g_test_add_func("/json/places", test_places);
    return g_test_run();
}
