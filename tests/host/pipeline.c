/* SPDX-License-Identifier: Apache-2.0
 * What a good pipeline becomes: order, edges, variables, the command line's changes, matrices, included files.
 */
#include "marked.h"
#include <hone/json.h>

static HoneRegistry *registry;
static char *folder, *path;

static void write_file(const char *name, const char *text)
{
    g_autofree char *file = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static HonePipeline *load(const char *text, const char *const *vars, const char *const *sets)
{
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    HonePipelineOptions options = {.vars = vars, .sets = sets};
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    HonePipeline *pipeline = hone_pipeline_load(path, &options, registry, mistakes);
    g_autofree char *all = all_messages(mistakes);
    if (*all != 0)
        g_test_message("%s", all);
    g_assert_nonnull(pipeline);
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, 0);
    return pipeline;
}

static char *names(const HonePipeline *pipeline)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePipelineNode *node = pipeline->nodes->pdata[i];
        g_assert_cmpuint(node->index, ==, i);
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", node->name);
    }
    return g_string_free(out, FALSE);
}

/* "port<label,label" for every input of a node. */
static char *inputs(const HonePipeline *pipeline, const char *name)
{
    const HonePipelineNode *node = hone_pipeline_find(pipeline, name);
    g_assert_nonnull(node);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        g_string_append_printf(out, "%s%s<", i > 0 ? " " : "", input->port->name);
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            g_assert_cmpuint(edge->from->index, <, node->index);
            g_string_append_printf(out, "%s%s", k > 0 ? "," : "", edge->label);
        }
    }
    return g_string_free(out, FALSE);
}

#define ASSERT_INPUTS(pipeline, name, wanted)                                                                          \
    do {                                                                                                               \
        g_autofree char *got_ = inputs((pipeline), (name));                                                            \
        g_assert_cmpstr(got_, ==, (wanted));                                                                           \
    } while (0)

#define ASSERT_NAMES(pipeline, wanted)                                                                                 \
    do {                                                                                                               \
        g_autofree char *got_ = names(pipeline);                                                                       \
        g_assert_cmpstr(got_, ==, (wanted));                                                                           \
    } while (0)

static void assert_params(const HonePipeline *pipeline, const char *name, const char *wanted)
{
    const HonePipelineNode *node = hone_pipeline_find(pipeline, name);
    g_assert_nonnull(node);
    g_autoptr(JsonNode) got = json_node_init_object(json_node_alloc(), node->params);
    g_autoptr(JsonNode) want = json_from_string(wanted, NULL);
    g_autofree char *text = hone_json_text(got);
    g_test_message("%s: %s, wanted %s", name, text, wanted);
    g_assert_true(json_node_equal(got, want));
}

#define SOURCE "\"raw\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"data.txt\"}}"
#define BASE "\"base\": {\"stage\": \"toy_model\"}"

static void test_order(void)
{
    g_autoptr(HonePipeline) p = load(
        "{\"hone\": 1, \"name\": \"n\", \"description\": \"d\", \"nodes\": {"
        "\"after\": {\"stage\": \"toy_score\", \"in\": {\"dataset\": \"parts.test\", \"model\": \"tuned\"}},"
        "\"tuned\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"parts\"}, \"timeout\": 9,"
        " \"memory\": \"2 GiB\", \"cpus\": 2, \"gpus\": 1},"
        "\"parts\": {\"stage\": \"toy_split\", \"in\": {\"dataset\": \"raw\"}}," SOURCE ", " BASE ","
        "\"all\": {\"stage\": \"toy_gather\", \"in\": {\"any\": [\"after\", \"parts.test\", \"base\"]}},"
        "\"one\": {\"stage\": \"toy_gather\", \"in\": {\"any\": \"raw\"}}}}",
        NULL, NULL);
    ASSERT_NAMES(p, "base raw parts tuned after all one");
    ASSERT_INPUTS(p, "after", "model<tuned.adapter dataset<parts.test"); /* in the order of the ports */
    ASSERT_INPUTS(p, "tuned", "model<base.model dataset<parts.train");   /* no port named: the first */
    ASSERT_INPUTS(p, "all", "any<after.scores,parts.test,base.model");
    ASSERT_INPUTS(p, "one", "any<raw.dataset");
    g_assert_cmpstr(p->name, ==, "n");
    g_assert_cmpstr(p->description, ==, "d");
    g_assert_cmpstr(p->folder, ==, folder);
    const HonePipelineNode *tuned = hone_pipeline_find(p, "tuned");
    g_assert_cmpfloat(tuned->timeout, ==, 9);
    g_assert_cmpuint(tuned->memory, ==, (guint64)2 << 30);
    g_assert_cmpuint(tuned->cpus, ==, 2);
    g_assert_cmpuint(tuned->gpus, ==, 1);
    g_assert_cmpstr(tuned->folder, ==, folder);
    g_assert_cmpstr(tuned->place.file, ==, path);
    g_assert_cmpstr(tuned->plugin->plugin->name, ==, "toys");
    g_assert_null(hone_pipeline_find(p, "nobody"));
}

