/* SPDX-License-Identifier: Apache-2.0
 * stage_run.h: runs one stage of a built plugin in a folder of its own, as the host would, and shows what came out.
 */
#ifndef STAGE_RUN_H
#define STAGE_RUN_H

#include <hone/stage.h>

typedef struct StageRun {
    char *folder;  /* made by stage_run_init, removed by stage_run_clear */
    void *library; /* the plugin */
    const HoneComponent *component;
    GHashTable *inputs; /* port -> folder of a sealed artifact */
    char *events;       /* JSON lines of the last run */
    int runs;
} StageRun;

/* Opens the plugin of that name in $HONE_PLUGIN_PATH; its component has the same name. */
void stage_run_init(StageRun *s, const char *name);
void stage_run_clear(StageRun *s);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StageRun, stage_run_clear)

/* FOLDER/name with this content. Caller frees the path. */
char *stage_run_file(StageRun *s, const char *name, const char *content, gssize length);
/* A dataset artifact whose rows.jsonl is `rows`, connected to `port`. */
void stage_run_input(StageRun *s, const char *port, HoneArtifactType type, const char *rows);
/* params: JSON text; relative paths are relative to the folder. */
bool stage_run(StageRun *s, const char *params, GError **error);
bool stage_run_check(StageRun *s, const char *params, GError **error);
/* An output of the last run. Caller frees. */
HoneArtifact *stage_run_output(StageRun *s, const char *port);
/* Its rows.jsonl. Caller frees. */
char *stage_run_rows(StageRun *s, const char *port);
/* Asserts that the events of the last run hold this text. */
void stage_run_assert_note(const StageRun *s, const char *text);
/* Asserts failure with this code and this text in the message. */
void stage_run_assert_error(StageRun *s, const char *params, HoneError code, const char *text);

#endif
