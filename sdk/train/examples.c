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
    g_free(examples);
}

size_t examples_length(const Examples *examples, size_t i)
{
    return g_array_index(examples->starts, size_t, i + 1) - g_array_index(examples->starts, size_t, i);
}

bool examples_add(Examples *examples, const HoneTokens *tokens, size_t limit, OverLength over)
{
    size_t length = tokens->ids->len;
    bool cut = length > limit;
    examples->seen++;
    if (cut && over == OVER_FAIL)
        return false;
    if (cut && over == OVER_DROP) {
        examples->over_length++;
        return true;
    }
    length = MIN(length, limit);
    size_t before = examples->rows->len;
    for (size_t t = 1; t < length; t++) {
        float weight = g_array_index(tokens->weights, float, t);
        int32_t row = (int32_t)t - 1;
        if (!(weight > 0))
            continue;
        g_array_append_val(examples->rows, row);
        g_array_append_val(examples->weights, weight);
    }
    if (examples->rows->len == before) {
        examples->untrained++;
        return true;
    }
    examples->truncated += cut;
    g_array_append_vals(examples->ids, tokens->ids->data, (guint)length);
    size_t start = examples->ids->len, target = examples->rows->len;
    g_array_append_val(examples->starts, start);
    g_array_append_val(examples->targets, target);
    examples->n++;
    return true;
}
