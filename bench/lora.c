/* SPDX-License-Identifier: Apache-2.0
 * lora.c: trains an adapter as the peer of bench/lora.py does and says how fast: one JSON line of the same shape.
 *
 *     bench-lora PLUGINS MODEL.gguf ROWS.jsonl [--steps 20] [--batch 4] [--seq 256] [--rank 8] [--backend cpu]
 *                [--threads 0] [--memory 0] [--checkpointing]
 *
 * ROWS: {"question", "answer"} a line. The stage `sft` runs as it does in a pipeline: model and dataset artifacts,
 * loop, checkpoints, events. As in the peer the rows go in the file's order, longer ones are cut, the learning rate is
 * constant, nothing is clipped, and the first two steps are not timed. With --threads 1 the process's own time counts.
 */
#include "../tests/train/harness.h"

#include <fcntl.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WARM_STEPS 2
#define SEED 1

static int steps = 20, batch = 4, seq = 256, rank = 8, threads = 0, memory = 0;
static gboolean checkpointing = FALSE;
static char *backend = NULL;

static const GOptionEntry options[] = {
    {"steps", 0, 0, G_OPTION_ARG_INT, &steps, "optimizer steps", "N"},
    {"batch", 0, 0, G_OPTION_ARG_INT, &batch, "rows of a step", "N"},
    {"seq", 0, 0, G_OPTION_ARG_INT, &seq, "longest row, in tokens", "N"},
    {"rank", 0, 0, G_OPTION_ARG_INT, &rank, "of the adapter", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "0: all", "N"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &memory, "MiB that the backend may use; 0: no limit", "N"},
    {"backend", 0, 0, G_OPTION_ARG_STRING, &backend, "onednn, cpu, reference", "NAME"},
    {"checkpointing", 0, 0, G_OPTION_ARG_NONE, &checkpointing, "compute activations again", NULL},
    {0},
};

/* The first steps·batch rows as canonical ones, laid out so that the loop's shuffling brings them back in order. */
static char *read_rows(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    size_t n = (size_t)steps * (size_t)batch, found = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree const char **line = g_new0(const char *, n);
    for (char **l = lines; *l != NULL && found < n; l++)
        if (**l != '\0')
            line[found++] = *l;
    if (found < n)
        g_error("%s has %zu rows; %d steps of %d need %zu", path, found, steps, batch, n);
    g_autofree uint32_t *order = g_new(uint32_t, n);
    hone_random_permutation(SEED, HONE_STREAM_SHUFFLE, 0, order, n);
    g_autofree const char **shuffled = g_new0(const char *, n);
    for (size_t i = 0; i < n; i++)
        shuffled[order[i]] = line[i];

    GString *rows = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        g_autoptr(JsonNode) node = hone_json_parse(shuffled[i], strlen(shuffled[i]), path, &error);
        if (node == NULL)
            g_error("%s", error->message);
        JsonObject *row = json_node_get_object(node);
        const char *parts[][2] = {{"user", "question"}, {"assistant", "answer"}};
        g_autofree char *id = g_strdup_printf("row-%zu", i);
        g_autoptr(HoneRow) canonical = hone_row_new(id);
        for (size_t k = 0; k < 2; k++)
            g_ptr_array_add(canonical->messages,
                            hone_message_new(parts[k][0], json_object_get_string_member(row, parts[k][1]),
                                             hone_message_default_weight(parts[k][0])));
        g_autoptr(JsonNode) out = hone_row_to_json(canonical);
        g_autofree char *json = hone_json_canonical(out);
        g_string_append_printf(rows, "%s\n", json);
    }
    return g_string_free(rows, FALSE);
}

/* Reads the stage's events as they come: losses, and when the warm steps and the last step ended. */
typedef struct Listener {
    int fd;
    GString *losses;
    double first_time, first_tokens, time, tokens;
} Listener;

