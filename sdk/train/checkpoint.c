/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c: a run's state on disk, in one safetensors file for each generation.
 *
 * The file is renamed into place whole, so a kill while it is written leaves the generation before it. Its metadata
 * holds the state as JSON and a checksum over state and tensors, so damage on the disk is noticed, and the generation
 * before it is taken. What ran so far of training.jsonl lies in it as well, as an integer tensor: one file, one rename.
 */
#include "internal.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/safetensors.h>
#include <string.h>

#define PREFIX "checkpoint-"
#define SUFFIX ".safetensors"
#define KEEP 2
#define EVENTS "events"

/* Over what matters of a file: the state's text, then names and bytes of all tensors. */
static char *checksum_of(const char *state, const HoneSafetensor *const *tensors, size_t n)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)state, -1);
    for (size_t i = 0; i < n; i++) {
        g_checksum_update(sum, (const guchar *)tensors[i]->name, -1);
        for (size_t at = 0; at < tensors[i]->bytes; at += 1 << 30) /* GChecksum counts in gssize, old ones in int */
            g_checksum_update(sum, (const guchar *)tensors[i]->data + at,
                              (gssize)MIN(tensors[i]->bytes - at, (size_t)1 << 30));
    }
    return g_strdup(g_checksum_get_string(sum));
}

static char *path_of(const char *folder, uint64_t step)
{
    g_autofree char *name = g_strdup_printf(PREFIX "%012" G_GUINT64_FORMAT SUFFIX, step);
    return g_build_filename(folder, name, NULL);
}

static int newest_first(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

/* Names of the generations, newest first. Half-written files of killed runs are removed on the way. */
static GPtrArray *generations(const char *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_prefix(name, PREFIX))
            continue;
        if (g_str_has_suffix(name, SUFFIX)) {
            g_ptr_array_add(names, g_strdup(name));
        } else {
            g_autofree char *path = g_build_filename(folder, name, NULL);
            g_unlink(path);
        }
    }
    g_ptr_array_sort(names, newest_first);
    return names;
}

/* ---- Saving. ---- */

static char *state_text(JsonObject *settings, const Checkpoint *checkpoint)
{
    g_autoptr(JsonObject) state = json_object_new();
    json_object_set_int_member(state, "step", (gint64)checkpoint->step);
    json_object_set_int_member(state, "tokens", (gint64)checkpoint->tokens);
    json_object_set_int_member(state, "validated", (gint64)checkpoint->validated);
    json_object_set_int_member(state, "best_step", (gint64)checkpoint->best_step);
    json_object_set_double_member(state, "best_loss", checkpoint->best_loss);
    json_object_set_int_member(state, "worse", (gint64)checkpoint->worse);
    json_object_set_int_member(state, EVENTS, (gint64)checkpoint->events->len);
    json_object_set_object_member(state, "settings", json_object_ref(settings));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), state);
    return hone_json_canonical(node);
}

bool checkpoint_save(const char *folder, JsonObject *settings, const States *states, const Checkpoint *checkpoint,
                     GError **error)
{
    size_t n = states->all->len;
    g_autofree HoneSafetensor *tensors = g_new0(HoneSafetensor, n + 1);
    g_autofree const HoneSafetensor **order = g_new(const HoneSafetensor *, n + 1);
    const char *host = checkpoint->host;
    for (size_t i = 0; i < n; i++) {
        const StateTensor *state = states_get(states, i);
        tensors[i] = (HoneSafetensor){.name = state->name,
                                      .type = state->tensor.type,
                                      .rank = state->tensor.rank,
                                      .data = host,
                                      .bytes = hone_tensor_bytes(state->tensor)};
        memcpy(tensors[i].shape, state->tensor.shape, sizeof state->tensor.shape);
        host += tensors[i].bytes;
    }
    size_t words = (checkpoint->events->len + 3) / 4;
    g_autofree char *events = g_malloc0(words * 4 + 1);
    memcpy(events, checkpoint->events->str, checkpoint->events->len);
    tensors[n] = (HoneSafetensor){
        .name = EVENTS, .type = HONE_I32, .rank = 1, .shape = {words}, .data = events, .bytes = words * 4};
    for (size_t i = 0; i <= n; i++)
        order[i] = &tensors[i];
    g_autofree char *state = state_text(settings, checkpoint);
    g_autofree char *checksum = checksum_of(state, order, n + 1);
    g_autoptr(JsonObject) meta = json_object_new();
    json_object_set_string_member(meta, "state", state);
    json_object_set_string_member(meta, "checksum", checksum);
    g_autofree char *path = path_of(folder, checkpoint->step);
    if (!hone_safetensors_write(path, tensors, n + 1, meta, error))
        return false;
    g_autoptr(GPtrArray) all = generations(folder);
    for (guint i = KEEP; i < all->len; i++) {
        g_autofree char *old = g_build_filename(folder, all->pdata[i], NULL);
        g_unlink(old);
    }
    return true;
}

/* ---- Loading. ---- */

/* What does not decide the result, but may decide its last bits. */
#define DEVICE "device"

