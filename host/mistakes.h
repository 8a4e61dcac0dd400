/* SPDX-License-Identifier: Apache-2.0
 * mistakes.h: what is wrong with a pipeline, each with its place; collected, sorted, printed together.
 */
#ifndef HONE_HOST_MISTAKES_H
#define HONE_HOST_MISTAKES_H

#include <hone/error.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct HonePlace {
    const char *file; /* as the user wrote it, or "--set x.y=1"; borrowed in arguments, owned in a mistake */
    guint line;       /* from 1; 0: the whole file */
    guint column;     /* in characters, from 1 */
} HonePlace;

typedef struct HoneMistake {
    char *file;
    guint line, column;
    bool warning; /* worth a look, but the pipeline can run */
    char *message;
} HoneMistake;

typedef struct HoneMistakes HoneMistakes;

HoneMistakes *hone_mistakes_new(void);
void hone_mistakes_free(HoneMistakes *mistakes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneMistakes, hone_mistakes_free)

void hone_mistakes_add(HoneMistakes *mistakes, HonePlace place, const char *format, ...) G_GNUC_PRINTF(3, 4);
void hone_mistakes_warn(HoneMistakes *mistakes, HonePlace place, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Errors alone, and all. A mistake said twice counts once. */
guint hone_mistakes_errors(const HoneMistakes *mistakes);
guint hone_mistakes_count(const HoneMistakes *mistakes);
/* No more are kept: whoever looks for mistakes may as well stop. */
bool hone_mistakes_full(const HoneMistakes *mistakes);
/* In the order of file, line and column. */
const HoneMistake *hone_mistakes_get(HoneMistakes *mistakes, guint i);
/* One line each: file:line:column: message */
void hone_mistakes_print(HoneMistakes *mistakes, FILE *out);
/* [{"file", "line", "column", "severity": "error"|"warning", "message"}...]. Caller unrefs. */
JsonNode *hone_mistakes_to_json(HoneMistakes *mistakes);

/* `; did you mean "x"?` or "", for the end of a message about an unknown name. Caller frees. */
char *hone_did_you_mean(const char *name, const char *const *candidates, gsize n);

#endif
