/* SPDX-License-Identifier: Apache-2.0
 * shots.c: worked examples that stand before each row as earlier turns of its conversation (Brown et al., "Language
 * Models are Few-Shot Learners", 2020): what a better prompt alone would give, to be held against tuning.
 *
 * The same examples stand before every row, drawn once with the seed; a row never sees itself.
 */
#include "evaluate.h"
#include <hone/random.h>

static bool is_role(const HoneMessage *message, const char *role)
{
    return g_str_equal(message->role, role);
}

/* An example ends with its answer and says something before it. */
static bool can_show(const HoneRow *row)
{
    return row->messages->len >= 2 && is_role(row->messages->pdata[row->messages->len - 1], "assistant");
}

static bool same_prompt(const HoneRow *a, const HoneRow *b)
{
    guint n = a->messages->len;

    if (g_str_equal(a->id, b->id)) {
        return true;
    }
    if (n != b->messages->len) {
        return false;
    }
    for (guint i = 0; i + 1 < n; i++) {
        const HoneMessage *of_a = a->messages->pdata[i], *of_b = b->messages->pdata[i];

        if (!is_role(of_a, of_b->role) || !g_str_equal(of_a->content, of_b->content)) {
            return false;
        }
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

GPtrArray *eval_shots_read(HoneStage *stage, const EvaluateParams *params, GError **error)
{
    g_autoptr(GPtrArray) shots = g_ptr_array_new_with_free_func((GDestroyNotify)hone_row_free);
    HoneArtifact *examples = hone_stage_input(stage, "examples");
    g_autoptr(GPtrArray) rows = NULL;
    g_autofree uint32_t *order = NULL;
    /* One more than asked for, so that a row which is one of them still gets as many. */
    size_t wanted = (size_t)params->shots + 1, taken = 0;

    if (params->shots == 0) {
        return g_steal_pointer(&shots);
    }
    if (!examples) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "shots is %" G_GINT64_FORMAT ", but nothing is connected to the port \"examples\" to take them "
                    "from; connect the training rows",
                    params->shots);
        return NULL;
    }
    rows = hone_rows_read(examples, error);
    if (!rows) {
        return NULL;
    }
    order = g_new(uint32_t, rows->len + 1);
    hone_random_permutation((uint64_t)params->seed, HONE_STREAM_SHUFFLE, 0, order, rows->len);
    for (guint i = 0; i < rows->len && taken < wanted; i++) {
        if (can_show(rows->pdata[order[i]])) {
            order[taken++] = order[i];
        }
    }
    /* In the order of the file: the draw decides which, not where. The spare one stays last. */
    qsort(order, MIN(taken, (size_t)params->shots), sizeof *order, by_place);
    for (size_t i = 0; i < taken; i++) {
        g_ptr_array_add(shots, g_steal_pointer(&rows->pdata[order[i]]));
    }
    /* The rest is still the array's to free; what was taken is NULL there, which hone_row_free passes over. */
    if (taken < (size_t)params->shots) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s has %zu rows that can stand as examples (a prompt and an answer at the end); shots is "
                    "%" G_GINT64_FORMAT,
                    hone_artifact_label(examples), taken, params->shots);
        return NULL;
    }
    return g_steal_pointer(&shots);
}

GPtrArray *eval_shots_before(const GPtrArray *shots, size_t n, const HoneRow *row)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    guint system = 0;

    while (system < row->messages->len && is_role(row->messages->pdata[system], "system")) {
        const HoneMessage *message = row->messages->pdata[system++];

        g_ptr_array_add(messages, hone_message_copy(message, message->weight));
    }
    for (guint i = 0; i < shots->len && n > 0; i++) {
        const HoneRow *shot = shots->pdata[i];

        if (same_prompt(shot, row)) {
            continue;
        }
        for (guint k = 0; k < shot->messages->len; k++) {
            if (!is_role(shot->messages->pdata[k], "system")) {
                g_ptr_array_add(messages, hone_message_copy(shot->messages->pdata[k], 0));
            }
        }
        n--;
    }
    for (guint i = system; i < row->messages->len; i++) {
        const HoneMessage *message = row->messages->pdata[i];

        g_ptr_array_add(messages, hone_message_copy(message, message->weight));
    }
    return messages;
}
