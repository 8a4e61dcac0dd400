/* SPDX-License-Identifier: Apache-2.0
 * written.c: see written.h.
 */
#include "written.h"
#include <math.h>
#include <string.h>

HoneType written_type(const char *name)
{
    for (int type = HONE_F32; type < HONE_TYPE_END_; type++)
        if (strcmp(name, hone_type_name(type)) == 0)
            return type;
    return 0;
}

static bool cancelled(void *stage)
{
    return hone_stage_cancelled(stage);
}

/* A text among the metadata of the model at the stage's input: an adapter's base, or the model itself. */
static const char *base_text(HoneStage *stage, const char *name)
{
    HoneArtifact *input = hone_stage_input(stage, "model");
    JsonObject *meta = hone_artifact_meta(input);
    if (hone_artifact_type(input) == HONE_ADAPTER)
        meta = json_object_get_object_member(meta, "base"); /* hone_export_open_artifact has read it */
    JsonNode *node = json_object_get_member(meta, name);
    return node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
}

HoneExportOptions written_options(HoneStage *stage, const char *type, double shard)
{
    return (HoneExportOptions){.size = sizeof(HoneExportOptions),
                               .type = written_type(type),
                               .name = base_text(stage, "name"),
                               .shard = (uint64_t)(shard * 1e6),
                               .progress = hone_stage_progress(stage),
                               .cancelled = cancelled,
                               .data = stage};
}

void written_record(HoneStage *stage, HoneArtifact *artifact, const HoneExportFacts *facts, bool adapted)
{
    HoneProgress *progress = hone_stage_progress(stage);
    JsonObject *figures = json_object_new();
    json_object_set_string_member(figures, "type", hone_type_name(facts->type));
    json_object_set_int_member(figures, "bytes", (gint64)facts->bytes);
    json_object_set_int_member(figures, "parameters", (gint64)facts->parameters);
    json_object_set_double_member(figures, "largest_error", facts->error);
    if (facts->error > 0)
        json_object_set_string_member(figures, "largest_error_in", facts->error_tensor);
    if (facts->other_types > 0)
        json_object_set_int_member(figures, "matrices_in_another_type", (gint64)facts->other_types);
    hone_progress_fact(progress, "bytes", (double)facts->bytes);
    hone_progress_fact(progress, "largest_error", facts->error);
    if (adapted) {
        json_object_set_int_member(figures, "adapted", (gint64)facts->adapted);
        json_object_set_double_member(figures, "change", facts->change);
        json_object_set_double_member(figures, "error_to_change", facts->error_to_change);
        hone_progress_fact(progress, "change", facts->change);
        hone_progress_fact(progress, "error_to_change", facts->error_to_change);
        hone_progress_note(progress, HONE_NOTE_INFO,
                           "the adapter changes %zu matrices by %.3g %% of their size; rounding to %s adds %.3g %% of "
                           "that change",
                           facts->adapted, 100 * facts->change, hone_type_name(facts->type),
                           100 * facts->error_to_change);
        if (facts->error_to_change >= 1)
            hone_progress_note(progress, HONE_NOTE_WARNING,
                               "rounding to %s changes the weights more than the tuning did: compare its scores with "
                               "the tuned model's, or choose a wider type",
                               hone_type_name(facts->type));
    }
    if (facts->other_types > 0)
        hone_progress_note(progress, HONE_NOTE_INFO,
                           "%zu matrices have rows that %s cannot hold whole; they are in a wider type",
                           facts->other_types, hone_type_name(facts->type));
    json_object_set_object_member(hone_artifact_meta(artifact), "export", figures);
}

bool written_refer(HoneStage *stage, HoneArtifact *artifact, const HoneExport *source, const char *name,
                   const HoneExportFacts *facts, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(name, hone_artifact_folder(artifact));
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, error);
    hone_progress_step(hone_stage_progress(stage), 0, 0, "reading", NULL);
    g_autofree char *hash = checkpoint ? hone_checkpoint_hash(checkpoint, NULL, error) : NULL;
    if (!hash)
        return false;
    const HoneModelConfig *config = hone_export_config(source);
    JsonObject *meta = hone_artifact_meta(artifact);
    json_object_set_string_member(meta, "path", name);
    json_object_set_string_member(meta, "sha256", hash);
    json_object_set_string_member(meta, "format",
                                  hone_checkpoint_format(checkpoint) == HONE_CHECKPOINT_GGUF ? "gguf" : "folder");
    json_object_set_string_member(meta, "family", config->family);
    const char *base_name = base_text(stage, "name"), *licence = base_text(stage, "licence");
    json_object_set_string_member(meta, "name", base_name ? base_name : *config->name ? config->name : config->family);
    if (licence)
        json_object_set_string_member(meta, "licence", licence);
    json_object_set_int_member(meta, "parameters", (gint64)facts->parameters);
    json_object_set_int_member(meta, "size", (gint64)facts->bytes);
    json_object_set_int_member(meta, "context", (gint64)config->context);
    return true;
}
