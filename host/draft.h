/* SPDX-License-Identifier: Apache-2.0
 * draft.h: a node as the pipeline's file has it, matched with its stage: what lies between notation and the list of
 * nodes ready to run. A draft whose stage is unknown has no entry, and what depends on that is not judged.
 */
#ifndef HONE_HOST_DRAFT_H
#define HONE_HOST_DRAFT_H

#include "pipeline.h"
#include "source.h"

typedef struct HoneDraft HoneDraft;

/* One artifact wanted at a port. */
typedef struct HoneDraftEdge {
    HoneDraft *from;
    const HonePort *output;
    char *pointer; /* where the file says so */
} HoneDraftEdge;

typedef struct HoneDraftInput {
    const HonePort *port;
    GPtrArray *edges; /* of HoneDraftEdge * */
} HoneDraftInput;

/* A parameter with several values. */
typedef struct HoneDraftAxis {
    char *param;
    JsonArray *values;
    char **labels; /* of the values, for names */
} HoneDraftAxis;

struct HoneDraft {
    const HoneSourceNode *source;
    JsonObject *object;     /* all of it, substituted */
    GHashTable *broken;     /* pointers of values that could not be substituted */
    const HoneEntry *entry; /* the stage, or NULL */
    JsonObject *params;     /* without those on an axis */
    GPtrArray *axes;        /* of HoneDraftAxis * */
    GPtrArray *inputs;      /* of HoneDraftInput *, in the order of the component's ports */
    double timeout;
    guint64 memory;
    guint cpus, gpus;
    bool faulty; /* its parameters are wrong: its stage's own check has nothing to look at */
    /* For the orders and expansions. */
    guint index; /* among the drafts */
    guint state;
    GPtrArray *instances; /* of HonePipelineNode *, borrowed */
};

/* The drafts of all nodes (of HoneDraft *), with everything reported that one node alone can have wrong. */
GPtrArray *hone_drafts_new(HoneSource *source, const HoneRegistry *registry, const HonePipelineOptions *options);

/* Adds a port to a draft's inputs, without edges. */
HoneDraftInput *hone_draft_add_input(HoneDraft *draft, const HonePort *port);
/* Connects the drafts: fills their inputs, reports unknown nodes and ports, missing inputs, types that do not match. */
void hone_drafts_connect(GPtrArray *drafts, HoneMistakes *mistakes);
/* Drafts with each after its inputs, otherwise in the order written; reports cycles, and returns NULL then. Caller
 * unrefs. */
GPtrArray *hone_drafts_order(GPtrArray *drafts, HoneMistakes *mistakes);
/* Multiplies the matrices out. Nodes of the pipeline in the order of `drafts` (of HonePipelineNode *), or NULL where
 * there are too many. */
GPtrArray *hone_drafts_expand(GPtrArray *drafts, HoneMistakes *mistakes);

/* Runs the checks of the stages themselves, each in a child process, over the drafts without faults. */
void hone_drafts_run_hooks(GPtrArray *drafts, HoneMistakes *mistakes);

/* Reports what is wrong with the parameters of a draft that has a stage; marks it faulty then. */
void hone_draft_check_params(HoneDraft *draft, const HoneRegistry *registry, const HonePipelineOptions *options,
                             HoneMistakes *mistakes);
/* The parameters of a draft with value choice[a] on its axis a. Caller unrefs. */
JsonObject *hone_draft_params(const HoneDraft *draft, const guint *choice);
/* Calls `visit` for the first choice on every axis, then with each further value of one axis at a time: every value is
 * seen, without the whole product. */
void hone_draft_variants(HoneDraft *draft, void (*visit)(HoneDraft *draft, const guint *choice, void *data),
                         void *data);
/* Where a mistake at `below` ("/rank") in the parameters of that choice is to be shown. */
HonePlace hone_draft_param_place(const HoneDraft *draft, const guint *choice, const char *below, bool name);

HonePlace hone_draft_place(const HoneDraft *draft);

#endif
