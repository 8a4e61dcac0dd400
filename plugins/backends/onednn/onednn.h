/* SPDX-License-Identifier: Apache-2.0
 * onednn.h: what the files of the onednn backend share. The device is the cpu backend's with oneDNN beside it: all
 * operators but gemm are that one's, attention with other kernels.
 */
#ifndef HONE_ONEDNN_H
#define HONE_ONEDNN_H

#include "../cpu/gemm.h"
#include "library.h"

typedef struct OneDevice {
    CpuDevice cpu;      /* first: the shared operators see this */
    CpuKernels kernels; /* the cpu's with attention in bf16 */
    const DnnlApi *api;
    bool every; /* product in bf16, those too for which it does not pay */
    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* of each thread */
    GHashTable *products;   /* Product -> itself */
    void **pads;            /* of each thread: what oneDNN asks for beyond its operands */
    size_t pad_bytes;
} OneDevice;

/* ---- matmul.c: products of one shape by oneDNN, made once and kept. ---- */

/* y [M,N] = a [M,K]·b, or += with `add`: y f32, a bf16, both dense; b bf16 packed as pack.h says. On one thread. */
typedef struct Product Product;
/* NULL where oneDNN has no bf16 kernel for the shape. Not while products run. */
const Product *one_product(OneDevice *device, size_t M, size_t N, size_t K, bool add);
void one_product_run(OneDevice *device, const Product *product, uint32_t thread, float *y, const uint16_t *a,
                     const uint16_t *b);

bool one_library_open(OneDevice *device, GError **error);
void one_library_close(OneDevice *device);

/* ---- gemm.c ---- */
void one_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta);
void one_gemm_low_rank(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, HoneTensor u, HoneTensor v,
                       uint32_t flags, float scale, float beta);

#endif
