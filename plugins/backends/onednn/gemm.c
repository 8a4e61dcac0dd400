/* SPDX-License-Identifier: Apache-2.0
 * gemm.c: matrix products in bf16 with f32 sums: how one is cut into products that oneDNN does.
 *
 * Both operands are made bf16 on the way (pack.c), b whatever its type; alpha goes into a. oneDNN's kernels write only
 * whole rows of a dense y. So there are two ways:
 *  - by rows: b is packed once by all threads, then each takes blocks of rows of y, which oneDNN writes in place;
 *  - by columns, where a's rows are too few to share or b is too large to keep packed: each thread packs a strip of b
 *    that stays in its second cache and multiplies all rows with it, into a block of its own that is then put into y.
 * Heights are rounded up to 16 rows, so that the products that oneDNN compiles are few; the rows beyond y are zeros.
 * By rows, what an adapter adds goes to a block of y before it leaves the second cache.
 *
 * Products with a side up to CPU_SKINNY are the cpu backend's, in f32: their time is the memory's.
 */
#include "onednn.h"
#include "pack.h"

#include <string.h>

#define ROW_UNIT 16
#define BLOCK_ROWS 96                  /* of y, by rows: its part of a and y stay in the second cache */
#define MOST_PACKED ((size_t)8 << 20)  /* values of b that are packed as a whole */
#define STRIP_K 768                    /* most of k in a strip of b, by columns */
#define STRIP_N 256                    /* most columns of one; a multiple of every type's block */
#define STRIP_ROWS 512                 /* most rows that a strip multiplies at once */
#define PACK_K 256                     /* k that is packed as one item; a multiple of every type's block */
#define LEAST_WORK ((double)(1 << 18)) /* multiply-adds */

typedef struct Plan {
    const Gemm *g;
    OneDevice *d;
    const Gemm *low; /* what is added to y afterwards, in f32; or NULL */
    float *v;        /* its b: [R,N] */
    PackSource b;
    /* Which product an item runs, by its height: [0] of a whole block, [1] of the last; first and later in k. */
    size_t m_block, n_block, k_block, m_parts, n_parts, k_parts, strips;
    bool direct;      /* by rows: y is dense and beta 0 or 1 */
    size_t panel;     /* words of a panel of b */
    uint16_t *packed; /* b: by rows the whole, by columns of each thread [n_block, k_block] */
    uint16_t *a;      /* by rows of each thread [m_block, K]; by columns strip after strip [M padded, k_block] */
    float *out;       /* by rows of each thread [m_block, N]; by columns of each thread, or of each part of k */
    size_t packed_each, a_each, out_each;
} Plan;

static size_t parts_of(size_t n, size_t part)
{
    return (n + part - 1) / part;
}

/* Rows [m, m + rows) of alpha·op(a), k [k, k + count), dense; rows up to `padded` are zeros. */
static void pack_a(const Gemm *g, uint16_t *to, size_t m, size_t rows, size_t padded, size_t k, size_t count)
{
    if (g->ta)
        pack_turned(to, g->a + k * g->a_row + m, g->a_row, count, rows, g->alpha);
    else
        pack_rows(to, g->a + m * g->a_row + k, g->a_row, rows, count, g->alpha);
    memset(to + rows * count, 0, (padded - rows) * count * sizeof(*to));
}

/* ---- By rows. ---- */

static void pack_item(void *data, size_t item, uint32_t thread)
{
    const Plan *p = data;
    const Gemm *g = p->g;
    size_t k_parts = parts_of(g->K, PACK_K), n = item / k_parts * STRIP_N, k = item % k_parts * PACK_K;
    pack_columns(&p->b, p->packed + n / PANEL * p->panel + k * PANEL, p->panel, n, MIN(STRIP_N, g->N - n), k,
                 MIN(PACK_K, g->K - k));
}

