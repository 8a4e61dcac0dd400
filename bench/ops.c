/* SPDX-License-Identifier: Apache-2.0
 * ops.c: how near each operator of a backend comes to what the processor can do.
 *
 *     bench-ops plugins/cpu.so [threads] [name...]
 *
 * The limits are measured first, in the same run: multiply-adds from registers on every thread (GFLOP/s), and reading
 * memory that no cache holds (GB/s; operands here are as large as in training, so smaller ones may beat it from cache).
 * Every figure is the best of the rounds of half a second: other load on the machine only makes times longer.
 */
#include "../tests/backends/plugin.h"
#include "processor.h"

#include <string.h>
#include <time.h>

/* With one thread its own processor time, which other load does not lengthen. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(clock_used, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- Operators. ---- */

typedef struct Bench {
    HoneBackend *backend;
    double gflops, gbytes;
    char **wanted;
} Bench;

static HoneTensor tensor(Bench *b, uint32_t rank, size_t x, size_t y, size_t z, double value)
{
    GError *error = NULL;
    HoneTensor t = rank == 1   ? hone_tensor_1d(NULL, 0, HONE_F32, x)
                   : rank == 2 ? hone_tensor_2d(NULL, 0, HONE_F32, x, y)
                               : hone_tensor_3d(NULL, 0, HONE_F32, x, y, z);
    size_t n = hone_tensor_count(t);
    t.buffer = hone_backend_alloc(b->backend, n * sizeof(float), "a benchmark", &error);
    if (t.buffer == NULL)
        g_error("%s", error->message);
    g_autofree float *values = g_new(float, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(value * ((double)(i * 7919 % 1009) / 1009 - 0.5));
    hone_backend_upload(b->backend, t, values, NULL);
    return t;
}

static HoneTensor indices(Bench *b, size_t n, size_t below)
{
    HoneTensor t = hone_tensor_1d(hone_backend_alloc(b->backend, n * 4, "a benchmark", NULL), 0, HONE_I32, n);
    g_autofree int32_t *values = g_new(int32_t, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (int32_t)(i * 7919 % below);
    hone_backend_upload(b->backend, t, values, NULL);
    return t;
}

static bool wanted(const Bench *b, const char *name)
{
    for (char **w = b->wanted; *w != NULL; w++)
        if (strstr(name, *w) != NULL)
            return true;
    return b->wanted[0] == NULL;
}

/* Times `call` (an expression on ops and s); work in FLOP, or bytes where `bytes`. */
#define MEASURE(bench, label, work, bytes, call)                                                                       \
    do {                                                                                                               \
        const HoneBackendOps *ops = (bench)->backend->ops;                                                             \
        HoneStream *s = (bench)->backend->stream;                                                                      \
        double best_ = G_MAXDOUBLE, until_ = seconds() + 0.5;                                                          \
        for (int round_ = 0; wanted(bench, label) && (round_ < 3 || seconds() < until_); round_++) {                   \
            double start_ = seconds();                                                                                 \
            call;                                                                                                      \
            ops->sync(s, NULL);                                                                                        \
            best_ = MIN(best_, MAX(seconds() - start_, 1e-7));                                                         \
        }                                                                                                              \
        if (best_ < G_MAXDOUBLE)                                                                                       \
            print(bench, label, best_, work, bytes);                                                                   \
    } while (0)

static void print(const Bench *b, const char *label, double best, double work, bool bytes)
{
    double rate = work / best * 1e-9, limit = bytes ? b->gbytes : b->gflops;
    g_print("%-34s %10.1f us %9.1f %s %6.0f %%\n", label, best * 1e6, rate, bytes ? "GB/s   " : "GFLOP/s",
            100 * rate / limit);
}

static void bench_gemm(Bench *b)
{
    /* N tokens of a batch against SmolLM2-135M's layers, the adapter's rank, the head, and decoding. */
    static const struct {
        size_t M, N, K;
        uint32_t flags;
    } shapes[] = {
        {760, 576, 576, HONE_TRANS_B},
        {760, 192, 576, HONE_TRANS_B},
        {760, 1536, 576, HONE_TRANS_B},
        {760, 576, 1536, HONE_TRANS_B},
        {760, 576, 576, 0},
        {760, 576, 192, 0},
        {760, 576, 1536, 0},
        {760, 1536, 576, 0},
        {256, 49152, 576, HONE_TRANS_B},
        {256, 576, 49152, 0},
        {43, 49152, 576, HONE_TRANS_B},
        {85, 49152, 576, HONE_TRANS_B},
        {170, 49152, 576, HONE_TRANS_B},
        {43, 576, 49152, 0},
        {85, 576, 49152, 0},
        {170, 576, 49152, 0},
        {760, 8, 576, HONE_TRANS_B},
        {760, 8, 1536, HONE_TRANS_B},
        {760, 576, 8, HONE_TRANS_B},
        {760, 1536, 8, HONE_TRANS_B},
        {760, 8, 576, 0},
        {760, 8, 1536, 0},
        {760, 576, 8, 0},
        {760, 1536, 8, 0},
        {8, 576, 760, HONE_TRANS_A},
        {8, 1536, 760, HONE_TRANS_A},
        {576, 8, 760, HONE_TRANS_A},
        {1536, 8, 760, HONE_TRANS_A},
        {192, 8, 760, HONE_TRANS_A},
        {760, 576, 16, HONE_TRANS_B},
        {760, 16, 576, HONE_TRANS_B},
        {760, 16, 576, 0},
        {760, 24, 576, HONE_TRANS_B},
        {24, 576, 760, HONE_TRANS_A},
        {576, 16, 760, HONE_TRANS_A},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t M = shapes[i].M, N = shapes[i].N, K = shapes[i].K;
        bool ta = shapes[i].flags & HONE_TRANS_A, tb = shapes[i].flags & HONE_TRANS_B;
        g_autofree char *label = g_strdup_printf("gemm %c%c %zu %zu %zu", ta ? 'T' : 'N', tb ? 'T' : 'N', M, N, K);
        if (!wanted(b, label))
            continue;
        HoneTensor y = tensor(b, 2, M, N, 0, 1), a = tensor(b, 2, ta ? K : M, ta ? M : K, 0, 1);
        HoneTensor w = tensor(b, 2, tb ? N : K, tb ? K : N, 0, 1);
        /* As the layers use it: what an adapter adds goes onto what is there. */
        float beta = K <= 32 ? 1 : 0;
        MEASURE(b, label, 2.0 * (double)(M * N * K), false, ops->gemm(s, y, a, w, shapes[i].flags, 1, beta));
        hone_backend_release(b->backend, y.buffer, hone_tensor_bytes(y));
        hone_backend_release(b->backend, a.buffer, hone_tensor_bytes(a));
        hone_backend_release(b->backend, w.buffer, hone_tensor_bytes(w));
    }
}

/* Weights [rows, cols] as a file has them: any bits are values, but scales must be no NaN. */
static HoneTensor weights(Bench *b, HoneType type, size_t rows, size_t cols)
{
    HoneTensor t = hone_tensor_2d(NULL, 0, type, rows, cols);
    size_t bytes = hone_tensor_bytes(t);
    t.buffer = hone_backend_alloc(b->backend, bytes, "a benchmark", NULL);
    g_autofree unsigned char *bits = g_malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        bits[i] = (unsigned char)(i * 7919 % 1009) & 0x37;
    b->backend->ops->upload(b->backend->stream, t.buffer, 0, bits, bytes);
    b->backend->ops->sync(b->backend->stream, NULL);
    return t;
}

/* Weights that keep their file's type: training's products forward and backward, and decoding, which reads every weight
 * once a step: 40 matrices, more than any cache. */
static void bench_typed(Bench *b)
{
    static const HoneType types[] = {HONE_F32,  HONE_BF16, HONE_F16,  HONE_Q8_0,
                                     HONE_Q4_0, HONE_Q4_1, HONE_Q4_K, HONE_Q6_K};
    static const struct {
        size_t M, N, K;
        uint32_t flags;
    } shapes[] = {{760, 1536, 768, HONE_TRANS_B},
                  {760, 768, 1536, HONE_TRANS_B},
                  {760, 256, 768, HONE_TRANS_B},
                  {760, 768, 1536, 0},
                  {760, 1536, 768, 0},
                  {85, 49152, 768, HONE_TRANS_B},
                  {85, 768, 49152, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        const char *name = hone_type_name(types[i]);
        for (size_t k = 0; k < G_N_ELEMENTS(shapes); k++) {
            size_t M = shapes[k].M, N = shapes[k].N, K = shapes[k].K;
            bool tb = shapes[k].flags & HONE_TRANS_B;
            g_autofree char *label = g_strdup_printf("typed %s N%c %zu %zu %zu", name, tb ? 'T' : 'N', M, N, K);
            if (!wanted(b, label))
                continue;
            HoneTensor y = tensor(b, 2, M, N, 0, 1), a = tensor(b, 2, M, K, 0, 1);
            HoneTensor w = weights(b, types[i], tb ? N : K, tb ? K : N);
            MEASURE(b, label, 2.0 * (double)(M * N * K), false, ops->gemm(s, y, a, w, shapes[k].flags, 1, 0));
            hone_backend_release(b->backend, y.buffer, hone_tensor_bytes(y));
            hone_backend_release(b->backend, a.buffer, hone_tensor_bytes(a));
            hone_backend_release(b->backend, w.buffer, hone_tensor_bytes(w));
        }
        for (size_t rows = 1; rows <= 32; rows *= 2) {
            g_autofree char *label = g_strdup_printf("decode %s %zu rows 1536 768", name, rows);
            if (!wanted(b, label))
                continue;
            HoneTensor w = weights(b, types[i], 40 * 1536, 768), x = tensor(b, 2, rows, 768, 0, 1),
                       y = tensor(b, 2, rows, 1536, 0, 1);
            MEASURE(b, label, (double)hone_tensor_bytes(w), true,
                    for (size_t n = 0; n < 40; n++)
                        ops->gemm(s, y, x, hone_tensor_rows(w, n * 1536, 1536), HONE_TRANS_B, 1, 0));
            hone_backend_release(b->backend, w.buffer, hone_tensor_bytes(w));
        }
    }
}

static void bench_rows(Bench *b)
{
    const size_t N = 760, C = 576, F = 1536, H = 9, D = 64, V = 49152;
    HoneTensor x = tensor(b, 2, N, C, 0, 1), y = tensor(b, 2, N, C, 0, 1), dy = tensor(b, 2, N, C, 0, 1e-9);
    HoneTensor w = tensor(b, 1, C, 0, 0, 1), dw = tensor(b, 1, C, 0, 0, 1), rstd = tensor(b, 1, N, 0, 0, 1);
    HoneTensor gate = tensor(b, 2, N, F, 0, 8), up = tensor(b, 2, N, F, 0, 1), out = tensor(b, 2, N, F, 0, 1);
    double nc = (double)(N * C), nf = (double)(N * F);
    MEASURE(b, "add", 12 * nc, true, ops->add(s, y, x, 1e-9f));
    MEASURE(b, "rmsnorm", 8 * nc, true, ops->rmsnorm(s, y, rstd, x, w, 1e-5f, 0));
    MEASURE(b, "rmsnorm_bwd", 16 * nc, true, ops->rmsnorm_bwd(s, y, (HoneTensor){0}, dy, x, w, rstd, 0));
    MEASURE(b, "rmsnorm_bwd with dw", 16 * nc, true, ops->rmsnorm_bwd(s, y, dw, dy, x, w, rstd, 0));
    MEASURE(b, "glu", 12 * nf, true, ops->glu(s, out, gate, up, HONE_SILU));
    MEASURE(b, "glu_bwd", 20 * nf, true, ops->glu_bwd(s, out, up, up, gate, up, HONE_SILU));
    MEASURE(b, "dropout", 8 * nc, true, ops->dropout(s, y, x, 0.1f, 1, 0));
    HoneTensor q = tensor(b, 3, N, H, D, 1), table = tensor(b, 3, 256, D / 2, 2, 1);
    HoneTensor positions = indices(b, N, 256);
    MEASURE(b, "rope", 8 * nc, true, ops->rope(s, q, table, positions, 1));
    HoneTensor embedding = tensor(b, 2, V, C, 0, 1), ids = indices(b, N, V);
    MEASURE(b, "gather_rows", 8 * nc, true, ops->gather_rows(s, y, embedding, ids));
    MEASURE(b, "scatter_rows +=", 12 * nc, true, ops->scatter_rows(s, embedding, y, ids, true));
    HoneTensor p = tensor(b, 1, V * C, 0, 0, 1), m = tensor(b, 1, V * C, 0, 0, 1), v = tensor(b, 1, V * C, 0, 0, 0);
    HoneAdamW adam = {sizeof(HoneAdamW), 1e-4f, 0.9f, 0.999f, 1e-8f, 0, 1, 10};
    double vc = (double)(V * C);
    MEASURE(b, "adamw", 28 * vc, true, ops->adamw(s, p, embedding, m, v, &adam));
    MEASURE(b, "sum_squares", 4 * vc, true, ops->sum_squares(s, hone_tensor_rows(rstd, 0, 1), p));
    HoneTensor logits = tensor(b, 2, 128, V, 0, 10), lse = tensor(b, 1, 128, 0, 0, 1),
               logprob = tensor(b, 1, 128, 0, 0, 1);
    HoneTensor targets = indices(b, 128, V);
    MEASURE(b, "logprob", 4 * 128.0 * (double)V, true, ops->logprob(s, logprob, lse, logits, targets, 0));
    MEASURE(b, "logprob_bwd", 8 * 128.0 * (double)V, true, ops->logprob_bwd(s, logits, lse, targets, logprob, 0));
    static const HoneType types[] = {HONE_Q4_1, HONE_Q8_0, HONE_Q6_K, HONE_F16, HONE_BF16};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *label = g_strdup_printf("convert %s", hone_type_name(types[i]));
        HoneTensor packed = hone_tensor_1d(m.buffer, 0, types[i], V * C);
        MEASURE(b, label, 4 * vc + (double)hone_tensor_bytes(packed), true, ops->convert(s, p, packed));
    }
}

static void bench_attention(Bench *b)
{
    static const struct {
        size_t sequences, length;
    } shapes[] = {{4, 190}, {1, 760}, {1, 2048}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t S = shapes[i].sequences, T = shapes[i].length, N = S * T, H = 9, G = 3, D = 64;
        HoneTensor q = tensor(b, 3, N, H, D, 2), k = tensor(b, 3, N, G, D, 2), v = tensor(b, 3, N, G, D, 2);
        HoneTensor o = tensor(b, 3, N, H, D, 0), d_o = tensor(b, 3, N, H, D, 1), lse = tensor(b, 2, N, H, 0, 0);
        HoneTensor dq = tensor(b, 3, N, H, D, 0), dk = tensor(b, 3, N, G, D, 0), dv = tensor(b, 3, N, G, D, 0);
        HoneTensor starts = indices(b, S + 1, N + 1);
        g_autofree int32_t *at = g_new(int32_t, S + 1);
        for (size_t j = 0; j <= S; j++)
            at[j] = (int32_t)(j * T);
        hone_backend_upload(b->backend, starts, at, NULL);
        HoneAttention a = {.size = sizeof(a),
                           .n_sequences = (uint32_t)S,
                           .starts = starts,
                           .max_length = (uint32_t)T,
                           .heads = 9,
                           .kv_heads = 3,
                           .head_dim = 64,
                           .scale = 0.125f};
        /* Two products forward and five backward over half of T x T for each head. */
        double each = (double)(S * H * T * (T + 1) / 2) * (double)D * 2;
        g_autofree char *forward = g_strdup_printf("attention %zu x %zu", S, T);
        g_autofree char *backward = g_strdup_printf("attention_bwd %zu x %zu", S, T);
        MEASURE(b, forward, 2 * each, false, ops->attention(s, o, lse, q, k, v, &a));
        MEASURE(b, backward, 5 * each, false, ops->attention_bwd(s, dq, dk, dv, d_o, o, lse, q, k, v, &a));
    }
    size_t B = 16, P = 512;
    HoneTensor q = tensor(b, 3, B, 9, 64, 2), o = tensor(b, 3, B, 9, 64, 0), kc = tensor(b, 3, B, P, 192, 1);
    HoneTensor vc = tensor(b, 3, B, P, 192, 1), slots = indices(b, B, B), lengths = indices(b, B, P);
    g_autofree int32_t *full = g_new(int32_t, B);
    for (size_t i = 0; i < B; i++)
        full[i] = (int32_t)P;
    hone_backend_upload(b->backend, lengths, full, NULL);
    HoneAttention a = {.size = sizeof(a), .heads = 9, .kv_heads = 3, .head_dim = 64, .scale = 0.125f};
    MEASURE(b, "attention_cached 16 x 512", (double)(B * P * 192) * 8, true,
            ops->attention_cached(s, o, q, kc, vc, slots, lengths, &a));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        g_printerr("usage: bench-ops PLUGIN.so [threads] [name...]\n");
        return 2;
    }
    g_autofree char *folder = g_path_get_dirname(argv[1]);
    g_autofree char *base = g_path_get_basename(argv[1]);
    g_setenv("HONE_PLUGIN_PATH", folder, TRUE);
    *strrchr(base, '.') = '\0';
    uint32_t threads = argc > 2 ? (uint32_t)g_ascii_strtoull(argv[2], NULL, 10) : 0;
    GError *error = NULL;
    HoneBackend *backend = test_open_backend(base, g_getenv("HONE_BENCH_INSTRUCTIONS"), threads, &error);
    if (backend == NULL) {
        g_printerr("bench-ops: %s\n", error->message);
        return 1;
    }
    Bench b = {.backend = backend, .wanted = argv + MIN(argc, 3)};
    if (threads == 0)
        threads = g_get_num_processors();
    b.gflops = limit_gflops(threads);
    b.gbytes = limit_read(threads);
    g_print("%s\nlimits of %u thread%s: %.1f GFLOP/s from registers, %.1f GB/s read\n\n", backend->info.device_name,
            threads, threads == 1 ? "" : "s", b.gflops, b.gbytes);
    if (threads == 1)
        clock_used = CLOCK_THREAD_CPUTIME_ID;
    bench_gemm(&b);
    bench_typed(&b);
    bench_attention(&b);
    bench_rows(&b);
    hone_backend_close(backend);
    return 0;
}
