/* SPDX-License-Identifier: Apache-2.0
 * batch.c: rows to examples, examples to steps, steps to packed batches: properties that hold for any data.
 */
#include "../../sdk/train/internal.h"
#include <hone/random.h>
#include <math.h>
#include <string.h>

/* Row i: 2 to 21 tokens, ids that tell row and place, weight 0.5 or 1 from a random place on (none for every 7th). */
static HoneTokens *make_row(size_t i)
{
    HoneTokens *tokens = g_new0(HoneTokens, 1);
    size_t length = 2 + hone_random_below(1, HONE_STREAM_USER, 2 * i, 20);
    size_t answer = 1 + hone_random_below(1, HONE_STREAM_USER, 2 * i + 1, length - 1);
    tokens->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    tokens->weights = g_array_new(FALSE, FALSE, sizeof(float));
    for (size_t t = 0; t < length; t++) {
        int32_t id = (int32_t)(i * 100 + t);
        float weight = i % 7 == 3 || t < answer ? 0 : i % 2 ? 0.5f : 1;
        g_array_append_val(tokens->ids, id);
        g_array_append_val(tokens->weights, weight);
    }
    return tokens;
}

static void free_row(HoneTokens *tokens)
{
    g_array_unref(tokens->ids);
    g_array_unref(tokens->weights);
    g_free(tokens);
}

static bool add(Examples *examples, HoneTokens *row, size_t limit, OverLength over)
{
    static const HonePart part[] = {HONE_PART_ANSWER};
    return examples_add(examples, &row, part, 1, limit, over);
}

static Examples *make_examples(size_t n, size_t limit, OverLength over)
{
    Examples *examples = examples_new();
    for (size_t i = 0; i < n; i++) {
        HoneTokens *row = make_row(i);
        g_assert_true(add(examples, row, limit, over));
        free_row(row);
    }
    return examples;
}

static void test_rows_are_counted(void)
{
    size_t longer = 0, untrained = 0, truncated = 0;
    for (size_t i = 0; i < 100; i++) {
        HoneTokens *row = make_row(i);
        bool bears = false, bears_early = false;
        for (guint t = 0; t < row->ids->len; t++) {
            bears |= g_array_index(row->weights, float, t) > 0;
            bears_early |= t < 12 && g_array_index(row->weights, float, t) > 0;
        }
        longer += row->ids->len > 12;
        untrained += row->ids->len <= 12 && !bears;
        truncated += row->ids->len > 12 && bears_early;
        if (row->ids->len > 12) {
            g_autoptr(Examples) strict = examples_new();
            g_assert_false(add(strict, row, 12, OVER_FAIL));
        }
        free_row(row);
    }
    g_autoptr(Examples) dropped = make_examples(100, 12, OVER_DROP), cut = make_examples(100, 12, OVER_TRUNCATE);
    g_assert_cmpuint(dropped->over_length, ==, longer);
    g_assert_cmpuint(dropped->untrained, ==, untrained);
    g_assert_cmpuint(dropped->n + longer + untrained, ==, 100);
    g_assert_cmpuint(cut->truncated, ==, truncated);
    g_assert_cmpuint(cut->n + cut->untrained, ==, 100);
    g_assert_cmpuint(cut->seen, ==, 100);
    for (size_t i = 0; i < cut->n; i++)
        g_assert_cmpuint(examples_length(cut, i), <=, 12);
}

