/* SPDX-License-Identifier: Apache-2.0
 * answers.c: the model's own answer to each row's prompt. Rows go through in groups; a group that is done is one line
 * of the journal, so a killed run loses at most the group it was in.
 */
#include "evaluate.h"
#include <hone/random.h>

/* Rows in a group, for each row decoded at once: more of them keep the batch full for longer, fewer lose less. */
#define GROUP_ROWS 4

typedef struct Watch {
    EvalWork *work;
    size_t tokens, group_tokens; /* in all, of the group */
    gint64 begun, told;
    guint first, started; /* the group's first row; its rows that have said something */
} Watch;

/* Rows of the group that have ended, at least: all that began but those that share the batch now, and never fewer than
 * the tokens would make at full length. */
static size_t rows_ended(const Watch *watch)
{
    size_t batch = (size_t)watch->work->params->batch;
    size_t left_batch = watch->started > batch ? watch->started - batch : 0;

    return MAX(left_batch, watch->group_tokens / (size_t)watch->work->params->max_tokens);
}

/* After each new piece of any row. */
static bool watch_piece(size_t index, const char *piece, void *data)
{
    Watch *watch = data;
    gint64 now = g_get_monotonic_time();

    watch->tokens++;
    watch->group_tokens++;
    watch->started = MAX(watch->started, (guint)index + 1);
    if (now - watch->told > G_USEC_PER_SEC / 2) {
        watch->told = now;
        hone_progress_step(hone_stage_progress(watch->work->stage),
                           watch->work->done + watch->first + rows_ended(watch), watch->work->total, "rows",
                           "tokens_per_s", (double)watch->tokens * 1e6 / (double)MAX(now - watch->begun, 1), NULL);
    }
    return !hone_stage_cancelled(watch->work->stage);
}

static void free_completions(HoneCompletion **completions, guint n)
{
    for (guint i = 0; i < n; i++) {
        if (completions[i]) {
            hone_completion_free(completions[i]);
        }
    }
    g_free(completions);
}

static bool generate(EvalWork *work, guint first, guint end, Watch *watch, GError **error)
{
    guint n = end - first;
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    HoneCompletion **completions = g_new0(HoneCompletion *, n);
    HoneSampling sampling = {
        .size = sizeof sampling,
        .temperature = work->params->temperature,
        .top_p = 1,
        .repetition_penalty = 1,
        .max_tokens = (uint32_t)work->params->max_tokens,
        /* A prompt's number within its group is all that tells rows apart in the sampler. */
        .seed = hone_random_u64((uint64_t)work->params->seed, HONE_STREAM_SAMPLE, first),
    };
    bool ok;

    for (guint i = first; i < end; i++) {
        const EvalRow *row = work->rows->rows->pdata[i];
        GArray *prompt = g_array_new(FALSE, FALSE, sizeof(int32_t));

        g_array_append_vals(prompt, row->tokens->ids->data, (guint)row->tokens->prompt);
        g_ptr_array_add(prompts, prompt);
    }
    watch->first = first;
    watch->started = 0;
    watch->group_tokens = 0;
    ok = hone_model_generate(work->model, (GArray *const *)prompts->pdata, n, (size_t)work->params->batch, &sampling,
                             watch_piece, watch, completions, error);
    if (ok && hone_stage_cancelled(work->stage)) {
        ok = hone_stage_stop(work->stage, error);
    }
    for (guint i = 0; ok && i < n; i++) {
        EvalRow *row = work->rows->rows->pdata[first + i];

        g_free(row->prediction);
        row->prediction = g_utf8_make_valid(completions[i]->text, -1);
        row->finished = completions[i]->finished;
    }
    free_completions(completions, n);
    return ok;
}

static JsonObject *record_of(const EvalRows *rows, guint first, guint end)
{
    JsonObject *record = json_object_new();
    JsonArray *texts = json_array_new(), *finished = json_array_new();

    for (guint i = first; i < end; i++) {
        const EvalRow *row = rows->rows->pdata[i];

        json_array_add_string_element(texts, row->prediction);
        json_array_add_boolean_element(finished, row->finished);
    }
    json_object_set_int_member(record, "first", first);
    json_object_set_array_member(record, "predictions", texts);
    json_object_set_array_member(record, "finished", finished);
    return record;
}

static JsonArray *array_member(JsonObject *record, const char *name, guint length)
{
    JsonNode *node = json_object_get_member(record, name);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    return array && json_array_get_length(array) == length ? array : NULL;
}

static bool restore(EvalRows *rows, JsonObject *record, guint first, guint end)
{
    JsonArray *texts = array_member(record, "predictions", end - first);
    JsonArray *finished = array_member(record, "finished", end - first);

    if (json_object_get_int_member_with_default(record, "first", -1) != first || !texts || !finished) {
        return false;
    }
    for (guint i = first; i < end; i++) {
        EvalRow *row = rows->rows->pdata[i];
        const char *text = json_array_get_string_element(texts, i - first);

        if (!text) {
            return false;
        }
        g_free(row->prediction);
        row->prediction = g_strdup(text);
        row->finished = json_array_get_boolean_element(finished, i - first);
    }
    return true;
}

static void tell_cut(EvalWork *work)
{
    guint cut = 0;

    for (guint i = 0; i < work->rows->rows->len; i++) {
        const EvalRow *row = work->rows->rows->pdata[i];

        cut += !row->finished;
    }
    if (cut > 0) {
        hone_progress_note(hone_stage_progress(work->stage), HONE_NOTE_WARNING,
                           "%u of %u answers did not end within %" G_GINT64_FORMAT " tokens (max_tokens)", cut,
                           work->rows->rows->len, work->params->max_tokens);
    }
}

bool eval_answers(EvalWork *work, GError **error)
{
    g_autoptr(Journal) journal = eval_journal(work, "answers.jsonl", error);
    guint n = work->rows->rows->len, step = (guint)work->params->batch * GROUP_ROWS, kept;
    Watch watch = {.work = work, .begun = g_get_monotonic_time()};

    if (!journal) {
        return false;
    }
    kept = journal_records(journal)->len;
    for (guint first = 0, end, group = 0; first < n; first = end, group++) {
        end = MIN(first + step, n);
        if (hone_stage_cancelled(work->stage)) {
            return hone_stage_stop(work->stage, error);
        }
        if (group >= kept || !restore(work->rows, journal_records(journal)->pdata[group], first, end)) {
            kept = 0;
            if (!generate(work, first, end, &watch, error) ||
                !journal_add(journal, record_of(work->rows, first, end), error)) {
                return false;
            }
        }
        hone_progress_step(hone_stage_progress(work->stage), work->done + end, work->total, "rows", "tokens_per_s",
                           (double)watch.tokens * 1e6 / (double)MAX(g_get_monotonic_time() - watch.begun, 1), NULL);
    }
    work->done += n;
    tell_cut(work);
    return true;
}
