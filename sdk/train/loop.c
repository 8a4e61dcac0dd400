/* SPDX-License-Identifier: Apache-2.0
 * loop.c: the training loop: forward, objective, backward, clip, step, tell, save.
 *
 * A step's gradient is that of the whole window: the objective divides by the window's weight, so accumulation equals
 * the large batch. Where the derivative does not depend on the log-probabilities, it is known before the forward and
 * handed to it, so the head runs once. All that decides the result is a function of the parameters and the step.
 */
#include "internal.h"
#include <hone/file.h>
#include <hone/random.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_FIGURES 32 /* of an objective */
#define LOG "training.jsonl"

typedef struct Run {
    HoneStage *stage;
    const HoneTrainParams *params;
    const HoneObjectiveOps *objective;
    const void *objective_params;
    HoneProgress *progress;
    HoneBackend *backend;
    HoneModel *model;
    Examples *examples;
    Plan plan;
    Batch batch;
    Optimizer optimizer;
    JsonObject *settings;
    Checkpoint state;
    bool saved; /* the state's step is on disk */
    size_t n_figures;
} Run;

/* What one step gave. */
typedef struct Step {
    double loss, norm, rate;
    double figures[MAX_FIGURES];
    size_t tokens;
    double seconds;
} Step;

static float *floats(GArray *array)
{
    return (float *)(void *)array->data;
}

/* ---- One step. ---- */

/* Forward and backward over the packed batch. *loss and figures are added to. */
static bool compute(Run *run, uint64_t dropout_seed, Step *step, GError **error)
{
    Batch *batch = &run->batch;
    HoneObjectiveBatch *targets = &batch->objective;
    bool linear = run->objective->flags & HONE_OBJECTIVE_LINEAR;
    double loss = 0, figures[MAX_FIGURES] = {0};
    HoneForward forward = {.size = sizeof forward,
                           .keep = true,
                           .checkpointing = run->params->checkpointing,
                           .dropout_seed = run->params->dropout > 0 ? dropout_seed : 0};
    if (run->objective->flags & HONE_OBJECTIVE_NEEDS_REFERENCE) {
        HoneForward base = {.size = sizeof base, .adapter_off = true};
        if (!hone_model_forward(run->model, &batch->model, &base, floats(batch->reference), error))
            return false;
        targets->reference = floats(batch->reference);
    }
    if (linear) {
        memset(batch->logprob->data, 0, batch->logprob->len * sizeof(float));
        if (!run->objective->evaluate(run->objective_params, targets, &loss, floats(batch->derivative), figures, error))
            return false;
        forward.known_derivative = floats(batch->derivative);
    }
    if (!hone_model_forward(run->model, &batch->model, &forward, floats(batch->logprob), error))
        return false;
    if (!run->objective->evaluate(run->objective_params, targets, &loss, floats(batch->derivative), figures, error))
        return false;
    step->loss += loss;
    for (size_t i = 0; i < run->n_figures; i++)
        step->figures[i] += figures[i];
    return hone_model_backward(run->model, linear ? NULL : floats(batch->derivative), error);
}

static bool diverged(const Run *run, const char *what, GError **error)
{
    g_autofree char *kept =
        run->state.step > 0 && run->saved
            ? g_strdup_printf("; the checkpoint of step %" G_GUINT64_FORMAT " is kept", run->state.step)
            : g_strdup("");
    g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                "step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ": the %s is no finite number: lower learning_rate "
                "(it is %g) or max_grad_norm (it is %g), or look for broken rows%s",
                run->state.step + 1, run->plan.total, what, run->params->learning_rate, run->params->max_grad_norm,
                kept);
    return false;
}

static bool save(Run *run, GError **error)
{
    if (run->saved)
        return true;
    run->saved = optimizer_download(&run->optimizer, run->state.host, error) &&
                 checkpoint_save(hone_stage_work_folder(run->stage), run->settings, run->optimizer.trainables,
                                 run->optimizer.n, &run->state, error);
    return run->saved;
}

static bool stop(Run *run, GError **error)
{
    return save(run, error) && hone_stage_stop(run->stage, error);
}

