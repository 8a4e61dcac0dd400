/* SPDX-License-Identifier: Apache-2.0
 * step.c: what one training step costs against batch and length, and where its time goes.
 *
 *     bench-step PLUGINS MODEL [--backend onednn] [--full] [--batch 1,2,4,8] [--length 128,256,512,1024] [--steps 3]
 *                [--threads 0] [--rank 8] [--memory 0]
 *
 * Rows of random tokens, every token trained, LoRA on all linear maps or (--full) every weight, AdamW. The backend's
 * table of operators is wrapped by a clock; what is in none of the named operators is "rest". Products are also
 * counted, and their rate is put beside the processor's limit, measured in the same run. Of several steps the fastest
 * counts: other load only makes times longer. With --threads 1 the thread's own processor time is taken, which other
 * load does not lengthen by much.
 */
#include "../tests/backends/plugin.h"
#include "processor.h"

#include <hone/model.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static char *backend_name = NULL, *batches = NULL, *lengths = NULL;
static int steps = 3, threads = 0, rank = 8, memory = 0;
static gboolean full = FALSE;

static const GOptionEntry options[] = {
    {"backend", 0, 0, G_OPTION_ARG_STRING, &backend_name, "onednn, cpu, reference", "NAME"},
    {"full", 0, 0, G_OPTION_ARG_NONE, &full, "train every weight", NULL},
    {"batch", 0, 0, G_OPTION_ARG_STRING, &batches, "rows of a step", "N,N..."},
    {"length", 0, 0, G_OPTION_ARG_STRING, &lengths, "tokens of a row", "N,N..."},
    {"steps", 0, 0, G_OPTION_ARG_INT, &steps, "timed, of each kind", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "0: all", "N"},
    {"rank", 0, 0, G_OPTION_ARG_INT, &rank, "of the adapter", "N"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &memory, "MiB that the backend may use; 0: no limit", "N"},
    {0},
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- Operators with a clock around them; each is done when it returns, or is waited for. ---- */

typedef enum {
    PRODUCTS,
    ATTENTION,
    SOFTMAX,
    OPTIMIZER,
    N_SHARES,
} Share;

static const HoneBackendOps *plain;
static double spent[N_SHARES], product_work;

#define TIMED(share, call)                                                                                             \
    do {                                                                                                               \
        double start_ = seconds();                                                                                     \
        plain->call;                                                                                                   \
        plain->sync(s, NULL);                                                                                          \
        spent[share] += seconds() - start_;                                                                            \
    } while (0)

static void timed_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    product_work += 2.0 * (double)y.shape[0] * (double)y.shape[1] * (double)a.shape[flags & HONE_TRANS_A ? 0 : 1];
    TIMED(PRODUCTS, gemm(s, y, a, b, flags, alpha, beta));
}

static void timed_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                            const HoneAttention *a)
{
    TIMED(ATTENTION, attention(s, o, lse, q, k, v, a));
}

static void timed_attention_bwd(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o,
                                HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                                const HoneAttention *a)
{
    TIMED(ATTENTION, attention_bwd(s, dq, dk, dv, d_o, o, lse, q, k, v, a));
}

static void timed_logprob(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                          float soft_cap)
{
    TIMED(SOFTMAX, logprob(s, logprob, lse, logits, targets, soft_cap));
}

static void timed_logprob_bwd(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor d,
                              float soft_cap)
{
    TIMED(SOFTMAX, logprob_bwd(s, logits, lse, targets, d, soft_cap));
}

static void timed_adamw(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args)
{
    TIMED(OPTIMIZER, adamw(s, p, g, m, v, args));
}

static HoneBackendOps wrapped(const HoneBackendOps *ops)
{
    plain = ops;
    HoneBackendOps timed = *ops;
    timed.gemm = timed_gemm;
    timed.attention = timed_attention;
    timed.attention_bwd = timed_attention_bwd;
    timed.logprob = timed_logprob;
    timed.logprob_bwd = timed_logprob_bwd;
    timed.adamw = timed_adamw;
    return timed;
}

