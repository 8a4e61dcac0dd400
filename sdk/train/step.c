/* SPDX-License-Identifier: Apache-2.0
 * step.c: one optimizer step: forward, objective, backward over each micro-batch, clip, update.
 *
 * A step's gradient is that of the whole window: the objective divides by the window's weight, so accumulation equals
 * the large batch. Where the derivative does not depend on the log-probabilities, it is known before the forward and
 * handed to it, so the head runs once.
 */
#include "run.h"
#include <hone/random.h>
#include <math.h>
#include <string.h>

/* The objective of the log-probabilities. */
static bool score(Run *run, Step *step, GError **error)
{
    double loss = 0, figures[MAX_FIGURES] = {0};
    if (!run->objective->evaluate(run->objective_params, &run->batch.objective, &loss, values_of(run->batch.derivative),
                                  figures, error))
        return false;
    step->loss += loss;
    for (size_t i = 0; i < run->n_figures; i++)
        step->figures[i] += figures[i];
    return true;
}

bool run_loss(Run *run, Step *step, GError **error)
{
    const HoneForward forward = {.size = sizeof forward};
    return run_reference(run, error) &&
           hone_model_forward(run->model, &run->batch.model, &forward, values_of(run->batch.logprob), error) &&
           score(run, step, error);
}

bool run_compute(Run *run, uint64_t dropout_seed, Step *step, GError **error)
{
    Batch *batch = &run->batch;
    HoneObjectiveBatch *targets = &batch->objective;
    bool linear = run->objective->flags & HONE_OBJECTIVE_LINEAR;
    double loss = 0, figures[MAX_FIGURES] = {0};
    HoneForward forward = {.size = sizeof forward,
                           .keep = true,
                           .checkpointing = run->params->checkpointing,
                           .dropout_seed = run->params->dropout > 0 ? dropout_seed : 0};
    if (targets->n_candidates > 0) {
        forward.temperature = targets->temperature;
        forward.candidate_logprob = values_of(batch->candidate_logprob);
    }
    if (run->feed->neftune_alpha > 0)
        forward.embedding_noise = run_noise(run);
    if (!run_reference(run, error))
        return false;
    if (linear) {
        memset(batch->logprob->data, 0, batch->logprob->len * sizeof(float));
        if (!run->objective->evaluate(run->objective_params, targets, &loss, values_of(batch->derivative), figures,
                                      error))
            return false;
        forward.known_derivative = values_of(batch->derivative);
    }
    if (!hone_model_forward(run->model, &batch->model, &forward, values_of(batch->logprob), error) ||
        !score(run, step, error))
        return false;
    if (targets->n_candidates > 0)
        return hone_model_backward_candidates(run->model, values_of(batch->derivative),
                                              values_of(batch->candidate_derivative), error);
    return hone_model_backward(run->model, linear ? NULL : values_of(batch->derivative), error);
}

bool run_diverged(Run *run, GError **error)
{
    g_autofree char *kept = run->saved_step > 0
                                ? g_strdup_printf("; the checkpoint of step %" G_GUINT64_FORMAT " is kept in %s",
                                                  run->saved_step, hone_stage_work_folder(run->stage))
                                : g_strdup("");
    if (error && *error) {
        char *message = g_strdup_printf("%s (learning_rate is %g, max_grad_norm %g%s)", (*error)->message,
                                        run->params->learning_rate, run->params->max_grad_norm, kept);
        g_free((*error)->message);
        (*error)->message = message;
    }
    return false;
}

static bool diverged(Run *run, const char *what, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                "step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                ": the %s is no finite number: lower the learning rate, or look at the rows of this step",
                run->state.step + 1, run->plan.total, what);
    return run_diverged(run, error);
}

bool run_step(Run *run, Step *step, GError **error)
{
    uint64_t at = run->state.step;
    size_t count;
    gint64 started = g_get_monotonic_time();
    const uint32_t *window = run->feed->window(run->feed, run, at, &count, error);
    if (!window)
        return false;
    *step = (Step){.rate = train_rate(run->params, at, run->plan.total)};
    if (!run_window(run, at, window, count, error) || !hone_model_zero_gradients(run->model, error))
        return false;
    for (size_t from = 0; from < count; from += run->plan.batch) {
        run_pack(run, from, MIN(run->plan.batch, count - from));
        /* Any odd number will do but 0, which means none. */
        uint64_t seed =
            hone_random_u64(run->plan.seed, HONE_STREAM_DROPOUT, at * (uint64_t)run->plan.window + from) | 1;
        if (!run_compute(run, seed, step, error)) {
            g_prefix_error(error, "step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ": ", at + 1, run->plan.total);
            /* The forward has named the layer. */
            return error && g_error_matches(*error, HONE_ERROR, HONE_ERROR_DIVERGED) ? run_diverged(run, error) : false;
        }
        step->tokens += run->batch.model.n_tokens;
        if (run_must_stop(run))
            return run_stop(run, error); /* the trained values are still those of the last whole step */
    }
    if (!isfinite(step->loss))
        return diverged(run, "loss", error);
    if (!optimizer_norm(&run->optimizer, &step->norm, error))
        return false;
    if (!isfinite(step->norm))
        return diverged(run, "gradient", error);
    /* As torch.nn.utils.clip_grad_norm_. */
    double limit = run->params->max_grad_norm, scale = limit > 0 ? MIN(1, limit / (step->norm + 1e-6)) : 1;
    if (!optimizer_step(&run->optimizer, step->rate, scale, at + 1, error))
        return false;
    step->seconds = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;
    run->state.step++;
    run->state.tokens += step->tokens;
    run->saved = false;
    run_average(run);
    return true;
}
