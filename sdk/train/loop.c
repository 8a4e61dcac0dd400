/* SPDX-License-Identifier: Apache-2.0
 * loop.c: the training loop: what is opened before the first step, step after step with their checkpoints, and the end.
 * All that decides the result is a function of the parameters and the step.
 */
#include "run.h"
#include <math.h>
#include <string.h>
#include <sys/resource.h>

/* A last step may have broken the values, with no forward after it to notice. */
static bool sound(Run *run, GError **error)
{
    double size;
    if (!optimizer_size(&run->optimizer, &size, error))
        return false;
    if (isfinite(size))
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                "step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ": the trained values are no finite numbers",
                run->state.step, run->plan.total);
    return run_diverged(run, error);
}

static bool save(Run *run, GError **error)
{
    if (run->saved)
        return true;
    run->saved = sound(run, error) && states_download(&run->states, run->state.host, error) &&
                 checkpoint_save(hone_stage_work_folder(run->stage), run->settings, &run->states, &run->state, error);
    if (run->saved)
        run->saved_step = run->state.step;
    return run->saved;
}

static bool can_resume(const Run *run)
{
    return run->state.step % run->feed->hold == 0;
}

bool run_must_stop(const Run *run)
{
    return hone_stage_cancelled(run->stage) && can_resume(run);
}

bool run_stop(Run *run, GError **error)
{
    return save(run, error) && hone_stage_stop(run->stage, error);
}

/* ---- Before the first step. ---- */

/* What a checkpoint must agree with. */
static JsonObject *settings_of(Run *run)
{
    JsonObject *settings = hone_stage_settings(run->stage);
    json_object_set_string_member(settings, "numerics", run->backend->info.numerics);
    json_object_set_string_member(settings, "device", run->backend->info.device_name);
    json_object_set_int_member(settings, "steps", (gint64)run->plan.total);
    return settings;
}

/* The largest batch comes first, without a step: what does not fit in memory fails now and not after an hour. */
static bool rehearse(Run *run, GError **error)
{
    g_autofree uint32_t *largest = g_new(uint32_t, run->plan.batch);
    size_t count = 0, tokens = run->feed->largest(run->feed, run, largest, &count);
    Step step = {0};
    if (!run_window(run, UINT64_MAX, largest, count, error))
        return false;
    run_pack(run, 0, count);
    if (!run_compute(run, 1, &step, error)) {
        g_prefix_error(error, "the largest batch (%zu rows, %zu tokens) cannot be computed: ", count, tokens);
        return false;
    }
    hone_progress_note(run->progress, HONE_NOTE_INFO,
                       "the largest batch has %zu tokens in %zu rows; with it the backend holds %.0f MB", tokens, count,
                       (double)run->backend->peak / 1e6);
    return true;
}

static bool prepare(Run *run, GError **error)
{
    HoneArtifact *model = hone_stage_input(run->stage, "model");
    while (run->objective->figure_names && run->objective->figure_names[run->n_figures])
        if (++run->n_figures > MAX_FIGURES) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "an objective may have at most %d figures", MAX_FIGURES);
            return false;
        }
    if (run->objective->n_sums > MAX_SUMS) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "an objective may measure at most %d sums", MAX_SUMS);
        return false;
    }
    if (!hone_train_check(run->params, error))
        return false;
    run->backend = hone_stage_backend(run->stage, error);
    if (!run->backend)
        return false;
    run->model =
        hone_model_open_artifact(model, run->backend, hone_stage_hash_folder(run->stage), run->progress, error);
    if (!run->model)
        return false;
    states_init(&run->states, run->backend);
    if (!run->feed->open(run->feed, run, error) || !run_open_validation(run, error))
        return false;
    run->settings = settings_of(run);
    if (!run_quantize(run, error) || !run_compute_reference(run, error) || !run_add_tuner(run, error) ||
        !run_open_averages(run, error))
        return false;
    run->state.host = g_malloc(run->states.bytes);
    hone_progress_note(run->progress, HONE_NOTE_INFO, "%zu values are trained, in %" G_GUINT64_FORMAT " steps",
                       run->optimizer.count, run->plan.total);
    if (run->params->weight_decay > 0)
        hone_progress_note(run->progress, HONE_NOTE_INFO, "weight decay leaves %zu of %zu tensors alone (no_decay)",
                           run->optimizer.spared, run->optimizer.n);
    if (!checkpoint_load(hone_stage_work_folder(run->stage), run->settings, &run->states, &run->state, run->progress))
        return true;
    hone_progress_note(run->progress, HONE_NOTE_INFO, "goes on from the checkpoint of step %" G_GUINT64_FORMAT,
                       run->state.step);
    run->saved = true;
    run->saved_step = run->state.step;
    run_recall(run);
    return states_upload(&run->states, run->state.host, error);
}

