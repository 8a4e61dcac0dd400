/* SPDX-License-Identifier: Apache-2.0
 * adapter.c (test): adapters in PEFT's format: what peft wrote is read and written back, what cannot be honoured is
 * refused. With HONE_TEST_WRITE set to a folder, writes an adapter and its logits there for tests/oracle/peft_reads.py.
 */
#include "tiny.h"

#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>

#define CONFIG "adapter_config.json"
#define TENSORS "adapter_model.safetensors"

static char *temporary(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("hone-adapter-XXXXXX", &error);
    g_assert_no_error(error);
    return folder;
}

static void remove_folder(char *folder)
{
    static const char *const names[] = {CONFIG, TENSORS};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_free(folder);
}

static char *contents(const char *folder, const char *name, gsize *length)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text;
    g_file_get_contents(path, &text, length, &error);
    g_assert_no_error(error);
    return text;
}

static void assert_same_file(const char *folder, const char *other, const char *name)
{
    gsize a_length, b_length;
    g_autofree char *a = contents(folder, name, &a_length), *b = contents(other, name, &b_length);
    g_assert_cmpmem(a, a_length, b, b_length);
}

/* peft's file read and written again holds the same tensors; ours read and written again is the same file. */
static void test_round_trip(const void *data)
{
    g_autoptr(GError) error = NULL;
    char *first = temporary(), *second = temporary();
    g_autoptr(Tiny) tiny = tiny_open(data, "reference");
    hone_model_load_adapter(tiny->model, tiny->adapter, &error);
    g_assert_no_error(error);
    hone_model_save_adapter(tiny->model, first, &error);
    g_assert_no_error(error);
    g_autofree char *theirs_path = g_build_filename(tiny->adapter, TENSORS, NULL);
    g_autofree char *ours_path = g_build_filename(first, TENSORS, NULL);
    g_autoptr(HoneSafetensors) theirs = hone_safetensors_open(theirs_path, &error);
    g_assert_no_error(error);
    g_autoptr(HoneSafetensors) ours = hone_safetensors_open(ours_path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hone_safetensors_count(ours), ==, hone_safetensors_count(theirs));
    g_assert_cmpstr(hone_safetensors_meta(ours, "format"), ==, "pt");
    for (size_t i = 0; i < hone_safetensors_count(theirs); i++) {
        const HoneSafetensor *want = hone_safetensors_get(theirs, i), *got = hone_safetensors_find(ours, want->name);
        g_assert_nonnull(got);
        g_assert_cmpmem(got->shape, sizeof(got->shape), want->shape, sizeof(want->shape));
        g_assert_cmpmem(got->data, got->bytes, want->data, want->bytes);
    }

    g_autoptr(Tiny) other = tiny_open(data, "reference");
    hone_model_load_adapter(other->model, first, &error);
    g_assert_no_error(error);
    hone_model_save_adapter(other->model, second, &error);
    g_assert_no_error(error);
    assert_same_file(first, second, TENSORS);
    assert_same_file(first, second, CONFIG);
    remove_folder(first);
    remove_folder(second);
}

/* Last parts of module names: peft lists a module that is everywhere by these or by whole names, in any order. */
static GHashTable *module_set(JsonArray *names)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < json_array_get_length(names); i++) {
        const char *name = json_array_get_string_element(names, i), *dot = strrchr(name, '.');
        g_hash_table_add(set, (char *)(dot != NULL ? dot + 1 : name));
    }
    return set;
}

static void assert_same_modules(JsonArray *ours, JsonArray *theirs)
{
    g_autoptr(GHashTable) got = module_set(ours), want = module_set(theirs);
    GHashTableIter iter;
    gpointer name;
    g_assert_cmpuint(g_hash_table_size(got), ==, g_hash_table_size(want));
    g_hash_table_iter_init(&iter, want);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_assert_true(g_hash_table_contains(got, name));
}

/* Every setting that peft's own file gives comes back in ours. */
static void test_settings(const void *data)
{
    g_autoptr(GError) error = NULL;
    char *folder = temporary();
    g_autoptr(Tiny) tiny = tiny_open(data, "reference");
    hone_model_load_adapter(tiny->model, tiny->adapter, &error);
    g_assert_no_error(error);
    hone_model_save_adapter(tiny->model, folder, &error);
    g_assert_no_error(error);
    g_autofree char *ours_path = g_build_filename(folder, CONFIG, NULL);
    g_autofree char *theirs_path = g_build_filename(tiny->adapter, CONFIG, NULL);
    g_autoptr(JsonObject) ours = hone_file_read_json(ours_path, 1 << 20, &error);
    g_assert_no_error(error);
    g_autoptr(JsonObject) theirs = hone_file_read_json(theirs_path, 1 << 20, &error);
    g_assert_no_error(error);
    static const char *const numbers[] = {"r", "lora_alpha", "lora_dropout"};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_assert_cmpfloat(json_object_get_double_member(ours, numbers[i]), ==,
                          json_object_get_double_member(theirs, numbers[i]));
    static const char *const flags[] = {"use_rslora", "use_dora", "fan_in_fan_out"};
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        g_assert_cmpint(json_object_get_boolean_member(ours, flags[i]), ==,
                        json_object_get_boolean_member(theirs, flags[i]));
    assert_same_modules(json_object_get_array_member(ours, "target_modules"),
                        json_object_get_array_member(theirs, "target_modules"));
    g_assert_cmpstr(json_object_get_string_member(ours, "peft_type"), ==, "LORA");
    g_assert_cmpstr(json_object_get_string_member(ours, "task_type"), ==, "CAUSAL_LM");
    remove_folder(folder);
}

