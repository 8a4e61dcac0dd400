/* SPDX-License-Identifier: Apache-2.0
 * @NAME@: puts the messages of one role into capital letters.
 *
 * A stage reads its input artifacts and writes its output artifacts. It runs in a process of its own; what it wrote is
 * published only when it returns true.
 */
#include <hone/hone.h>
#include <string.h>

/* The parameters: a struct, and a table that says everything about each field. */
typedef struct {
    char *role;
    int64_t at_least;
} Params;

static const char *const roles[] = {"system", "user", "assistant", NULL};
static const HoneParam params[] = {
    HONE_CHOICE(Params, role, "\"user\"", roles, "Whose messages are changed"),
    HONE_INT(Params, at_least, "0", 0, 1000000, "Shorter messages stay as they are", .unit = "bytes"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HonePort ports[] = {
    {.name = "dataset", .direction = HONE_PORT_IN, .types = HONE_DATASET, .help = "Rows to change"},
    {.name = "dataset", .direction = HONE_PORT_OUT, .types = HONE_DATASET, .help = "The same rows, changed"},
    {0},
};

static size_t change_row(const Params *own, HoneRow *row)
{
    size_t changed = 0;
    for (guint i = 0; i < row->messages->len; i++) {
        HoneMessage *message = row->messages->pdata[i];
        if (strcmp(message->role, own->role) != 0 || strlen(message->content) < (size_t)own->at_least)
            continue;
        char *loud = g_utf8_strup(message->content, -1);
        g_free(message->content);
        message->content = loud;
        changed++;
    }
    return changed;
}

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Params *own = instance;
    HoneArtifact *out = hone_stage_output(stage, "dataset", HONE_DATASET, error);
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(hone_stage_input(stage, "dataset"), error);
    if (out == NULL || reader == NULL)
        return false;
    g_autoptr(HoneRowWriter) writer = hone_row_writer_open(out, error);
    if (writer == NULL)
        return false;
    uint64_t rows = 0, changed = 0;
    GError *problem = NULL;
    HoneRow *next;
    while ((next = hone_row_reader_next(reader, &problem)) != NULL) {
        g_autoptr(HoneRow) row = next;
        if (hone_stage_cancelled(stage))
            return hone_stage_stop(stage, error);
        changed += change_row(own, row);
        if (!hone_row_writer_add(writer, row, error))
            return false;
        if (++rows % 1000 == 0)
            hone_progress_step(hone_stage_progress(stage), rows, 0, "rows", NULL);
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return false;
    }
    hone_progress_note(hone_stage_progress(stage), HONE_NOTE_INFO, "%" G_GUINT64_FORMAT " messages changed", changed);
    return hone_row_writer_close(writer, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "@NAME@",
    .version = "1", /* raise it when the same input gives another result: it is part of the cache key */
    .summary = "Puts the messages of one role into capital letters",
    .params = groups,
    .instance_size = sizeof(Params),
    .ports = ports,
    .ops = &ops,
};

/* The name is that of the file without .so. */
HONE_DEFINE_PLUGIN("@NAME@", "1", "Apache-2.0", "Puts the messages of one role into capital letters", &component)
