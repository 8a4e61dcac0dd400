/* SPDX-License-Identifier: Apache-2.0
 * teacher.c: what a teacher finds likeliest at each place that is to be learned, on disk, and its way back to the
 * examples of a student.
 *
 * teacher.safetensors: keys i32 [S,2] (the first bytes of the SHA-256 of a sequence's ids), starts i32 [S+1] into the
 * targets, rows i32 [N] (the token that predicts), ids i32 [N,k], logprobs f32 [N,k], likeliest first. A sequence is
 * found by its ids, so neither the order of rows nor their batches matter, and other text never gets a teacher's word.
 */
#include "internal.h"
#include <hone/safetensors.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEACHER_FILE "teacher.safetensors"
#define BATCH_TOKENS 2048 /* a longer row is a batch of its own */

static guint64 key_of(const Examples *examples, size_t i)
{
    size_t from = g_array_index(examples->starts, size_t, i), end = g_array_index(examples->starts, size_t, i + 1);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize length = sizeof digest;
    guint64 key;
    g_checksum_update(sum, (const guchar *)&g_array_index(examples->ids, int32_t, from),
                      (gssize)((end - from) * sizeof(int32_t)));
    g_checksum_get_digest(sum, digest, &length);
    memcpy(&key, digest, sizeof key);
    return key;
}

/* ---- Writing. ---- */

typedef struct Teaching {
    size_t k, vocab;
    double temperature;
    GArray *ids;      /* int32_t [N,k] */
    GArray *logprobs; /* float [N,k] */
} Teaching;

/* The k largest of the logits and their log-probabilities at the temperature; of equal ones the lower id first. */
static void add_row(Teaching *t, const float *logits)
{
    guint at = t->ids->len;
    g_array_set_size(t->ids, at + (guint)t->k);
    g_array_set_size(t->logprobs, at + (guint)t->k);
    int32_t *ids = &g_array_index(t->ids, int32_t, at);
    float *best = &g_array_index(t->logprobs, float, at);
    size_t n = 0;
    for (size_t v = 0; v < t->vocab; v++) {
        if (n == t->k && logits[v] <= best[n - 1])
            continue;
        size_t place = n < t->k ? n++ : n - 1;
        for (; place > 0 && best[place - 1] < logits[v]; place--) {
            best[place] = best[place - 1];
            ids[place] = ids[place - 1];
        }
        best[place] = logits[v];
        ids[place] = (int32_t)v;
    }
    double sum = 0, top = (double)best[0];
    for (size_t v = 0; v < t->vocab; v++)
        sum += exp(((double)logits[v] - top) / t->temperature);
    for (size_t j = 0; j < t->k; j++)
        best[j] = (float)(((double)best[j] - top) / t->temperature - log(sum));
}

static bool add_rows(size_t first, size_t count, const float *logits, void *data)
{
    Teaching *t = data;
    for (size_t i = 0; i < count; i++)
        add_row(t, logits + i * t->vocab);
    return true;
}

static bool ask(Teaching *t, HoneStage *stage, HoneModel *model, const Examples *examples, GError **error)
{
    Batch batch;
    batch_init(&batch);
    g_autofree uint32_t *which = g_new(uint32_t, examples->n);
    bool ok = true;
    for (size_t i = 0; i < examples->n; i++)
        which[i] = (uint32_t)i;
    for (size_t first = 0, end; ok && first < examples->n; first = end) {
        size_t tokens = 0;
        for (end = first; end < examples->n; end++) {
            tokens += examples_length(examples, end);
            if (end > first && tokens > BATCH_TOKENS)
                break;
        }
        batch_pack(&batch, examples, which + first, end - first, first);
        ok = hone_model_logits_each(model, &batch.model, add_rows, t, error);
        if (ok && hone_stage_cancelled(stage))
            ok = hone_stage_stop(stage, error);
        hone_progress_step(hone_stage_progress(stage), end, examples->n, "rows", NULL);
    }
    batch_clear(&batch);
    return ok;
}