static void test_variables(void)
{
    const char *text =
        "{\"hone\": 1, \"vars\": {\"n\": 3, \"dir\": \"da\", \"file\": \"${dir}ta.txt\", \"w\": [\"a\"],"
        " \"st\": \"toy_source\", \"in_text\": 0.25},"
        "\"nodes\": {\"x\": {\"stage\": \"${st}\", \"params\": {\"path\": \"${file}\", \"count\": \"${n}\","
        " \"words\": \"${w}\", \"text\": \"n=${n}, ${in_text}: $${n} $5 }\", \"any\": {\"k\": [\"${n}\"]}}}}}";
    {
        g_autoptr(HonePipeline) p = load(text, NULL, NULL);
        assert_params(p, "x",
                      "{\"path\": \"data.txt\", \"count\": 3, \"words\": [\"a\"], \"text\": \"n=3, 0.25: ${n} $5 }\", "
                      "\"any\": {\"k\": [3]}}");
    }
    const char *vars[] = {"n=4", "w=[\"b\", \"c\"]", "in_text=half", NULL},
               *sets[] = {"x.rate=0.75", "x.text=7 ${n}", NULL};
    g_autoptr(HonePipeline) p = load(text, vars, sets);
    assert_params(p, "x",
                  "{\"path\": \"data.txt\", \"count\": 4, \"words\": [\"b\", \"c\"], \"text\": \"7 ${n}\", \"any\": "
                  "{\"k\": [4]}, \"rate\": 0.75}");
}

static void test_shared_object(void)
{
    /* --set changes one node alone, though both take their parameters from one variable. */
    const char *sets[] = {"a.count=5", NULL};
    g_autoptr(HonePipeline) p =
        load("{\"hone\": 1, \"vars\": {\"p\": {\"path\": \"data.txt\", \"count\": 2}}, \"nodes\": {"
             "\"a\": {\"stage\": \"toy_source\", \"params\": \"${p}\"},"
             "\"b\": {\"stage\": \"toy_source\", \"params\": \"${p}\"}}}",
             NULL, sets);
    assert_params(p, "a", "{\"path\": \"data.txt\", \"count\": 5}");
    assert_params(p, "b", "{\"path\": \"data.txt\", \"count\": 2}");
}

#define TUNED                                                                                                          \
    "\"tuned\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"}, \"params\": "           \
    "{\"alpha\": "                                                                                                     \
    "1}, \"matrix\": {\"rank\": [4, 8]}}"
#define AFTER "\"after\": {\"stage\": \"toy_score\", \"in\": {\"model\": \"tuned\", \"dataset\": \"raw\"}}"

