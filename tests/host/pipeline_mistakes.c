/* SPDX-License-Identifier: Apache-2.0
 * Every mistake that a pipeline can hold is reported, all at once, each at its place with the nearest right name.
 */
#include "marked.h"
#include "source.h"
#include <unistd.h>

static HoneRegistry *registry;
static char *folder, *path;

#define EXPECT(text, ...) expect((text), NULL, (const char *const[]){__VA_ARGS__, NULL})
#define EXPECT_WITH(options, text, ...) expect((text), (options), (const char *const[]){__VA_ARGS__, NULL})

static void expect(const char *marked, const HonePipelineOptions *options, const char *const *fragments)
{
    g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_autofree char *text = unmark(marked, marks);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HonePipeline) pipeline = hone_pipeline_load(path, options, registry, mistakes);
    assert_mistakes(mistakes, marks, fragments);
    g_assert_true((pipeline == NULL) == (hone_mistakes_errors(mistakes) > 0));
}

/* A whole good pipeline but for what is given as the nodes and what comes before them. */
#define SOURCE "\"raw\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"data.txt\"}}"
#define BASE "\"base\": {\"stage\": \"toy_model\"}"
#define PIPELINE(nodes) "{\"hone\": 1,\n \"nodes\": {\n" nodes "}}\n"

static void test_good(void)
{
    EXPECT(PIPELINE(SOURCE), NULL);
    EXPECT(PIPELINE(SOURCE
                    ", " BASE ",\n \"t\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": "
                    "\"raw.dataset\"}}, \"r\": {\"stage\": \"toy_gather\", \"in\": {\"any\": [\"t\", \"raw\"]}}"),
           NULL);
}

static void test_top(void)
{
    EXPECT("@[1]", "a pipeline is an object");
    EXPECT("@{\"nodes\": {" SOURCE "}}", "\"hone\": 1 is missing");
    EXPECT("{\"hone\": @2, \"nodes\": {" SOURCE "}}", "must be 1");
    EXPECT("{\"hone\": @\"1\", \"nodes\": {" SOURCE "}}", "must be 1");
    EXPECT("{\"hone\": 1, @\"node\": {}, \"nodes\": {" SOURCE "}}", "did you mean \"nodes\"?");
    EXPECT("@{\"hone\": 1}", "has no \"nodes\"");
    EXPECT("{\"hone\": 1, \"nodes\": @{}}", "no node");
    EXPECT("{\"hone\": 1, \"name\": @3, \"vars\": @[], \"nodes\": {" SOURCE "}}", "\"name\" must be a string",
           "\"vars\" must be an object");
    EXPECT("{\"hone\": 1, \"nodes\": {@\"a b\": {}, " SOURCE "}}", "a node's name");
    EXPECT("{\"hone\": 1, \"nodes\": {\"x\": @7, " SOURCE "}}", "a node is an object");
}

static void test_node_keys(void)
{
    EXPECT(PIPELINE("@\"x\": {}"), "has no \"stage\"");
    EXPECT(PIPELINE("\"x\": {\"stage\": @7}"), "name of a stage");
    EXPECT(PIPELINE("\"x\": {\"stage\": @\"toy_sauce\", \"params\": {\"path\": \"data.txt\"}}"),
           "did you mean \"toy_source\"?");
    EXPECT(PIPELINE("\"x\": {\"stage\": @\"toy_length\"}"), "is a metric, not a stage");
    EXPECT(PIPELINE("\"x\": {\"stage\": \"toy_model\", @\"inn\": {}}"), "did you mean \"in\"?");
    EXPECT(PIPELINE(SOURCE ", \"x\": {\"stage\": \"toy_source\", @\"count\": 3, \"params\": {\"path\": \"data.txt\"}}"),
           "inside \"params\"");
    EXPECT(
        PIPELINE(SOURCE ", \"x\": {\"stage\": \"toy_split\", @\"dataset\": \"raw\", \"in\": {\"dataset\": \"raw\"}}"),
        "inside \"in\"");
    EXPECT(
        PIPELINE("\"base\": {\"stage\": \"toy_model\", \"timeout\": @0, \"memory\": @\"much\", \"cpus\": @0, \"gpus\": "
                 "@1.5, \"description\": @1}"),
        "seconds", "megabytes", "1 to 65536", "0 to 1024", "must be a string");
    EXPECT(PIPELINE("\"base\": {\"stage\": \"toy_model\", \"timeout\": 2.5, \"memory\": \"1.5 GiB\", \"cpus\": 2, "
                    "\"gpus\": 0, \"description\": \"x\"}"),
           NULL);
}

