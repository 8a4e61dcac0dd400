/* SPDX-License-Identifier: Apache-2.0
 * Parameters: every type is filled, refused, resolved and freed as its table says, over two groups.
 */
#include <glib/gstdio.h>
#include <hone/json.h>
#include <hone/plugin.h>
#include <string.h>

typedef struct {
    int64_t steps;
} Frame;

typedef struct {
    bool flag;
    int64_t count;
    double rate;
    char *text, *mode, *path, *later, *needed, *model;
    char **words;
    JsonNode *any;
    Frame frame;
} Instance;

static const char *const modes[] = {"linear", "cosine", NULL};
static const HoneParam own[] = {
    HONE_STRING(Instance, needed, NULL, "Must be given"),
    HONE_BOOL(Instance, flag, "true", "A switch"),
    HONE_INT(Instance, count, "8", 1, 64, "How many", .unit = "rows"),
    HONE_NUMBER(Instance, rate, "0.1", 0, 1, "A share", .flags = HONE_PARAM_NO_KEY),
    HONE_STRING(Instance, text, "null", "Some text"),
    HONE_CHOICE(Instance, mode, "\"linear\"", modes, "One of two"),
    HONE_PATH(Instance, path, "null", "A file"),
    HONE_PATH(Instance, later, "\"out\"", "A file to be", .flags = HONE_PARAM_MAY_BE_ABSENT),
    HONE_STRINGS(Instance, words, "[\"a\", \"b\"]", "Words"),
    HONE_JSON(Instance, any, "{\"k\": 1}", "Anything"),
    HONE_PATH(Instance, model, "null", "A file, or a model on a hub", .flags = HONE_PARAM_MAY_BE_HUB),
    {0}};
static const HoneParam frame[] = {HONE_INT(Frame, steps, "3", 0, 1e18, "Steps"), {0}};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(own), HONE_PARAMS("Frame", frame, Instance, frame), {0}};
static const HoneComponent component = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE, .name = "x",
                                        .version = "1",        .params = groups,   .instance_size = sizeof(Instance)};

static char *folder;

static JsonObject *parse(const char *text)
{
    g_autoptr(JsonNode) node = hone_json_parse(text, strlen(text), NULL, NULL);
    g_assert_nonnull(node);
    return json_object_ref(json_node_get_object(node));
}

static void test_walk(void)
{
    size_t group = 0, index = 0, base = 99, n = 0;
    const HoneParam *param, *last = NULL;
    while ((param = hone_component_next_param(&component, &group, &index, &base)) != NULL) {
        g_assert_cmpuint(base, ==, n < 11 ? 0 : offsetof(Instance, frame));
        last = param;
        n++;
    }
    g_assert_cmpuint(n, ==, 12);
    g_assert_cmpstr(last->name, ==, "steps");
    g_assert_true(hone_component_find_param(&component, "steps") == &frame[0]);
    g_assert_null(hone_component_find_param(&component, "nothing"));
}

static void test_defaults(void)
{
    g_autoptr(JsonObject) params = parse("{\"needed\": \"x\"}");
    g_autoptr(GError) error = NULL;
    Instance i;
    memset(&i, 0xA5, sizeof i); /* the filling must not trust what was there */
    g_assert_true(hone_params_fill(&component, params, folder, &i, &error));
    g_assert_true(i.flag);
    g_assert_cmpint(i.count, ==, 8);
    g_assert_cmpfloat(i.rate, ==, 0.1);
    g_assert_null(i.text);
    g_assert_cmpstr(i.needed, ==, "x");
    g_assert_cmpstr(i.mode, ==, "linear");
    g_assert_null(i.path);
    g_autofree char *later = g_build_filename(folder, "out", NULL);
    g_assert_cmpstr(i.later, ==, later);
    g_assert_cmpuint(g_strv_length(i.words), ==, 2);
    g_assert_cmpstr(i.words[1], ==, "b");
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(i.any), "k"), ==, 1);
    g_assert_cmpint(i.frame.steps, ==, 3);
    hone_params_clear(&component, &i);
    Instance zero = {0};
    g_assert_cmpmem(&i, sizeof i, &zero, sizeof zero);
}