static bool take_step(Run *run, Step *step, GError **error)
{
    uint64_t at = run->state.step;
    size_t count;
    const uint32_t *window = plan_window(&run->plan, at, &count);
    double weight = batch_weight(run->examples, window, count);
    gint64 started = g_get_monotonic_time();
    *step = (Step){.rate = train_rate(run->params, at, run->plan.total)};
    if (!hone_model_zero_gradients(run->model, error))
        return false;
    for (size_t from = 0; from < count; from += run->plan.batch) {
        batch_pack(&run->batch, run->examples, window + from, MIN(run->plan.batch, count - from), from);
        run->batch.objective.window_weight = weight;
        run->batch.objective.window_examples = count;
        /* Any odd number will do but 0, which means none. */
        uint64_t seed =
            hone_random_u64(run->plan.seed, HONE_STREAM_DROPOUT, at * (uint64_t)run->plan.window + from) | 1;
        if (!compute(run, seed, step, error)) {
            g_prefix_error(error, "step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ": ", at + 1, run->plan.total);
            return false;
        }
        step->tokens += run->batch.model.n_tokens;
        if (hone_stage_cancelled(run->stage))
            return stop(run, error); /* the trained values are still those of the last whole step */
    }
    if (!isfinite(step->loss))
        return diverged(run, "loss", error);
    if (!optimizer_norm(&run->optimizer, &step->norm, error))
        return false;
    if (!isfinite(step->norm))
        return diverged(run, "gradient", error);
    /* As torch.nn.utils.clip_grad_norm_. */
    double limit = run->params->max_grad_norm, scale = limit > 0 ? MIN(1, limit / (step->norm + 1e-6)) : 1;
    if (!optimizer_step(&run->optimizer, run->params, step->rate, scale, at + 1, error))
        return false;
    step->seconds = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;
    run->state.step++;
    run->state.tokens += step->tokens;
    run->saved = false;
    return true;
}

/* ---- What is told. ---- */

/* Bytes of the process that are in memory now, or 0. */
static double resident(void)
{
    g_autofree char *text = NULL;
    unsigned long pages = 0;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) || sscanf(text, "%*u %lu", &pages) != 1)
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Two tellings: the live one has the times in it, the artifact's has only what a resumed run gives again. */
static void tell(Run *run, const Step *step)
{
    const char *names[MAX_FIGURES + 8] = {"loss", "lr", "grad_norm", "epoch", "tokens"};
    double values[MAX_FIGURES + 8] = {step->loss, step->rate, step->norm,
                                      (double)run->state.step / (double)run->plan.steps_per_epoch,
                                      (double)run->state.tokens};
    size_t n = 5;
    for (size_t i = 0; i < run->n_figures; i++, n++) {
        names[n] = run->objective->figure_names[i];
        values[n] = step->figures[i];
    }
    g_autoptr(JsonObject) figures = json_object_new(), event = json_object_new();
    for (size_t i = 0; i < n; i++)
        json_object_set_double_member(figures, names[i], values[i]);
    json_object_set_string_member(event, "event", "progress");
    json_object_set_int_member(event, "step", (gint64)run->state.step);
    json_object_set_int_member(event, "total", (gint64)run->plan.total);
    json_object_set_string_member(event, "unit", "steps");
    json_object_set_object_member(event, "figures", json_object_ref(figures));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), event);
    g_autofree char *line = hone_json_canonical(node);
    g_string_append_printf(run->state.events, "%s\n", line);

    names[n] = "tokens_per_s";
    values[n++] = step->seconds > 0 ? (double)step->tokens / step->seconds : NAN;
    names[n] = "memory";
    values[n++] = resident();
    hone_progress_step_values(run->progress, run->state.step, run->plan.total, "steps", names, values, n);
}

/* ---- Before the first step. ---- */

static bool add_tuner(Run *run, GError **error)
{
    const HoneTrainParams *params = run->params;
    HoneLora lora = {.size = sizeof lora,
                     .rank = (uint32_t)params->rank,
                     .alpha = params->alpha > 0 ? params->alpha : 2 * (double)params->rank,
                     .dropout = params->dropout,
                     .rslora = params->rslora,
                     .targets = (const char *const *)params->targets,
                     .seed = (uint64_t)params->seed};
    size_t n;
    if (!hone_model_add_lora(run->model, &lora, error))
        return false;
    const HoneTrainable *trainables = hone_model_trainables(run->model, &n);
    if (!optimizer_init(&run->optimizer, run->backend, trainables, n, error))
        return false;
    run->state.host = g_new(float, 3 * run->optimizer.count);
    return true;
}

/* What a checkpoint must agree with, beyond the parameters. */
static JsonObject *settings_of(Run *run)
{
    JsonObject *settings = train_settings(run->params);
    json_object_set_string_member(settings, "model", hone_artifact_hash(hone_stage_input(run->stage, "model")));
    json_object_set_string_member(settings, "dataset", hone_artifact_hash(hone_stage_input(run->stage, "dataset")));
    json_object_set_string_member(settings, "numerics", run->backend->info.numerics);
    json_object_set_string_member(settings, "device", run->backend->info.device_name);
    json_object_set_int_member(settings, "steps", (gint64)run->plan.total);
    return settings;
}

