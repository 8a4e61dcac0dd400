/* SPDX-License-Identifier: Apache-2.0
 * @NAME@ in closed form: with gamma 0 it is the usual loss, with gamma 2 that of the paper. Its derivative is compared
 * with finite differences by `hone check-plugin`.
 */
#include <hone/hone.h>
#include <math.h>

typedef struct {
    double gamma;
} Params;

static double loss_of(double gamma, const float *logprob, const float *weight, size_t n, float *derivative)
{
    const HoneObjectiveOps *ops = hone_plugin()->components[0]->ops;
    const size_t start[] = {0, n};
    const uint32_t example[] = {0};
    const uint8_t part[] = {HONE_PART_ANSWER};
    HoneObjectiveBatch batch = {.size = sizeof batch,
                                .n_sequences = 1,
                                .start = start,
                                .example = example,
                                .part = part,
                                .n_targets = n,
                                .weight = weight,
                                .logprob = logprob,
                                .window_examples = 1};
    for (size_t k = 0; k < n; k++)
        batch.window_weight += (double)weight[k];
    Params params = {gamma};
    double loss = NAN, figures[1];
    g_assert_true(ops->evaluate(&params, &batch, &loss, derivative, figures, NULL));
    return loss;
}

static void test_closed_form(void)
{
    const float logprob[] = {-1, -0.25f, 0}, weight[] = {1, 3, 1};
    float derivative[3];
    double usual = (1 * 1 + 3 * 0.25) / 5;
    double focal = (1 * pow(1 - exp(-1), 2) * 1 + 3 * pow(1 - exp(-0.25), 2) * 0.25) / 5;
    /* Sums of three products in double. */
    g_assert_cmpfloat_with_epsilon(loss_of(0, logprob, weight, 3, derivative), usual, 1e-14);
    g_assert_cmpfloat_with_epsilon((double)derivative[1], -3.0 / 5, 1e-7); /* f32 */
    g_assert_cmpfloat_with_epsilon(loss_of(2, logprob, weight, 3, derivative), focal, 1e-14);
    g_assert_cmpfloat((double)derivative[2], ==, 0); /* a certain token moves nothing */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/closed_form", test_closed_form);
    return g_test_run();
}
