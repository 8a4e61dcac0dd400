/* SPDX-License-Identifier: Apache-2.0
 * A node's key depends on the content of the files that its parameters name, also inside a JSON parameter.
 */
#include "key.h"
#include "pipeline.h"
#include <glib/gstdio.h>

static char *key_of(const char *folder)
{
    g_autofree char *file = g_build_filename(folder, "p.json", NULL);
    g_autoptr(HoneRegistry) registry = hone_registry_new(NULL);
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    const HonePipelineOptions options = {.skip_hooks = true}; /* the model is none */
    g_autoptr(HonePipeline) pipeline = hone_pipeline_load(file, &options, registry, mistakes);
    const HoneKeyContext context = {.registry = registry, .numerics = "f32"};
    g_autoptr(JsonObject) ingredients = NULL;
    g_auto(HoneResolution) found = {0};
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(pipeline);
    ingredients = hone_key_own_ingredients(hone_pipeline_find(pipeline, "scores"), &context, &found, &error);
    g_assert_no_error(error);
    /* The metric's code counts as well. */
    g_assert_true(json_object_has_member(json_object_get_object_member(ingredients, "metrics"), "json_schema"));
    return hone_key_hash(ingredients);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_inner(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-key-XXXXXX", NULL);
    static const char *const files[] = {"p.json", "m.gguf", "d.jsonl", "s.json"};
    g_autofree char *first = NULL, *same = NULL, *changed = NULL, *back = NULL;

    write_file(
        folder, "p.json",
        "{\"hone\": 1, \"name\": \"p\", \"nodes\": {\"base\": {\"stage\": \"model\", \"params\": {\"path\": "
        "\"m.gguf\"}}, \"rows\": {\"stage\": \"jsonl\", \"params\": {\"path\": \"d.jsonl\"}}, \"scores\": "
        "{\"stage\": \"evaluate\", \"in\": {\"model\": \"base\", \"dataset\": \"rows\"}, \"params\": {\"metrics\": "
        "[\"json_schema\"], \"metric_params\": {\"json_schema\": {\"schema\": \"s.json\"}}}}}}");
    write_file(folder, "m.gguf", "");
    write_file(folder, "d.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
    write_file(folder, "s.json", "{}");
    first = key_of(folder);
    same = key_of(folder);
    write_file(folder, "s.json", "{\"type\": \"object\"}");
    changed = key_of(folder);
    write_file(folder, "s.json", "{}");
    back = key_of(folder);
    g_assert_cmpstr(first, ==, same);
    g_assert_cmpstr(first, !=, changed);
    g_assert_cmpstr(first, ==, back);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);

        g_unlink(path);
    }
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/key/inner-files", test_inner);
    return g_test_run();
}
