/* SPDX-License-Identifier: Apache-2.0
 * fixture.c
 */
#include "fixture.h"
#include <dlfcn.h>
#include <hone/json.h>
#include <string.h>

char *test_data(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "plugins", "metrics", "data", name, NULL);
}

JsonNode *test_json(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = hone_json_parse(text, strlen(text), "test", &error);

    g_assert_no_error(error);
    return node;
}

const HoneComponent *test_component(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.so", g_getenv("HONE_PLUGIN_PATH"), name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    HonePluginFunc function;

    if (!handle) {
        g_error("%s", dlerror());
    }
    *(void **)&function = dlsym(handle, HONE_PLUGIN_SYMBOL);
    g_assert_nonnull(function);
    for (const HoneComponent *const *c = function()->components; *c; c++) {
        if (g_str_equal((*c)->name, name)) {
            return *c;
        }
    }
    g_assert_not_reached();
}

bool test_metric_init(TestMetric *metric, const char *name, const char *params, GError **error)
{
    g_autoptr(JsonNode) node = test_json(params);
    g_autoptr(GError) own = NULL;

    memset(metric, 0, sizeof *metric);
    metric->component = test_component(name);
    metric->ops = metric->component->ops;
    metric->params = g_malloc0(MAX(metric->component->instance_size, 1));
    if (!hone_params_fill(metric->component, json_node_get_object(node), "/", metric->params, &own) ||
        (metric->ops->prepare && !(metric->prepared = metric->ops->prepare(metric->params, &own)))) {
        g_assert_nonnull(own);
        if (!error) {
            g_error("%s: %s", name, own->message);
        }
        g_propagate_error(error, g_steal_pointer(&own));
        test_metric_clear(metric);
        return false;
    }
    return true;
}

void test_metric_clear(TestMetric *metric)
{
    if (metric->prepared) {
        metric->ops->finish(metric->prepared);
    }
    if (metric->params) {
        hone_params_clear(metric->component, metric->params);
        g_free(metric->params);
    }
    memset(metric, 0, sizeof *metric);
}

void test_metric_score(TestMetric *metric, const char *reference, const char *prediction, HoneMetricValue *values)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneRow) row = hone_row_new("t");
    HoneScored scored = {
        .size = sizeof scored, .row = row, .reference = reference, .prediction = prediction, .finished = true};

    g_assert_true(metric->ops->score(metric->params, metric->prepared, &scored, values, &error));
    g_assert_no_error(error);
}
