/* SPDX-License-Identifier: Apache-2.0
 * params.h: parameters, declared once as data.
 *
 * A component's options are one C struct (its "instance") and a table that says, for each field, its name, type,
 * default, range, unit and one line of help. The host checks pipelines from the table, `hone inspect` prints it, the
 * SDK fills the struct from it. Nothing else knows a default.
 */
#ifndef HONE_PARAMS_H
#define HONE_PARAMS_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HONE_PARAM_BOOL = 1, /* bool */
    HONE_PARAM_INT,      /* int64_t */
    HONE_PARAM_NUMBER,   /* double */
    HONE_PARAM_STRING,   /* char *, owned by the instance, NULL where the value is null */
    HONE_PARAM_CHOICE,   /* char *, one of .choices */
    HONE_PARAM_PATH,     /* char *, absolute after filling; relative text is relative to the pipeline file's folder */
    HONE_PARAM_STRINGS,  /* GStrv, owned by the instance, never NULL */
    HONE_PARAM_JSON,     /* JsonNode *, owned by the instance, NULL where the value is null */
} HoneParamType;

typedef enum {
    HONE_PARAM_NO_KEY =
        1 << 0, /* cannot change the result: left out of the cache key (log intervals, batch of evaluation) */
    HONE_PARAM_NAMES_METRICS = 1 << 1, /* STRINGS that name metric components: the host checks them */
    HONE_PARAM_MAY_BE_ABSENT = 1 << 2, /* PATH that need not exist before the run */
    HONE_PARAM_MAY_BE_HUB = 1 << 3,    /* PATH that may name a model on a hub (hub.h): then it is left as written, and
                                          the stage has a `resolve` */
    HONE_PARAM_NAMES_REWARDS = 1 << 4, /* JSON, a list of rewards with their parameters (reward.h): the host checks them
                                        */
} HoneParamFlags;

/* One parameter. `fallback` is the default as JSON text ("0.1", "\"linear\"", "[]", "null"); NULL: the parameter is
 * required. */
typedef struct HoneParam {
    const char *name; /* as written in pipelines; NULL ends a table */
    HoneParamType type;
    uint32_t flags;             /* HoneParamFlags */
    size_t offset;              /* of the field in the instance struct */
    const char *fallback;       /* JSON text, or NULL */
    double min, max;            /* inclusive range of INT and NUMBER */
    const char *const *choices; /* of CHOICE, ends with NULL */
    const char *unit;           /* "tokens", "rows", ... or NULL */
    const char *help;           /* one line */
} HoneParam;

/* A table of parameters for the struct at `base` bytes into the instance. Groups let a component embed the parameters
 * of a shared frame (training, sampling) beside its own. A component's groups end with one whose params is NULL. */
typedef struct HoneParamGroup {
    const char *title;       /* heading in `hone inspect`; NULL for the component's own */
    const HoneParam *params; /* ends with a NULL name */
    size_t base;
    uint32_t param_size; /* sizeof (HoneParam) when the plugin was compiled */
} HoneParamGroup;

#define HONE_PARAMS(group_title, table, instance_type, field)                                                          \
    {                                                                                                                  \
        .title = (group_title), .params = (table), .base = offsetof(instance_type, field),                             \
        .param_size = sizeof(HoneParam)                                                                                \
    }
#define HONE_OWN_PARAMS(table)                                                                                         \
    {                                                                                                                  \
        .title = NULL, .params = (table), .base = 0, .param_size = sizeof(HoneParam)                                   \
    }

#define HONE_PARAM_BOOL_(Type, field, def, ...)                                                                        \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_BOOL, .offset = offsetof(Type, field), .fallback = (def), __VA_ARGS__       \
    }
#define HONE_BOOL(Type, field, def, text, ...) HONE_PARAM_BOOL_(Type, field, def, .help = (text), ##__VA_ARGS__)
#define HONE_INT(Type, field, def, lo, hi, text, ...)                                                                  \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_INT, .offset = offsetof(Type, field), .fallback = (def), .min = (lo),       \
        .max = (hi), .help = (text), ##__VA_ARGS__                                                                     \
    }
#define HONE_NUMBER(Type, field, def, lo, hi, text, ...)                                                               \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_NUMBER, .offset = offsetof(Type, field), .fallback = (def), .min = (lo),    \
        .max = (hi), .help = (text), ##__VA_ARGS__                                                                     \
    }
#define HONE_STRING(Type, field, def, text, ...)                                                                       \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_STRING, .offset = offsetof(Type, field), .fallback = (def), .help = (text), \
        ##__VA_ARGS__                                                                                                  \
    }
#define HONE_CHOICE(Type, field, def, list, text, ...)                                                                 \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_CHOICE, .offset = offsetof(Type, field), .fallback = (def),                 \
        .choices = (list), .help = (text), ##__VA_ARGS__                                                               \
    }
#define HONE_PATH(Type, field, def, text, ...)                                                                         \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_PATH, .offset = offsetof(Type, field), .fallback = (def), .help = (text),   \
        ##__VA_ARGS__                                                                                                  \
    }
#define HONE_STRINGS(Type, field, def, text, ...)                                                                      \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_STRINGS, .offset = offsetof(Type, field), .fallback = (def),                \
        .help = (text), ##__VA_ARGS__                                                                                  \
    }
#define HONE_JSON(Type, field, def, text, ...)                                                                         \
    {                                                                                                                  \
        .name = #field, .type = HONE_PARAM_JSON, .offset = offsetof(Type, field), .fallback = (def), .help = (text),   \
        ##__VA_ARGS__                                                                                                  \
    }

typedef struct HoneComponent HoneComponent;

/* One mistake in a set of parameters. pointer: JSON pointer below the params object ("/rank", "/metrics/2"). */
typedef struct HoneProblem {
    char *pointer;
    char *message; /* a sentence with the nearest right name or the allowed range in it */
} HoneProblem;
HONE_EXPORT void hone_problem_free(HoneProblem *problem);

/* Walks a component's parameters over all groups: *group and *index start at 0. Returns NULL at the end.
 * *base is set to what must be added to the parameter's offset. */
HONE_EXPORT const HoneParam *hone_component_next_param(const HoneComponent *component, size_t *group, size_t *index,
                                                       size_t *base);
HONE_EXPORT const HoneParam *hone_component_find_param(const HoneComponent *component, const char *name);

/* Appends a HoneProblem * for every mistake in `params` (may be NULL, same as {}): unknown name, wrong type, out of
 * range, not a choice, required but absent. folder: what relative paths are relative to; existence of files is checked
 * too, unless folder is NULL. Returns true when there was none. */
HONE_EXPORT bool hone_params_check(const HoneComponent *component, JsonObject *params, const char *folder,
                                   GPtrArray *problems);

/* Fills `instance` (zeroed by this function, component->instance_size bytes) from `params` and the defaults.
 * The first problem becomes the error and the instance is left cleared. */
HONE_EXPORT bool hone_params_fill(const HoneComponent *component, JsonObject *params, const char *folder,
                                  void *instance, GError **error);
/* Frees what the fields own and zeroes the instance. */
HONE_EXPORT void hone_params_clear(const HoneComponent *component, void *instance);

/* The complete parameters with defaults written out, members sorted by name: what a run records and what is hashed.
 * With `for_key`, HONE_PARAM_NO_KEY ones are left out. Caller unrefs. `params` must have passed hone_params_check. */
HONE_EXPORT JsonObject *hone_params_resolve(const HoneComponent *component, JsonObject *params, bool for_key);

#endif
