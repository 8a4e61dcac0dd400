/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: learning rates against transformers' (tests/oracle/schedules.py).
 */
#include "../../sdk/train/internal.h"
#include <hone/json.h>
#include <math.h>
#include <string.h>

static void check_case(JsonObject *c)
{
    HoneTrainParams params = {.schedule = (char *)json_object_get_string_member(c, "schedule"),
                              .warmup = json_object_get_double_member(c, "warmup"),
                              .decay = json_object_get_double_member_with_default(c, "decay", 0),
                              .decay_shape = (char *)json_object_get_string_member_with_default(c, "decay_shape", ""),
                              .learning_rate = json_object_get_double_member(c, "base")};
    gint64 total = json_object_get_int_member(c, "total");
    JsonArray *rates = json_object_get_array_member(c, "rates");
    g_assert_cmpuint(json_array_get_length(rates), ==, (guint)total);
    for (guint t = 0; t < (guint)total; t++) {
        double wanted = json_array_get_double_element(rates, t);
        double got = train_rate(&params, t, (uint64_t)total);
        /* The same double operations in the same order; a cosine may differ in its last places (1e-16 of 1). */
        if (!(fabs(got - wanted) <= 1e-15 * params.learning_rate))
            g_error("%s %s, warm-up %g, step %u of %d: %.17g, and transformers has %.17g", params.schedule,
                    params.decay_shape, params.warmup, t, (int)total, got, wanted);
    }
}

static void test_transformers(void)
{
    g_autofree char *path =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "train", "data", "schedules.jsonl", NULL);
    g_autofree char *content = NULL;
    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    size_t n = 0;
    for (char **line = lines; *line && **line; line++, n++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = hone_json_parse(*line, strlen(*line), "case", &error);
        g_assert_no_error(error);
        check_case(json_node_get_object(node));
    }
    g_assert_cmpuint(n, ==, 45);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/schedule/transformers", test_transformers);
    return g_test_run();
}