static void test_params(void)
{
    EXPECT(PIPELINE("@\"x\": {\"stage\": \"toy_source\"}"), "needs the parameter \"path\"");
    EXPECT(PIPELINE("\"x\": {\"stage\": \"toy_source\", \"params\": @{}}"), "needs the parameter \"path\"");
    EXPECT(PIPELINE("\"x\": {\"stage\": \"toy_source\", \"params\": @3}"), "must be an object",
           NULL); /* the missing path is said at the same place */
}

static void test_param_values(void)
{
    EXPECT(PIPELINE("\"x\": {\"stage\": \"toy_source\", \"params\": {\n"
                    "\"path\": @\"data.tx\",\n"
                    "@\"cuont\": 3,\n"
                    "\"count\": @0,\n"
                    "\"rate\": @1.01,\n"
                    "\"flag\": @1,\n"
                    "\"text\": @1,\n"
                    "\"mode\": @\"fancyy\",\n"
                    "\"words\": [\"a\", @1, @null]}}"),
           "did you mean \"data.txt\"?", "did you mean \"count\"?", "from 1 to 1000 rows, not 0",
           "from 0 to 1, not 1.01", "true or false", "a string", "did you mean \"fancy\"?", "strings only, not 1",
           "strings only, not null");
    EXPECT(PIPELINE("\"x\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"data.txt\", \"count\": @1.5, "
                    "\"words\": @\"a\", \"later\": \"not/there\", \"any\": null, \"text\": null}}"),
           "whole number", "list of strings");
    EXPECT(PIPELINE(SOURCE ", " BASE ", \"s\": {\"stage\": \"toy_score\", \"in\": {\"model\": \"base\", \"dataset\": "
                           "\"raw\"}, \"params\": {\"metrics\": [\"toy_length\", @\"toy_lengt\"]}}"),
           "did you mean \"toy_length\"?");
}

static void test_edges(void)
{
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"rawe\"}}"),
           "no node \"rawe\"; did you mean \"raw\"?");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"raw\"}},\n"
                           "\"q\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"p.trian\"}}"),
           "has no output \"trian\"; did you mean \"train\"?");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": @{@\"datset\": \"raw\"}}"),
           "needs an input \"dataset\"", "has no input \"datset\"; did you mean \"dataset\"?");
    EXPECT(PIPELINE(SOURCE ", @\"p\": {\"stage\": \"toy_split\"}"),
           "needs an input \"dataset\" (dataset): Rows to part");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"raw\", @\"train\": \"raw\"}}"),
           "that is an output");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": @\"raw\"}"), "\"in\" must be an object");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @[\"raw\"]}}"), "only one");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_gather\", \"in\": {\"any\": @[]}}"), "at least one");
    EXPECT(PIPELINE(SOURCE ", \"p\": {\"stage\": \"toy_gather\", \"in\": {\"any\": [\"raw\", @3, @\"rax\"]}}"), "takes",
           "did you mean \"raw\"?");
    /* Both ends are named. */
    EXPECT(PIPELINE(SOURCE ", " BASE ", \"t\": {\"stage\": \"toy_tune\", \"in\": {\"model\": @\"raw\", \"dataset\": "
                           "@\"base\"}}"),
           "\"raw.dataset\" (toy_source) gives dataset, but the input \"model\" of \"t\" (toy_tune) takes model or "
           "adapter",
           "\"base.model\" (toy_model) gives model, but the input \"dataset\" of \"t\" (toy_tune) takes dataset");
    /* What hangs on an unknown stage is not judged. */
    EXPECT(PIPELINE("\"x\": {\"stage\": @\"nothing_like_it\"}, \"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": "
                    "\"x.whatever\"}}"),
           "no stage \"nothing_like_it\"");
}

