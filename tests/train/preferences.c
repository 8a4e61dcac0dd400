/* SPDX-License-Identifier: Apache-2.0
 * preferences.c: the objectives over preferences against trl's (tests/oracle/preferences.py): loss, figures, and the
 * derivative by every log-probability; and what they do far from where both answers are alike.
 */
#include "harness.h"
#include <hone/json.h>
#include <hone/objective.h>
#include <math.h>
#include <string.h>

#define MOST 128 /* tokens in all */
#define SEQUENCES 10

/* The answers of the oracle, as one window. */
typedef struct Answers {
    float weight[MOST], policy[MOST], reference[MOST], mismatched[MOST], mismatched_reference[MOST];
    size_t start[SEQUENCES + 1];
    uint32_t example[SEQUENCES];
    uint8_t part[SEQUENCES];
    double part_weight[HONE_PARTS], sums[8];
    size_t part_sequences[HONE_PARTS];
    HoneObjectiveBatch batch;
} Answers;

static JsonObject *oracle;

static void take(const char *name, const size_t *order, const Answers *a, float *to)
{
    JsonArray *from = json_object_get_array_member(oracle, name);
    size_t starts[SEQUENCES + 1] = {0};
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t i = 0; i < SEQUENCES; i++)
            if (order[i] == s)
                starts[s + 1] = starts[s] + a->start[i + 1] - a->start[i];
    g_assert_cmpuint(json_array_get_length(from), ==, starts[SEQUENCES]);
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t k = a->start[s]; k < a->start[s + 1]; k++) {
            double value = json_array_get_double_element(from, (guint)(starts[order[s]] + k - a->start[s]));
            to[k] = (float)value;
            g_assert_cmpfloat((double)to[k], ==, value); /* the oracle's inputs are f32 values */
        }
}

/* The oracle holds all chosen answers and then all rejected ones; a batch of pairs has them side by side. */
static void make_answers(Answers *a, bool pairs, size_t *order)
{
    JsonArray *lengths = json_object_get_array_member(oracle, "lengths");
    JsonArray *desirable = json_object_get_array_member(oracle, "desirable");
    *a = (Answers){0};
    for (size_t s = 0; s < SEQUENCES; s++) {
        order[s] = pairs ? s / 2 + (s % 2) * (SEQUENCES / 2) : s;
        JsonArray *half = json_array_get_array_element(lengths, (guint)(order[s] / (SEQUENCES / 2)));
        a->start[s + 1] = a->start[s] + (size_t)json_array_get_int_element(half, (guint)(order[s] % (SEQUENCES / 2)));
        a->example[s] = (uint32_t)(pairs ? s / 2 : s);
        bool good = pairs ? s % 2 == 0 : json_array_get_boolean_element(desirable, (guint)s);
        a->part[s] = good ? HONE_PART_CHOSEN : HONE_PART_REJECTED;
        a->part_sequences[a->part[s]]++;
        a->part_weight[a->part[s]] += (double)(a->start[s + 1] - a->start[s]);
    }
    for (size_t k = 0; k < MOST; k++)
        a->weight[k] = 1;
    take("policy", order, a, a->policy);
    take("reference", order, a, a->reference);
    take("mismatched_policy", order, a, a->mismatched);
    take("mismatched_reference", order, a, a->mismatched_reference);
    a->batch = (HoneObjectiveBatch){.size = sizeof a->batch,
                                    .n_sequences = SEQUENCES,
                                    .start = a->start,
                                    .example = a->example,
                                    .part = a->part,
                                    .n_targets = a->start[SEQUENCES],
                                    .weight = a->weight,
                                    .logprob = a->policy,
                                    .reference = a->reference,
                                    .window_weight = (double)a->start[SEQUENCES],
                                    .window_examples = pairs ? SEQUENCES / 2 : SEQUENCES,
                                    .window_part_weight = a->part_weight,
                                    .window_part_sequences = a->part_sequences};
}

static void *fill(const HoneComponent *component, JsonObject *params)
{
    g_autoptr(GError) error = NULL;
    void *instance = g_malloc0(component->instance_size);
    g_assert_true(hone_params_fill(component, params, NULL, instance, &error));
    g_assert_no_error(error);
    return instance;
}

static double evaluate(const HoneObjectiveOps *ops, const void *params, const HoneObjectiveBatch *batch,
                       float *derivative, double *figures)
{
    double loss = NAN;
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < 8; i++)
        figures[i] = 0;
    g_assert_true(ops->evaluate(params, batch, &loss, derivative, figures, &error));
    g_assert_no_error(error);
    return loss;
}

