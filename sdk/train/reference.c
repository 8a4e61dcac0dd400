/* SPDX-License-Identifier: Apache-2.0
 * reference.c: what the reference model, the one before training, makes of every answer that the run will see.
 *
 * It is computed once, before anything is trained, so it costs nothing in later epochs, and is right for a tuner that
 * changes the weights themselves. The batches are a function of the examples and the plan: a resumed run finds the
 * values in the work folder, or computes the same ones again.
 */
#include "run.h"
#include <hone/file.h>
#include <hone/json.h>
#include <hone/safetensors.h>
#include <math.h>
#include <string.h>

#define FILE_NAME "reference.safetensors"
#define TENSOR "logprob"

/* Appends the reference's values for examples which [count] of `from`. */
static bool compute(Run *run, const Examples *from, const uint32_t *which, size_t count, GArray *values, GError **error)
{
    const HoneForward forward = {.size = sizeof forward};
    batch_pack(&run->batch, from, which, count, 0);
    size_t n = run->batch.model.n_targets, at = values->len;
    if (at + n > G_MAXINT32) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY,
                    "more than %d tokens to learn in all steps; lower epochs, or split the dataset", G_MAXINT32);
        return false;
    }
    g_array_set_size(values, (guint)(at + n));
    return n == 0 ||
           hone_model_forward(run->model, &run->batch.model, &forward, &g_array_index(values, float, at), error);
}

/* The examples that the plan comes to, in the order of the dataset. */
static GArray *planned(Run *run)
{
    g_autofree bool *seen = g_new0(bool, run->examples->n);
    size_t count, left = run->examples->n;
    for (uint64_t step = 0; step < run->plan.total && left > 0; step++) {
        const uint32_t *window = plan_window(&run->plan, step, &count);
        for (size_t i = 0; i < count; i++) {
            left -= !seen[window[i]];
            seen[window[i]] = true;
        }
    }
    GArray *which = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < run->examples->n; i++)
        if (seen[i])
            g_array_append_val(which, i);
    return which;
}

/* Of the examples themselves: placed where their targets are; the others are never asked for. */
static bool compute_examples(Run *run, GArray *values, GError **error)
{
    g_autoptr(GArray) which = planned(run), some = g_array_new(FALSE, TRUE, sizeof(float));
    g_array_set_size(values, run->examples->rows->len);
    for (guint from = 0; from < which->len && !hone_stage_cancelled(run->stage); from += (guint)run->plan.batch) {
        guint count = MIN((guint)run->plan.batch, which->len - from);
        g_array_set_size(some, 0);
        if (!compute(run, run->examples, &g_array_index(which, uint32_t, from), count, some, error))
            return false;
        size_t at = 0;
        for (guint i = from; i < from + count; i++) {
            uint32_t example = g_array_index(which, uint32_t, i);
            size_t first = g_array_index(run->examples->targets, size_t, examples_first(run->examples, example));
            size_t end = g_array_index(run->examples->targets, size_t, examples_first(run->examples, example + 1));
            memcpy(&g_array_index(values, float, first), &g_array_index(some, float, at),
                   (end - first) * sizeof(float));
            at += end - first;
        }
        hone_progress_step(run->progress, from + count, which->len, "reference rows", NULL);
    }
    return true;
}

/* Of the mismatched answers of each step, one step after the other. */
static bool compute_mismatched(Run *run, GArray *values, GError **error)
{
    for (uint64_t step = 0; step < run->plan.total && !hone_stage_cancelled(run->stage); step++) {
        size_t count;
        const uint32_t *window = plan_window(&run->plan, step, &count);
        g_autoptr(Examples) mismatched = examples_mismatch(run->examples, window, count);
        for (size_t from = 0; from < count; from += run->plan.batch) {
            g_autofree uint32_t *which = g_new(uint32_t, run->plan.batch);
            size_t n = MIN(run->plan.batch, count - from);
            for (size_t i = 0; i < n; i++)
                which[i] = (uint32_t)(from + i);
            if (!compute(run, mismatched, which, n, values, error))
                return false;
        }
        hone_progress_step(run->progress, step + 1, run->plan.total, "reference steps", NULL);
    }
    return true;
}