/* ---- A step. ---- */

typedef struct Trainer {
    HoneModel *model;
    HoneBackend *backend;
    const HoneTrainable *trainables;
    size_t n;
    HoneTensor *m, *v;
    uint64_t step;
} Trainer;

static void check(const GError *error)
{
    if (error != NULL)
        g_error("%s", error->message);
}

static HoneTensor zeros(HoneBackend *backend, HoneTensor like)
{
    GError *error = NULL;
    like.offset = 0;
    like.buffer = hone_backend_alloc(backend, hone_tensor_bytes(like), "moments", &error);
    check(error);
    backend->ops->fill(backend->stream, like, 0);
    return like;
}

static void trainer_init(Trainer *t)
{
    GError *error = NULL;
    if (full) {
        hone_model_train_weights(t->model, &error);
    } else {
        const char *const targets[] = {"all-linear", NULL};
        const HoneLora lora = {
            .size = sizeof(lora), .rank = (uint32_t)rank, .alpha = 2 * rank, .targets = targets, .seed = 1};
        hone_model_add_lora(t->model, &lora, &error);
    }
    check(error);
    t->trainables = hone_model_trainables(t->model, &t->n);
    t->m = g_new(HoneTensor, t->n);
    t->v = g_new(HoneTensor, t->n);
    for (size_t i = 0; i < t->n; i++) {
        t->m[i] = zeros(t->backend, t->trainables[i].value);
        t->v[i] = zeros(t->backend, t->trainables[i].value);
    }
}

/* Mean loss. Token i of a batch is (7919·i + 13) mod vocabulary: the peer of full.py makes the same ones. */
static double train(Trainer *t, size_t rows, size_t length)
{
    GError *error = NULL;
    size_t n = rows * length, k = rows * (length - 1), vocabulary = hone_model_config(t->model)->vocab;
    g_autofree int32_t *ids = g_new(int32_t, n), *starts = g_new(int32_t, rows + 1), *at = g_new(int32_t, k),
                       *targets = g_new(int32_t, k);
    g_autofree float *derivative = g_new(float, k), *logprob = g_new(float, k);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((7919 * i + 13) % vocabulary);
    for (size_t r = 0; r <= rows; r++)
        starts[r] = (int32_t)(r * length);
    for (size_t i = 0; i < k; i++) {
        at[i] = (int32_t)(i / (length - 1) * length + i % (length - 1));
        targets[i] = ids[at[i] + 1];
        derivative[i] = (float)(-1 / (double)k);
    }
    const HoneBatch batch = {.size = sizeof(batch),
                             .n_sequences = rows,
                             .n_tokens = n,
                             .ids = ids,
                             .starts = starts,
                             .n_targets = k,
                             .target_rows = at,
                             .targets = targets};
    const HoneForward forward = {.size = sizeof(forward), .keep = true, .known_derivative = derivative};
    hone_model_zero_gradients(t->model, &error);
    check(error);
    hone_model_forward(t->model, &batch, &forward, logprob, &error);
    check(error);
    hone_model_backward(t->model, NULL, &error);
    check(error);
    const HoneAdamW adam = {sizeof(adam), 2e-5, 0.9, 0.999, 1e-8, 0, 1, ++t->step};
    for (size_t i = 0; i < t->n; i++)
        t->backend->ops->adamw(t->backend->stream, t->trainables[i].value, t->trainables[i].gradient, t->m[i], t->v[i],
                               &adam);
    t->backend->ops->sync(t->backend->stream, &error);
    check(error);
    double loss = 0;
    for (size_t i = 0; i < k; i++)
        loss -= logprob[i];
    return loss / (double)k;
}