static bool finish(Run *run, GError **error)
{
    run_choose_result(run);
    if (!sound(run, error) || !run_write(run, error))
        return false;
    HoneArtifact *result = hone_stage_output(run->stage, "adapter", HONE_ADAPTER, NULL);
    if (!result)
        result = hone_stage_output(run->stage, "adapter", HONE_MODEL, error);
    if (!result)
        return false;
    if (run->validation.best.buffer && run->state.best_step > 0) {
        json_object_set_int_member(hone_artifact_meta(result), "kept_step", (gint64)run->state.best_step);
        json_object_set_double_member(hone_artifact_meta(result), "val_loss", run->state.best_loss);
    }
    return run_close_trackers(run, hone_artifact_folder(result), error);
}

static bool train(Run *run, GError **error)
{
    if (!prepare(run, error) || !run_open_trackers(run, error))
        return false;
    if (run->state.step < run->plan.total && !rehearse(run, error))
        return false;
    bool due = false; /* a checkpoint */
    for (;;) {
        Step step;
        if (run_validation_due(run)) {
            if (!run_validate(run, error))
                return false;
            run_warn(run);
        }
        if (run->state.step >= run->plan.total || run_ends_early(run))
            break;
        if (run_must_stop(run))
            return run_stop(run, error);
        if (!run_step(run, &step, error))
            return false;
        if (!run_tell(run, &step, error))
            return false;
        run_warn(run);
        due = due || run->state.step % (uint64_t)run->params->save_every == 0;
        if (!due || !can_resume(run) || run->state.step == run->plan.total)
            continue;
        if (!save(run, error))
            return false;
        due = false;
    }
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        hone_progress_fact(run->progress, "peak_memory_bytes", (double)usage.ru_maxrss * 1024);
    hone_progress_fact(run->progress, "backend_peak_bytes", (double)run->backend->peak);
    return finish(run, error);
}

bool run_train(HoneStage *stage, const HoneTrainParams *params, const HoneObjectiveOps *objective,
               const void *objective_params, Feed *feed, GError **error)
{
    HoneObjectiveOps ops = {0}; /* a plugin of an older ABI has fewer of them */
    memcpy(&ops, objective, MIN(objective->size, sizeof ops));
    Run run = {.stage = stage,
               .feed = feed,
               .params = params,
               .objective = &ops,
               .objective_params = objective_params,
               .progress = hone_stage_progress(stage)};
    run.state.events = g_string_new(NULL);
    run.noise = g_array_new(FALSE, FALSE, sizeof(float));
    run.losses = g_array_new(false, false, sizeof(double));
    run.val_steps = g_array_new(false, false, sizeof(uint64_t));
    run.val_losses = g_array_new(false, false, sizeof(double));
    batch_init(&run.batch);
    bool ok = train(&run, error);
    run_clear_validation(&run);
    g_clear_pointer(&run.trackers, g_ptr_array_unref);
    optimizer_clear(&run.optimizer);
    states_clear(&run.states);
    batch_clear(&run.batch);
    g_clear_pointer(&run.mismatched_at, g_array_unref);
    plan_clear(&run.plan);
    examples_free(run.examples);
    g_array_unref(run.noise);
    g_clear_pointer(&run.settings, json_object_unref);
    g_string_free(run.state.events, TRUE);
    g_array_unref(run.losses);
    g_array_unref(run.val_steps);
    g_array_unref(run.val_losses);
    g_free(run.state.host);
    hone_model_free(run.model);
    return ok;
}

bool hone_train_with(HoneStage *stage, const HoneTraining *training, GError **error)
{
    HoneTraining own = {0};
    memcpy(&own, training, MIN(training->size, sizeof own));
    DatasetFeed feed = feed_of_dataset(&own);
    return run_train(stage, own.params, own.objective, own.objective_params, &feed.feed, error);
}

bool hone_train(HoneStage *stage, const HoneTrainParams *params, const HoneObjectiveOps *objective,
                const void *objective_params, GError **error)
{
    const HoneTraining training = {
        .size = sizeof training, .params = params, .objective = objective, .objective_params = objective_params};
    return hone_train_with(stage, &training, error);
}
