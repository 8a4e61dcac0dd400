/* SPDX-License-Identifier: Apache-2.0
 * stage.h: a step of a pipeline, from the plugin's side.
 *
 * A stage gets its parameters filled in, its input artifacts, and folders to write to. It returns true, or false with
 * an error; what it wrote is sealed and published by the caller only when it returned true. It runs in a process of its
 * own and may be killed at any moment: whatever it wants to find again it keeps in the work folder, written atomically.
 */
#ifndef HONE_STAGE_H
#define HONE_STAGE_H

#include <hone/artifact.h>
#include <hone/backend.h>
#include <hone/progress.h>

typedef struct HoneStage HoneStage;

typedef enum {
    HONE_STAGE_USES_BACKEND = 1 << 0, /* computes: the backend's numerics class becomes part of the cache key */
    HONE_STAGE_ALWAYS_RUNS = 1 << 1,  /* never taken from the store */
} HoneStageFlags;

typedef enum {
    HONE_RESOLVE_LOCAL = 1 << 0, /* look at this machine alone: no network */
} HoneResolveFlags;

/* What a parameter with HONE_PARAM_MAY_BE_HUB stands for now. */
typedef struct HoneResolution {
    uint32_t size;
    bool absent;  /* not on this machine: the stage has to run, even where its result is in the store */
    char *exact;  /* what never moves, "org/name@COMMIT"; NULL where that cannot be told without the network */
    char *remark; /* a sentence for the user, or NULL */
} HoneResolution;
HONE_EXPORT void hone_resolution_clear(HoneResolution *found);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneResolution, hone_resolution_clear)

typedef struct HoneStageOps {
    uint32_t size;
    uint32_t flags; /* HoneStageFlags */
    bool (*run)(HoneStage *stage, void *params, GError **error);
    /* Optional. Looks at the parameters (and the files they name) before anything runs: `hone check` calls it in a
     * child process. Quick: at most the first rows of a file. */
    bool (*check)(const void *params, GError **error);
    /* Needed where a parameter has HONE_PARAM_MAY_BE_HUB. Finds what its name stands for without fetching it; called in
     * a child process when such a name is given. `exact` becomes part of the cache key, and is what
     * hone_stage_resolved() gives when the stage runs. */
    bool (*resolve)(const void *params, uint32_t flags, HoneResolution *found, GError **error);
} HoneStageOps;

/* The artifact at an input port, or NULL where an optional port is not connected. Owned by the stage. */
HONE_EXPORT HoneArtifact *hone_stage_input(HoneStage *stage, const char *port);
/* All artifacts of a repeated port: *n of them. */
HONE_EXPORT HoneArtifact *const *hone_stage_inputs(HoneStage *stage, const char *port, size_t *n);
/* The artifact to write for an output port, created on first call. Owned by the stage. */
HONE_EXPORT HoneArtifact *hone_stage_output(HoneStage *stage, const char *port, HoneArtifactType type, GError **error);
/* A folder that outlives a killed run and is emptied once the node has been published. */
HONE_EXPORT const char *hone_stage_work_folder(HoneStage *stage);
HONE_EXPORT HoneProgress *hone_stage_progress(HoneStage *stage);
/* True once the user asked to stop. Long loops look at it at every step, save, and return hone_stage_stop(). */
HONE_EXPORT bool hone_stage_cancelled(HoneStage *stage);
/* Sets HONE_ERROR_CANCELLED and returns false. */
HONE_EXPORT bool hone_stage_stop(HoneStage *stage, GError **error);
/* The machine's backend, opened on first use. Owned by the stage. */
HONE_EXPORT HoneBackend *hone_stage_backend(HoneStage *stage, GError **error);
/* Another plugin's component by kind and name (an objective, a metric), or NULL with an error that names the nearest.
 */
HONE_EXPORT const HoneComponent *hone_stage_component(HoneStage *stage, HoneKind kind, const char *name,
                                                      GError **error);
/* What relative paths in the stage's parameters are relative to: for those inside a JSON parameter, which the SDK does
 * not resolve. */
HONE_EXPORT const char *hone_stage_folder(HoneStage *stage);
/* The node's name in the pipeline. */
HONE_EXPORT const char *hone_stage_name(HoneStage *stage);
/* What `resolve` gave as `exact` when the key was made, or NULL: nothing, or nobody asked. */
HONE_EXPORT const char *hone_stage_resolved(HoneStage *stage);
/* Where hashes of large files are remembered, or NULL. */
HONE_EXPORT const char *hone_stage_hash_folder(HoneStage *stage);
/* All that decides the result beside the machine: the complete parameters without HONE_PARAM_NO_KEY ones, and for each
 * connected input "input PORT", the content's hash. What is kept in the work folder holds for equal settings only.
 * Caller unrefs. */
HONE_EXPORT JsonObject *hone_stage_settings(HoneStage *stage);
/* What the run says of itself for a report: {"run", "pipeline" (resolved), "command", "versions", "nodes": {name:
 * {"stage", "params", "key", "inputs", "folder", "events" (path)}}} as far as known when this node starts. Never NULL.
 */
HONE_EXPORT JsonObject *hone_stage_run_info(HoneStage *stage);

/* ---- The other side: what a host (or a test) needs to run a stage. ---- */

typedef struct HoneStageSetup {
    uint32_t size;
    const HoneComponent *component;
    const char *name;
    JsonObject *params; /* as written; relative paths are relative to `folder` */
    const char *folder;
    const char *output_folder; /* OUTPUT/PORT is made for each output */
    const char *work_folder;
    const char *hash_folder;
    JsonObject *run_info; /* may be NULL */
    int events_fd;        /* -1: none */
    const char *backend;  /* component name, or "auto" */
    HoneBackendOptions backend_options;
    /* Finds a component among the loaded plugins; `auto` for a backend gives the fastest that opens. */
    const HoneComponent *(*find)(void *host, HoneKind kind, const char *name, GError **error);
    void *host;
    const char *resolved; /* see hone_stage_resolved(); may be NULL */
} HoneStageSetup;

HONE_EXPORT HoneStage *hone_stage_new(const HoneStageSetup *setup);
/* label: "parts.train". Takes the artifact. Call in the order of the list for a repeated port. */
HONE_EXPORT void hone_stage_add_input(HoneStage *stage, const char *port, const char *label, HoneArtifact *artifact);
/* Fills the parameters, runs, and seals every output. An output port declared by the component and not written is an
 * error. */
HONE_EXPORT bool hone_stage_execute(HoneStage *stage, GError **error);
/* Async-signal-safe. */
HONE_EXPORT void hone_stage_cancel(HoneStage *stage);
HONE_EXPORT void hone_stage_free(HoneStage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneStage, hone_stage_free)

#endif