static bool write_file(HoneArtifact *out, const Examples *examples, const Teaching *t, GError **error)
{
    size_t sequences = examples->part->len, targets = examples->rows->len;
    g_autofree guint64 *keys = g_new(guint64, sequences);
    g_autofree int32_t *starts = g_new(int32_t, sequences + 1);
    for (size_t i = 0; i < sequences; i++)
        keys[i] = key_of(examples, i);
    for (size_t i = 0; i <= sequences; i++)
        starts[i] = (int32_t)g_array_index(examples->targets, size_t, i);
    const HoneSafetensor tensors[] = {
        {"keys", HONE_I32, 2, {sequences, 2}, keys, sequences * 8},
        {"starts", HONE_I32, 1, {sequences + 1}, starts, (sequences + 1) * 4},
        {"rows", HONE_I32, 1, {targets}, examples->rows->data, targets * 4},
        {"ids", HONE_I32, 2, {targets, t->k}, t->ids->data, targets * t->k * 4},
        {"logprobs", HONE_F32, 2, {targets, t->k}, t->logprobs->data, targets * t->k * 4},
    };
    g_autofree char *path = hone_artifact_file(out, TEACHER_FILE);
    return hone_safetensors_write(path, tensors, G_N_ELEMENTS(tensors), NULL, error);
}

static bool teach(HoneStage *stage, const HoneTeacherParams *params, HoneModel *model, GError **error)
{
    static const HoneObjectiveOps any = {.size = sizeof any};
    const HoneTrainParams rows = {.max_length = params->max_length, .over_length = (char *)"drop"};
    const HoneTraining training = {.size = sizeof training, .params = &rows, .objective = &any};
    g_autoptr(Examples) examples =
        examples_read(hone_stage_input(stage, "dataset"), model, &training, hone_stage_progress(stage), error);
    if (!examples)
        return false;
    size_t vocab = hone_model_config(model)->vocab, k = MIN((size_t)params->top_k, vocab - 1);
    if (examples->rows->len > G_MAXINT32 / k) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "%u target tokens of %zu candidates each; split the dataset",
                    examples->rows->len, k);
        return false;
    }
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_autoptr(GArray) logprobs = g_array_new(FALSE, FALSE, sizeof(float));
    Teaching t = {.k = k, .vocab = vocab, .temperature = params->temperature, .ids = ids, .logprobs = logprobs};
    HoneArtifact *out = hone_stage_output(stage, "logprobs", HONE_LOGPROBS, error);
    if (!out || !ask(&t, stage, model, examples, error) || !write_file(out, examples, &t, error))
        return false;
    double covered = 0;
    for (guint i = 0; i < logprobs->len; i++)
        covered += exp((double)g_array_index(logprobs, float, i)) / (double)examples->rows->len;
    hone_progress_note(hone_stage_progress(stage), HONE_NOTE_INFO,
                       "%u places, the %zu likeliest tokens of each: they hold %.3g of all probability",
                       examples->rows->len, k, covered);
    JsonObject *meta = hone_artifact_meta(out);
    json_object_set_int_member(meta, "top_k", (gint64)k);
    json_object_set_double_member(meta, "temperature", params->temperature);
    json_object_set_int_member(meta, "vocabulary", (gint64)vocab);
    json_object_set_string_member(meta, "tokenizer_hash", hone_tokenizer_hash(hone_model_tokenizer(model)));
    return true;
}

bool hone_teach(HoneStage *stage, const HoneTeacherParams *params, GError **error)
{
    HoneBackend *backend = hone_stage_backend(stage, error);
    g_autoptr(HoneModel) model =
        backend ? hone_model_open_artifact(hone_stage_input(stage, "model"), backend, hone_stage_hash_folder(stage),
                                           hone_stage_progress(stage), error)
                : NULL;
    return model && teach(stage, params, model, error);
}

/* ---- Reading. ---- */

typedef struct Lesson {
    HoneSafetensors *file;
    const guint64 *keys;
    const int32_t *starts, *rows, *ids;
    const float *logprobs;
    size_t sequences, targets, k;
    GHashTable *by_key; /* of guint64 * into keys, to GSIZE: the sequence's number + 1 */
} Lesson;

