/* SPDX-License-Identifier: Apache-2.0
 * pipeline.h: a pipeline file, read, expanded and matched with the plugins: a list of nodes ready to run.
 *
 * Everything of the notation is gone here: included files are merged, ${variables} replaced, --set and --var applied,
 * matrices multiplied out, edges resolved. What is left is nodes in an order in which each comes after its inputs.
 */
#ifndef HONE_HOST_PIPELINE_H
#define HONE_HOST_PIPELINE_H

#include "mistakes.h"
#include "registry.h"

typedef struct HonePipelineNode HonePipelineNode;

/* One artifact that flows into a port. */
typedef struct HonePipelineEdge {
    HonePipelineNode *from;
    const HonePort *output; /* of from->component */
    char *label;            /* "parts.train" */
} HonePipelineEdge;

/* A connected input port. */
typedef struct HonePipelineInput {
    const HonePort *port;
    GPtrArray *edges; /* of HonePipelineEdge *, at least one, in the order written; exactly one unless repeated */
} HonePipelineInput;

struct HonePipelineNode {
    char *name;  /* "tuned", or "tuned[rank=8]" where a matrix made it: only [A-Za-z0-9_.+=,#[]-] in it */
    guint index; /* in HonePipeline.nodes */
    const HoneComponent *component;
    const HoneLoadedPlugin *plugin;
    JsonObject *params; /* what the user gave, substituted; hone_params_resolve adds the defaults */
    GPtrArray *inputs;  /* of HonePipelineInput *, in the order of the component's ports */
    char *folder;       /* absolute: what relative paths in params are relative to */
    HonePlace place;    /* of the node's name in its file; file is owned */
    JsonObject *matrix; /* the values this instance has on each axis above it, {} where there is none */
    /* Options beside params. */
    double timeout; /* seconds; 0: none */
    guint64 memory; /* bytes; 0: no limit of its own */
    guint cpus;     /* 0: not said */
    guint gpus;
};

typedef struct HonePipeline {
    char *file;        /* as given */
    char *folder;      /* absolute folder of the file */
    char *name;        /* "name" of the file, or the file's base name without .json */
    char *description; /* or NULL */
    GPtrArray *nodes;  /* of HonePipelineNode *, inputs first */
    JsonObject *vars;  /* final values */
} HonePipeline;

typedef struct HonePipelineOptions {
    const char *const *vars; /* "name=value", NULL-terminated, or NULL */
    const char *const *sets; /* "node.param=value", or NULL */
    bool skip_hooks;         /* do not run the stages' own check (each runs in a forked child) */
    bool skip_files;         /* do not ask that files named by parameters exist */
} HonePipelineOptions;

/* Reads and checks a pipeline; all mistakes and warnings are appended. NULL when there was an error among them; with
 * warnings alone it can run. The registry must outlive the pipeline. options may be NULL. */
HonePipeline *hone_pipeline_load(const char *file, const HonePipelineOptions *options, const HoneRegistry *registry,
                                 HoneMistakes *mistakes);
void hone_pipeline_free(HonePipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HonePipeline, hone_pipeline_free)

/* The node of that name, or NULL. */
HonePipelineNode *hone_pipeline_find(const HonePipeline *pipeline, const char *name);

/* The expanded pipeline for the record: {"hone": 1, "name", "file", "vars", "nodes": {name: {"stage", "plugin",
 * "version", "folder", "in": {port: [label...]}, "params" (with defaults), "timeout", ...}}}. Caller unrefs. */
JsonNode *hone_pipeline_to_json(const HonePipeline *pipeline);

#endif
