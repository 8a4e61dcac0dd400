/* SPDX-License-Identifier: Apache-2.0
 * scratch.h: a folder for one test, artifacts made in it, and stages run in it.
 */
#ifndef HONE_TEST_SCRATCH_H
#define HONE_TEST_SCRATCH_H

#include <hone/stage.h>

/* A new temporary folder. */
char *scratch_new(void);
/* Removes it with all that is in it, and frees the path. */
void scratch_free(char *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(char, scratch_free)

/* A sealed artifact FOLDER/name with the given files: name, content, name, content, ..., NULL. */
HoneArtifact *scratch_artifact(const char *folder, const char *name, HoneArtifactType type, const char *meta,
                               ...) G_GNUC_NULL_TERMINATED;
/* An input of a stage: takes the artifact. */
typedef struct ScratchInput {
    const char *port, *label;
    HoneArtifact *artifact;
} ScratchInput;
/* Runs a stage: inputs end with a NULL port. Outputs go to FOLDER/out-NAME/PORT, work to FOLDER/work-NAME. */
bool scratch_run(const char *folder, const HoneComponent *component, const char *params, const ScratchInput *inputs,
                 JsonObject *run_info, GError **error);
/* The text of a file below the folder. Caller frees. */
char *scratch_text(const char *folder, const char *path);
JsonObject *scratch_json(const char *folder, const char *path);

#endif