static void test_cycles(void)
{
    EXPECT(PIPELINE("\"p\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"p.train\"}}"),
           "wait for one another: \"p\" -> \"p\"");
    EXPECT(PIPELINE("\"a\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"c.train\"}},\n"
                    "\"b\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"a.train\"}},\n"
                    "\"c\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"b.train\"}},\n"
                    "\"d\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"c.train\"}}"),
           "\"b\" -> \"c\" -> \"a\" -> \"b\"");
    /* Two cycles, both told. */
    EXPECT(PIPELINE("\"a\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"a\"}},\n"
                    "\"b\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": @\"b\"}}"),
           "\"a\"", "\"b\"");
}

static void test_variables(void)
{
    EXPECT(
        "{\"hone\": 1, \"vars\": {\"n\": 3, @\"idle\": 1}, \"nodes\": {\"x\": {\"stage\": \"toy_source\", \"params\": "
        "{\"path\": \"data.txt\", \"count\": \"${n}\"}}}}",
        "warning: nothing uses the variable \"idle\"");
    EXPECT(
        "{\"hone\": 1, \"vars\": {\"seed\": 3}, \"nodes\": {\"x\": {\"stage\": \"toy_source\", \"params\": {\"path\": "
        "\"data.txt\", \"count\": @\"${sede}\", \"rate\": @\"${seed}\"}}}}",
        "did you mean \"seed\"?", "not 3 (from \"${seed}\")");
}

static void test_variable_faults(void)
{
    EXPECT("{\"hone\": 1, \"vars\": {\"n\": 3000, \"l\": [1]}, \"nodes\": {\"x\": {\"stage\": \"toy_source\", "
           "\"params\": {"
           "\"path\": \"data.txt\", \"count\": @\"${n}\", \"text\": @\"a ${l}\", \"later\": @\"${n\", \"mode\": "
           "@\"${}\"}}}}",
           "not 3000 (from \"${n}\")", "must stand alone", "without \"}\"", "names no variable");
    EXPECT("{\"hone\": 1, \"vars\": {\"a\": \"${b}\", \"b\": @\"${a}\", @\"9\": 1}, \"nodes\": {\"x\": {\"stage\": "
           "\"toy_source\", \"params\": {\"path\": \"data.txt\", \"text\": \"${a}\"}}}}",
           "made of itself", "a variable's name");
    /* A chain of doublings. */
    GString *text = g_string_new("{\"hone\": 1, \"vars\": {\"v0\": \"0123456789abcdef\"");
    for (int i = 1; i < 40; i++)
        g_string_append_printf(text, ", \"v%d\": [\"${v%d}\", \"${v%d}\"]", i, i - 1, i - 1);
    g_string_append(text,
                    "}, \"nodes\": {\"x\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"data.txt\", \"any\": "
                    "\"${v39}\"}}}}");
    g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
    g_string_free(text, TRUE);
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_assert_null(hone_pipeline_load(path, NULL, registry, mistakes));
    g_assert_nonnull(strstr(hone_mistakes_get(mistakes, 0)->message, "larger than 16 MiB"));
}

