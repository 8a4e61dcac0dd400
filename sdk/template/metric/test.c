/* SPDX-License-Identifier: Apache-2.0
 * What @NAME@ is for, by example.
 */
#include <hone/hone.h>
#include <string.h>

static double figure_of(const char *reference, const char *prediction, const char *params)
{
    const HoneComponent *component = hone_plugin()->components[0];
    const HoneMetricOps *ops = component->ops;
    g_autoptr(JsonNode) node = hone_json_parse(params, strlen(params), NULL, NULL);
    g_autofree void *instance = g_malloc0(component->instance_size);
    g_autoptr(GError) error = NULL;
    hone_params_fill(component, json_node_get_object(node), ".", instance, &error);
    g_assert_no_error(error);
    HoneScored row = {.size = sizeof row, .reference = reference, .prediction = prediction};
    HoneMetricValue value;
    g_assert_true(ops->score(instance, NULL, &row, &value, &error));
    hone_params_clear(component, instance);
    return hone_metric_aggregate(ops->figures[0].scale, &value, NULL, 1);
}

static void test_words(void)
{
    g_assert_cmpfloat(figure_of("the red fox", "a red fox", "{}"), ==, 2.0 / 3);
    g_assert_cmpfloat(figure_of("Red", "red", "{}"), ==, 1);
    g_assert_cmpfloat(figure_of("Red", "red", "{\"ignore_case\": false}"), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/words", test_words);
    return g_test_run();
}