/* Where each step's mismatched values begin, and where the last end. */
static void find_mismatched(Run *run)
{
    size_t at = run->examples->rows->len;
    run->mismatched_at = g_array_new(FALSE, FALSE, sizeof(size_t));
    g_array_append_val(run->mismatched_at, at);
    for (uint64_t step = 0; step < run->plan.total; step++) {
        size_t count;
        const uint32_t *window = plan_window(&run->plan, step, &count);
        g_autoptr(Examples) mismatched = examples_mismatch(run->examples, window, count);
        at += mismatched->rows->len;
        g_array_append_val(run->mismatched_at, at);
    }
}

static char *settings_text(JsonObject *settings)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), settings);
    return hone_json_canonical(node);
}

static char *checksum_of(const char *settings, const void *data, size_t bytes)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)settings, -1);
    for (size_t at = 0; at < bytes; at += 1 << 30)
        g_checksum_update(sum, (const guchar *)data + at, (gssize)MIN(bytes - at, (size_t)1 << 30));
    return g_strdup(g_checksum_get_string(sum));
}

/* What an earlier run with these settings has left, where all of it is there and whole. */
static bool load(const char *path, const char *settings, size_t wanted, GArray *values)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return false;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, NULL);
    const HoneSafetensor *tensor = file ? hone_safetensors_find(file, TENSOR) : NULL;
    if (!tensor || tensor->type != HONE_F32 || tensor->bytes != wanted * sizeof(float))
        return false;
    g_autofree char *sum = checksum_of(settings, tensor->data, tensor->bytes);
    if (g_strcmp0(sum, hone_safetensors_meta(file, "checksum")) != 0)
        return false;
    g_array_append_vals(values, tensor->data, (guint)wanted);
    return true;
}

static bool save(const char *path, const char *settings, const GArray *values, GError **error)
{
    const HoneSafetensor tensor = {.name = TENSOR,
                                   .type = HONE_F32,
                                   .rank = 1,
                                   .shape = {values->len},
                                   .data = values->data,
                                   .bytes = values->len * sizeof(float)};
    g_autoptr(JsonObject) meta = json_object_new();
    g_autofree char *sum = checksum_of(settings, values->data, tensor.bytes);
    json_object_set_string_member(meta, "checksum", sum);
    return hone_safetensors_write(path, &tensor, 1, meta, error);
}

bool run_compute_reference(Run *run, GError **error)
{
    if (!run->feed->fixed || (run->objective->flags & HONE_OBJECTIVE_NEEDS_REFERENCE) == 0)
        return true;
    g_autofree char *path = g_build_filename(hone_stage_work_folder(run->stage), FILE_NAME, NULL);
    g_autofree char *settings = settings_text(run->settings);
    g_autoptr(GArray) values = g_array_new(FALSE, TRUE, sizeof(float));
    size_t wanted = run->examples->rows->len;
    if (run->objective->measure != NULL) {
        find_mismatched(run);
        wanted = g_array_index(run->mismatched_at, size_t, run->mismatched_at->len - 1);
    }
    if (!load(path, settings, wanted, values)) {
        if (!compute_examples(run, values, error) ||
            (run->objective->measure != NULL && !compute_mismatched(run, values, error))) {
            g_prefix_error(error, "the reference's log-probabilities: ");
            return false;
        }
        /* Asked to stop: no step will be taken, and the next run computes them again. */
        if (hone_stage_cancelled(run->stage))
            g_array_set_size(values, (guint)wanted);
        else if (!save(path, settings, values, error))
            return false;
    }
    run->examples->reference = g_steal_pointer(&values);
    return true;
}

bool run_reference(Run *run, GError **error)
{
    if ((run->objective->flags & HONE_OBJECTIVE_NEEDS_REFERENCE) == 0 || run->batch.objective.reference != NULL)
        return true;
    const HoneForward base = {.size = sizeof base, .adapter_off = true};
    float *reference = (float *)(void *)run->batch.reference->data;
    run->batch.objective.reference = reference;
    return hone_model_forward(run->model, &run->batch.model, &base, reference, error);
}