static void test_every_example_once_an_epoch(void)
{
    static const int64_t batches[][2] = {{1, 1}, {4, 1}, {4, 3}, {8, 2}, {200, 1}, {64, 4}};
    const size_t n = 50;
    for (size_t c = 0; c < G_N_ELEMENTS(batches); c++) {
        HoneTrainParams params = {.batch_size = batches[c][0], .accumulate = batches[c][1], .epochs = 3, .seed = 9};
        Plan plan, other;
        g_autoptr(GError) error = NULL;
        g_assert_true(plan_init(&plan, &params, n, &error) && plan_init(&other, &params, n, &error));
        g_assert_cmpuint(plan.total, ==, 3 * ((n + plan.window - 1) / plan.window));
        uint32_t order[3][50];
        for (uint64_t step = 0, at = 0; step < plan.total; step++) {
            size_t count;
            const uint32_t *window = plan_window(&plan, step, &count);
            g_assert_cmpuint(count, <=, plan.window);
            for (size_t i = 0; i < count; i++, at++)
                order[at / n][at % n] = window[i];
            g_assert_cmpuint(at % n == 0, ==, (step + 1) % plan.steps_per_epoch == 0);
        }
        for (int epoch = 0; epoch < 3; epoch++) {
            bool seen[50] = {false};
            for (size_t i = 0; i < n; i++) {
                g_assert_false(seen[order[epoch][i]]);
                seen[order[epoch][i]] = true;
            }
        }
        g_assert_true(memcmp(order[0], order[1], sizeof order[0]) != 0 &&
                      memcmp(order[1], order[2], sizeof order[0]) != 0);
        /* A resumed run asks for a later step first. */
        size_t a, b;
        const uint32_t *late = plan_window(&other, plan.total - 1, &a), *same = plan_window(&plan, plan.total - 1, &b);
        g_assert_cmpmem(late, a * sizeof *late, same, b * sizeof *same);
        plan_clear(&plan);
        plan_clear(&other);
    }
}

static void test_number_of_steps(void)
{
    static const struct {
        double epochs;
        int64_t max_steps;
        size_t n;
        uint64_t total;
    } cases[] = {{2, 0, 10, 6}, {0.5, 0, 10, 2}, {0.001, 0, 10, 1}, {1, 0, 1, 1}, {5, 7, 10, 7}, {1, 100, 3, 100}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        HoneTrainParams params = {
            .batch_size = 4, .accumulate = 1, .epochs = cases[i].epochs, .max_steps = cases[i].max_steps};
        Plan plan;
        g_assert_true(plan_init(&plan, &params, cases[i].n, NULL));
        g_assert_cmpuint(plan.total, ==, cases[i].total); /* ceil(epochs·ceil(n/4)), or max_steps */
        plan_clear(&plan);
    }
}

static void test_packing(void)
{
    g_autoptr(Examples) examples = make_examples(60, 100, OVER_DROP);
    static const uint32_t which[] = {5, 0, 17, 3, 40};
    Batch batch;
    batch_init(&batch);
    for (int again = 0; again < 2; again++) { /* a batch is used many times */
        batch_pack(&batch, examples, which, 5, 8);
        const HoneBatch *m = &batch.model;
        const HoneObjectiveBatch *o = &batch.objective;
        size_t tokens = 0, k = 0;
        double weight = 0;
        g_assert_cmpuint(m->n_sequences, ==, 5);
        g_assert_cmpuint(o->n_sequences, ==, 5);
        for (size_t s = 0; s < 5; s++) {
            size_t length = examples_length(examples, which[s]);
            g_assert_cmpint(m->starts[s], ==, (int32_t)tokens);
            g_assert_cmpuint(o->start[s], ==, k);
            g_assert_cmpuint(o->example[s], ==, 8 + s);
            g_assert_cmpuint(o->part[s], ==, HONE_PART_ANSWER);
            int32_t row_number = m->ids[tokens] / 100;
            HoneTokens *row = make_row((size_t)row_number);
            g_assert_cmpuint(row->ids->len, ==, length);
            g_assert_cmpmem(m->ids + tokens, length * 4, row->ids->data, length * 4);
            for (size_t t = 1; t < length; t++) {
                float w = g_array_index(row->weights, float, t);
                if (w == 0)
                    continue;
                g_assert_cmpint(m->target_rows[k], ==, (int32_t)(tokens + t - 1));
                g_assert_cmpint(m->targets[k], ==, m->ids[tokens + t]);
                g_assert_true(o->weight[k] == w);
                weight += (double)w;
                k++;
            }
            free_row(row);
            tokens += length;
        }
        g_assert_cmpint(m->starts[5], ==, (int32_t)tokens);
        g_assert_cmpuint(o->start[5], ==, k);
        g_assert_cmpuint(m->n_tokens, ==, tokens);
        g_assert_cmpuint(m->n_targets, ==, k);
        g_assert_cmpuint(o->n_targets, ==, k);
        g_assert_cmpfloat(batch_weight(examples, which, 5), ==, weight); /* halves are exact */
    }
    batch_clear(&batch);
}

