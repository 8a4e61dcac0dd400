/* SPDX-License-Identifier: Apache-2.0
 * harness.h: what a host does around a stage, as little of it as the tests of training need.
 */
#ifndef HONE_TRAIN_HARNESS_H
#define HONE_TRAIN_HARNESS_H

#include <hone/dataset.h>
#include <hone/stage.h>

/* The component of $HONE_PLUGIN_PATH/NAME.so. Fits HoneStageSetup.find. */
const HoneComponent *test_find(void *host, HoneKind kind, const char *name, GError **error);
/* True where that plugin was built. */
bool test_has_plugin(const char *name);

/* Path of a file in tests/train/data. Caller frees. */
char *test_data(const char *name);
void test_remove_folder(const char *folder);

/* Artifacts in `folder`: the model of a GGUF file, made by the stage `model`; a dataset from lines of canonical rows,
 * of preferences where one has a chosen answer.
 */
void test_make_model(const char *folder, const char *gguf);
void test_make_dataset(const char *folder, const char *lines);

typedef struct TestTraining {
    const HoneComponent *component; /* NULL: the stage of this name */
    const char *stage;              /* NULL: sft */
    const char *model, *dataset;    /* artifact folders */
    const char *port, *input;       /* a third port and its artifact, or NULL */
    const char *output, *work;
    const char *backend;
    const char *params; /* JSON */
    uint32_t threads;   /* 0: all */
    uint64_t memory;    /* bytes for the backend; 0: no limit */
    int events_fd;      /* -1: none */
} TestTraining;

/* Folders of one training, as a fixture of g_test_add whose data is the backend's name. */
typedef struct TestPlace {
    char *folder, *output, *work, *adapter;
    const char *backend;
} TestPlace;

void test_place_set_up(TestPlace *place, gconstpointer backend);
void test_place_tear_down(TestPlace *place, gconstpointer backend);

/* Hash of the artifact "adapter" below an output folder. Caller frees. */
char *test_result_hash(const char *output);

/* The stage, ready to execute. Caller frees. */
HoneStage *test_training(const TestTraining *training);

#endif
