/* SPDX-License-Identifier: Apache-2.0
 * source.h: the text of a pipeline: its file and those it includes, their variables and raw nodes, the command line's
 * changes. What this knows is notation; stages and ports come later.
 */
#ifndef HONE_HOST_SOURCE_H
#define HONE_HOST_SOURCE_H

#include "json_position.h"

typedef struct HoneSourceFile {
    HoneJsonText *text;
    char *folder; /* absolute */
} HoneSourceFile;

typedef struct HoneVariable {
    char *name;
    JsonNode *value;   /* as written; replaced by the final value once asked for */
    HonePlace place;   /* of the value; file is borrowed from the source or is `origin` */
    HonePlace name_at; /* of the name */
    char *origin;      /* "--var seed=3", or NULL */
    bool main;         /* of the pipeline's own file, not of an included one */
    bool used;
    enum { VARIABLE_RAW, VARIABLE_OPEN, VARIABLE_DONE, VARIABLE_BROKEN } state;
    gsize weight; /* how much it brings to where it is used */
} HoneVariable;

typedef struct HoneSourceNode {
    char *name;
    char *pointer; /* in file */
    const HoneSourceFile *file;
    JsonNode *value;  /* as written */
    GHashTable *sets; /* parameter to HoneSet *: --set */
} HoneSourceNode;

typedef struct HoneSet {
    char *text; /* "--set tuned.rank=16" */
    JsonNode *value;
} HoneSet;

typedef struct HoneSource {
    char *name;        /* or NULL */
    char *description; /* or NULL */
    GPtrArray *files;  /* of HoneSourceFile *; the pipeline's own first */
    GPtrArray *vars;   /* of HoneVariable * */
    GPtrArray *nodes;  /* of HoneSourceNode *, in the order written, included ones first */
    HoneMistakes *mistakes;
    gsize weight; /* of all that was substituted so far */
} HoneSource;

/* NULL where the pipeline's own file cannot be read as JSON. vars and sets: "name=value" and "node.param=value",
 * NULL-terminated, or NULL. */
HoneSource *hone_source_load(const char *file, const char *const *vars, const char *const *sets,
                             HoneMistakes *mistakes);
void hone_source_free(HoneSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneSource, hone_source_free)

/* The variable of that name, or NULL. */
HoneVariable *hone_source_find_variable(const HoneSource *source, const char *name);
/* The end of a message about an unknown one. Caller frees. */
char *hone_source_variable_hint(const HoneSource *source, const char *name);
/* A copy of `value` with every ${variable} replaced. A string that is one ${name} alone takes the variable's type; in
 * other text it is spelled out; $${ stands for ${. `pointer` is the value's place in `file`. Places whose variable is
 * unknown become null, are reported, and their pointers added to `broken` (of char *). Caller unrefs. */
JsonNode *hone_source_substitute(HoneSource *source, const HoneSourceFile *file, const char *pointer, JsonNode *value,
                                 GHashTable *broken);
/* Resolves what has not been asked for and warns of what nobody used. Call last. */
void hone_source_finish(HoneSource *source);

/* [A-Za-z_][A-Za-z0-9_-]*, at most 64 long; variables without the hyphen. */
bool hone_source_name_valid(const char *name, bool hyphen);

#endif