/* With one thread the process's own time, which other load does not lengthen. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void hear(Listener *l, const char *line)
{
    double now = seconds();
    g_autoptr(JsonNode) node = *line != '\0' ? hone_json_parse(line, strlen(line), "events", NULL) : NULL;
    JsonObject *event = node != NULL ? json_node_get_object(node) : NULL;
    if (event == NULL || g_strcmp0(json_object_get_string_member(event, "event"), "progress") != 0 ||
        g_strcmp0(json_object_get_string_member(event, "unit"), "steps") != 0)
        return;
    JsonObject *figures = json_object_get_object_member(event, "figures");
    if (figures == NULL || !json_object_has_member(figures, "loss"))
        return;
    l->time = now;
    l->tokens = json_object_get_double_member(figures, "tokens");
    g_string_append_printf(l->losses, "%s%.5f", l->losses->len > 0 ? ", " : "",
                           json_object_get_double_member(figures, "loss"));
    if (json_object_get_int_member(event, "step") == WARM_STEPS) {
        l->first_time = l->time;
        l->first_tokens = l->tokens;
    }
}

static void *listen_to(void *data)
{
    Listener *l = data;
    FILE *in = fdopen(l->fd, "r");
    char *line = NULL;
    size_t room = 0;
    while (in != NULL && getline(&line, &room, in) > 0)
        hear(l, g_strchomp(line));
    free(line);
    if (in != NULL)
        fclose(in);
    return NULL;
}

static void report(const Listener *l, const char *dtype)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"tuner\": \"lora\", \"dtype\": \"%s\", \"tokens_per_s\": %.1f, \"peak_rss_mb\": %ld, \"losses\": [%s]}\n",
           dtype, (l->tokens - l->first_tokens) / (l->time - l->first_time), usage.ru_maxrss / 1024, l->losses->str);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("PLUGINS MODEL.gguf ROWS.jsonl");
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 4) {
        g_printerr("bench-lora: %s\n", error != NULL ? error->message : "needs PLUGINS MODEL.gguf ROWS.jsonl");
        return 2;
    }
    if (steps <= WARM_STEPS || batch < 1) {
        g_printerr("bench-lora: at least %d steps and 1 row\n", WARM_STEPS + 1);
        return 2;
    }
    g_setenv("HONE_PLUGIN_PATH", argv[1], TRUE);
    g_autofree char *folder = g_dir_make_tmp("hone-bench-XXXXXX", &error);
    if (folder == NULL)
        g_error("%s", error->message);
    g_autofree char *model = g_build_filename(folder, "model", NULL), *dataset = g_build_filename(folder, "data", NULL);
    g_autofree char *output = g_build_filename(folder, "out", NULL), *work = g_build_filename(folder, "work", NULL);
    g_autofree char *file = realpath(argv[2], NULL);
    if (file == NULL)
        g_error("%s is not there", argv[2]);
    g_autofree char *rows = read_rows(argv[3]);
    test_make_dataset(dataset, rows);
    test_make_model(model, file);
    g_autofree char *params = g_strdup_printf(
        "{\"rank\": %d, \"alpha\": %d, \"max_steps\": %d, \"batch_size\": %d, \"learning_rate\": 2e-4, \"seed\": %d, "
        "\"schedule\": \"constant\", \"warmup\": 0, \"max_grad_norm\": 0, \"max_length\": %d, "
        "\"over_length\": \"truncate\", \"save_every\": 1000000, \"checkpointing\": %s}",
        rank, 2 * rank, steps, batch, SEED, seq, checkpointing ? "true" : "false");
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        g_error("no pipe");
    Listener listener = {.fd = ends[0], .losses = g_string_new(NULL)};
    GThread *thread = g_thread_new("events", listen_to, &listener);
    const TestTraining training = {.model = model,
                                   .dataset = dataset,
                                   .output = output,
                                   .work = work,
                                   .backend = backend != NULL ? backend : "cpu",
                                   .params = params,
                                   .threads = (uint32_t)threads,
                                   .memory = (uint64_t)memory << 20,
                                   .events_fd = ends[1]};
    HoneStage *stage = test_training(&training);
    g_assert_cmpint(g_mkdir_with_parents(output, 0777), ==, 0);
    bool ok = hone_stage_execute(stage, &error);
    hone_stage_free(stage);
    close(ends[1]);
    g_thread_join(thread);
    if (ok)
        report(&listener, g_str_equal(training.backend, "onednn") ? "bf16" : "f32");
    else
        g_printerr("bench-lora: %s\n", error->message);
    g_string_free(listener.losses, TRUE);
    test_remove_folder(folder);
    return ok ? 0 : 1;
}
