/* SPDX-License-Identifier: Apache-2.0
 * matmul.c: one bf16 product by oneDNN: found by its shape, made on first use, kept.
 *
 * Each of our threads calls oneDNN by itself on a part of a product, so oneDNN has to run on the calling thread alone:
 * OpenMP's number of threads is set to 1 on it, and put back on threads that are not ours. Making a product compiles
 * code (0.3 ms); the shapes are few, since gemm.c cuts y into parts of a few heights.
 */
#include "onednn.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

enum { SRC, WEIGHTS, DST, PAD, N_OPERANDS };

struct Product {
    size_t M, N, K;
    bool add;
    dnnl_primitive_t primitive; /* NULL: none */
    size_t pad_bytes;
    dnnl_memory_t (*memory)[N_OPERANDS]; /* of each thread */
};

static guint product_hash(gconstpointer key)
{
    const Product *p = key;
    return (guint)(((p->M * 31 + p->N) * 1000003 + p->K) * 2 + p->add);
}

static gboolean product_equal(gconstpointer a, gconstpointer b)
{
    const Product *p = a, *q = b;
    return p->M == q->M && p->N == q->N && p->K == q->K && p->add == q->add;
}

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        if ((call) != dnnl_success)                                                                                    \
            return false;                                                                                              \
    } while (0)

static bool describe(const DnnlApi *api, const Product *p, dnnl_engine_t engine, dnnl_primitive_attr_t attr,
                     dnnl_primitive_desc_t *out)
{
    const dnnl_dims_t a = {(dnnl_dim_t)p->M, (dnnl_dim_t)p->K}, b = {(dnnl_dim_t)p->K, (dnnl_dim_t)p->N},
                      y = {(dnnl_dim_t)p->M, (dnnl_dim_t)p->N};
    dnnl_memory_desc_t src, weights, dst;
    TRY(api->memory_desc_init_by_tag(&src, 2, a, dnnl_bf16, dnnl_ab));
    TRY(api->memory_desc_init_by_tag(&weights, 2, b, dnnl_bf16, dnnl_BA16a64b2a));
    TRY(api->memory_desc_init_by_tag(&dst, 2, y, dnnl_f32, dnnl_ab));
    g_assert(api->memory_desc_get_size(&weights) == round_up(p->K, K_UNIT) * round_up(p->N, PANEL) * sizeof(uint16_t));
    TRY(api->primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    if (p->add) {
        dnnl_post_ops_t sum;
        TRY(api->post_ops_create(&sum));
        bool ok = api->post_ops_append_sum(sum, 1) == dnnl_success &&
                  api->primitive_attr_set_post_ops(attr, sum) == dnnl_success;
        api->post_ops_destroy(sum);
        if (!ok)
            return false;
    }
    dnnl_matmul_desc_t matmul;
    TRY(api->matmul_desc_init(&matmul, &src, &weights, NULL, &dst));
    TRY(api->primitive_desc_create(out, &matmul, attr, engine, NULL));
    return true;
}

/* From a description; not for one that oneDNN would run by its plain loops. */
static bool build(OneDevice *d, Product *p, dnnl_primitive_desc_t description)
{
    const DnnlApi *api = d->api;
    const char *kernel = NULL;
    TRY(api->primitive_desc_query(description, dnnl_query_impl_info_str, 0, &kernel));
    if (!g_str_has_prefix(kernel, "brg"))
        return false;
    static const dnnl_query_t operands[N_OPERANDS] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                                                      dnnl_query_scratchpad_md};
    uint32_t threads = cpu_pool_threads(d->cpu.pool);
    for (uint32_t t = 0; t < threads; t++)
        for (int i = 0; i < N_OPERANDS; i++)
            TRY(api->memory_create(&p->memory[t][i], api->primitive_desc_query_md(description, operands[i], 0),
                                   d->engine, DNNL_MEMORY_NONE));
    p->pad_bytes = api->memory_desc_get_size(api->primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0));
    TRY(api->primitive_create(&p->primitive, description));
    return true;
}