/* Mistakes on the command line come without a line. */
static void expect_command_line(const char *const *vars, const char *const *sets, const char *file,
                                const char *fragment)
{
    g_assert_true(g_file_set_contents(path,
                                      "{\"hone\": 1, \"vars\": {\"n\": 3}, \"nodes\": {\"x\": {\"stage\": "
                                      "\"toy_source\", \"params\": {\"path\": \"data.txt\", \"count\": \"${n}\"}}}}",
                                      -1, NULL));
    HonePipelineOptions options = {.vars = vars, .sets = sets};
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HonePipeline) pipeline = hone_pipeline_load(path, &options, registry, mistakes);
    g_autofree char *all = all_messages(mistakes);
    g_test_message("%s", all);
    g_assert_null(pipeline);
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, 1);
    const HoneMistake *m = hone_mistakes_get(mistakes, 0);
    g_assert_cmpstr(m->file, ==, file);
    g_assert_nonnull(strstr(m->message, fragment));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_command_line(void)
{
    expect_command_line(LIST("m=3"), NULL, "--var m=3", "did you mean \"n\"?");
    expect_command_line(LIST("n"), NULL, "--var n", "NAME=VALUE");
    expect_command_line(LIST("=3"), NULL, "--var =3", "NAME=VALUE");
    expect_command_line(LIST("n\xff=3"), NULL, "--var n\xef\xbf\xbd=3", "NAME=VALUE");
    expect_command_line(LIST("n=lots"), NULL, path, "not \"lots\" (from \"${n}\")");
    expect_command_line(NULL, LIST("y.count=3"), "--set y.count=3", "did you mean \"x\"?");
    expect_command_line(NULL, LIST("x.cont=3"), "--set x.cont=3", "did you mean \"count\"?");
    expect_command_line(NULL, LIST("x.count=-3"), "--set x.count=-3", "from 1 to 1000 rows, not -3");
    expect_command_line(NULL, LIST("x=3"), "--set x=3", "NODE.PARAM=VALUE");
    expect_command_line(NULL, LIST("x.=3"), "--set x.=3", "NODE.PARAM=VALUE");
    expect_command_line(NULL, LIST("=x.y"), "--set =x.y", "NODE.PARAM=VALUE");
}

#define TUNED(more)                                                                                                    \
    PIPELINE(SOURCE ", " BASE                                                                                          \
                    ", \"t\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"},"          \
                    " " more "}")

static void test_matrix(void)
{
    EXPECT(TUNED("\"matrix\": @[1]"), "\"matrix\" must be an object");
    EXPECT(TUNED("\"matrix\": {\"rank\": @[], \"alpha\": @3}"), "a list of 1 to 256 values of \"rank\"",
           "values of \"alpha\"");
    EXPECT(TUNED("\"params\": {\"rank\": 4}, \"matrix\": {@\"rank\": [8]}"), "in \"params\" too");
    EXPECT(TUNED("\"matrix\": {@\"rang\": [8, 16]}"), "did you mean \"rank\"?");
    EXPECT(TUNED("\"matrix\": {\"rank\": [8, @999, @\"x\"], \"alpha\": [1, @-1]}"), "not 999", "not \"x\"",
           "of 0 or more, not -1");
}

static void test_too_many(void)
{
    GString *text = g_string_new("[1");
    for (int i = 2; i <= 80; i++)
        g_string_append_printf(text, ", %d", i);
    g_string_append_c(text, ']');
    g_autofree char *marked = g_strdup_printf("{\"hone\": 1, \"nodes\": {" SOURCE ", " BASE ", @\"t\": {\"stage\": "
                                              "\"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"}, "
                                              "\"matrix\": {\"rank\": %s, \"alpha\": %s}}}}",
                                              text->str, text->str);
    EXPECT(marked, "more than 4096 nodes");
    g_string_free(text, TRUE);
}