/* Pairs: both answers of an example stand side by side in one batch; a pair of which one answer is too long or bears no
 * loss leaves nothing behind. */
static void test_pairs(void)
{
    static const HonePart parts[] = {HONE_PART_CHOSEN, HONE_PART_REJECTED};
    g_autoptr(Examples) examples = examples_new();
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(size_t));
    size_t over_length = 0, untrained = 0;
    Batch batch;
    for (size_t i = 0; i < 60; i++) {
        HoneTokens *pair[] = {make_row(2 * i), make_row(2 * i + 1)};
        bool longer = pair[0]->ids->len > 16 || pair[1]->ids->len > 16;
        bool empty = (2 * i) % 7 == 3 || (2 * i + 1) % 7 == 3;
        g_assert_true(examples_add(examples, pair, parts, 2, 16, OVER_DROP));
        over_length += longer;
        untrained += !longer && empty;
        if (!longer && !empty)
            g_array_append_val(kept, i);
        free_row(pair[0]);
        free_row(pair[1]);
    }
    g_assert_cmpuint(examples->over_length, ==, over_length);
    g_assert_cmpuint(examples->untrained, ==, untrained);
    g_assert_cmpuint(examples->n, ==, kept->len);
    g_assert_cmpuint(kept->len, >=, 10);
    const uint32_t which[] = {(uint32_t)examples->n - 1, 0, 4};
    batch_init(&batch);
    batch_pack(&batch, examples, which, 3, 2);
    g_assert_cmpuint(batch.model.n_sequences, ==, 6);
    g_assert_cmpuint(batch.objective.n_sequences, ==, 6);
    for (size_t s = 0; s < 6; s++) {
        size_t number = 2 * g_array_index(kept, size_t, which[s / 2]) + s % 2;
        HoneTokens *row = make_row(number);
        size_t length = (size_t)(batch.model.starts[s + 1] - batch.model.starts[s]);
        g_assert_cmpuint(batch.objective.example[s], ==, 2 + s / 2);
        g_assert_cmpuint(batch.objective.part[s], ==, parts[s % 2]);
        g_assert_cmpuint(length, ==, row->ids->len);
        g_assert_cmpmem(batch.model.ids + batch.model.starts[s], length * 4, row->ids->data, length * 4);
        for (size_t k = batch.objective.start[s]; k < batch.objective.start[s + 1]; k++) {
            size_t at = (size_t)(batch.model.target_rows[k] - batch.model.starts[s]);
            g_assert_cmpint(batch.model.targets[k], ==, g_array_index(row->ids, int32_t, at + 1));
            g_assert_true(batch.objective.weight[k] == g_array_index(row->weights, float, at + 1));
        }
        free_row(row);
    }
    batch_clear(&batch);
}

/* The first token of row i that bears loss. */
static size_t answer_of(const HoneTokens *row)
{
    size_t t = 1;
    while (!(g_array_index(row->weights, float, t) > 0))
        t++;
    return t;
}