static void warn_of_device(JsonObject *before, JsonObject *now, HoneProgress *progress)
{
    const char *was = json_object_get_string_member_with_default(before, DEVICE, "");
    const char *is = json_object_get_string_member_with_default(now, DEVICE, "");
    if (strcmp(was, is) != 0)
        hone_progress_note(
            progress, HONE_NOTE_WARNING,
            "the checkpoint was made on \"%s\" and goes on on \"%s\": the last bits of the result may not "
            "be those of an undisturbed run",
            was, is);
}

/* The first setting in which a checkpoint differs from now, in words, or NULL. */
static char *difference(JsonObject *before, JsonObject *now)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init(&iter, now);
    while (json_object_iter_next(&iter, &name, &value)) {
        if (strcmp(name, DEVICE) == 0)
            continue;
        JsonNode *old = json_object_get_member(before, name);
        g_autofree char *was = old ? hone_json_canonical(old) : g_strdup("not set"), *is = hone_json_canonical(value);
        if (strcmp(was, is) != 0)
            return g_strdup_printf("%s was %s and is %s", name, was, is);
    }
    return json_object_get_size(before) != json_object_get_size(now) ? g_strdup("another version made it") : NULL;
}

/* Reads the file's tensors into the checkpoint. NULL, or what is wrong with it. */
static const char *take(const HoneSafetensors *file, JsonObject *state, const States *states, Checkpoint *checkpoint)
{
    char *host = checkpoint->host;
    for (guint i = 0; i < states->all->len; i++) {
        const StateTensor *wanted = states_get(states, i);
        const HoneSafetensor *tensor = hone_safetensors_find(file, wanted->name);
        size_t bytes = hone_tensor_bytes(wanted->tensor);
        if (!tensor || tensor->type != wanted->tensor.type || tensor->bytes != bytes)
            return "it belongs to another adapter, or another optimizer";
        if (bytes > 0)
            memcpy(host, tensor->data, bytes);
        host += bytes;
    }
    const HoneSafetensor *events = hone_safetensors_find(file, EVENTS);
    gint64 length = json_object_get_int_member_with_default(state, EVENTS, -1);
    gint64 step = json_object_get_int_member_with_default(state, "step", -1);
    gint64 tokens = json_object_get_int_member_with_default(state, "tokens", -1);
    gint64 validated = json_object_get_int_member_with_default(state, "validated", -1);
    gint64 best = json_object_get_int_member_with_default(state, "best_step", -1);
    gint64 worse = json_object_get_int_member_with_default(state, "worse", -1);
    if (!events || length < 0 || (uint64_t)length > events->bytes || step < 0 || tokens < 0 || validated < 0 ||
        best < 0 || worse < 0)
        return "its state is incomplete";
    g_string_truncate(checkpoint->events, 0);
    g_string_append_len(checkpoint->events, events->data, (gssize)length);
    checkpoint->step = (uint64_t)step;
    checkpoint->tokens = (uint64_t)tokens;
    checkpoint->validated = (uint64_t)validated;
    checkpoint->best_step = (uint64_t)best;
    checkpoint->best_loss = json_object_get_double_member_with_default(state, "best_loss", 0);
    checkpoint->worse = (uint64_t)worse;
    return NULL;
}

/* The parsed state of a file whose checksum holds, or NULL. */
static JsonObject *state_of(const HoneSafetensors *file)
{
    const char *state = hone_safetensors_meta(file, "state"), *wanted = hone_safetensors_meta(file, "checksum");
    if (!state || !wanted)
        return NULL;
    size_t n = hone_safetensors_count(file);
    g_autofree const HoneSafetensor **order = g_new(const HoneSafetensor *, n);
    for (size_t i = 0; i < n; i++)
        order[i] = hone_safetensors_get(file, i);
    g_autofree char *sum = checksum_of(state, order, n);
    g_autoptr(JsonNode) node = strcmp(sum, wanted) == 0 ? hone_json_parse(state, strlen(state), NULL, NULL) : NULL;
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_object_ref(json_node_get_object(node)) : NULL;
}

bool checkpoint_load(const char *folder, JsonObject *settings, const States *states, Checkpoint *checkpoint,
                     HoneProgress *progress)
{
    g_autoptr(GPtrArray) names = generations(folder);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL), *changed = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
        g_autoptr(JsonObject) state = file ? state_of(file) : NULL;
        JsonNode *before = state ? json_object_get_member(state, "settings") : NULL;
        if (!before || !JSON_NODE_HOLDS_OBJECT(before)) {
            hone_progress_note(progress, HONE_NOTE_WARNING, "checkpoint passed over: %s",
                               error ? error->message : "its checksum does not hold");
            continue;
        }
        changed = difference(json_node_get_object(before), settings);
        if (changed) {
            hone_progress_note(progress, HONE_NOTE_WARNING, "training starts anew, not from its checkpoint: %s",
                               changed);
            return false;
        }
        const char *wrong = take(file, state, states, checkpoint);
        if (!wrong) {
            warn_of_device(json_node_get_object(before), settings, progress);
            return true;
        }
        hone_progress_note(progress, HONE_NOTE_WARNING, "checkpoint passed over: %s", wrong);
    }
    return false;
}
