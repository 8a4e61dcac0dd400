/* SPDX-License-Identifier: Apache-2.0
 * probe.c: how fast a model is on this machine, and how much memory a training step takes.
 *
 * Speed: a prompt of PROMPT tokens of the dataset read at once, and ANSWER tokens made one by one. Memory with LoRA is
 * the backend's peak over one real step, the weights that it reads from the model's files, and what AdamW will keep;
 * with all weights trained it is computed from that step: four f32 values for each parameter (value, gradient, two
 * moments) and the same activations.
 */
#include "survey.h"
#include <math.h>

#define PROMPT 512
#define ANSWER 32

typedef struct Clock {
    gint64 first, last;
    size_t pieces;
} Clock;

static bool tick(size_t index, const char *piece, void *data)
{
    Clock *clock = data;

    clock->last = g_get_monotonic_time();
    clock->first = clock->first ? clock->first : clock->last;
    clock->pieces++;
    return true;
}

/* The first tokens of the dataset's rows, one row after the other, `wanted` in all. */
static GArray *first_tokens(HoneStage *stage, HoneModel *model, size_t wanted, GError **error)
{
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(hone_stage_input(stage, "dataset"), error);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    const HoneChat *chat = hone_model_chat(model, error);
    g_autoptr(GError) problem = NULL;

    while (reader && chat && ids->len < wanted) {
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &problem);
        g_autoptr(HoneTokens) tokens = row ? hone_chat_encode_with(chat, row->messages, row->tools, &problem) : NULL;

        if (problem) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
        if (!row) {
            break;
        }
        g_array_append_vals(ids, tokens->ids->data, tokens->ids->len);
    }
    if (!reader || !chat) {
        return NULL;
    }
    /* A short dataset is read again from its start: only the number of tokens matters here. */
    for (guint have = ids->len; have > 0 && ids->len < wanted;) {
        int32_t id = g_array_index(ids, int32_t, ids->len - have);

        g_array_append_val(ids, id);
    }
    g_array_set_size(ids, (guint)MIN(wanted, ids->len));
    return g_steal_pointer(&ids);
}

static bool probe_speed(SurveyModel *found, HoneStage *stage, HoneModel *model, GError **error)
{
    size_t length = MIN(PROMPT, found->context - MIN(found->context - 1, ANSWER));
    g_autoptr(GArray) ids = first_tokens(stage, model, length, error);
    HoneSampling sampling = {.size = sizeof sampling, .top_p = 1, .repetition_penalty = 1, .max_tokens = ANSWER};
    HoneCompletion *completion = NULL;
    bool ok = ids != NULL;

    found->prompt_speed = found->answer_speed = NAN;
    /* The first time touches the weights, the second is measured. */
    for (int round = 0; ok && round < 2; round++) {
        Clock clock = {0};
        gint64 begun = g_get_monotonic_time();

        ok = hone_model_generate(model, &ids, 1, 1, &sampling, tick, &clock, &completion, error);
        if (ok && clock.first > begun) {
            found->prompt_speed = (double)ids->len * 1e6 / (double)(clock.first - begun);
        }
        /* A model that ends its answer at once says nothing of its speed. */
        if (ok && clock.pieces >= 4 && clock.last > clock.first) {
            found->answer_speed = (double)(completion->ids->len - 1) * 1e6 / (double)(clock.last - clock.first);
        }
        g_clear_pointer(&completion, hone_completion_free);
    }
    return ok;
}

static bool step(HoneModel *model, const GArray *ids, size_t rows, size_t length, GError **error)
{
    size_t k = 0, per_row = length - 1;
    g_autofree int32_t *starts = g_new(int32_t, rows + 1), *at = g_new(int32_t, rows * per_row);
    g_autofree int32_t *targets = g_new(int32_t, rows * per_row);
    g_autofree float *logprob = g_new(float, rows *per_row), *derivative = g_new(float, rows *per_row);
    HoneBatch batch = {.size = sizeof batch,
                       .n_tokens = rows * length,
                       .ids = (const int32_t *)(void *)ids->data,
                       .n_sequences = rows,
                       .starts = starts,
                       .n_targets = rows * per_row,
                       .target_rows = at,
                       .targets = targets};
    HoneForward forward = {.size = sizeof forward, .keep = true};

    for (size_t s = 0; s <= rows; s++) {
        starts[s] = (int32_t)(s * length);
    }
    for (size_t s = 0; s < rows; s++) {
        for (size_t t = 0; t < per_row; t++, k++) {
            at[k] = (int32_t)(s * length + t);
            targets[k] = batch.ids[s * length + t + 1];
            derivative[k] = -1 / (float)(rows * per_row);
        }
    }
    return hone_model_forward(model, &batch, &forward, logprob, error) && hone_model_backward(model, derivative, error);
}

static bool probe_memory(SurveyModel *found, const SurveyParams *params, HoneStage *stage, HoneModel *model,
                         GError **error)
{
    static const char *const targets[] = {"all-linear", NULL};
    HoneBackend *backend = hone_model_backend(model);
    HoneLora lora = {.size = sizeof lora, .rank = (uint32_t)params->rank, .alpha = 1, .targets = targets};
    size_t rows = (size_t)params->tune_rows, length = MIN((size_t)params->tune_length, found->context), n;
    g_autoptr(GArray) ids = first_tokens(stage, model, rows * length, error);
    g_autoptr(GError) problem = NULL;
    double weights = (double)backend->allocated, adapter = 0, activations, counted;

    if (!ids) {
        return false;
    }
    if (!hone_model_add_lora(model, &lora, &problem) || !step(model, ids, rows, length, &problem)) {
        if (!g_error_matches(problem, HONE_ERROR, HONE_ERROR_MEMORY)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        found->lora_bytes = found->full_bytes = NAN; /* more than the machine's limit */
        found->fits = false;
        return true;
    }
    for (const HoneTrainable *t = hone_model_trainables(model, &n), *end = t + n; t < end; t++) {
        adapter += (double)hone_tensor_bytes(t->value);
    }
    activations = (double)backend->peak - weights - 2 * adapter;
    counted = (double)backend->peak + 2 * adapter;
    found->lora_bytes = counted + (double)hone_model_mapped_bytes(model);
    found->full_bytes = 16 * (double)found->parameters + MAX(activations, 0);
    found->fits = backend->limit == 0 || counted <= (double)backend->limit;
    return true;
}

bool survey_probe(SurveyModel *found, HoneStage *stage, const SurveyParams *params, GError **error)
{
    HoneBackend *backend = hone_stage_backend(stage, error);
    g_autoptr(HoneModel) model = NULL;

    if (!backend) {
        return false;
    }
    model = hone_model_open_artifact(found->artifact, backend, hone_stage_hash_folder(stage),
                                     hone_stage_progress(stage), error);
    if (!model || !probe_speed(found, stage, model, error)) {
        return false;
    }
    g_clear_pointer(&model, hone_model_free);
    model = hone_model_open_artifact(found->artifact, backend, hone_stage_hash_folder(stage),
                                     hone_stage_progress(stage), error);
    if (!model) {
        return false;
    }
    backend->peak = backend->allocated;
    return probe_memory(found, params, stage, model, error);
}