/* The largest batch comes first, without a step: what does not fit in memory fails now and not after an hour. */
static bool rehearse(Run *run, GError **error)
{
    g_autofree uint32_t *largest = g_new(uint32_t, run->plan.batch);
    size_t count = 0, tokens = plan_largest(&run->plan, run->examples, largest, &count);
    Step step = {0};
    batch_pack(&run->batch, run->examples, largest, count, 0);
    run->batch.objective.window_weight = batch_weight(run->examples, largest, count);
    run->batch.objective.window_examples = count;
    if (!compute(run, 1, &step, error)) {
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
    HoneArtifact *model = hone_stage_input(run->stage, "model"), *dataset = hone_stage_input(run->stage, "dataset");
    while (run->objective->figure_names && run->objective->figure_names[run->n_figures])
        if (++run->n_figures > MAX_FIGURES) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "an objective may have at most %d figures", MAX_FIGURES);
            return false;
        }
    run->backend = hone_stage_backend(run->stage, error);
    if (!run->backend)
        return false;
    run->model =
        hone_model_open_artifact(model, run->backend, hone_stage_hash_folder(run->stage), run->progress, error);
    if (!run->model)
        return false;
    run->examples = examples_read(dataset, run->model, run->params, run->objective->flags & HONE_OBJECTIVE_PAIRS,
                                  run->progress, error);
    if (!run->examples || !plan_init(&run->plan, run->params, run->examples->n, error) || !add_tuner(run, error))
        return false;
    run->settings = settings_of(run);
    hone_progress_note(run->progress, HONE_NOTE_INFO, "%zu values are trained, in %" G_GUINT64_FORMAT " steps",
                       run->optimizer.count, run->plan.total);
    if (!checkpoint_load(hone_stage_work_folder(run->stage), run->settings, run->optimizer.trainables, run->optimizer.n,
                         &run->state, run->progress))
        return true;
    hone_progress_note(run->progress, HONE_NOTE_INFO, "goes on from the checkpoint of step %" G_GUINT64_FORMAT,
                       run->state.step);
    run->saved = true;
    return optimizer_upload(&run->optimizer, run->state.host, error);
}

/* ---- After the last step. ---- */

static void copy_member(JsonObject *to, JsonObject *from, const char *name)
{
    if (json_object_has_member(from, name))
        json_object_set_member(to, name, json_node_copy(json_object_get_member(from, name)));
}

static bool write_adapter(Run *run, GError **error)
{
    HoneArtifact *adapter = hone_stage_output(run->stage, "adapter", HONE_ADAPTER, error);
    const HoneChat *chat = hone_model_chat(run->model, error);
    if (!adapter || !chat || !hone_model_save_adapter(run->model, hone_artifact_folder(adapter), error))
        return false;
    g_autofree char *log = hone_artifact_file(adapter, LOG);
    if (!hone_file_write(log, run->state.events->str, run->state.events->len, error))
        return false;
    JsonObject *meta = hone_artifact_meta(adapter), *base = json_object_new();
    JsonObject *model = hone_artifact_meta(hone_stage_input(run->stage, "model"));
    static const char *const names[] = {"path", "sha256", "format", "family", "name", "parameters"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        copy_member(base, model, names[i]);
    /* A path within the model's artifact would mean nothing in this one. */
    g_autofree char *path = hone_artifact_model_path(hone_stage_input(run->stage, "model"), NULL);
    json_object_set_string_member(base, "path", path);
    json_object_set_object_member(meta, "base", base);
    g_autoptr(JsonObject) settings = train_settings(run->params);
    copy_member(meta, settings, "tuner");
    copy_member(meta, settings, "rank");
    copy_member(meta, settings, "targets");
    json_object_set_double_member(meta, "alpha",
                                  run->params->alpha > 0 ? run->params->alpha : 2 * (double)run->params->rank);
    json_object_set_string_member(meta, "tokenizer_hash", hone_tokenizer_hash(hone_model_tokenizer(run->model)));
    json_object_set_string_member(meta, "template_hash", hone_chat_hash(chat));
    json_object_set_int_member(meta, "steps", (gint64)run->state.step);
    json_object_set_int_member(meta, "rows", (gint64)run->examples->n);
    json_object_set_int_member(meta, "tokens", (gint64)run->state.tokens);
    return true;
}

static bool train(Run *run, GError **error)
{
    if (!prepare(run, error))
        return false;
    if (run->state.step < run->plan.total && !rehearse(run, error))
        return false;
    while (run->state.step < run->plan.total) {
        Step step;
        if (hone_stage_cancelled(run->stage))
            return stop(run, error);
        if (!take_step(run, &step, error))
            return false;
        tell(run, &step);
        if (run->state.step % (uint64_t)run->params->save_every == 0 && run->state.step < run->plan.total &&
            !save(run, error))
            return false;
    }
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        hone_progress_fact(run->progress, "peak_memory_bytes", (double)usage.ru_maxrss * 1024);
    hone_progress_fact(run->progress, "backend_peak_bytes", (double)run->backend->peak);
    return write_adapter(run, error);
}

bool hone_train(HoneStage *stage, const HoneTrainParams *params, const HoneObjectiveOps *objective,
                const void *objective_params, GError **error)
{
    Run run = {.stage = stage,
               .params = params,
               .objective = objective,
               .objective_params = objective_params,
               .progress = hone_stage_progress(stage)};
    run.state.events = g_string_new(NULL);
    batch_init(&run.batch);
    bool ok = train(&run, error);
    optimizer_clear(&run.optimizer);
    batch_clear(&run.batch);
    plan_clear(&run.plan);
    examples_free(run.examples);
    g_clear_pointer(&run.settings, json_object_unref);
    g_string_free(run.state.events, TRUE);
    g_free(run.state.host);
    hone_model_free(run.model);
    return ok;
}
