/* SPDX-License-Identifier: Apache-2.0
 * follow.c: see follow.h.
 */
#include "follow.h"
#include "../../sdk/train/internal.h"
#include "harness.h"
#include <math.h>
#include <string.h>

HoneSafetensors *test_open_tensors(const char *path)
{
    g_autoptr(GError) error = NULL;
    HoneSafetensors *file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    return file;
}

JsonObject *test_read_object(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    g_autoptr(JsonNode) node = hone_json_parse(text, length, path, NULL);
    return json_object_ref(json_node_get_object(node));
}

void test_put_start(const char *work)
{
    g_autofree char *path = g_build_filename(work, "checkpoint-000000000000.safetensors", NULL);
    g_autofree char *start_path = test_data("start.safetensors");
    g_autoptr(HoneSafetensors) file = test_open_tensors(path), start = test_open_tensors(start_path);
    const char *state = hone_safetensors_meta(file, "state");
    g_autoptr(JsonNode) node = hone_json_parse(state, strlen(state), NULL, NULL);
    JsonObject *settings = json_object_get_object_member(json_node_get_object(node), "settings");
    States states;
    states_init(&states, NULL);
    size_t n = hone_safetensors_count(file) - 1; /* the last are the events */
    for (size_t i = 0; i < n; i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(file, i);
        g_auto(GStrv) name = g_strsplit(tensor->name, "/", 2);
        HoneTensor shape = {.type = tensor->type, .rank = tensor->rank};
        memcpy(shape.shape, tensor->shape, sizeof tensor->shape);
        states_add(&states, name[0], name[1], shape);
    }
    g_autofree char *host = g_malloc0(states.bytes);
    g_autoptr(GString) events = g_string_new(NULL);
    size_t at = 0, found = 0;
    for (size_t i = 0; i < n; i++) {
        const StateTensor *one = states_get(&states, i);
        const char *name = g_str_has_prefix(one->name, "value/") ? one->name + strlen("value/") : NULL;
        if (name) {
            const HoneSafetensor *value = hone_safetensors_find(start, name);
            g_assert_nonnull(value);
            memcpy(host + at, value->data, value->bytes);
            found++;
        }
        at += hone_tensor_bytes(one->tensor);
    }
    g_assert_cmpuint(found, ==, hone_safetensors_count(start));
    const Checkpoint checkpoint = {.events = events, .host = host};
    g_autoptr(GError) error = NULL;
    g_assert_true(checkpoint_save(work, settings, &states, &checkpoint, &error));
    states_clear(&states);
}

static void assert_near(const char *what, guint step, double got, double wanted, double tolerance)
{
    g_test_message("step %u: %s %.9g, torch has %.9g", step, what, got, wanted);
    if (!(fabs(got - wanted) <= tolerance))
        g_error("step %u: %s is %.9g, and torch has %.9g", step, what, got, wanted);
}

void test_follow(const char *adapter, JsonArray *steps, double loss_tolerance, double norm_tolerance)
{
    g_autofree char *log = g_build_filename(adapter, "training.jsonl", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, json_array_get_length(steps));
    for (guint i = 0; lines[i]; i++) {
        g_autoptr(JsonNode) node = hone_json_parse(lines[i], strlen(lines[i]), log, NULL);
        JsonObject *got = json_object_get_object_member(json_node_get_object(node), "figures");
        JsonObject *want = json_array_get_object_element(steps, i);
        assert_near("loss", i + 1, json_object_get_double_member(got, "loss"),
                    json_object_get_double_member(want, "loss"), loss_tolerance);
        assert_near("gradient norm", i + 1, json_object_get_double_member(got, "grad_norm"),
                    json_object_get_double_member(want, "grad_norm"), norm_tolerance);
        /* Closed forms of a few operations in double on both sides. */
        assert_near("rate", i + 1, json_object_get_double_member(got, "lr"), json_object_get_double_member(want, "lr"),
                    1e-16);
    }
}
