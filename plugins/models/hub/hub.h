/* SPDX-License-Identifier: Apache-2.0
 * hub.h: models by their name on a hub, found in the cache folder that Hugging Face's tools share, or fetched into it.
 */
#ifndef HONE_MODELS_HUB_H
#define HONE_MODELS_HUB_H

#include <hone/hub.h>
#include <hone/stage.h>

typedef struct HubOptions {
    bool offline;
    int64_t connections; /* files at once */
    int64_t attempts;    /* at one request, as long as nothing new comes */
    double timeout;      /* seconds without data */
    double retry_delay;  /* seconds before the second attempt; doubled for each further one */
} HubOptions;

/* For HONE_PARAMS: none of them can change the result. */
extern const HoneParam hub_params[];

/* Who waits for a download. */
typedef struct HubCaller {
    HoneProgress *progress;        /* may be NULL */
    bool (*cancelled)(void *data); /* may be NULL; asked ten times a second and more often */
    void *data;
} HubCaller;

typedef struct HubModel {
    char *path;       /* the snapshot's folder, or the GGUF in it */
    char *repository; /* "org/name" */
    char *revision;   /* as asked for */
    char *commit;
    uint64_t fetched; /* bytes that came over the network */
} HubModel;

/* What a name stands for now: a commit, and whether all of it is on this machine. With HONE_RESOLVE_LOCAL, or offline,
 * the cache alone is looked at. Where the hub cannot be reached, what the cache knows is taken, and the remark says so.
 */
bool hub_resolve(const char *name, const HubOptions *options, uint32_t flags, HoneResolution *found, GError **error);
/* Downloads what is missing. exact: what hub_resolve() found, or NULL: then it is found first. Killed at any moment, it
 * goes on from there when called again. */
bool hub_fetch(const char *name, const char *exact, const HubOptions *options, const HubCaller *caller, HubModel *model,
               GError **error);
/* Where the model is on this machine, or NULL where it is not; no network. Caller frees. */
char *hub_find(const char *name, const HubOptions *options);

void hub_model_clear(HubModel *model);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HubModel, hub_model_clear)

#endif