static void rows_item(void *data, size_t item, uint32_t thread)
{
    const Plan *p = data;
    const Gemm *g = p->g;
    size_t m = item * p->m_block, rows = MIN(p->m_block, g->M - m), padded = round_up(rows, ROW_UNIT);
    uint16_t *a = p->a + thread * p->a_each;
    float *y = g->y + m * g->y_row, *out = p->out + thread * p->out_each;
    pack_a(g, a, m, rows, padded, 0, g->K);
    bool direct = p->direct && rows == padded;
    one_product_run(p->d, one_product(p->d, padded, g->N, g->K, direct && g->beta != 0), thread, direct ? y : out, a,
                    p->packed);
    if (!direct)
        pack_finish(y, g->y_row, out, g->N, rows, g->N, g->beta);
    if (p->low != NULL) /* while the block is near */
        g->device->kernels->product(y, g->y_row, p->low->a + m * p->low->a_row, p->low->a_row, 1, p->v, g->N, rows,
                                    g->N, p->low->K, p->low->alpha, 1);
}

/* The low rank's b with columns side by side. */
static void lay_low(const Plan *p)
{
    const Gemm *low = p->low;
    if (low->tb)
        low->device->kernels->turn(p->v, low->N, low->b, low->b_row, low->N, low->K);
    else
        for (size_t k = 0; k < low->K; k++)
            memcpy(p->v + k * low->N, low->b + k * low->b_row, low->N * sizeof(float));
}

/* False where oneDNN has no kernel. Makes every product that the items will look up. */
static bool rows_products(const Plan *p)
{
    const Gemm *g = p->g;
    size_t last = g->M - (p->m_parts - 1) * p->m_block, heights[] = {p->m_block, round_up(last, ROW_UNIT)};
    for (size_t i = 0; i < G_N_ELEMENTS(heights); i++) {
        bool whole = i == 0 || last == heights[1];
        if (one_product(p->d, heights[i], g->N, g->K, p->direct && whole && g->beta != 0) == NULL)
            return false;
    }
    return true;
}

static bool by_rows(Plan *p)
{
    const Gemm *g = p->g;
    uint32_t threads = cpu_pool_threads(g->device->pool);
    /* As many blocks for each thread, of even height. */
    p->m_parts = round_up(parts_of(g->M, BLOCK_ROWS), threads);
    p->m_block = round_up(parts_of(g->M, p->m_parts), ROW_UNIT);
    p->m_parts = parts_of(g->M, p->m_block);
    p->direct = g->y_row == g->N && (g->beta == 0 || g->beta == 1);
    if (!rows_products(p))
        return false;
    size_t k = round_up(g->K, K_UNIT);
    p->panel = k * PANEL;
    p->packed_each = k * round_up(g->N, PANEL);
    p->a_each = round_up(p->m_block * g->K, PANEL);
    p->out_each = p->direct && g->M % ROW_UNIT == 0 ? 0 : round_up(p->m_block * g->N, PANEL);
    size_t low = p->low != NULL ? p->low->K * p->low->N : 0;
    size_t words = p->packed_each + threads * (p->a_each + 2 * p->out_each) + 2 * low;
    p->packed = cpu_scratch(g->device, words * sizeof(uint16_t));
    p->a = p->packed + p->packed_each;
    p->out = (float *)(void *)(p->a + threads * p->a_each);
    p->v = p->out + threads * p->out_each;
    if (p->low != NULL)
        lay_low(p);
    cpu_pool_run(g->device->pool, parts_of(g->N, STRIP_N) * parts_of(g->K, PACK_K), pack_item, p);
    cpu_pool_run(g->device->pool, p->m_parts, rows_item, p);
    return true;
}

/* ---- By columns. ---- */

static size_t strip_length(const Plan *p, size_t strip)
{
    return MIN(p->k_block, p->g->K - strip * p->k_block);
}

static size_t block_height(const Plan *p, size_t block)
{
    return round_up(MIN(p->m_block, p->g->M - block * p->m_block), ROW_UNIT);
}

/* Where a block of rows of a strip of a lies. */
static uint16_t *strip_of_a(const Plan *p, size_t strip, size_t block)
{
    return p->a + strip * p->k_block * round_up(p->g->M, ROW_UNIT) + block * p->m_block * strip_length(p, strip);
}

