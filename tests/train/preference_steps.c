/* SPDX-License-Identifier: Apache-2.0
 * preference_steps.c: twenty steps of each preference method on a tiny model, against trl's losses and torch's AdamW
 * (tests/oracle/preferences.py).
 */
#include "follow.h"
#include "harness.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <math.h>
#include <string.h>

static void train(const TestTraining *training, bool cancel)
{
    g_autoptr(HoneStage) stage = test_training(training);
    g_autoptr(GError) error = NULL;
    if (cancel)
        hone_stage_cancel(stage);
    bool ok = hone_stage_execute(stage, &error);
    if (cancel)
        g_assert_error(error, HONE_ERROR, HONE_ERROR_CANCELLED);
    else
        g_assert_no_error(error);
    g_assert_true(ok != cancel);
}

/* The parameters of a method's twenty steps, in micro-batches of half a window. */
static char *steps_params(JsonObject *oracle, JsonObject *method)
{
    g_autoptr(JsonObject) params = json_object_new();
    JsonObject *own = json_object_get_object_member(method, "params");
    g_autoptr(GList) names = json_object_get_members(own);
    for (GList *l = names; l; l = l->next)
        json_object_set_member(params, l->data, json_node_copy(json_object_get_member(own, l->data)));
    json_object_set_int_member(params, "rank", 4);
    json_object_set_double_member(params, "alpha", 12);
    json_object_set_int_member(params, "seed", json_object_get_int_member(oracle, "seed"));
    json_object_set_double_member(params, "learning_rate", json_object_get_double_member(oracle, "learning_rate"));
    json_object_set_string_member(params, "schedule", "constant");
    json_object_set_double_member(params, "warmup", 0);
    json_object_set_double_member(params, "weight_decay", 0);
    json_object_set_double_member(params, "max_grad_norm", 0);
    json_object_set_int_member(params, "max_steps", json_object_get_int_member(oracle, "steps"));
    json_object_set_int_member(params, "batch_size", json_object_get_int_member(oracle, "window") / 2);
    json_object_set_int_member(params, "accumulate", 2);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), params);
    return json_to_string(node, FALSE);
}

static double loss_of_line(const char *line)
{
    g_autoptr(JsonNode) node = hone_json_parse(line, strlen(line), "training.jsonl", NULL);
    JsonObject *figures = json_object_get_object_member(json_node_get_object(node), "figures");
    return json_object_get_double_member(figures, "loss");
}

/* Every preference method against trl's loss and torch's AdamW. */
static void test_steps(gconstpointer backend)
{
    static const char *const names[] = {"dpo", "cpo", "simpo", "orpo", "kto"};
    if (!test_has_plugin(backend)) {
        g_test_skip("this backend was not built");
        return;
    }
    g_autofree char *folder = g_dir_make_tmp("hone-preferences-XXXXXX", NULL);
    g_autofree char *output = g_build_filename(folder, "out", NULL), *work = g_build_filename(folder, "work", NULL);
    g_autofree char *model = g_build_filename(folder, "model", NULL), *gguf = test_data("tiny.gguf");
    g_autofree char *log = g_build_filename(output, "adapter", "training.jsonl", NULL);
    test_make_model(model, gguf);
    g_autofree char *path = test_data("preference_steps.json");
    g_autoptr(JsonObject) oracle = test_read_object(path);
    for (size_t m = 0; m < G_N_ELEMENTS(names); m++) {
        JsonObject *method = json_object_get_object_member(json_object_get_object_member(oracle, "methods"), names[m]);
        g_autofree char *rows_path = test_data(g_str_equal(names[m], "kto") ? "judged.jsonl" : "pairs.jsonl");
        g_autofree char *rows = NULL, *dataset = g_build_filename(folder, names[m], NULL), *text = NULL;
        g_autofree char *params = steps_params(oracle, method);
        g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
        test_make_dataset(dataset, rows);
        const TestTraining training = {.stage = names[m],
                                       .model = model,
                                       .dataset = dataset,
                                       .output = output,
                                       .work = work,
                                       .backend = backend,
                                       .params = params,
                                       .events_fd = -1};
        train(&training, true);
        test_put_start(work);
        test_remove_folder(output);
        train(&training, false);
        g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
        g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
        JsonArray *losses = json_object_get_array_member(method, "loss");
        g_assert_cmpuint(g_strv_length(lines), ==, json_array_get_length(losses));
        double worst = 0;
        for (guint i = 0; lines[i]; i++) {
            double got = loss_of_line(lines[i]), wanted = json_array_get_double_element(losses, i);
            /* f32 against f64 over twenty steps of Adam, whose division makes the error of a gradient near zero a
             * larger share of the step; losses are up to 10. A wrong factor shows in the second digit. */
            worst = fmax(worst, fabs(got - wanted));
            if (!(fabs(got - wanted) <= 1e-5))
                g_error("%s, step %u: the loss is %.9g, and trl has %.9g", names[m], i + 1, got, wanted);
        }
        g_test_message("%s: largest difference of the loss %.3g", names[m], worst);
        test_remove_folder(output);
        test_remove_folder(work);
    }
    test_remove_folder(folder);
}

