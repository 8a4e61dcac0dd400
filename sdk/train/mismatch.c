/* SPDX-License-Identifier: Apache-2.0
 * mismatch.c: prompts with the answers of others. How likely a model finds those, against a reference, tells how far it
 * has moved from it at large.
 */
#include "internal.h"

/* Tokens [0, split) of sequence i are its prompt: all before the first token that is learned. */
static size_t prompt_of(const Examples *examples, size_t i)
{
    return (size_t)g_array_index(examples->rows, int32_t, g_array_index(examples->targets, size_t, i)) + 1;
}

/* Appends the prompt of sequence p with the answer of sequence a. */
static void append(Examples *to, const Examples *from, size_t p, size_t a)
{
    size_t prompt = prompt_of(from, p), split = prompt_of(from, a);
    size_t ids_p = g_array_index(from->starts, size_t, p), ids_a = g_array_index(from->starts, size_t, a);
    size_t answer = g_array_index(from->starts, size_t, a + 1) - ids_a - split;
    size_t length = MIN(prompt + answer, MAX(from->limit, prompt)); /* a prompt is never longer than the limit */
    g_array_append_vals(to->ids, &g_array_index(from->ids, int32_t, ids_p), (guint)prompt);
    g_array_append_vals(to->ids, &g_array_index(from->ids, int32_t, ids_a + split), (guint)(length - prompt));
    for (size_t k = g_array_index(from->targets, size_t, a); k < g_array_index(from->targets, size_t, a + 1); k++) {
        int32_t row = g_array_index(from->rows, int32_t, k) + (int32_t)prompt - (int32_t)split;
        if ((size_t)row + 1 >= length)
            break;
        g_array_append_val(to->rows, row);
        g_array_append_val(to->weights, g_array_index(from->weights, float, k));
    }
    uint8_t part = HONE_PART_MISMATCHED;
    size_t start = to->ids->len, target = to->rows->len;
    g_array_append_val(to->starts, start);
    g_array_append_val(to->targets, target);
    g_array_append_val(to->part, part);
    size_t end = to->part->len;
    g_array_append_val(to->first, end);
    to->n++;
}

Examples *examples_mismatch(const Examples *examples, const uint32_t *which, size_t count)
{
    Examples *mismatched = examples_new();
    mismatched->limit = examples->limit;
    for (size_t i = 0; i < count; i++)
        append(mismatched, examples, examples_first(examples, which[i]),
               examples_first(examples, which[(i + count - 1) % count]));
    return mismatched;
}