/* Prompt i with the answer of the example before it, its targets on that answer's tokens, cut to the limit. */
static void test_mismatched(void)
{
    g_autoptr(Examples) examples = make_examples(40, 100, OVER_DROP);
    static const uint32_t which[] = {7, 0, 21, 3};
    bool cut = false, whole = false;
    for (size_t limit = 6; limit <= 60; limit += 54) {
        examples->limit = limit;
        for (size_t n = 1; n <= G_N_ELEMENTS(which); n++) {
            g_autoptr(Examples) mismatched = examples_mismatch(examples, which, n);
            g_assert_cmpuint(mismatched->n, ==, n);
            for (size_t i = 0; i < n; i++) {
                size_t first = g_array_index(examples->starts, size_t, which[i]);
                size_t other = g_array_index(examples->starts, size_t, which[(i + n - 1) % n]);
                HoneTokens *p = make_row((size_t)g_array_index(examples->ids, int32_t, first) / 100);
                HoneTokens *a = make_row((size_t)g_array_index(examples->ids, int32_t, other) / 100);
                size_t prompt = answer_of(p), answer = answer_of(a), length = prompt + a->ids->len - answer;
                size_t start = g_array_index(mismatched->starts, size_t, i);
                size_t k = g_array_index(mismatched->targets, size_t, i);
                cut = cut || length > limit;
                whole = whole || length <= limit;
                length = MIN(length, MAX(limit, prompt));
                g_assert_cmpuint(examples_length(mismatched, i), ==, length);
                g_assert_cmpuint(g_array_index(mismatched->part, uint8_t, i), ==, HONE_PART_MISMATCHED);
                for (size_t t = 0; t < length; t++) {
                    int32_t id = g_array_index(mismatched->ids, int32_t, start + t);
                    size_t from = t < prompt ? t : t - prompt + answer;
                    g_assert_cmpint(id, ==, g_array_index(t < prompt ? p->ids : a->ids, int32_t, from));
                    if (t < prompt || !(g_array_index(a->weights, float, from) > 0))
                        continue;
                    g_assert_cmpint(g_array_index(mismatched->rows, int32_t, k), ==, (int32_t)t - 1);
                    g_assert_true(g_array_index(mismatched->weights, float, k) ==
                                  g_array_index(a->weights, float, from));
                    k++;
                }
                g_assert_cmpuint(k, ==, g_array_index(mismatched->targets, size_t, i + 1));
                free_row(p);
                free_row(a);
            }
        }
    }
    g_assert_true(cut && whole);
}

static void test_largest(void)
{
    g_autoptr(Examples) examples = make_examples(60, 100, OVER_DROP);
    HoneTrainParams params = {.batch_size = 4, .accumulate = 2, .epochs = 3, .seed = 11};
    Plan plan;
    g_assert_true(plan_init(&plan, &params, examples->n, NULL));
    uint32_t largest[4];
    size_t count, most = plan_largest(&plan, examples, largest, &count), sum = 0, found = 0;
    for (size_t i = 0; i < count; i++)
        sum += examples_length(examples, largest[i]);
    g_assert_cmpuint(sum, ==, most);
    for (uint64_t step = 0; step < plan.total; step++) {
        size_t n;
        const uint32_t *window = plan_window(&plan, step, &n);
        for (size_t from = 0; from < n; from += 4) {
            size_t tokens = 0;
            for (size_t i = from; i < MIN(from + 4, n); i++)
                tokens += examples_length(examples, window[i]);
            g_assert_cmpuint(tokens, <=, most);
            found += tokens == most;
        }
    }
    g_assert_cmpuint(found, >, 0);
    plan_clear(&plan);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/batch/rows_are_counted", test_rows_are_counted);
    g_test_add_func("/train/batch/every_example_once_an_epoch", test_every_example_once_an_epoch);
    g_test_add_func("/train/batch/number_of_steps", test_number_of_steps);
    g_test_add_func("/train/batch/packing", test_packing);
    g_test_add_func("/train/batch/pairs", test_pairs);
    g_test_add_func("/train/batch/mismatched", test_mismatched);
    g_test_add_func("/train/batch/largest", test_largest);
    return g_test_run();
}