static void measure(Trainer *t, size_t rows, size_t length, double limit)
{
    g_autoptr(GString) losses = g_string_new(NULL);
    double best = G_MAXDOUBLE, shares[N_SHARES] = {0}, work = 0;
    for (int i = 0; i < steps + 1; i++) { /* the first one warms up */
        memset(spent, 0, sizeof(spent));
        product_work = 0;
        double start = seconds();
        g_string_append_printf(losses, "%s%.5f", i > 0 ? ", " : "", train(t, rows, length));
        double took = seconds() - start;
        if (i > 0 && took < best) {
            best = took;
            memcpy(shares, spent, sizeof(spent));
            work = product_work;
        }
    }
    double rest = best, tokens = (double)(rows * length);
    for (int i = 0; i < N_SHARES; i++)
        rest -= shares[i];
    g_print("| %zu | %zu | %.0f | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.0f (%.0f %%) | %.2f | "
            "%" G_GUINT64_FORMAT " |\n",
            rows, length, tokens / best, 100 * shares[PRODUCTS] / best, 100 * shares[ATTENTION] / best,
            100 * shares[SOFTMAX] / best, 100 * shares[OPTIMIZER] / best, 100 * rest / best,
            work / shares[PRODUCTS] * 1e-9, 100 * work / shares[PRODUCTS] * 1e-9 / limit, work / tokens * 1e-9,
            t->backend->peak >> 20);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    g_printerr("{\"tuner\": \"%s\", \"tokens_per_s\": %.1f, \"peak_rss_mb\": %ld, \"losses\": [%s]}\n",
               full ? "full" : "lora", tokens / best, usage.ru_maxrss / 1024, losses->str);
}

static size_t count_of(const char *text)
{
    size_t n = (size_t)g_ascii_strtoull(text, NULL, 10);
    if (n < 1 || n > 1u << 20) {
        g_printerr("bench-step: \"%s\" is no count\n", text);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("PLUGINS MODEL");
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 3 || steps < 1) {
        g_printerr("bench-step: %s\n", error != NULL ? error->message : "needs PLUGINS MODEL");
        return 2;
    }
    g_setenv("HONE_PLUGIN_PATH", argv[1], TRUE);
    Trainer t = {
        .backend = test_open_backend(backend_name != NULL ? backend_name : "onednn", NULL, (uint32_t)threads, &error)};
    check(error);
    t.backend->limit = (uint64_t)memory << 20;
    const HoneBackendOps timed = wrapped(t.backend->ops);
    t.backend->ops = &timed;
    t.model = hone_model_open(argv[2], t.backend, NULL, &error);
    check(error);
    trainer_init(&t);
    uint32_t used = threads > 0 ? (uint32_t)threads : g_get_num_processors();
    bool bf16 = t.backend->info.compute_type == HONE_BF16;
    double limit = bf16 ? limit_bf16_gflops(used) : limit_gflops(used);
    g_print("%s\nlimit of products from registers: %.0f GFLOP/s in %s\n\n", t.backend->info.device_name, limit,
            bf16 ? "bf16" : "f32");
    g_print(
        "| batch | length | tokens/s | products | attention | softmax | optimizer | rest | GFLOP/s of products (of the "
        "limit) | GFLOP a token | backend's MiB |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    g_auto(GStrv) rows = g_strsplit(batches != NULL ? batches : "1,2,4,8", ",", -1);
    g_auto(GStrv) columns = g_strsplit(lengths != NULL ? lengths : "128,256,512,1024", ",", -1);
    for (char **r = rows; *r != NULL; r++)
        for (char **c = columns; *c != NULL; c++)
            measure(&t, count_of(*r), MAX(count_of(*c), 2), limit);
    for (size_t i = 0; i < t.n; i++) {
        hone_backend_release(t.backend, t.m[i].buffer, hone_tensor_bytes(t.m[i]));
        hone_backend_release(t.backend, t.v[i].buffer, hone_tensor_bytes(t.v[i]));
    }
    g_free(t.m);
    g_free(t.v);
    hone_model_free(t.model);
    t.backend->ops = plain;
    hone_backend_close(t.backend);
    return 0;
}
