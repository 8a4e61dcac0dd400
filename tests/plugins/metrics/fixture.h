/* SPDX-License-Identifier: Apache-2.0
 * fixture.h: a metric as a pipeline gets it: from its shared object, with filled parameters.
 */
#ifndef HONE_TEST_METRIC_FIXTURE_H
#define HONE_TEST_METRIC_FIXTURE_H

#include <hone/metric.h>

typedef struct TestMetric {
    const HoneComponent *component;
    const HoneMetricOps *ops;
    void *params, *prepared;
} TestMetric;

/* The component of that name in NAME.so of the build. */
const HoneComponent *test_component(const char *name);
/* params: JSON text of an object. Fails the test where the metric cannot be made, unless error is given. */
bool test_metric_init(TestMetric *metric, const char *name, const char *params, GError **error);
void test_metric_clear(TestMetric *metric);
/* values [figures of the metric]. */
void test_metric_score(TestMetric *metric, const char *reference, const char *prediction, HoneMetricValue *values);

/* A file of tests/plugins/metrics/data. Caller frees. */
char *test_data(const char *name);
JsonNode *test_json(const char *text);

#endif
