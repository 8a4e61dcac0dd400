/* SPDX-License-Identifier: Apache-2.0
 * sft.c: the objective: closed form, derivatives by finite differences, shares that add up.
 */
#include "harness.h"
#include <hone/objective.h>
#include <hone/random.h>
#include <math.h>

#define K 24

static const HoneObjectiveOps *sft(void)
{
    const HoneComponent *component = test_find(NULL, HONE_OBJECTIVE, "sft", NULL);
    g_assert_nonnull(component);
    return component->ops;
}

typedef struct Case {
    float weight[K], logprob[K];
    size_t start[4];
    uint32_t example[3];
    uint8_t part[3];
    HoneObjectiveBatch batch;
} Case;

static void make(Case *c)
{
    *c = (Case){.start = {0, 5, 6, K}, .example = {0, 1, 2}};
    double sum = 0;
    for (size_t k = 0; k < K; k++) {
        c->weight[k] = 0.1f + (float)hone_random_unit(3, HONE_STREAM_USER, k);
        c->logprob[k] = -8 * (float)hone_random_unit(3, HONE_STREAM_USER, 100 + k);
        sum += (double)c->weight[k];
    }
    c->batch = (HoneObjectiveBatch){.size = sizeof c->batch,
                                    .n_sequences = 3,
                                    .start = c->start,
                                    .example = c->example,
                                    .part = c->part,
                                    .n_targets = K,
                                    .weight = c->weight,
                                    .logprob = c->logprob,
                                    .window_weight = sum,
                                    .window_examples = 3};
}

static double loss_of(const HoneObjectiveBatch *batch, float *derivative)
{
    double loss = NAN;
    g_autoptr(GError) error = NULL;
    g_assert_true(sft()->evaluate(NULL, batch, &loss, derivative, NULL, &error));
    g_assert_no_error(error);
    return loss;
}

static void test_closed_form(void)
{
    Case c;
    float derivative[K];
    make(&c);
    double top = 0, bottom = 0;
    for (size_t k = 0; k < K; k++) {
        top -= (double)c.weight[k] * (double)c.logprob[k];
        bottom += (double)c.weight[k];
    }
    /* Doubles, summed in another order. */
    g_assert_true(fabs(loss_of(&c.batch, derivative) - top / bottom) <= 1e-13);
    /* Equal weights: the mean. */
    for (size_t k = 0; k < K; k++)
        c.weight[k] = 0.5f;
    c.batch.window_weight = K * 0.5;
    double mean = 0;
    for (size_t k = 0; k < K; k++)
        mean -= (double)c.logprob[k] / K;
    g_assert_true(fabs(loss_of(&c.batch, derivative) - mean) <= 1e-13);
    g_assert_null(sft()->figure_names);
}

static void test_finite_differences(void)
{
    Case c;
    float derivative[K], ignored[K];
    make(&c);
    loss_of(&c.batch, derivative);
    for (size_t k = 0; k < K; k++) {
        float kept = c.logprob[k];
        c.logprob[k] = kept + 0.25f; /* the loss is linear, so a large step loses nothing */
        float high = c.logprob[k];
        double up = loss_of(&c.batch, ignored);
        c.logprob[k] = kept - 0.25f;
        double slope = (up - loss_of(&c.batch, ignored)) / (double)(high - c.logprob[k]);
        c.logprob[k] = kept;
        /* The derivative is an f32 of size 1/K at most 2: half a unit in its last place is 2^-25. */
        g_assert_true(fabs(slope - (double)derivative[k]) <= 0x1p-25);
    }
}

static void test_linear(void)
{
    Case c;
    float first[K], second[K];
    make(&c);
    g_assert_true(sft()->flags & HONE_OBJECTIVE_LINEAR);
    loss_of(&c.batch, first);
    for (size_t k = 0; k < K; k++)
        c.logprob[k] = 0;
    g_assert_cmpfloat(loss_of(&c.batch, second), ==, 0);
    g_assert_cmpmem(first, sizeof first, second, sizeof second);
}

static void test_shares_add_up(void)
{
    Case c;
    float whole[K], part[K];
    make(&c);
    double loss = loss_of(&c.batch, whole), sum = 0;
    for (size_t s = 0; s < 3; s++) {
        HoneObjectiveBatch one = c.batch;
        size_t start[2] = {0, c.start[s + 1] - c.start[s]};
        one.n_sequences = 1;
        one.start = start;
        one.n_targets = start[1];
        one.weight += c.start[s];
        one.logprob += c.start[s];
        sum += loss_of(&one, part);
        g_assert_cmpmem(part, one.n_targets * sizeof *part, whole + c.start[s], one.n_targets * sizeof *whole);
    }
    g_assert_true(fabs(sum - loss) <= 1e-13);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/sft/closed_form", test_closed_form);
    g_test_add_func("/train/sft/finite_differences", test_finite_differences);
    g_test_add_func("/train/sft/linear", test_linear);
    g_test_add_func("/train/sft/shares_add_up", test_shares_add_up);
    return g_test_run();
}