/* What an objective asks of the window before it is evaluated, here in two micro-batches. */
static void measure(const HoneObjectiveOps *ops, const void *params, Answers *a, double shift)
{
    static const size_t parts[] = {0, 4, SEQUENCES};
    static uint8_t part[SEQUENCES];
    memset(part, HONE_PART_MISMATCHED, sizeof part);
    if (shift != 0)
        for (size_t k = 0; k < MOST; k++)
            a->mismatched[k] = a->mismatched_reference[k] + (float)shift;
    for (size_t p = 0; p < 2; p++) {
        HoneObjectiveBatch batch = a->batch;
        size_t from = parts[p], first = a->start[from], start[SEQUENCES + 1];
        batch.n_sequences = parts[p + 1] - from;
        for (size_t s = 0; s <= batch.n_sequences; s++)
            start[s] = a->start[from + s] - first;
        batch.start = start;
        batch.example += from;
        batch.part = part;
        batch.n_targets = start[batch.n_sequences];
        batch.logprob = a->mismatched + first;
        batch.reference = a->mismatched_reference + first;
        g_assert_true(ops->measure(params, &batch, a->sums, NULL));
    }
    a->batch.window_sums = a->sums;
}

static void near(const char *what, size_t at, double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance * fabs(wanted)))
        g_error("%s %zu is %.12g, and trl has %.12g", what, at, got, wanted);
}

static void compare(JsonObject *wanted)
{
    const char *name = json_object_get_string_member(wanted, "objective");
    g_autofree char *text = NULL;
    g_autoptr(JsonObject) params = json_object_ref(json_object_get_object_member(wanted, "params"));
    const HoneComponent *component = test_find(NULL, HONE_OBJECTIVE, name, NULL);
    const HoneObjectiveOps *ops = component->ops;
    bool pairs = ops->flags & HONE_OBJECTIVE_PAIRS;
    Answers a;
    size_t order[SEQUENCES], starts[SEQUENCES + 1] = {0};
    float derivative[MOST];
    double figures[8];
    make_answers(&a, pairs, order);
    void *instance = fill(component, params);
    if (ops->measure != NULL)
        measure(ops, instance, &a,
                json_object_has_member(wanted, "kl_shift") ? json_object_get_double_member(wanted, "kl_shift") : 0);
    double loss = evaluate(ops, instance, &a.batch, derivative, figures);
    text = json_to_string(json_object_get_member(wanted, "params"), FALSE);
    g_test_message("%s %s: %.9g", name, text, loss);
    near(name, 0, loss, json_object_get_double_member(wanted, "loss"), 1e-5);
    JsonArray *by = json_object_get_array_member(wanted, "derivative");
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t i = 0; i < SEQUENCES; i++)
            if (order[i] == s)
                starts[s + 1] = starts[s] + a.start[i + 1] - a.start[i];
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t k = a.start[s]; k < a.start[s + 1]; k++)
            near("derivative", k, (double)derivative[k],
                 json_array_get_double_element(by, (guint)(starts[order[s]] + k - a.start[s])), 1e-5);
    if (JSON_NODE_HOLDS_ARRAY(json_object_get_member(wanted, "figures"))) {
        JsonArray *values = json_object_get_array_member(wanted, "figures");
        /* trl takes the share of pairs in f32. */
        for (guint i = 0; i < json_array_get_length(values); i++)
            near(ops->figure_names[i], i, figures[i], json_array_get_double_element(values, i), 1e-6);
    }
    hone_params_clear(component, instance);
    g_free(instance);
}

static void test_equal_to_trl(gconstpointer name)
{
    JsonArray *cases = json_object_get_array_member(oracle, "cases");
    guint compared = 0;
    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonObject *wanted = json_array_get_object_element(cases, i);
        if (!g_str_equal(json_object_get_string_member(wanted, "objective"), name))
            continue;
        compare(wanted);
        compared++;
    }
    g_assert_cmpuint(compared, >=, 2);
}

/* Log-probabilities no model gives: nothing overflows, and no derivative is lost. */
static void test_far_apart(void)
{
    static const char *const names[] = {"dpo", "cpo", "simpo", "orpo"};
    for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
        const HoneComponent *component = test_find(NULL, HONE_OBJECTIVE, names[n], NULL);
        g_autoptr(JsonObject) params = json_object_new();
        void *instance = fill(component, params);
        Answers a;
        size_t order[SEQUENCES];
        float derivative[MOST];
        double figures[8];
        make_answers(&a, true, order);
        for (int side = 0; side < 2; side++) {
            for (size_t s = 0; s < SEQUENCES; s++)
                for (size_t k = a.start[s]; k < a.start[s + 1]; k++)
                    a.policy[k] = (int)(s % 2) == side ? -1e5f : 0;
            g_assert_true(isfinite(evaluate(component->ops, instance, &a.batch, derivative, figures)));
            for (size_t k = 0; k < a.batch.n_targets; k++)
                g_assert_true(isfinite(derivative[k]));
            g_assert_cmpfloat(figures[0], ==, side == 0 ? 0 : figures[0]);
            g_assert_cmpfloat_with_epsilon(figures[0], side == 0 ? 0 : 1, 1e-12);
        }
        hone_params_clear(component, instance);
        g_free(instance);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const char *const names[] = {"dpo", "cpo", "simpo", "orpo", "kto"};
    g_autofree char *path = test_data("preferences.json"), *text = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(text, length, path, &error);
    g_assert_no_error(error);
    oracle = json_node_get_object(node);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *test = g_strdup_printf("/train/preferences/equal_to_trl/%s", names[i]);
        g_test_add_data_func(test, names[i], test_equal_to_trl);
    }
    g_test_add_func("/train/preferences/far_apart", test_far_apart);
    return g_test_run();
}