static void make(OneDevice *d, Product *p)
{
    const DnnlApi *api = d->api;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t description = NULL;
    p->memory = g_malloc0(cpu_pool_threads(d->cpu.pool) * sizeof(*p->memory));
    int before = api->omp_get_max_threads();
    api->omp_set_num_threads(1);
    if (api->primitive_attr_create(&attr) == dnnl_success && describe(api, p, d->engine, attr, &description))
        build(d, p, description);
    api->omp_set_num_threads(before);
    if (description != NULL)
        api->primitive_desc_destroy(description);
    if (attr != NULL)
        api->primitive_attr_destroy(attr);
}

static void product_free(OneDevice *d, Product *p)
{
    if (p->primitive != NULL)
        d->api->primitive_destroy(p->primitive);
    for (uint32_t t = 0; t < cpu_pool_threads(d->cpu.pool); t++)
        for (int i = 0; i < N_OPERANDS; i++)
            if (p->memory[t][i] != NULL)
                d->api->memory_destroy(p->memory[t][i]);
    g_free(p->memory);
    g_free(p);
}

const Product *one_product(OneDevice *d, size_t M, size_t N, size_t K, bool add)
{
    const Product key = {.M = M, .N = N, .K = K, .add = add};
    Product *p = g_hash_table_lookup(d->products, &key);
    if (p == NULL) {
        p = g_memdup2(&key, sizeof(key));
        make(d, p);
        g_hash_table_add(d->products, p);
    }
    if (p->primitive == NULL)
        return NULL;
    if (p->pad_bytes > d->pad_bytes) {
        d->pad_bytes = round_up(p->pad_bytes, 4096);
        for (uint32_t t = 0; t < cpu_pool_threads(d->cpu.pool); t++) {
            free(d->pads[t]);
            if ((d->pads[t] = aligned_alloc(64, d->pad_bytes)) == NULL)
                g_error("The onednn backend got no %zu bytes of working memory.", d->pad_bytes);
        }
    }
    return p;
}

void one_product_run(OneDevice *d, const Product *p, uint32_t thread, float *y, const uint16_t *a, const uint16_t *b)
{
    const DnnlApi *api = d->api;
    if (api->omp_get_max_threads() != 1)
        api->omp_set_num_threads(1);
    const dnnl_memory_t *memory = p->memory[thread];
    static const int names[N_OPERANDS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    void *const data[N_OPERANDS] = {(void *)a, (void *)b, y, d->pads[thread]};
    dnnl_exec_arg_t args[N_OPERANDS];
    bool ok = true;
    for (int i = 0; i < N_OPERANDS; i++) {
        ok = ok && api->memory_set_data_handle(memory[i], data[i]) == dnnl_success;
        args[i] = (dnnl_exec_arg_t){names[i], memory[i]};
    }
    ok = ok && api->primitive_execute(p->primitive, d->streams[thread], N_OPERANDS, args) == dnnl_success;
    g_assert(ok); /* shapes are checked and memory is there: nothing of the user's can fail */
}

bool one_library_open(OneDevice *d, GError **error)
{
    uint32_t threads = cpu_pool_threads(d->cpu.pool);
    d->streams = g_new0(dnnl_stream_t, threads);
    d->pads = g_new0(void *, threads);
    d->products = g_hash_table_new(product_hash, product_equal);
    /* Products are kept here; the library's own store of them would only hold those that are gone. */
    d->api->set_primitive_cache_capacity(0);
    bool ok = d->api->engine_create(&d->engine, dnnl_cpu, 0) == dnnl_success;
    for (uint32_t t = 0; ok && t < threads; t++)
        ok = d->api->stream_create(&d->streams[t], d->engine, dnnl_stream_default_flags) == dnnl_success;
    if (!ok)
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "oneDNN does not start on this processor.");
    return ok;
}

void one_library_close(OneDevice *d)
{
    uint32_t threads = cpu_pool_threads(d->cpu.pool);
    GHashTableIter iter;
    gpointer product;
    g_hash_table_iter_init(&iter, d->products);
    while (g_hash_table_iter_next(&iter, &product, NULL))
        product_free(d, product);
    g_hash_table_unref(d->products);
    for (uint32_t t = 0; t < threads; t++) {
        if (d->streams[t] != NULL)
            d->api->stream_destroy(d->streams[t]);
        free(d->pads[t]);
    }
    if (d->engine != NULL)
        d->api->engine_destroy(d->engine);
    g_free(d->streams);
    g_free(d->pads);
}
