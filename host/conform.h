/* SPDX-License-Identifier: Apache-2.0
 * conform.h: what every plugin must do, whoever wrote it: the checks of `hone check-plugin`.
 *
 * They know nothing of what a component is for; they hold it to what the SDK's headers promise to those who use it.
 */
#ifndef HONE_HOST_CONFORM_H
#define HONE_HOST_CONFORM_H

#include "registry.h"

typedef enum {
    HONE_CONFORM_PASSED,
    HONE_CONFORM_FAILED,
    HONE_CONFORM_SKIPPED, /* could not be looked at; the text says why */
    HONE_CONFORM_NOTE,    /* passed, with something to know */
} HoneConformResult;

typedef struct HoneConform {
    const HoneComponent *component;
    const HoneRegistry *registry; /* for what a component uses of others; a backend is compared with its `reference` */
    bool quick;                   /* of a backend, only that memory and copies work */
    /* Told before a check begins, so that whoever watches a crash knows where; may be NULL. */
    void (*begin)(void *data, const char *check);
    void (*report)(void *data, const char *check, HoneConformResult result, const char *text);
    void *data;
    guint failures;
} HoneConform;

/* Runs every check that fits the component's kind. True where none failed. */
bool hone_conform_run(HoneConform *conform);

/* ---- For the files of conform_*.c. ---- */

void hone_conform_begin(HoneConform *conform, const char *check);
void hone_conform_result(HoneConform *conform, const char *check, HoneConformResult result, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Parameters that satisfy the component's table: a value for each that has no default. `file` stands in for paths.
 * Caller unrefs. */
JsonObject *hone_conform_params(const HoneComponent *component, const char *file);

void hone_conform_parameters(HoneConform *conform);
void hone_conform_stage(HoneConform *conform);
void hone_conform_metric(HoneConform *conform);
void hone_conform_reward(HoneConform *conform);
void hone_conform_tracker(HoneConform *conform);
void hone_conform_objective(HoneConform *conform);
void hone_conform_backend(HoneConform *conform);

#endif