static void strip_item(void *data, size_t item, uint32_t thread)
{
    const Plan *p = data;
    const Gemm *g = p->g;
    size_t strip = item / p->m_parts, block = item % p->m_parts, m = block * p->m_block;
    pack_a(g, strip_of_a(p, strip, block), m, MIN(p->m_block, g->M - m), block_height(p, block), strip * p->k_block,
           strip_length(p, strip));
}

/* A block of columns of a block of rows, over one part of the strips of k. */
static void columns_item(void *data, size_t item, uint32_t thread)
{
    const Plan *p = data;
    const Gemm *g = p->g;
    size_t k_part = item % p->k_parts, block = item / p->k_parts % p->m_parts, n = item / p->k_parts / p->m_parts;
    size_t m = block * p->m_block, height = block_height(p, block), rows = MIN(p->m_block, g->M - m);
    n *= p->n_block;
    size_t columns = MIN(p->n_block, g->N - n), each = parts_of(p->strips, p->k_parts);
    size_t first = k_part * each, end = MIN(first + each, p->strips);
    uint16_t *packed = p->packed + thread * p->packed_each;
    float *out = p->k_parts == 1 ? p->out + thread * p->out_each : p->out + item * p->out_each;
    for (size_t strip = first; strip < end; strip++) {
        size_t length = strip_length(p, strip);
        pack_columns(&p->b, packed, round_up(length, K_UNIT) * PANEL, n, columns, strip * p->k_block, length);
        one_product_run(p->d, one_product(p->d, height, columns, length, strip > first), thread, out,
                        strip_of_a(p, strip, block), packed);
    }
    if (p->k_parts == 1)
        pack_finish(g->y + m * g->y_row + n, g->y_row, out, columns, rows, columns, g->beta);
}

/* Adds the parts of k of one block, in their order. */
static void gather_item(void *data, size_t item, uint32_t thread)
{
    const Plan *p = data;
    const Gemm *g = p->g;
    size_t block = item % p->m_parts, m = block * p->m_block, n = item / p->m_parts * p->n_block;
    size_t rows = MIN(p->m_block, g->M - m), columns = MIN(p->n_block, g->N - n);
    for (size_t k = 0; k < p->k_parts; k++)
        pack_finish(g->y + m * g->y_row + n, g->y_row, p->out + (item * p->k_parts + k) * p->out_each, columns, rows,
                    columns, k == 0 ? g->beta : 1);
}

static bool columns_products(const Plan *p)
{
    const Gemm *g = p->g;
    size_t heights[] = {block_height(p, 0), block_height(p, p->m_parts - 1)};
    size_t widths[] = {MIN(p->n_block, g->N), g->N - (p->n_parts - 1) * p->n_block};
    size_t lengths[] = {strip_length(p, 0), strip_length(p, p->strips - 1)};
    for (int i = 0; i < 16; i++)
        if (one_product(p->d, heights[i & 1], widths[i >> 1 & 1], lengths[i >> 2 & 1], i >> 3) == NULL)
            return false;
    return true;
}

