/* SPDX-License-Identifier: Apache-2.0
 * generate.c: how fast a model generates, and where the time goes.
 *
 *     bench-generate PLUGINS MODEL [--batch 1] [--prompt 128] [--tokens 128] [--backend cpu] [--threads 0]
 *                    [--table | --row]
 *
 * Greedy, every row the same number of tokens; a JSON line of tokens/s reading prompts and generating, and the peak of
 * memory. Reading is timed by a run that asks for one token each, generating by what a run for all of them takes beyond
 * that. With --table: milliseconds of a step against the batch and against the length of what is read, by kind of
 * operator, and the least that the processor's memory and arithmetic allow.
 */
#include "../tests/backends/plugin.h"
#include "processor.h"

#include <hone/model.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int batch = 1, prompt = 128, tokens = 128, threads = 0, rounds = 1;
static gboolean table = FALSE, table_row = FALSE;
static char *backend_name = NULL;

static const GOptionEntry options[] = {
    {"batch", 0, 0, G_OPTION_ARG_INT, &batch, "rows generated together", "N"},
    {"prompt", 0, 0, G_OPTION_ARG_INT, &prompt, "tokens of each prompt", "N"},
    {"tokens", 0, 0, G_OPTION_ARG_INT, &tokens, "tokens generated after the first, for each row", "N"},
    {"rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "of which the fastest counts", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "0: all", "N"},
    {"backend", 0, 0, G_OPTION_ARG_STRING, &backend_name, "cpu, onednn, reference", "NAME"},
    {"row", 0, 0, G_OPTION_ARG_NONE, &table_row, "one row of the table: of --batch and --prompt", NULL},
    {"table", 0, 0, G_OPTION_ARG_NONE, &table, "cost against batch and length, by operator", NULL},
    {0},
};

/* ---- Time by kind of operator, of a backend that is done when an operator returns. ---- */

typedef enum {
    PRODUCTS,
    HEAD, /* the product with the vocabulary, and the logits' way to the host */
    ATTENTION,
    OTHER, /* norms, rotations, activations, copies */
    KINDS,
} Kind;

static const HoneBackendOps *real;
static double spent[KINDS];
static size_t vocab;

/* With one thread its own processor time, which other load does not lengthen. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(clock_used, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#define TIMED(kind, call)                                                                                              \
    do {                                                                                                               \
        double start_ = seconds();                                                                                     \
        real->call;                                                                                                    \
        spent[kind] += seconds() - start_;                                                                             \
    } while (0)

static void timed_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    TIMED(y.shape[1] == vocab ? HEAD : PRODUCTS, gemm(s, y, a, b, flags, alpha, beta));
}

static void timed_download(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes)
{
    TIMED(HEAD, download(s, dst, src, offset, bytes));
}

static void timed_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                            const HoneAttention *a)
{
    TIMED(ATTENTION, attention(s, o, lse, q, k, v, a));
}

static void timed_attention_cached(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                                   HoneTensor slots, HoneTensor lengths, const HoneAttention *a)
{
    TIMED(ATTENTION, attention_cached(s, o, q, k_cache, v_cache, slots, lengths, a));
}

static void timed_rmsnorm(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                          float w_offset)
{
    TIMED(OTHER, rmsnorm(s, y, rstd, x, w, epsilon, w_offset));
}

static void timed_rope(HoneStream *s, HoneTensor x, HoneTensor rotations, HoneTensor positions, int sign)
{
    TIMED(OTHER, rope(s, x, rotations, positions, sign));
}

static void timed_glu(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act)
{
    TIMED(OTHER, glu(s, y, gate, up, act));
}

static void timed_gather_rows(HoneStream *s, HoneTensor y, HoneTensor rows, HoneTensor index)
{
    TIMED(OTHER, gather_rows(s, y, rows, index));
}

static void timed_scatter_rows(HoneStream *s, HoneTensor rows, HoneTensor x, HoneTensor index, bool accumulate)
{
    TIMED(OTHER, scatter_rows(s, rows, x, index, accumulate));
}

static void timed_copy(HoneStream *s, HoneTensor dst, HoneTensor src)
{
    TIMED(OTHER, copy(s, dst, src));
}

static void timed_add(HoneStream *s, HoneTensor y, HoneTensor x, float alpha)
{
    TIMED(OTHER, add(s, y, x, alpha));
}

/* ---- Runs. ---- */

typedef struct Bench {
    HoneBackend *backend;
    HoneModel *model;
    double gflops, read; /* limits */
} Bench;

static const char text[] =
    "The road from the harbour to the old town climbs past the fish market, the customs house and a row of workshops "
    "where boats are still mended by hand. In winter the wind keeps most people indoors, and those who have to be out "
    "walk quickly and close to the walls. ";

/* Prompt i: a text without end, each begun at another word. */
static GArray *make_prompt(const Bench *b, size_t i, size_t length)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    const char *from = text;
    for (size_t word = 0; word < i % 40; word++)
        from = strchr(from, ' ') + 1;
    while (ids->len < length) {
        hone_tokenizer_encode(hone_model_tokenizer(b->model), from, strlen(from), 0, ids);
        from = text;
    }
    g_array_set_size(ids, (guint)length);
    return ids;
}

