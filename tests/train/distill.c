/* SPDX-License-Identifier: Apache-2.0
 * distill.c: the objective against torch's own loss and derivatives (tests/oracle/supervised.py), and by differences.
 */
#include "follow.h"
#include "harness.h"
#include <hone/objective.h>
#include <math.h>

static const HoneComponent *component;

typedef struct Case {
    JsonObject *wanted;
    size_t k, n;
    float *weight, *logprob, *candidates, *teacher, *derivative, *by_candidate;
    size_t start[2];
    void *params;
    HoneObjectiveBatch batch;
} Case;

static float *floats(JsonObject *object, const char *name, size_t *count)
{
    JsonArray *array = json_object_get_array_member(object, name);
    *count = json_array_get_length(array);
    float *values = g_new(float, *count);
    for (guint i = 0; i < *count; i++)
        values[i] = (float)json_array_get_double_element(array, i);
    return values;
}

static void make(Case *c)
{
    g_autofree char *path = test_data("supervised/distill_loss.json");
    static const uint32_t example[] = {0};
    static const uint8_t part[] = {HONE_PART_ANSWER};
    size_t all;
    *c = (Case){.wanted = test_read_object(path)};
    c->n = (size_t)json_object_get_int_member(c->wanted, "candidates");
    c->weight = floats(c->wanted, "weight", &c->k);
    c->logprob = floats(c->wanted, "logprob", &c->k);
    c->candidates = floats(c->wanted, "candidate_logprob", &all);
    c->teacher = floats(c->wanted, "teacher", &all);
    g_assert_cmpuint(all, ==, c->k * c->n);
    c->derivative = g_new(float, c->k);
    c->by_candidate = g_new(float, all);
    c->start[1] = c->k;
    double sum = 0;
    for (size_t k = 0; k < c->k; k++)
        sum += (double)c->weight[k];
    g_autoptr(JsonObject) params = json_object_new();
    json_object_set_double_member(params, "hard_weight", json_object_get_double_member(c->wanted, "hard_weight"));
    c->params = g_malloc0(component->instance_size);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_params_fill(component, params, "/", c->params, &error));
    c->batch = (HoneObjectiveBatch){.size = sizeof c->batch,
                                    .n_sequences = 1,
                                    .start = c->start,
                                    .example = example,
                                    .part = part,
                                    .n_targets = c->k,
                                    .weight = c->weight,
                                    .logprob = c->logprob,
                                    .window_weight = sum,
                                    .window_examples = 1,
                                    .n_candidates = c->n,
                                    .temperature = json_object_get_double_member(c->wanted, "temperature"),
                                    .candidate_logprob = c->candidates,
                                    .teacher = c->teacher,
                                    .candidate_derivative = c->by_candidate};
}

static void clear(Case *c)
{
    json_object_unref(c->wanted);
    hone_params_clear(component, c->params);
    float *owned[] = {c->weight, c->logprob, c->candidates, c->teacher, c->derivative, c->by_candidate};
    for (size_t i = 0; i < G_N_ELEMENTS(owned); i++)
        g_free(owned[i]);
    g_free(c->params);
}

static double loss_of(Case *c, double figures[2])
{
    const HoneObjectiveOps *ops = component->ops;
    double loss = NAN;
    g_autoptr(GError) error = NULL;
    g_assert_true(ops->evaluate(c->params, &c->batch, &loss, c->derivative, figures, &error));
    return loss;
}

static void compare(const float *got, JsonObject *wanted, const char *name, size_t count)
{
    JsonArray *array = json_object_get_array_member(wanted, name);
    g_assert_cmpuint(json_array_get_length(array), ==, count);
    for (guint i = 0; i < count; i++) {
        double want = json_array_get_double_element(array, i);
        /* Both sides in double over the same f32 values, the result rounded to f32 here: its size is below 2. */
        if (!(fabs((double)got[i] - want) <= 1e-6))
            g_error("%s[%u] is %.9g, and torch has %.9g", name, i, (double)got[i], want);
    }
}

static void test_torch(void)
{
    Case c;
    double figures[2];
    make(&c);
    double loss = loss_of(&c, figures);
    /* Doubles on both sides, summed in another order. */
    g_assert_true(fabs(loss - json_object_get_double_member(c.wanted, "loss")) <= 1e-10);
    g_assert_true(fabs(figures[1] - json_object_get_double_member(c.wanted, "divergence")) <= 1e-10);
    compare(c.derivative, c.wanted, "derivative", c.k);
    compare(c.by_candidate, c.wanted, "candidate_derivative", c.k * c.n);
    clear(&c);
}

static void test_finite_differences(void)
{
    Case c;
    double figures[2];
    make(&c);
    loss_of(&c, figures);
    g_autofree float *slopes = g_memdup2(c.by_candidate, c.k * c.n * sizeof(float));
    for (size_t i = 0; i < c.k * c.n; i++) {
        float kept = c.candidates[i], high = kept + 1e-3f, low = kept - 1e-3f;
        c.candidates[i] = high;
        double up = loss_of(&c, figures);
        c.candidates[i] = low;
        double slope = (up - loss_of(&c, figures)) / ((double)high - (double)low);
        c.candidates[i] = kept;
        /* Central differences: an error of h²/6 times a third derivative, which 1/p_rest³ can make 1e3. */
        g_assert_true(fabs(slope - (double)slopes[i]) <= 1e-3);
    }
    clear(&c);
}

/* A student that agrees with the teacher has nothing to learn from it. */
static void test_agreement(void)
{
    Case c;
    double figures[2];
    make(&c);
    c.batch.candidate_logprob = c.teacher;
    loss_of(&c, figures);
    g_assert_true(fabs(figures[1]) <= 1e-12);
    for (size_t i = 0; i < c.k * c.n; i++)
        g_assert_true(fabs((double)c.by_candidate[i]) <= 1e-12);
    clear(&c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    component = test_find(NULL, HONE_OBJECTIVE, "distill", NULL);
    g_assert_nonnull(component);
    g_test_add_func("/train/distill/torch", test_torch);
    g_test_add_func("/train/distill/finite_differences", test_finite_differences);
    g_test_add_func("/train/distill/agreement", test_agreement);
    return g_test_run();
}