static void test_matrix(void)
{
    const char *text = "{\"hone\": 1, \"nodes\": {" SOURCE ", " BASE ", " TUNED ", " AFTER ","
                       "\"all\": {\"stage\": \"toy_gather\", \"in\": {\"any\": [\"after\", \"base\"]}},"
                       "\"again\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"tuned\", \"dataset\": \"raw\", "
                       "\"hints\": \"after\"}}}}";
    g_autoptr(HonePipeline) p = load(text, NULL, NULL);
    ASSERT_NAMES(p, "raw base tuned[rank=4] tuned[rank=8] after[rank=4] after[rank=8] all again[rank=4] again[rank=8]");
    assert_params(p, "tuned[rank=4]", "{\"alpha\": 1, \"rank\": 4}");
    assert_params(p, "tuned[rank=8]", "{\"alpha\": 1, \"rank\": 8}");
    assert_params(p, "after[rank=8]", "{}");
    ASSERT_INPUTS(p, "after[rank=8]", "model<tuned[rank=8].adapter dataset<raw.dataset");
    /* A list gathers them all. */
    ASSERT_INPUTS(p, "all", "any<after[rank=4].scores,after[rank=8].scores,base.model");
    /* Two ways from one matrix meet: they stay with their own. */
    ASSERT_INPUTS(p, "again[rank=8]", "model<tuned[rank=8].adapter dataset<raw.dataset hints<after[rank=8].scores");
    g_autoptr(JsonNode) matrix =
        json_node_init_object(json_node_alloc(), hone_pipeline_find(p, "after[rank=8]")->matrix);
    g_autofree char *matrix_text = hone_json_text(matrix);
    g_assert_cmpstr(matrix_text, ==, "{\"rank\":8}");
}

static void test_matrix_product(void)
{
    g_autoptr(HonePipeline) p = load(
        "{\"hone\": 1, \"nodes\": {" BASE ","
        "\"raw\": {\"stage\": \"toy_source\", \"params\": {\"path\": \"data.txt\"}, \"matrix\": {\"text\": [\"a/b\", "
        "\"a b\", \"\"]}},"
        "\"tuned\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"}, \"matrix\": "
        "{\"rank\": [4, 8], \"alpha\": [0.0002]}},"
        "\"again\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"tuned\", \"dataset\": \"raw\"}, \"matrix\": "
        "{\"rank\": [1]}}}}",
        NULL, NULL);
    /* Unsafe characters are replaced; values that then look alike, or like nothing, go by their number. Axes of one
     * name are told apart by their node. */
    ASSERT_NAMES(p, "base raw[text=a_b] raw[text=#2] raw[text=#3] "
                    "tuned[text=a_b,tuned.rank=4,alpha=0.0002] tuned[text=a_b,tuned.rank=8,alpha=0.0002] "
                    "tuned[text=#2,tuned.rank=4,alpha=0.0002] tuned[text=#2,tuned.rank=8,alpha=0.0002] "
                    "tuned[text=#3,tuned.rank=4,alpha=0.0002] tuned[text=#3,tuned.rank=8,alpha=0.0002] "
                    "again[text=a_b,tuned.rank=4,alpha=0.0002,again.rank=1] "
                    "again[text=a_b,tuned.rank=8,alpha=0.0002,again.rank=1] "
                    "again[text=#2,tuned.rank=4,alpha=0.0002,again.rank=1] "
                    "again[text=#2,tuned.rank=8,alpha=0.0002,again.rank=1] "
                    "again[text=#3,tuned.rank=4,alpha=0.0002,again.rank=1] "
                    "again[text=#3,tuned.rank=8,alpha=0.0002,again.rank=1]");
    ASSERT_INPUTS(p, "again[text=#2,tuned.rank=8,alpha=0.0002,again.rank=1]",
                  "model<tuned[text=#2,tuned.rank=8,alpha=0.0002].adapter dataset<raw[text=#2].dataset");
}

static void test_matrix_set(void)
{
    /* A parameter set by hand is no axis any more. */
    const char *sets[] = {"tuned.rank=2", NULL};
    g_autoptr(HonePipeline) p =
        load("{\"hone\": 1, \"nodes\": {" SOURCE ", " BASE ", " TUNED ", " AFTER "}}", NULL, sets);
    ASSERT_NAMES(p, "raw base tuned after");
    assert_params(p, "tuned", "{\"alpha\": 1, \"rank\": 2}");
}