/* Seconds to generate `count` tokens for each of `rows` prompts. */
static double generate(const Bench *b, size_t rows, size_t length, size_t count)
{
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (size_t i = 0; i < rows; i++)
        g_ptr_array_add(prompts, make_prompt(b, i, length));
    const HoneSampling sampling = {
        .size = sizeof(sampling), .top_p = 1, .repetition_penalty = 1, .max_tokens = (uint32_t)count};
    g_autofree HoneCompletion **out = g_new0(HoneCompletion *, rows);
    g_autoptr(GError) error = NULL;
    double start = seconds();
    if (!hone_model_generate(b->model, (GArray *const *)prompts->pdata, rows, rows, &sampling, NULL, NULL, out, &error))
        g_error("%s", error->message);
    double took = seconds() - start;
    for (size_t i = 0; i < rows; i++) {
        if (out[i]->ids->len != count)
            g_error("Row %zu ended by itself after %u of %zu tokens: generate fewer.", i, out[i]->ids->len, count);
        hone_completion_free(out[i]);
    }
    return took;
}

/* Best of the rounds: seconds of reading, and of each step after. by_kind [KINDS]: of a step, or NULL. */
static void measure(const Bench *b, size_t rows, size_t length, size_t steps, double *reading, double *step,
                    double *by_kind)
{
    *reading = *step = G_MAXDOUBLE;
    for (int round = 0; round < rounds; round++) {
        double before[KINDS];
        memset(spent, 0, sizeof(spent));
        double first = generate(b, rows, length, 1);
        memcpy(before, spent, sizeof(before));
        memset(spent, 0, sizeof(spent));
        double each = (generate(b, rows, length, 1 + steps) - first) / (double)steps;
        *reading = MIN(*reading, first);
        if (each >= *step)
            continue;
        *step = each;
        for (Kind k = 0; by_kind != NULL && k < KINDS; k++)
            by_kind[k] = (spent[k] - before[k]) / (double)steps;
    }
}

static void report(const Bench *b)
{
    double reading, step;
    measure(b, (size_t)batch, (size_t)prompt, (size_t)tokens, &reading, &step, NULL);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"batch\": %d, \"prefill_tokens_per_s\": %.1f, \"decode_tokens_per_s\": %.1f, \"peak_rss_mb\": %ld}\n",
           batch, (double)batch * prompt / reading, batch / step, usage.ru_maxrss / 1024);
}

/* ---- The table. ---- */

/* Values of the weights that a step multiplies with, and their bytes in the file. */
static void weigh(const Bench *b, const char *path, double *values, double *bytes)
{
    bool tied = hone_model_config(b->model)->tied_head;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, &error);
    if (checkpoint == NULL)
        g_error("%s", error->message);
    *values = *bytes = 0;
    for (size_t i = 0; i < hone_checkpoint_n_tensors(checkpoint); i++) {
        const HoneGgufTensor *tensor = hone_checkpoint_tensor(checkpoint, i);
        bool looked_up = strstr(tensor->name, "token_embd") != NULL || strstr(tensor->name, "embed_tokens") != NULL;
        if (tensor->rank != 2 || (looked_up && !tied))
            continue;
        *values += (double)tensor->shape[0] * (double)tensor->shape[1];
        *bytes += (double)tensor->bytes;
    }
}

