/* SPDX-License-Identifier: Apache-2.0
 * validate.c: the loss over rows that are not trained on, what it decides (an early end, which values become the
 * result), and the moving average of the values, which takes their place in both where there is one.
 *
 *     average   e = d·e + (1 - d)·value after each step, d = min(ema, (1 + t)/(10 + t)) for t steps done, so that the
 *               first values are soon forgotten (TensorFlow's ExponentialMovingAverage with num_updates)
 *
 * The validation loss is the objective's over all rows as if they were one step's, without dropout.
 */
#include "run.h"
#include <math.h>
#include <string.h>

static bool keeps_best(const Run *run)
{
    return strcmp(run->params->keep, "best") == 0;
}

bool run_open_validation(Run *run, GError **error)
{
    Validation *v = &run->validation;
    HoneArtifact *dataset = hone_stage_input(run->stage, "validation");
    if (!dataset)
        return true;
    if (!run->feed->read) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "this method cannot look at validation rows");
        return false;
    }
    hone_progress_note(run->progress, HONE_NOTE_INFO, "validation:");
    v->examples = run->feed->read(run->feed, run, dataset, error);
    if (!v->examples) {
        g_prefix_error(error, "validation: ");
        return false;
    }
    v->every = run->params->validate_every > 0 ? (uint64_t)run->params->validate_every : run->plan.steps_per_epoch;
    return true;
}

bool run_open_averages(Run *run, GError **error)
{
    Validation *v = &run->validation;
    const HoneTrainable *trainables = run->optimizer.trainables;
    size_t n = run->optimizer.n;
    bool average = run->params->ema > 0;
    if (average) {
        if (!snapshot_init(&v->average, run->backend, trainables, n, "the values' moving average", error))
            return false;
        snapshot_states(&v->average, &run->states, "ema");
    }
    if (v->examples && keeps_best(run)) {
        if (!snapshot_init(&v->best, run->backend, trainables, n, "the best values", error))
            return false;
        snapshot_states(&v->best, &run->states, "best");
    }
    return !average || !v->examples ||
           snapshot_init(&v->aside, run->backend, trainables, n, "values during validation", error);
}

void run_clear_validation(Run *run)
{
    snapshot_clear(&run->validation.average);
    snapshot_clear(&run->validation.best);
    snapshot_clear(&run->validation.aside);
    examples_free(run->validation.examples);
}

void run_average(Run *run)
{
    double t = (double)run->state.step;
    if (run->validation.average.buffer)
        snapshot_blend(&run->validation.average, MIN(run->params->ema, (1 + t) / (10 + t)));
}

bool run_validation_due(const Run *run)
{
    uint64_t step = run->state.step;
    return run->validation.examples && step > 0 && run->state.validated < step &&
           (step % run->validation.every == 0 || step == run->plan.total);
}

bool run_ends_early(const Run *run)
{
    return run->params->patience > 0 && run->state.worse >= (uint64_t)run->params->patience;
}

/* The loss over run->examples. *stopped: asked to stop before the end. */
static bool evaluate(Run *run, Step *step, bool *stopped, GError **error)
{
    size_t n = run->examples->n;
    g_autofree uint32_t *all = g_new(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        all[i] = (uint32_t)i;
    if (!run_window(run, run->state.step, all, n, error))
        return false;
    for (size_t from = 0; from < n; from += run->plan.batch) {
        *stopped = run_must_stop(run);
        if (*stopped)
            return false;
        run_pack(run, from, MIN(run->plan.batch, n - from));
        if (!run_loss(run, step, error))
            return false;
    }
    if (isfinite(step->loss))
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                "step %" G_GUINT64_FORMAT ": the validation loss is no finite number", run->state.step);
    return false;
}

static bool tell(Run *run, const Step *step, GError **error)
{
    const char *names[MAX_FIGURES + 1] = {"val_loss"};
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
    double values[MAX_FIGURES + 1] = {step->loss};
    for (size_t i = 0; i < run->n_figures; i++) {
        char *name = g_strdup_printf("val_%s", run->objective->figure_names[i]);
        g_ptr_array_add(made, name);
        names[i + 1] = name;
        values[i + 1] = step->figures[i];
    }
    return run_tell_figures(run, names, values, run->n_figures + 1, run->n_figures + 1, error);
}

bool run_validate(Run *run, GError **error)
{
    Validation *v = &run->validation;
    Step step = {0};
    Examples *training = run->examples;
    GArray *mismatched_at = run->mismatched_at; /* of the training's steps */
    bool stopped = false;
    if (v->aside.buffer) {
        snapshot_take(&v->aside);
        snapshot_put(&v->average);
    }
    run->examples = v->examples;
    run->mismatched_at = NULL;
    bool ok = evaluate(run, &step, &stopped, error);
    run->examples = training;
    run->mismatched_at = mismatched_at;
    if (ok && (run->state.best_step == 0 || step.loss < run->state.best_loss)) {
        run->state.best_step = run->state.step;
        run->state.best_loss = step.loss;
        run->state.worse = 0;
        if (v->best.buffer)
            snapshot_take(&v->best);
    } else if (ok) {
        run->state.worse++;
    }
    if (v->aside.buffer)
        snapshot_put(&v->aside);
    if (stopped)
        return run_stop(run, error); /* and evaluates again when it goes on */
    if (!ok)
        return run_diverged(run, error);
    run->state.validated = run->state.step;
    run->saved = false;
    g_array_append_val(run->val_steps, run->state.step);
    g_array_append_val(run->val_losses, step.loss);
    if (!tell(run, &step, error))
        return false;
    if (run_ends_early(run) && run->state.step < run->plan.total)
        hone_progress_note(run->progress, HONE_NOTE_INFO,
                           "ends at step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           ": the validation loss has not been below %g, that of step %" G_GUINT64_FORMAT
                           ", %" G_GUINT64_FORMAT " times in a row",
                           run->state.step, run->plan.total, run->state.best_loss, run->state.best_step,
                           run->state.worse);
    return true;
}

void run_choose_result(Run *run)
{
    Validation *v = &run->validation;
    if (v->best.buffer && run->state.best_step > 0) {
        snapshot_put(&v->best);
        hone_progress_note(run->progress, HONE_NOTE_INFO,
                           "the result is step %" G_GUINT64_FORMAT ", which has the lowest validation loss, %g",
                           run->state.best_step, run->state.best_loss);
    } else if (v->average.buffer) {
        snapshot_put(&v->average);
    }
}