static bool by_columns(Plan *p)
{
    const Gemm *g = p->g;
    uint32_t threads = cpu_pool_threads(g->device->pool);
    size_t unit = g->typed != NULL && !g->tb ? MAX(hone_type_block(g->type), PANEL) : PANEL;
    p->m_parts = parts_of(g->M, STRIP_ROWS);
    p->m_block = round_up(parts_of(g->M, p->m_parts), ROW_UNIT);
    p->m_parts = parts_of(g->M, p->m_block);
    p->n_block = MIN(STRIP_N, round_up(parts_of(g->N, 4 * threads), unit));
    p->n_parts = parts_of(g->N, p->n_block);
    p->k_block = round_up(parts_of(g->K, parts_of(g->K, STRIP_K)), PACK_K);
    p->strips = parts_of(g->K, p->k_block);
    p->k_parts = 1;
    if (threads > 1 && p->n_parts * p->m_parts < 4 * threads) /* too few to share evenly */
        p->k_parts = parts_of(p->strips, parts_of(p->strips, MIN(2 * threads, p->strips)));
    if (!columns_products(p))
        return false;
    size_t items = p->n_parts * p->m_parts * p->k_parts;
    p->packed_each = p->n_block * round_up(p->k_block, K_UNIT);
    p->a_each = round_up(g->M, ROW_UNIT) * g->K + PANEL;
    p->out_each = round_up(p->m_block * p->n_block, PANEL);
    size_t outs = p->k_parts == 1 ? threads : items;
    size_t a_words = round_up(p->a_each, PANEL), words = threads * p->packed_each + a_words + 2 * outs * p->out_each;
    p->packed = cpu_scratch(g->device, words * sizeof(uint16_t));
    p->a = p->packed + threads * p->packed_each;
    p->out = (float *)(void *)(p->a + a_words);
    cpu_pool_run(g->device->pool, p->strips * p->m_parts, strip_item, p);
    cpu_pool_run(g->device->pool, items, columns_item, p);
    if (p->k_parts > 1)
        cpu_pool_run(g->device->pool, p->n_parts * p->m_parts, gather_item, p);
    return true;
}

/* ---- */

static bool takes_rows(const Gemm *g)
{
    return g->M >= 48 * cpu_pool_threads(g->device->pool) && g->N * g->K <= MOST_PACKED;
}

/* True where it is done; with `low`, only where that is added on the way. */
static bool multiply(OneDevice *d, Gemm *g, const Gemm *low)
{
    bool small = g->M <= CPU_SKINNY || g->N <= CPU_SKINNY || g->K <= CPU_SKINNY || cpu_gemm_work(g) < 2 * LEAST_WORK;
    if (g->K == 0 || (small && !d->every) || (low != NULL && !takes_rows(g)))
        return false;
    Plan p = {.g = g, .d = d, .low = low, .b = {.kernels = g->device->kernels, .turned = g->tb}};
    p.b.type = g->typed != NULL ? g->type : HONE_F32;
    p.b.data = g->typed != NULL ? g->typed : (const unsigned char *)g->b;
    p.b.row = g->typed != NULL ? g->typed_row : g->b_row * sizeof(float);
    return takes_rows(g) ? by_rows(&p) : by_columns(&p);
}

/* The calling thread is not ours: what OpenMP may use on it is put back. */
static bool multiply_here(OneDevice *d, Gemm *g, const Gemm *low)
{
    int before = d->api->omp_get_max_threads();
    bool done = multiply(d, g, low);
    if (!done && low == NULL)
        cpu_gemm_run(g);
    if (d->api->omp_get_max_threads() != before)
        d->api->omp_set_num_threads(before);
    return done;
}

void one_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    Gemm g;
    if (!cpu_gemm_take(&g, s, y, a, b, flags, alpha, beta))
        return;
    CPU_TIMED(s, g.label, cpu_gemm_work(&g));
    multiply_here((OneDevice *)s->device, &g, NULL);
}

void one_gemm_low_rank(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, HoneTensor u, HoneTensor v,
                       uint32_t flags, float scale, float beta)
{
    OneDevice *d = (OneDevice *)s->device;
    Gemm g, add;
    g_assert((flags & HONE_TRANS_A) == 0);
    if (!cpu_gemm_take(&g, s, y, a, b, flags, 1, beta) || !cpu_gemm_take(&add, s, y, u, v, flags, scale, 1))
        return;
    g_snprintf(g.label + strlen(g.label), sizeof(g.label) - strlen(g.label), " + %zu", add.K);
    CPU_TIMED(s, g.label, cpu_gemm_work(&g) + cpu_gemm_work(&add));
    if (add.typed == NULL && add.K > 0 && add.K <= CPU_SKINNY && multiply_here(d, &g, &add))
        return;
    multiply_here(d, &g, NULL);
    multiply_here(d, &add, NULL);
}