static void print_row(const Bench *b, const char *path, size_t rows, size_t length)
{
    const HoneModelConfig *c = hone_model_config(b->model);
    double reading, step, kind[KINDS], values, bytes;
    size_t steps = 32;
    measure(b, rows, length, steps, &reading, &step, kind);
    weigh(b, path, &values, &bytes);
    double cached = (double)(length + steps / 2) * (double)(2 * c->kv_heads * c->head_dim * c->layers);
    double memory = (bytes + (double)rows * cached * sizeof(float)) / b->read * 1e-9;
    double arithmetic =
        2 * (double)rows * (values + cached * (double)c->heads / (double)c->kv_heads) / b->gflops * 1e-9;
    double host = step;
    for (Kind k = 0; k < KINDS; k++)
        host -= kind[k];
    printf("%5zu %6zu %10.1f %9.1f %8.2f | %8.2f %6.2f %9.2f %6.2f %6.2f | %7.2f %10.2f %5.0f %%\n", rows, length,
           (double)(rows * length) / reading, (double)rows / step, step * 1e3, kind[PRODUCTS] * 1e3, kind[HEAD] * 1e3,
           kind[ATTENTION] * 1e3, kind[OTHER] * 1e3, host * 1e3, memory * 1e3, arithmetic * 1e3,
           100 * MAX(memory, arithmetic) / step);
}

static void print_table(Bench *b, const char *path)
{
    HoneBackendOps timed = *b->backend->ops;
    real = b->backend->ops;
    vocab = hone_model_config(b->model)->vocab;
    timed.gemm = timed_gemm;
    timed.download = timed_download;
    timed.attention = timed_attention;
    timed.attention_cached = timed_attention_cached;
    timed.rmsnorm = timed_rmsnorm;
    timed.rope = timed_rope;
    timed.glu = timed_glu;
    timed.gather_rows = timed_gather_rows;
    timed.scatter_rows = timed_scatter_rows;
    timed.copy = timed_copy;
    timed.add = timed_add;
    b->backend->ops = &timed;
    uint32_t n = threads > 0 ? (uint32_t)threads : g_get_num_processors();
    b->gflops = limit_gflops(n);
    b->read = limit_read(n);
    printf("%s\nlimits of %u thread%s: %.0f GFLOP/s from registers, %.1f GB/s read\n\n", b->backend->info.device_name,
           n, n == 1 ? "" : "s", b->gflops, b->read);
    printf("%12s %10s %9s %8s | %33s %13s | %s\n", "", "read", "generate", "step", "of it: products   head attention",
           "other   host", "limits: memory arithmetic");
    printf("%5s %6s %10s %9s %8s | %8s %6s %9s %6s %6s | %7s %10s %7s\n", "batch", "length", "tokens/s", "tokens/s",
           "ms", "ms", "ms", "ms", "ms", "ms", "ms", "ms", "reached");
    if (table_row)
        print_row(b, path, (size_t)batch, (size_t)prompt);
    for (size_t rows = 1; table && rows <= 16; rows *= 2)
        print_row(b, path, rows, 128);
    for (size_t length = 256; table && length <= 4096; length *= 2)
        print_row(b, path, 1, length);
    for (size_t length = 512; table && length <= 2048; length *= 2)
        print_row(b, path, 8, length);
    b->backend->ops = real;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("PLUGINS MODEL");
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 3) {
        g_printerr("bench-generate: %s\n", error != NULL ? error->message : "needs PLUGINS MODEL");
        return 2;
    }
    if (batch < 1 || prompt < 1 || tokens < 1 || threads < 0 || rounds < 1) {
        g_printerr("bench-generate: numbers begin at 1\n");
        return 2;
    }
    if (threads == 1)
        clock_used = CLOCK_PROCESS_CPUTIME_ID;
    g_setenv("HONE_PLUGIN_PATH", argv[1], TRUE);
    Bench b = {0};
    b.backend = test_open_backend(backend_name != NULL ? backend_name : "cpu", g_getenv("HONE_BENCH_INSTRUCTIONS"),
                                  (uint32_t)threads, &error);
    if (b.backend != NULL)
        b.model = hone_model_open(argv[2], b.backend, NULL, &error);
    if (b.model == NULL) {
        g_printerr("bench-generate: %s\n", error->message);
        g_clear_pointer(&b.backend, hone_backend_close);
        return 1;
    }
    if (table || table_row)
        print_table(&b, argv[2]);
    else
        report(&b);
    hone_model_free(b.model);
    hone_backend_close(b.backend);
    return 0;
}