static void test_hooks(void)
{
#define HOOK(how) PIPELINE("\n  @\"x\": {\"stage\": \"toy_hook\", \"params\": {\"how\": \"" how "\"}}")
    EXPECT(HOOK("refuse"), "\"x\" (toy_hook): the column \"answer\" is missing");
    EXPECT(HOOK("crash"), "crashed");
    EXPECT(HOOK("silent"), "without a reason");
    EXPECT(HOOK("exit"), "ended with status 7");
    EXPECT(
        PIPELINE(
            "\"x\": {\"stage\": \"toy_hook\"}, \"y\": {\"stage\": \"toy_hook\", \"params\": {\"how\": \"chatter\"}}"),
        NULL);
    /* Each value of a matrix is looked at. */
    EXPECT(PIPELINE("@\"x\": {\"stage\": \"toy_hook\", \"matrix\": {\"how\": [\"pass\", \"refuse\"]}}"), "is missing");
    HonePipelineOptions options = {.skip_hooks = true};
    EXPECT_WITH(&options, PIPELINE("\"x\": {\"stage\": \"toy_hook\", \"params\": {\"how\": \"crash\"}}"), NULL);
}

static void test_files(void)
{
    HonePipelineOptions options = {.skip_files = true};
    EXPECT_WITH(&options, PIPELINE("\"x\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"not/there\"}}"), NULL);
}

/* One look shows all. */
static void test_mixture(void)
{
    EXPECT(
        "{\n"
        "  \"hone\": 1,\n"
        "  @\"nmae\": \"triage\",\n"
        "  \"vars\": { \"seed\": 7, @\"idle\": 0 },\n"
        "  \"nodes\": {\n"
        "    \"raw\": { \"stage\": \"toy_source\", \"params\": { \"path\": @\"dta.txt\" @\"count\": 4, @\"count\": 5,\n"
        "                \"rate\": @\"${seed}\", \"text\": @\"${sed}\" } },\n"
        "    \"parts\": { \"stage\": @\"toy_spilt\", \"in\": { \"dataset\": \"raw\" } },\n"
        "    \"b\": { \"stage\": \"toy_split\", \"in\": { \"dataset\": \"c\" } },\n"
        "    \"c\": { \"stage\": \"toy_split\", \"in\": { \"dataset\": @\"b\", @\"dataste\": \"b\" } },\n"
        "    @\"d\": { \"stage\": \"toy_hook\", \"params\": { \"how\": \"refuse\" } }@,\n"
        "  }\n"
        "}\n",
        "did you mean \"name\"?", "warning: nothing uses", "did you mean \"data.txt\"?", "a comma is missing",
        "here twice", "not 7", "did you mean \"seed\"?", "did you mean \"toy_split\"?", "wait for one another",
        "did you mean \"dataset\"?", "the column", "nothing follows this comma");
}

static void include_file(const char *name, const char *text)
{
    g_autofree char *file = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void test_includes(void)
{
    include_file("loop.json", "{\"hone\": 1, \"include\": \"p.json\"}");
    EXPECT("{\"hone\": 1, \"include\": @\"nothing.json\", \"nodes\": {" SOURCE "}}", "no file");
    EXPECT("{\"hone\": 1, \"include\": [@3, @\"\"], \"nodes\": {" SOURCE "}}", "takes a file's name",
           "takes a file's name");
    /* Places are those of the included file. */
    include_file("part.json", "{\"hone\": 1,\n \"nodes\": {\"raw\": {\"stage\": \"toy_sourc\"}}}");
    g_assert_true(g_file_set_contents(path, "{\"hone\": 1, \"include\": \"part.json\"}", -1, NULL));
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_assert_null(hone_pipeline_load(path, NULL, registry, mistakes));
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, 1);
    g_assert_true(g_str_has_suffix(hone_mistakes_get(mistakes, 0)->file, "/part.json"));
    g_assert_cmpuint(hone_mistakes_get(mistakes, 0)->line, ==, 2);
    /* In a circle. */
    g_assert_true(
        g_file_set_contents(path, "{\"hone\": 1, \"include\": \"loop.json\", \"nodes\": {" SOURCE "}}", -1, NULL));
    g_autoptr(HoneMistakes) circle = hone_mistakes_new();
    g_assert_null(hone_pipeline_load(path, NULL, registry, circle));
    g_assert_cmpuint(hone_mistakes_count(circle), ==, 1);
    g_assert_true(g_str_has_suffix(hone_mistakes_get(circle, 0)->file, "/loop.json"));
    g_assert_nonnull(strstr(hone_mistakes_get(circle, 0)->message, "includes itself by way of others"));
    /* A node that is in both. */
    include_file("part.json", "{\"hone\": 1,\n \"nodes\": {" SOURCE "}}");
    EXPECT("{\"hone\": 1, \"include\": \"part.json\", \"nodes\": {@" SOURCE "}}", "part.json:2 already");
}

