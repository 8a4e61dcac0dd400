/* SPDX-License-Identifier: Apache-2.0
 * examples.c: tokenized rows in one block, and what becomes of a row that is too long or bears no loss.
 */
#include "internal.h"

Examples *examples_new(void)
{
    Examples *examples = g_new0(Examples, 1);
    size_t zero = 0;
    examples->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    examples->starts = g_array_new(FALSE, FALSE, sizeof(size_t));
    examples->rows = g_array_new(FALSE, FALSE, sizeof(int32_t));
    examples->weights = g_array_new(FALSE, FALSE, sizeof(float));
    examples->targets = g_array_new(FALSE, FALSE, sizeof(size_t));
    examples->part = g_array_new(FALSE, FALSE, sizeof(uint8_t));
    examples->candidates = g_array_new(FALSE, FALSE, sizeof(int32_t));
    examples->teacher = g_array_new(FALSE, FALSE, sizeof(float));
    examples->first = g_array_new(FALSE, FALSE, sizeof(size_t));
    g_array_append_val(examples->first, zero);
    g_array_append_val(examples->starts, zero);
    g_array_append_val(examples->targets, zero);
    return examples;
}

void examples_free(Examples *examples)
{
    if (!examples)
        return;
    g_array_unref(examples->ids);
    g_array_unref(examples->starts);
    g_array_unref(examples->rows);
    g_array_unref(examples->weights);
    g_array_unref(examples->targets);
    g_array_unref(examples->part);
    g_array_unref(examples->first);
    g_clear_pointer(&examples->advantage, g_array_unref);
    g_clear_pointer(&examples->old, g_array_unref);
    g_clear_pointer(&examples->reference, g_array_unref);
    g_array_unref(examples->candidates);
    g_array_unref(examples->teacher);
    g_free(examples);
}

size_t examples_first(const Examples *examples, size_t i)
{
    return g_array_index(examples->first, size_t, i);
}

size_t examples_length(const Examples *examples, size_t i)
{
    return g_array_index(examples->starts, size_t, examples_first(examples, i + 1)) -
           g_array_index(examples->starts, size_t, examples_first(examples, i));
}

/* Targets of one sequence; false where it has none. */
static bool add_targets(Examples *examples, const HoneTokens *tokens, size_t length)
{
    size_t before = examples->rows->len;
    for (size_t t = 1; t < length; t++) {
        float weight = g_array_index(tokens->weights, float, t);
        int32_t row = (int32_t)t - 1;
        if (!(weight > 0))
            continue;
        g_array_append_val(examples->rows, row);
        g_array_append_val(examples->weights, weight);
    }
    return examples->rows->len > before;
}

bool examples_add(Examples *examples, HoneTokens *const *tokens, const HonePart *parts, size_t n, size_t limit,
                  OverLength over)
{
    guint ids = examples->ids->len, sequences = examples->part->len, targets = examples->rows->len;
    bool cut = false, trained = true;
    examples->seen++;
    for (size_t s = 0; s < n; s++)
        cut = cut || tokens[s]->ids->len > limit;
    if (cut && over == OVER_FAIL)
        return false;
    if (cut && over == OVER_DROP) {
        examples->over_length++;
        return true;
    }
    for (size_t s = 0; s < n && trained; s++) {
        size_t length = MIN(tokens[s]->ids->len, limit);
        uint8_t part = (uint8_t)parts[s];
        trained = add_targets(examples, tokens[s], length);
        g_array_append_vals(examples->ids, tokens[s]->ids->data, (guint)length);
        size_t start = examples->ids->len, target = examples->rows->len;
        g_array_append_val(examples->starts, start);
        g_array_append_val(examples->targets, target);
        g_array_append_val(examples->part, part);
    }
    if (!trained) { /* nothing of it stays */
        examples->untrained++;
        g_array_set_size(examples->ids, ids);
        g_array_set_size(examples->rows, targets);
        g_array_set_size(examples->weights, targets);
        g_array_set_size(examples->part, sequences);
        g_array_set_size(examples->starts, sequences + 1);
        g_array_set_size(examples->targets, sequences + 1);
        return true;
    }
    examples->truncated += cut;
    size_t end = examples->part->len;
    g_array_append_val(examples->first, end);
    examples->n++;
    return true;
}