static char *read_all(const char *folder, const char *name, gsize *length)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, length, NULL));
    return text;
}

/* The reference's values are found again by a run that goes on, and computed again where they are gone or damaged: the
 * adapter is the same to the byte. */
static void test_reference(gconstpointer name)
{
    static const char params[] = "{\"batch_size\": 2, \"accumulate\": 2, \"epochs\": 3, \"learning_rate\": 0.01}";
    g_autofree char *folder = g_dir_make_tmp("hone-preferences-XXXXXX", NULL);
    g_autofree char *output = g_build_filename(folder, "out", NULL), *work = g_build_filename(folder, "work", NULL);
    g_autofree char *model = g_build_filename(folder, "model", NULL), *gguf = test_data("tiny.gguf");
    g_autofree char *adapter = g_build_filename(output, "adapter", NULL),
                    *dataset = g_build_filename(folder, "d", NULL);
    g_autofree char *kept = g_build_filename(work, "reference.safetensors", NULL);
    g_autofree char *rows_path = test_data("pairs.jsonl"), *rows = NULL, *wanted = NULL, *values = NULL;
    gsize length = 0, values_length = 0;
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    test_make_model(model, gguf);
    test_make_dataset(dataset, rows);
    const TestTraining training = {.stage = name,
                                   .model = model,
                                   .dataset = dataset,
                                   .output = output,
                                   .work = work,
                                   .backend = "reference",
                                   .params = params,
                                   .events_fd = -1};
    for (int round = 0; round < 4; round++) {
        gsize n, kept_length;
        if (round == 2) { /* the checkpoint is gone, the values are not */
            g_assert_true(g_file_set_contents(kept, values, (gssize)values_length, NULL));
        } else if (round == 3) {
            values[values_length - 1] ^= 1;
            g_assert_true(g_file_set_contents(kept, values, (gssize)values_length, NULL));
            values[values_length - 1] ^= 1;
        }
        GStatBuf before = {0}, after;
        g_stat(kept, &before);
        train(&training, false);
        g_assert_cmpint(g_stat(kept, &after), ==, 0);
        g_assert_true((before.st_ino == after.st_ino) == (round == 2)); /* a new file takes the old one's place */
        g_autofree char *got = read_all(adapter, "adapter_model.safetensors", &n);
        g_autofree char *now = NULL;
        g_assert_true(g_file_get_contents(kept, &now, &kept_length, NULL));
        if (round == 0) {
            wanted = g_steal_pointer(&got);
            values = g_steal_pointer(&now);
            length = n;
            values_length = kept_length;
        } else {
            g_assert_cmpmem(got, n, wanted, length);
            g_assert_cmpmem(now, kept_length, values, values_length);
        }
        test_remove_folder(output);
        test_remove_folder(work);
        g_assert_cmpint(g_mkdir_with_parents(work, 0777), ==, 0);
    }
    test_remove_folder(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/train/preference_steps/reference", "reference", test_steps);
    g_test_add_data_func("/train/preference_steps/cpu", "cpu", test_steps);
    g_test_add_data_func("/train/preference_steps/cached/dpo", "dpo", test_reference);
    g_test_add_data_func("/train/preference_steps/cached/kto", "kto", test_reference);
    return g_test_run();
}