typedef struct Refusal {
    const char *change; /* member of adapter_config.json, as JSON text */
    const char *says;
} Refusal;

/* Writes `config` with one member changed, and peft's tensors, into a new folder. */
static char *changed_adapter(const char *adapter, const char *change)
{
    g_autoptr(GError) error = NULL;
    char *folder = temporary();
    gsize length;
    g_autofree char *tensors = contents(adapter, TENSORS, &length);
    g_autofree char *tensors_path = g_build_filename(folder, TENSORS, NULL);
    g_file_set_contents(tensors_path, tensors, (gssize)length, &error);
    g_assert_no_error(error);
    g_autofree char *theirs_path = g_build_filename(adapter, CONFIG, NULL);
    g_autoptr(JsonObject) config = hone_file_read_json(theirs_path, 1 << 20, &error);
    g_assert_no_error(error);
    g_autoptr(JsonNode) members = json_from_string(change, &error);
    g_assert_no_error(error);
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init(&iter, json_node_get_object(members));
    while (json_object_iter_next(&iter, &name, &value))
        json_object_set_member(config, name, json_node_copy(value));
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(node, config);
    g_autofree char *config_path = g_build_filename(folder, CONFIG, NULL);
    hone_file_write_json(config_path, node, &error);
    g_assert_no_error(error);
    return folder;
}