#define PRAISED(rewards)                                                                                               \
    PIPELINE(SOURCE ", " BASE ",\n \"t\": {\"stage\": \"toy_praised\", \"in\": {\"model\": \"base\", \"dataset\": "    \
                    "\"raw.dataset\"}, \"params\": {\"rewards\": " rewards "}}")

static void test_rewards(void)
{
    EXPECT(PRAISED("[\"toy_praise\"]"), NULL);
    EXPECT(PRAISED("[{\"name\": \"toy_praise\", \"weight\": -0.5, \"params\": {\"level\": 3}}]"), NULL);
    EXPECT(PRAISED("@\"toy_praise\""), "must be a list of rewards");
    EXPECT(PRAISED("@[]"), "must be a list of rewards");
    EXPECT(PRAISED("[@\"toy_prise\"]"), "did you mean \"toy_praise\"?");
    EXPECT(PRAISED("[\"toy_praise\", @4]"), "neither a name nor an object");
    EXPECT(PRAISED("[@{\"name\": \"toy_praise\", \"wieght\": 1}]"), "did you mean \"weight\"?");
    EXPECT(PRAISED("[@{\"name\": \"toy_praise\", \"weight\": \"1\"}]"), "must be a number");
    EXPECT(PRAISED("[@{\"weight\": 1}]"), "\"name\" must be");
    EXPECT(PRAISED("[{\"name\": \"toy_praise\", \"params\": {\"level\": @10}}]"), "reward \"toy_praise\": ");
    EXPECT(PRAISED("[{\"name\": \"toy_praise\", \"params\": {\"levle\": @1}}]"), "did you mean \"level\"?");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("HONE_PLUGIN_PATH");
    const char *plugin_path[] = {TOY_PLUGINS, NULL};
    registry = hone_registry_new(plugin_path);
    folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    path = g_build_filename(folder, "p.json", NULL);
    g_autofree char *data = g_build_filename(folder, "data.txt", NULL);
    g_assert_true(g_file_set_contents(data, "x\n", -1, NULL));
    g_test_add_func("/pipeline/mistakes/rewards", test_rewards);
    g_test_add_func("/pipeline/mistakes/good", test_good);
    g_test_add_func("/pipeline/mistakes/top", test_top);
    g_test_add_func("/pipeline/mistakes/node_keys", test_node_keys);
    g_test_add_func("/pipeline/mistakes/params", test_params);
    g_test_add_func("/pipeline/mistakes/param_values", test_param_values);
    g_test_add_func("/pipeline/mistakes/edges", test_edges);
    g_test_add_func("/pipeline/mistakes/cycles", test_cycles);
    g_test_add_func("/pipeline/mistakes/variables", test_variables);
    g_test_add_func("/pipeline/mistakes/variable_faults", test_variable_faults);
    g_test_add_func("/pipeline/mistakes/command_line", test_command_line);
    g_test_add_func("/pipeline/mistakes/matrix", test_matrix);
    g_test_add_func("/pipeline/mistakes/too_many", test_too_many);
    g_test_add_func("/pipeline/mistakes/hooks", test_hooks);
    g_test_add_func("/pipeline/mistakes/files", test_files);
    g_test_add_func("/pipeline/mistakes/mixture", test_mixture);
    g_test_add_func("/pipeline/mistakes/includes", test_includes);
    int status = g_test_run();
    const char *files[] = {"p.json", "data.txt", "part.json", "loop.json"};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = g_build_filename(folder, files[i], NULL);
        g_remove(file);
    }
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    hone_registry_free(registry);
    return status;
}