static void test_includes(void)
{
    g_autofree char *sub = g_build_filename(folder, "sub", NULL);
    g_assert_cmpint(g_mkdir(sub, 0700), ==, 0);
    write_file("sub/rows.txt", "x\n");
    write_file("sub/shared.json", "{\"hone\": 1, \"name\": \"not this\", \"vars\": {\"n\": 1, \"m\": 2}, \"include\": "
                                  "\"deeper.json\", \"nodes\": {\"rows\": {\"stage\": \"toy_source\", \"params\": "
                                  "{\"path\": \"rows.txt\", \"count\": \"${n}\"}}}}");
    write_file("sub/deeper.json", "{\"hone\": 1, \"nodes\": {" BASE "}}");
    g_autoptr(HonePipeline) p =
        load("{\"hone\": 1, \"include\": [\"sub/shared.json\", \"sub/deeper.json\"], \"vars\": {\"n\": 7},"
             "\"nodes\": {" SOURCE ", \"t\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\","
             " \"dataset\": \"rows\"}, \"params\": {\"rank\": \"${m}\"}}}}",
             NULL, NULL);
    ASSERT_NAMES(p, "base rows raw t");
    g_assert_cmpstr(p->name, ==, "p");                                  /* the file's own */
    assert_params(p, "rows", "{\"path\": \"rows.txt\", \"count\": 7}"); /* the includer's value wins */
    assert_params(p, "t", "{\"rank\": 2}");
    g_assert_cmpstr(hone_pipeline_find(p, "rows")->folder, ==, sub); /* paths are relative to the file they stand in */
    g_assert_cmpstr(hone_pipeline_find(p, "raw")->folder, ==, folder);
    g_assert_true(g_str_has_suffix(hone_pipeline_find(p, "rows")->place.file, "/sub/shared.json"));
    const char *files[] = {"sub/rows.txt", "sub/shared.json", "sub/deeper.json", "sub"};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = g_build_filename(folder, files[i], NULL);
        g_remove(file);
    }
}

static void test_json(void)
{
    g_autoptr(HonePipeline) p =
        load("{\"hone\": 1, \"vars\": {\"r\": 2}, \"nodes\": {" SOURCE ", " BASE ", \"t\": {\"stage\": "
             "\"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"}, \"params\": "
             "{\"rank\": \"${r}\"}, \"timeout\": 5}}}",
             NULL, NULL);
    g_autoptr(JsonNode) node = hone_pipeline_to_json(p);
    JsonObject *root = json_node_get_object(node);
    g_assert_cmpint(json_object_get_int_member(json_object_get_object_member(root, "vars"), "r"), ==, 2);
    JsonObject *t = json_object_get_object_member(json_object_get_object_member(root, "nodes"), "t");
    g_autofree char *in = json_to_string(json_object_get_member(t, "in"), FALSE);
    g_assert_cmpstr(in, ==, "{\"model\":[\"base.model\"],\"dataset\":[\"raw.dataset\"]}");
    JsonObject *params = json_object_get_object_member(t, "params");
    g_assert_cmpint(json_object_get_int_member(params, "rank"), ==, 2);
    g_assert_cmpfloat(json_object_get_double_member(params, "alpha"), ==, 16); /* the default */
    g_assert_cmpfloat(json_object_get_double_member(t, "timeout"), ==, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("HONE_PLUGIN_PATH");
    const char *plugin_path[] = {TOY_PLUGINS, NULL};
    registry = hone_registry_new(plugin_path);
    folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    path = g_build_filename(folder, "p.json", NULL);
    write_file("data.txt", "x\n");
    g_test_add_func("/pipeline/order", test_order);
    g_test_add_func("/pipeline/variables", test_variables);
    g_test_add_func("/pipeline/shared_object", test_shared_object);
    g_test_add_func("/pipeline/matrix", test_matrix);
    g_test_add_func("/pipeline/matrix_product", test_matrix_product);
    g_test_add_func("/pipeline/matrix_set", test_matrix_set);
    g_test_add_func("/pipeline/includes", test_includes);
    g_test_add_func("/pipeline/json", test_json);
    int status = g_test_run();
    g_autofree char *data = g_build_filename(folder, "data.txt", NULL);
    g_remove(data);
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    hone_registry_free(registry);
    return status;
}
