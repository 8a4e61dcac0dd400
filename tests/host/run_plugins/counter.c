/* SPDX-License-Identifier: Apache-2.0
 * counter.c: a slow source of rows that saves where it is: what the tests kill.
 *
 * Row i holds a value that depends on all rows before it, so a lost or repeated step changes everything after it.
 */
#include <hone/hone.h>
#include <string.h>

#define STATE_LIMIT 4096
#define CLOSE_TOGETHER 1000003

typedef struct {
    int64_t rows, delay_us, save_every, seed;
    char *note, *file, *mine, *other;
} Counter;

static const HoneParam params[] = {
    HONE_INT(Counter, rows, "20", 1, 1000000, "Rows to write"),
    HONE_INT(Counter, delay_us, "0", 0, 10000000, "Wait after each row", .flags = HONE_PARAM_NO_KEY),
    HONE_INT(Counter, save_every, "5", 1, 1000000, "Rows between checkpoints", .flags = HONE_PARAM_NO_KEY),
    HONE_INT(Counter, seed, "1", 0, 1e9, "Where values begin"),
    HONE_STRING(Counter, note, "null", "A note to tell"),
    HONE_PATH(Counter, file, "null", "A file that the result depends on"),
    HONE_PATH(Counter, mine, "null", "A file to make", .flags = HONE_PARAM_NO_KEY | HONE_PARAM_MAY_BE_ABSENT),
    HONE_PATH(Counter, other, "null", "A file to wait for", .flags = HONE_PARAM_NO_KEY | HONE_PARAM_MAY_BE_ABSENT),
    {0}};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};
static const HonePort ports[] = {{"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "Rows that count"}, {0}};

typedef struct {
    int64_t done;
    uint64_t value;
} State;

static char *state_path(HoneStage *stage)
{
    return g_build_filename(hone_stage_work_folder(stage), "state.json", NULL);
}

static void load(HoneStage *stage, State *state)
{
    g_autofree char *path = state_path(stage);
    g_autoptr(JsonObject) saved = hone_file_read_json(path, STATE_LIMIT, NULL);
    if (!saved)
        return;
    state->done = json_object_get_int_member(saved, "done");
    state->value = (uint64_t)json_object_get_int_member(saved, "value");
}

static bool save(HoneStage *stage, const State *state, GError **error)
{
    g_autofree char *path = state_path(stage);
    g_autofree char *text =
        g_strdup_printf("{\"done\":%" G_GINT64_FORMAT ",\"value\":%" G_GUINT64_FORMAT "}", state->done, state->value);
    return hone_file_write(path, text, strlen(text), error);
}

static uint64_t next(uint64_t value, int64_t i)
{
    return hone_random_u64(value, HONE_STREAM_USER, (uint64_t)i) % CLOSE_TOGETHER;
}

/* Rows are made again from the seed; what was checkpointed is checked against them. */
static bool write_rows(HoneStage *stage, const Counter *counter, const State *state, GError **error)
{
    HoneArtifact *artifact = hone_stage_output(stage, "dataset", HONE_DATASET, error);
    g_autoptr(HoneRowWriter) writer = artifact ? hone_row_writer_open(artifact, error) : NULL;
    if (!writer)
        return false;
    uint64_t value = (uint64_t)counter->seed;
    for (int64_t i = 0; i < counter->rows; i++) {
        value = next(value, i);
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, i);
        g_autofree char *content = g_strdup_printf("%" G_GUINT64_FORMAT, value);
        g_autoptr(HoneRow) row = hone_row_new(id);
        g_ptr_array_add(row->messages, hone_message_new("user", content, 0));
        if (!hone_row_writer_add(writer, row, error))
            return false;
    }
    /* What the steps, over all processes that took part, came to. */
    json_object_set_int_member(hone_artifact_meta(artifact), "last", (gint64)state->value);
    return hone_row_writer_close(writer, error);
}

/* Goes on only when another node is at work at the same time. */
static bool meet(const Counter *counter, GError **error)
{
    if (!counter->mine || !counter->other)
        return true;
    if (!g_file_set_contents(counter->mine, "", 0, error))
        return false;
    for (int i = 0; i < 3000; i++) {
        if (g_file_test(counter->other, G_FILE_TEST_EXISTS))
            return true;
        g_usleep(10000);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "nobody came");
    return false;
}

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Counter *counter = instance;
    State state = {.value = (uint64_t)counter->seed};
    load(stage, &state);
    if (!meet(counter, error))
        return false;
    if (counter->note)
        hone_progress_note(hone_stage_progress(stage), HONE_NOTE_WARNING, "%s", counter->note);
    hone_progress_note(hone_stage_progress(stage), HONE_NOTE_INFO, "starts at row %" G_GINT64_FORMAT, state.done);
    while (state.done < counter->rows) {
        state.value = next(state.value, state.done);
        state.done++;
        hone_progress_step(hone_stage_progress(stage), (uint64_t)state.done, (uint64_t)counter->rows, "rows", "value",
                           (double)state.value, NULL);
        g_usleep((gulong)counter->delay_us);
        bool cancelled = hone_stage_cancelled(stage);
        if ((cancelled || state.done % counter->save_every == 0) && !save(stage, &state, error))
            return false;
        if (cancelled)
            return hone_stage_stop(stage, error);
    }
    return write_rows(stage, counter, &state, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};
static const HoneComponent component = {HONE_COMPONENT_HEADER,
                                        .kind = HONE_STAGE,
                                        .name = "counter",
                                        .version = "1",
                                        .summary = "Counts, slowly",
                                        .params = groups,
                                        .instance_size = sizeof(Counter),
                                        .ports = ports,
                                        .ops = &ops};
HONE_DEFINE_PLUGIN("counter", "1", "Apache-2.0", "A slow source of rows", &component)
