/* SPDX-License-Identifier: Apache-2.0
 * library.h: oneDNN, loaded at run time: a machine without it still lists the plugin and says why it does not open.
 */
#ifndef HONE_ONEDNN_LIBRARY_H
#define HONE_ONEDNN_LIBRARY_H

#include <hone/error.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

/* What is used of it, without the prefix. */
#define DNNL_FUNCTIONS(X)                                                                                              \
    X(version)                                                                                                         \
    X(get_effective_cpu_isa)                                                                                           \
    X(set_primitive_cache_capacity)                                                                                    \
    X(engine_create)                                                                                                   \
    X(engine_destroy)                                                                                                  \
    X(stream_create)                                                                                                   \
    X(stream_destroy)                                                                                                  \
    X(memory_desc_init_by_tag)                                                                                         \
    X(memory_desc_get_size)                                                                                            \
    X(memory_create)                                                                                                   \
    X(memory_set_data_handle)                                                                                          \
    X(memory_destroy)                                                                                                  \
    X(primitive_attr_create)                                                                                           \
    X(primitive_attr_destroy)                                                                                          \
    X(primitive_attr_set_scratchpad_mode)                                                                              \
    X(primitive_attr_set_post_ops)                                                                                     \
    X(post_ops_create)                                                                                                 \
    X(post_ops_destroy)                                                                                                \
    X(post_ops_append_sum)                                                                                             \
    X(matmul_desc_init)                                                                                                \
    X(primitive_desc_create)                                                                                           \
    X(primitive_desc_destroy)                                                                                          \
    X(primitive_desc_query)                                                                                            \
    X(primitive_desc_query_md)                                                                                         \
    X(primitive_create)                                                                                                \
    X(primitive_destroy)                                                                                               \
    X(primitive_execute)                                                                                               \
    X(sgemm)

typedef struct DnnlApi {
#define DNNL_MEMBER(name) __typeof__(&dnnl_##name) name;
    DNNL_FUNCTIONS(DNNL_MEMBER)
#undef DNNL_MEMBER
    /* Of the OpenMP that it runs on: a thread's own number of threads. */
    void (*omp_set_num_threads)(int);
    int (*omp_get_max_threads)(void);
} DnnlApi;

/* The library, loaded once and kept to the end of the process: it has made code that threads may still run, and their
 * exit calls into it. NULL with an error that says what to install. */
const DnnlApi *dnnl_api(GError **error);

#endif