static void test_given(void)
{
    g_autofree char *text =
        g_strdup_printf("{\"needed\": \"\", \"flag\": false, \"count\": 2e1, \"rate\": 1, \"text\": "
                        "\"é\", \"mode\": \"cosine\", \"path\": \"sub/../file\", \"later\": \"/x//y\", "
                        "\"words\": [], \"any\": [1, null], \"steps\": 576460752303423489}");
    g_autoptr(JsonObject) params = parse(text);
    g_autoptr(GError) error = NULL;
    Instance i;
    hone_params_fill(&component, params, folder, &i, &error);
    g_assert_no_error(error);
    g_assert_false(i.flag);
    g_assert_cmpint(i.count, ==, 20);
    g_assert_cmpfloat(i.rate, ==, 1);
    g_assert_cmpstr(i.text, ==, "é");
    g_assert_cmpstr(i.mode, ==, "cosine");
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_assert_cmpstr(i.path, ==, path);
    g_assert_cmpstr(i.later, ==, "/x/y");
    g_assert_cmpuint(g_strv_length(i.words), ==, 0);
    g_assert_cmpuint(json_array_get_length(json_node_get_array(i.any)), ==, 2);
    g_assert_cmpint(i.frame.steps, ==, G_GINT64_CONSTANT(576460752303423489)); /* no way round by a double */
    hone_params_clear(&component, &i);
    hone_params_clear(&component, &i); /* and again */
}

/* The one problem of a set of parameters. */
static void expect(const char *text, const char *pointer, const char *fragment)
{
    g_autoptr(JsonObject) params = text != NULL ? parse(text) : NULL;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    g_assert_false(hone_params_check(&component, params, folder, problems));
    g_assert_cmpuint(problems->len, ==, 1);
    const HoneProblem *problem = problems->pdata[0];
    g_test_message("%s: %s", problem->pointer, problem->message);
    g_assert_cmpstr(problem->pointer, ==, pointer);
    g_assert_nonnull(strstr(problem->message, fragment));
    /* Filling refuses the same, and leaves nothing behind. */
    Instance i, zero = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(hone_params_fill(&component, params, folder, &i, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, fragment));
    g_assert_cmpmem(&i, sizeof i, &zero, sizeof zero);
}

static void test_problems(void)
{
    expect(NULL, "/needed", "needs the parameter \"needed\": Must be given");
    expect("{}", "/needed", "needs");
    expect("{\"needed\": null}", "/needed", "must be a string, not null"); /* null only where it is the default */
#define WITH(rest) "{\"needed\": \"x\", " rest "}"
    expect(WITH("\"cuont\": 1"), "/cuont", "did you mean \"count\"?");
    expect(WITH("\"a/b~c\": 1"), "/a~1b~0c", "no parameter \"a/b~c\"");
    expect(WITH("\"step\": 1"), "/step", "did you mean \"steps\"?");
    expect(WITH("\"flag\": 1"), "/flag", "true or false, not 1");
    expect(WITH("\"flag\": null"), "/flag", "not null");
    expect(WITH("\"count\": 0"), "/count", "a whole number from 1 to 64 rows, not 0");
    expect(WITH("\"count\": 65"), "/count", "not 65");
    expect(WITH("\"count\": 1.5"), "/count", "not 1.5");
    expect(WITH("\"count\": true"), "/count", "not true");
    expect(WITH("\"count\": \"8\""), "/count", "not \"8\"");
    expect(WITH("\"count\": [8]"), "/count", "not [8]");
    expect(WITH("\"steps\": 1e300"), "/steps", "a whole number of 0 or more");
    expect(WITH("\"steps\": -1"), "/steps", "of 0 or more, not -1");
    expect(WITH("\"rate\": 1.0000001"), "/rate", "a number from 0 to 1");
    expect(WITH("\"rate\": \"a\""), "/rate", "not \"a\"");
    expect(WITH("\"text\": 1"), "/text", "a string, not 1");
    expect(WITH("\"mode\": \"cosin\""), "/mode",
           "one of \"linear\", \"cosine\", not \"cosin\"; did you mean \"cosine\"?");
    expect(WITH("\"mode\": null"), "/mode", "not null");
    expect(WITH("\"path\": \"fil\""), "/path", "did you mean \"file\"?");
    expect(WITH("\"path\": \"no/such\""), "/path", "no file \"no/such\"");
    expect(WITH("\"path\": \"\""), "/path", "must be a path");
    expect(WITH("\"path\": \"org/name\""), "/path", "no file"); /* this one takes no hub's names */
    expect(WITH("\"model\": \"a/b/c\""), "/model", "no file");
    expect(WITH("\"model\": \"org/x.gguf\""), "/model", "no file");
    expect(WITH("\"words\": \"a\""), "/words", "a list of strings");
    expect(WITH("\"words\": [\"a\", 1]"), "/words/1", "strings only, not 1");
    expect(WITH("\"any\": null"), "/any", "must be a value, not null");
}

