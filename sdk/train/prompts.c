/* SPDX-License-Identifier: Apache-2.0
 * prompts.c: the rows of a dataset as prompts: everything before the last answer. What is left out is counted and told.
 */
#include "rollout.h"

static void prompt_free(void *data)
{
    Prompt *prompt = data;
    hone_row_free(prompt->row);
    g_clear_pointer(&prompt->ids, g_array_unref);
    g_free(prompt);
}

/* Takes the row. false: an error. */
static bool add(GPtrArray *prompts, HoneRow *taken, const HoneChat *chat, size_t limit, bool fail, size_t *over,
                GError **error)
{
    g_autoptr(HoneRow) row = taken;
    g_autoptr(HoneTokens) tokens = hone_chat_encode_prompt_with(chat, row->messages, row->tools, error);
    if (!tokens) {
        g_prefix_error(error, "row \"%s\": ", row->id);
        return false;
    }
    if (tokens->ids->len > limit && fail) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "row \"%s\": its prompt has %u tokens, and %zu are left before max_tokens; raise max_length, or "
                    "set over_length to drop",
                    row->id, tokens->ids->len, limit);
        return false;
    }
    if (tokens->ids->len > limit || tokens->ids->len == 0) {
        ++*over;
        return true;
    }
    Prompt *prompt = g_new0(Prompt, 1);
    prompt->row = g_steal_pointer(&row);
    prompt->ids = g_array_ref(tokens->ids);
    g_ptr_array_add(prompts, prompt);
    return true;
}

GPtrArray *prompts_read(Run *run, size_t limit, GError **error)
{
    HoneArtifact *dataset = hone_stage_input(run->stage, "dataset");
    const HoneChat *chat = hone_model_chat(run->model, error);
    g_autoptr(HoneRowReader) reader = chat ? hone_row_reader_open(dataset, error) : NULL;
    if (!reader)
        return NULL;
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func(prompt_free);
    g_autoptr(GError) broken = NULL;
    bool fail = g_str_equal(run->params->over_length, "fail");
    size_t seen = 0, over = 0;
    HoneRow *row;
    while ((row = hone_row_reader_next(reader, &broken))) {
        seen++;
        if (!add(prompts, row, chat, limit, fail, &over, error)) {
            g_prefix_error(error, "%s: ", hone_artifact_label(dataset));
            return NULL;
        }
    }
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    if (prompts->len == 0) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_INVALID,
            "%s: no prompt to answer: the dataset has %zu rows, %zu of them with prompts above %zu tokens (raise "
            "max_length)",
            hone_artifact_label(dataset), seen, over, limit);
        return NULL;
    }
    hone_progress_note(run->progress, HONE_NOTE_INFO, "%u of %zu rows are prompts to answer", prompts->len, seen);
    if (over > 0)
        hone_progress_note(run->progress, HONE_NOTE_WARNING, "%zu of %zu rows dropped: prompts above %zu tokens", over,
                           seen, limit);
    return g_steal_pointer(&prompts);
}