static void test_refusals(void)
{
    static const Refusal refusals[] = {
        {"{\"peft_type\": \"IA3\"}", "peft_type"},
        {"{\"use_dora\": true}", "without its lora_magnitude_vector"},
        {"{\"bias\": \"all\"}", "bias"},
        {"{\"rank_pattern\": {\"q_proj\": 2}}", "rank 2"},
        {"{\"rank_pattern\": {\"q_proj\": -2}}", "rank_pattern"},
        {"{\"alpha_pattern\": {\"(q_proj\": 2}}", "no regular expression"},
        {"{\"init_lora_weights\": \"pissa\"}", "init_lora_weights"},
        {"{\"modules_to_save\": [\"lm_head\"]}", "modules_to_save"},
        {"{\"fan_in_fan_out\": true}", "fan_in_fan_out"},
        {"{\"r\": 5}", "rank 5"},
        {"{\"r\": 0}", "\"r\""},
        {"{\"r\": 1e300}", "\"r\""},
        {"{\"r\": \"4\"}", "\"r\""},
        {"{\"lora_alpha\": -1}", "lora_alpha"},
        {"{\"lora_alpha\": null}", "lora_alpha"},
        {"{\"lora_dropout\": \"x\"}", "lora_dropout"},
        {"{\"lora_dropout\": 1}", "dropout 1"},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny", "reference");
    g_autoptr(Tiny) other = tiny_open("tiny3", "reference");
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        char *folder = changed_adapter(tiny->adapter, refusals[i].change);
        g_assert_false(hone_model_load_adapter(tiny->model, folder, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, refusals[i].says));
        g_assert_nonnull(strstr(error->message, folder));
        g_assert_false(hone_model_has_adapter(tiny->model));
        g_clear_error(&error);
        remove_folder(folder);
    }
    /* Another model's adapter; then a folder without one. */
    g_assert_false(hone_model_load_adapter(other->model, tiny->adapter, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    char *empty = temporary();
    g_assert_false(hone_model_load_adapter(tiny->model, empty, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(hone_model_save_adapter(tiny->model, empty, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    remove_folder(empty);
}

/* Tensors that are missing, strange or of the wrong shape. */
static void test_bad_tensors(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny", "reference");
    g_autofree char *theirs_path = g_build_filename(tiny->adapter, TENSORS, NULL);
    g_autoptr(HoneSafetensors) theirs = hone_safetensors_open(theirs_path, &error);
    g_assert_no_error(error);
    size_t n = hone_safetensors_count(theirs);
    for (int what = 0; what < 6; what++) {
        g_autofree HoneSafetensor *tensors = g_new0(HoneSafetensor, n);
        for (size_t i = 0; i < n; i++)
            tensors[i] = *hone_safetensors_get(theirs, i);
        size_t count = what == 0 ? n - 1 : what == 5 ? 0 : n;
        if (what == 1)
            tensors[3].name = "base_model.model.lm_head.lora_A.weight";
        else if (what == 2)
            tensors[3].name = "base_model.model.model.layers.2.mlp.up_proj.lora_A.weight";
        else if (what == 3)
            tensors[3].name = "base_model.model.model.layers.01.mlp.up_proj.lora_A.weight";
        else if (what == 4) {
            size_t rows = tensors[0].shape[0];
            tensors[0].shape[0] = tensors[0].shape[1];
            tensors[0].shape[1] = rows;
        }
        char *folder = changed_adapter(tiny->adapter, "{}");
        g_autofree char *path = g_build_filename(folder, TENSORS, NULL);
        hone_safetensors_write(path, tensors, count, NULL, &error);
        g_assert_no_error(error);
        g_assert_false(hone_model_load_adapter(tiny->model, folder, &error));
        g_assert_nonnull(error);
        g_assert_false(hone_model_has_adapter(tiny->model));
        g_clear_error(&error);
        remove_folder(folder);
    }
    /* After all that, the right one still loads. */
    hone_model_load_adapter(tiny->model, tiny->adapter, &error);
    g_assert_no_error(error);
}

static void test_bad_settings(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny", "reference");
    static const char *const all[] = {"all-linear", NULL}, *const wrong[] = {"q_porj", NULL}, *const none[] = {NULL};
    const HoneLora bad[] = {
        {.size = sizeof(HoneLora), .rank = 0, .alpha = 1, .targets = all},
        {.size = sizeof(HoneLora), .rank = 2, .alpha = 0, .targets = all},
        {.size = sizeof(HoneLora), .rank = 2, .alpha = 1, .dropout = 1, .targets = all},
        {.size = sizeof(HoneLora), .rank = 2, .alpha = 1, .targets = none},
        {.size = sizeof(HoneLora), .rank = 2, .alpha = 1, .targets = wrong},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_clear_error(&error);
        g_assert_false(hone_model_add_lora(tiny->model, &bad[i], &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_false(hone_model_has_adapter(tiny->model));
    }
    g_assert_nonnull(strstr(error->message, "\"q_proj\""));
}

static void test_write_for_peft(void)
{
    const char *out = g_getenv("HONE_TEST_WRITE");
    if (out == NULL) {
        g_test_skip("HONE_TEST_WRITE is not set");
        return;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny3", "cpu");
    static const char *const targets[] = {"q_proj", "o_proj", "gate_proj", "down_proj", NULL};
    const HoneLora lora = {.size = sizeof(lora), .rank = 3, .alpha = 7, .rslora = true, .targets = targets, .seed = 4};
    hone_model_add_lora(tiny->model, &lora, &error);
    g_assert_no_error(error);
    size_t n;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_autoptr(GRand) rand = g_rand_new_with_seed(8);
    for (size_t i = 0; i < n; i++) {
        size_t count = hone_tensor_count(t[i].value);
        g_autofree float *value = g_new(float, count);
        for (size_t e = 0; e < count; e++)
            value[e] = (float)g_rand_double_range(rand, -0.4, 0.4);
        hone_backend_upload(tiny->backend, t[i].value, value, &error);
        g_assert_no_error(error);
    }
    hone_model_save_adapter(tiny->model, out, &error);
    g_assert_no_error(error);
    size_t vocab = hone_model_config(tiny->model)->vocab, k = tiny->batch.n_targets;
    g_autofree float *logits = g_new(float, k *vocab);
    hone_model_logits(tiny->model, &tiny->batch, logits, &error);
    g_assert_no_error(error);
    const HoneSafetensor tensor = {.name = "logits",
                                   .type = HONE_F32,
                                   .rank = 2,
                                   .shape = {k, vocab},
                                   .data = logits,
                                   .bytes = k * vocab * sizeof(float)};
    g_autofree char *path = g_build_filename(out, "logits.safetensors", NULL);
    hone_safetensors_write(path, &tensor, 1, NULL, &error);
    g_assert_no_error(error);
}

static void add_model(const char *name)
{
    g_autofree char *round = g_strdup_printf("/adapter/round-trip/%s", name);
    g_autofree char *settings = g_strdup_printf("/adapter/settings/%s", name);
    g_test_add_data_func(round, name, test_round_trip);
    g_test_add_data_func(settings, name, test_settings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; tiny_names[i] != NULL; i++)
        add_model(tiny_names[i]);
    /* Where modules are fused; where layers have norms of their own. */
    add_model("families/phi3");
    add_model("families/gemma2");
    g_test_add_func("/adapter/refusals", test_refusals);
    g_test_add_func("/adapter/bad-tensors", test_bad_tensors);
    g_test_add_func("/adapter/bad-settings", test_bad_settings);
    g_test_add_func("/adapter/write-for-peft", test_write_for_peft);
    return g_test_run();
}