/* A hub's name stays as it is written, unless a file is called so. */
static void test_hub_name(void)
{
    g_autoptr(JsonObject) params = parse("{\"needed\": \"x\", \"model\": \"org/name@v1:a.gguf\"}");
    Instance i;
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_params_fill(&component, params, folder, &i, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(i.model, ==, "org/name@v1:a.gguf");
    hone_params_clear(&component, &i);
    g_autofree char *owner = g_build_filename(folder, "org", NULL), *path = g_build_filename(owner, "name", NULL);
    g_assert_cmpint(g_mkdir_with_parents(path, 0777), ==, 0);
    json_object_set_string_member(params, "model", "org/name");
    g_assert_true(hone_params_fill(&component, params, folder, &i, &error));
    g_assert_cmpstr(i.model, ==, path);
    hone_params_clear(&component, &i);
    g_rmdir(path);
    g_rmdir(owner);
}

static void test_all_problems(void)
{
    g_autoptr(JsonObject) params = parse("{\"flag\": 1, \"nothing\": 2, \"words\": [1, \"a\", 2]}");
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    g_assert_false(hone_params_check(&component, params, folder, problems));
    g_assert_cmpuint(problems->len, ==, 5); /* flag, nothing, two words, the missing one */
}

static void test_no_folder(void)
{
    /* Without a folder nobody looks for files. */
    g_autoptr(JsonObject) params = parse("{\"needed\": \"x\", \"path\": \"no/such\"}");
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    g_assert_true(hone_params_check(&component, params, NULL, problems));
}

static char *resolved(const char *text, bool for_key)
{
    g_autoptr(JsonObject) params = parse(text), all = hone_params_resolve(&component, params, for_key);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), all);
    return hone_json_text(node);
}

static void test_resolve(void)
{
    g_autofree char *all = resolved("{\"needed\": \"x\", \"count\": 2.0, \"rate\": 1}", false);
    g_assert_cmpstr(all, ==,
                    "{\"any\":{\"k\":1},\"count\":2,\"flag\":true,\"later\":\"out\",\"mode\":\"linear\",\"model\":null,"
                    "\"needed\":\"x\","
                    "\"path\":null,\"rate\":1.0,\"steps\":3,\"text\":null,\"words\":[\"a\",\"b\"]}");
    /* However a number is written, and whether a default is written out, the text is the same. */
    g_autofree char *same =
        resolved("{\"rate\": 1e0, \"steps\": 3, \"flag\": true, \"count\": 2, \"needed\": \"x\"}", false);
    g_assert_cmpstr(all, ==, same);
    g_autofree char *key = resolved("{\"needed\": \"x\", \"rate\": 0.5}", true);
    g_autofree char *other = resolved("{\"needed\": \"x\", \"rate\": 0.7}", true);
    g_assert_cmpstr(key, ==, other); /* rate cannot change the result */
    g_assert_null(strstr(key, "rate"));
}

static void test_nothing(void)
{
    static const HoneComponent bare = {HONE_COMPONENT_HEADER, .kind = HONE_METRIC, .name = "bare"};
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_params_fill(&bare, NULL, NULL, NULL, &error));
    hone_params_clear(&bare, NULL);
    g_autoptr(JsonObject) params = parse("{\"x\": 1}"), all = hone_params_resolve(&bare, NULL, false);
    g_assert_cmpuint(json_object_get_size(all), ==, 0);
    g_assert_false(hone_params_fill(&bare, params, NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "it has none"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "file", NULL);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_test_add_func("/params/walk", test_walk);
    g_test_add_func("/params/defaults", test_defaults);
    g_test_add_func("/params/given", test_given);
    g_test_add_func("/params/problems", test_problems);
    g_test_add_func("/params/hub-name", test_hub_name);
    g_test_add_func("/params/all_problems", test_all_problems);
    g_test_add_func("/params/no_folder", test_no_folder);
    g_test_add_func("/params/resolve", test_resolve);
    g_test_add_func("/params/nothing", test_nothing);
    int status = g_test_run();
    g_remove(file);
    g_rmdir(folder);
    g_free(folder);
    return status;
}
