/* SPDX-License-Identifier: Apache-2.0
 * faults.c: one stage that goes wrong in the way it is told.
 */
#include <fcntl.h>
#include <hone/hone.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *how;
    int64_t megabytes;
} Faults;

static const char *const ways[] = {"crash", "abort",   "hang",    "hog",      "exit",  "fail",  "silent", "nothing",
                                   "lie",   "garbage", "chatter", "children", "write", "twice", "wrong",  NULL};
static const HoneParam params[] = {HONE_CHOICE(Faults, how, NULL, ways, "The way"),
                                   HONE_INT(Faults, megabytes, "64", 1, 100000, "To use up or to write"),
                                   {0}};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};
static const HonePort ports[] = {{"dataset", HONE_PORT_IN, HONE_DATASET, HONE_PORT_OPTIONAL, "Ignored"},
                                 {"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "Often missing"},
                                 {0}};

static bool is(const Faults *faults, const char *way)
{
    return strcmp(faults->how, way) == 0;
}

static void crash(void)
{
    printf("about to crash\n");
    fflush(stdout);
    /* A sanitizer would take the signal and exit instead. */
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static void hog(const Faults *faults)
{
    for (int64_t i = 0; i < faults->megabytes; i++) {
        char *block = malloc(1 << 20);
        if (!block)
            break;
        memset(block, (int)i + 1, 1 << 20);
        g_usleep(1000);
    }
    for (;;)
        g_usleep(100000);
}

/* A child that outlives the stage unless the host ends it, and tells its number. */
static void leave_child(HoneStage *stage)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            sleep(1);
    }
    hone_progress_fact(hone_stage_progress(stage), "child", child);
}

/* The event descriptor is one of the first few. */
static void write_garbage(void)
{
    if (write(3, "this is no event\n", 17) < 0)
        exit(3);
    for (;;)
        g_usleep(100000);
}

static bool write_much(HoneStage *stage, const Faults *faults, GError **error)
{
    HoneArtifact *artifact = hone_stage_output(stage, "dataset", HONE_DATASET, error);
    g_autofree char *path = artifact ? hone_artifact_file(artifact, "much") : NULL;
    g_autofree char *block = g_malloc0(1 << 20);
    if (!artifact)
        return false;
    FILE *file = fopen(path, "w");
    bool ok = file != NULL;
    for (int64_t i = 0; ok && i < faults->megabytes; i++)
        ok = fwrite(block, 1 << 20, 1, file) == 1;
    ok = file && fclose(file) == 0 && ok;
    if (!ok)
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: the disk is full", path);
    return ok;
}

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Faults *faults = instance;
    if (is(faults, "crash"))
        crash();
    if (is(faults, "abort"))
        abort();
    if (is(faults, "hang")) {
        for (;;)
            g_usleep(100000);
    }
    if (is(faults, "hog"))
        hog(faults);
    if (is(faults, "exit"))
        exit(0);
    if (is(faults, "garbage"))
        write_garbage();
    if (is(faults, "write"))
        return write_much(stage, faults, error);
    if (is(faults, "wrong"))
        return hone_stage_output(stage, "dataset", HONE_MODEL, error) != NULL;
    if (is(faults, "children")) {
        leave_child(stage);
        exit(7);
    }
    if (is(faults, "fail") || is(faults, "lie"))
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "rows.jsonl:17: this row is \033[31mbroken");
    if (is(faults, "fail") || is(faults, "silent"))
        return false;
    if (is(faults, "nothing"))
        return true;
    if (is(faults, "chatter")) {
        for (int i = 0; i < 2000; i++)
            printf("{\"event\":\"result\",\"ok\":false} %d\n", i);
        fflush(stdout);
    }
    HoneArtifact *artifact = hone_stage_output(stage, "dataset", HONE_DATASET, error);
    if (is(faults, "twice") && artifact) {
        g_autofree char *path = hone_artifact_file(artifact, "artifact.json");
        return g_file_set_contents(path, "{}", -1, error);
    }
    g_autoptr(HoneRowWriter) writer = artifact ? hone_row_writer_open(artifact, error) : NULL;
    return writer && hone_row_writer_close(writer, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};
static const HoneComponent component = {HONE_COMPONENT_HEADER,
                                        .kind = HONE_STAGE,
                                        .name = "faults",
                                        .version = "1",
                                        .summary = "Goes wrong",
                                        .params = groups,
                                        .instance_size = sizeof(Faults),
                                        .ports = ports,
                                        .ops = &ops};
HONE_DEFINE_PLUGIN("faults", "1", "Apache-2.0", "What a plugin must not do", &component)
