/* SPDX-License-Identifier: Apache-2.0
 * plugin.h: what a plugin is: one exported function that returns constant data.
 *
 *     HONE_EXPORT const HonePlugin *hone_plugin(void);
 *
 * A plugin holds components; each describes itself completely (parameters, ports) and carries one table of functions
 * that depends on its kind. Every struct that may grow begins with its size as compiled, so a newer host reads an older
 * plugin: fields past that size are absent. The ABI's major number must match the host's; the plugin's minor may not be
 * newer.
 */
#ifndef HONE_PLUGIN_H
#define HONE_PLUGIN_H

#include <hone/params.h>

#define HONE_ABI_MAJOR 1
#define HONE_ABI_MINOR 4

typedef enum {
    HONE_STAGE = 1, /* a step of a pipeline (stage.h) */
    HONE_BACKEND,   /* a table of tensor operators (backend.h) */
    HONE_OBJECTIVE, /* log-probabilities to a loss and its derivatives (objective.h) */
    HONE_METRIC,    /* a scored row to figures (metric.h) */
    HONE_REWARD,    /* a model's answers to numbers to raise (reward.h); since ABI 1.2 */
    HONE_TRACKER,   /* a training's figures to another program (tracker.h); since ABI 1.2 */
    HONE_LAST_KIND = HONE_TRACKER,
} HoneKind;

/* What flows along a pipeline's edges; a port accepts or gives a set of these. */
typedef enum {
    HONE_DATASET = 1 << 0,     /* rows of messages (dataset.h) */
    HONE_PREFERENCES = 1 << 1, /* rows with a prompt, and a chosen answer, a rejected one, or both */
    HONE_MODEL = 1 << 2,       /* a base model: path and content hash */
    HONE_ADAPTER = 1 << 3,     /* an adapter and the base it belongs to */
    HONE_SCORES = 1 << 4,      /* figures, and the rows behind them (metric.h) */
    HONE_REPORT = 1 << 5,      /* a page to read, and its data */
    HONE_LOGPROBS = 1 << 6,    /* a teacher's likeliest tokens (train.h) */
    HONE_ANY = (1 << 7) - 1,
} HoneArtifactType;

typedef enum {
    HONE_PORT_IN = 1,
    HONE_PORT_OUT,
} HonePortDirection;

typedef enum {
    HONE_PORT_OPTIONAL = 1 << 0, /* an input that may stay unconnected */
    HONE_PORT_REPEATED = 1 << 1, /* an input that takes a list */
} HonePortFlags;

typedef struct HonePort {
    const char *name; /* NULL ends a table */
    HonePortDirection direction;
    uint32_t types; /* set of HoneArtifactType */
    uint32_t flags; /* HonePortFlags */
    const char *help;
} HonePort;

struct HoneComponent {
    uint32_t size; /* sizeof (HoneComponent) when the plugin was compiled */
    HoneKind kind;
    const char *name;             /* as written in pipelines: [a-z][a-z0-9_]* */
    const char *version;          /* part of the cache key: raise it when the same input gives another result */
    const char *summary;          /* one line */
    const char *help;             /* longer text with formula and reference, or NULL */
    const HoneParamGroup *params; /* ends with {0}; NULL: none */
    size_t instance_size;
    const HonePort *ports; /* stages only; ends with {0} */
    uint32_t port_size;    /* sizeof (HonePort) */
    const void *ops; /* HoneStageOps, HoneBackendOps, HoneObjectiveOps, HoneMetricOps or HoneRewardOps, each beginning
                        with its size */
};

typedef struct HonePlugin {
    uint32_t abi_major, abi_minor;
    uint32_t size;    /* sizeof (HonePlugin) */
    const char *name; /* equals the file's base name */
    const char *version, *licence, *summary;
    const HoneComponent *const *components; /* ends with NULL */
} HonePlugin;

#define HONE_PLUGIN_HEADER .abi_major = HONE_ABI_MAJOR, .abi_minor = HONE_ABI_MINOR, .size = sizeof(HonePlugin)
#define HONE_COMPONENT_HEADER .size = sizeof(HoneComponent), .port_size = sizeof(HonePort)

typedef const HonePlugin *(*HonePluginFunc)(void);
#define HONE_PLUGIN_SYMBOL "hone_plugin"
HONE_EXPORT const HonePlugin *hone_plugin(void);

/* The end of a plugin's file: its descriptor, over pointers to its components, and the symbol that gives it. */
#define HONE_DEFINE_PLUGIN(name_, version_, licence_, summary_, ...)                                                   \
    const HonePlugin *hone_plugin(void)                                                                                \
    {                                                                                                                  \
        static const HoneComponent *const components[] = {__VA_ARGS__, NULL};                                          \
        static const HonePlugin plugin = {                                                                             \
            HONE_PLUGIN_HEADER,  .name = name_,       .version = version_,                                             \
            .licence = licence_, .summary = summary_, .components = components,                                        \
        };                                                                                                             \
        return &plugin;                                                                                                \
    }

/* Names for messages and tables: "stage", "dataset", "in". */
HONE_EXPORT const char *hone_kind_name(HoneKind kind);
/* "dataset", or "model or adapter" for a set. Caller frees. */
HONE_EXPORT char *hone_artifact_types_name(uint32_t types);
/* The type of that name, or 0. */
HONE_EXPORT HoneArtifactType hone_artifact_type_parse(const char *name);

/* Port i of a stage, or NULL past the end. */
HONE_EXPORT const HonePort *hone_component_port(const HoneComponent *component, size_t i);
HONE_EXPORT const HonePort *hone_component_find_port(const HoneComponent *component, HonePortDirection direction,
                                                     const char *name);

/* Checks everything a descriptor must be (versions, sizes, names, defaults inside their ranges, complete tables). Says
 * what is wrong and where. Used by the loader before anything else is called. */
HONE_EXPORT bool hone_plugin_validate(const HonePlugin *plugin, GError **error);

#endif