static void lesson_clear(Lesson *lesson)
{
    g_clear_pointer(&lesson->by_key, g_hash_table_unref);
    g_clear_pointer(&lesson->file, hone_safetensors_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lesson, lesson_clear)

static const void *tensor_of(const Lesson *lesson, const char *name, HoneType type, size_t rows, size_t columns)
{
    const HoneSafetensor *t = hone_safetensors_find(lesson->file, name);
    size_t n = rows * MAX(columns, 1);
    /* Another program's file may hold its tensors at odd places. */
    size_t alignment = strcmp(name, "keys") == 0 ? sizeof(guint64) : sizeof(int32_t);
    bool fits = t && (uintptr_t)t->data % alignment == 0 && t->type == type && t->rank == (columns > 0 ? 2 : 1) &&
                t->shape[0] == rows && (columns == 0 || t->shape[1] == columns) && t->bytes == n * 4;
    return fits ? t->data : NULL;
}

static bool lesson_is_whole(const Lesson *lesson, size_t vocab)
{
    if (lesson->starts[0] != 0 || lesson->starts[lesson->sequences] != (int32_t)lesson->targets)
        return false;
    for (size_t i = 0; i < lesson->sequences; i++)
        if (lesson->starts[i + 1] < lesson->starts[i])
            return false;
    for (size_t i = 0; i < lesson->targets * lesson->k; i++)
        if (lesson->ids[i] < 0 || (size_t)lesson->ids[i] >= vocab || !(lesson->logprobs[i] <= 1e-3f))
            return false;
    return true;
}

static bool lesson_open(Lesson *lesson, HoneArtifact *teacher, size_t vocab, GError **error)
{
    g_autofree char *path = hone_artifact_file(teacher, TEACHER_FILE);
    lesson->file = hone_safetensors_open(path, error);
    if (!lesson->file)
        return false;
    const HoneSafetensor *keys = hone_safetensors_find(lesson->file, "keys");
    const HoneSafetensor *ids = hone_safetensors_find(lesson->file, "ids");
    if (keys && ids && keys->rank == 2 && ids->rank == 2 && ids->shape[1] > 0 && ids->shape[0] <= G_MAXINT32) {
        lesson->sequences = keys->shape[0];
        lesson->targets = ids->shape[0];
        lesson->k = ids->shape[1];
        lesson->keys = tensor_of(lesson, "keys", HONE_I32, lesson->sequences, 2);
        lesson->starts = tensor_of(lesson, "starts", HONE_I32, lesson->sequences + 1, 0);
        lesson->rows = tensor_of(lesson, "rows", HONE_I32, lesson->targets, 0);
        lesson->ids = tensor_of(lesson, "ids", HONE_I32, lesson->targets, lesson->k);
        lesson->logprobs = tensor_of(lesson, "logprobs", HONE_F32, lesson->targets, lesson->k);
    }
    if (!lesson->keys || !lesson->starts || !lesson->rows || !lesson->ids || !lesson->logprobs ||
        !lesson_is_whole(lesson, vocab)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: no log-probabilities of a teacher, or damaged; make them again with teacher_logprobs", path);
        return false;
    }
    lesson->by_key = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (size_t i = 0; i < lesson->sequences; i++)
        g_hash_table_insert(lesson->by_key, (gpointer)&lesson->keys[i], GSIZE_TO_POINTER(i + 1));
    return true;
}

/* Appends the teacher's word on sequence i; false where there is none. */
static bool learn(const Lesson *lesson, Examples *examples, size_t i)
{
    guint64 key = key_of(examples, i);
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(lesson->by_key, &key));
    if (found == 0)
        return false;
    size_t from = (size_t)lesson->starts[found - 1], end = (size_t)lesson->starts[found];
    size_t own = g_array_index(examples->targets, size_t, i), own_end = g_array_index(examples->targets, size_t, i + 1);
    if (end - from != own_end - own ||
        memcmp(lesson->rows + from, &g_array_index(examples->rows, int32_t, own), (end - from) * sizeof(int32_t)) != 0)
        return false;
    guint n = (guint)((end - from) * lesson->k);
    g_array_append_vals(examples->candidates, lesson->ids + from * lesson->k, n);
    g_array_append_vals(examples->teacher, lesson->logprobs + from * lesson->k, n);
    return true;
}

bool examples_learn(Examples *examples, HoneArtifact *teacher, HoneModel *model, GError **error)
{
    JsonObject *meta = hone_artifact_meta(teacher);
    const char *hash = json_object_get_string_member_with_default(meta, "tokenizer_hash", "");
    if (strcmp(hash, hone_tokenizer_hash(hone_model_tokenizer(model))) != 0) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_INVALID,
            "%s: the teacher has another tokenizer than the model; a student learns from a teacher whose tokens "
            "are its own",
            hone_artifact_label(teacher));
        return false;
    }
    g_auto(Lesson) lesson = {0};
    if (!lesson_open(&lesson, teacher, hone_model_config(model)->vocab, error))
        return false;
    examples->n_candidates = lesson.k;
    examples->temperature = json_object_get_double_member_with_default(meta, "temperature", 1);
    size_t missing = 0, sequences = examples->part->len;
    for (size_t i = 0; i < sequences; i++)
        missing += !learn(&lesson, examples, i);
    if (missing == 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: the teacher has nothing to say on %zu of %zu rows: it was asked on another dataset, with another "
                "chat template, or a smaller max_length; over_length must not be truncate here",
                hone_artifact_label(teacher), missing, sequences);
    return false;
}
