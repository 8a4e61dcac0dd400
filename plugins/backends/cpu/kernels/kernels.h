/* SPDX-License-Identifier: Apache-2.0
 * kernels.h: the inner loops, as a table that is compiled once for each instruction set and chosen by the processor.
 *
 * A kernel works on plain pointers and on the part of an operator that one thread takes; checks and the split among
 * threads are above, in the operators' files. Results do not depend on where a range is cut.
 */
#ifndef HONE_CPU_KERNELS_H
#define HONE_CPU_KERNELS_H

#include <hone/backend.h>

/* One sequence and one query head of attention; see kernels/attention.c. */
typedef struct CpuHead {
    size_t length, head_dim;
    size_t q_stride, kv_stride, lse_stride; /* floats from one token to the next */
    const float *q, *k, *v;                 /* k, v of the head's group */
    const float *k_turned, *v_turned;       /* as attend_prepare left them */
    size_t padded;                          /* length, rounded up to CPU_PAD */
    float scale, soft_cap;
    size_t window;
    float *o, *lse; /* forward: outputs (lse may be NULL); backward: inputs */
    const float *d_o;
    float *dq;      /* as q */
    float *dk, *dv; /* [length, D], this head's share of its group */
} CpuHead;

/* Some cached keys of one row, for all its heads: o = Σ_j exp(s_j - highest)·v_j and the sum of those factors. */
typedef struct CpuPart {
    size_t heads, groups, head_dim, count; /* keys */
    const float *q, *k, *v;                /* [H,D]; [count, G·D] */
    float scale, soft_cap;
    float *o, *highest, *sum; /* [H,D], [H], [H] */
} CpuPart;

#define CPU_PAD 16         /* a multiple of every vector length */
#define CPU_QUERY_BLOCK 24 /* queries that attention takes at a time */
#define CPU_DECODE 8       /* rows that `decode` takes at once */
#define CPU_SKINNY 32      /* the widest side of a product that the kernels here take from the BLAS */

typedef struct CpuKernels {
    const char *name;

    /* product.c. y[m·y_row + n] = alpha·Σ_k a[m·a_row + k·a_col]·b[k·b_row + n] + beta·y */
    void (*product)(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b, size_t b_row,
                    size_t M, size_t N, size_t K, float alpha, float beta);
    /* y[i·y_few + j·y_many] = alpha·Σ_k few[i·few_row + k]·many[j·many_row + k] + beta·y */
    void (*dots)(float *y, size_t y_few, size_t y_many, const float *few, size_t few_row, const float *many,
                 size_t many_row, size_t n_few, size_t n_many, size_t K, float alpha, float beta);
    /* y [cols, rows] = x [rows, cols] turned; x_row, y_row: floats from one row to the next. */
    void (*turn)(float *y, size_t y_row, const float *x, size_t x_row, size_t rows, size_t cols);

    /* elementwise.c */
    void (*fill)(float *y, float value, size_t n);
    void (*add)(float *y, const float *x, float alpha, size_t n);
    void (*scale)(float *y, float alpha, size_t n);
    void (*soft_cap)(float *y, float cap, size_t n);
    void (*glu)(float *y, const float *gate, const float *up, size_t n, HoneActivation act);
    void (*glu_bwd)(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n,
                    HoneActivation act);
    /* exp and tanh by themselves, for the test of their error. */
    void (*exp)(float *y, const float *x, size_t n);
    void (*tanh)(float *y, const float *x, size_t n);

    /* norm.c */
    void (*rmsnorm)(float *y, float *rstd, const float *x, const float *w, size_t rows, size_t C, float epsilon,
                    float w_offset);
    void (*rmsnorm_dx)(float *dx, const float *dy, const float *x, const float *w, const float *rstd, size_t rows,
                       size_t C, float w_offset);
    /* Columns [first, first + count) of dw. */
    void (*rmsnorm_dw)(float *dw, const float *dy, const float *x, const float *rstd, size_t rows, size_t C,
                       size_t first, size_t count);

    /* rope.c */
    void (*rope)(float *x, const float *table, const int32_t *positions, size_t rows, size_t H, size_t D, size_t half,
                 float sign);

    /* attention.c. room: cpu_attention_room(length, D) floats. */
    /* Keys (and for the backward values, else v_turned is NULL) of one group, laid out as the two below want them,
     * cpu_attention_turned(padded, D) floats each: here turned to [D, padded] with zeros behind. */
    void (*attend_prepare)(float *k_turned, float *v_turned, const float *k, const float *v, size_t stride,
                           size_t length, size_t padded, size_t D);
    /* Queries [first, first + count), count at most CPU_QUERY_BLOCK. */
    void (*attend)(const CpuHead *head, size_t first, size_t count, float *room);
    void (*attend_bwd)(const CpuHead *head, float *room);
    /* room: heads times count, rounded up to CPU_PAD, floats. */
    void (*attend_part)(const CpuPart *part, float *room);

    /* head.c. One row of logits. */
    void (*logprob)(float *logprob, float *lse, float *logits, size_t V, int32_t target, float soft_cap);
    void (*logprob_bwd)(float *logits, float lse, size_t V, int32_t target, float derivative, float soft_cap);

    /* optimizer.c */
    double (*sum_squares)(const float *x, size_t n);
    void (*adamw)(float *p, const float *g, float *m, float *v, size_t n, const HoneAdamW *args);
    /* m may be NULL where there is no momentum. */
    void (*sgd)(float *p, const float *g, float *m, size_t n, const HoneSgd *args);
    void (*lion)(float *p, const float *g, float *m, size_t n, const HoneLion *args);

    /* stream.c. dropout keeps a value, times factor, where its word of Philox is at least `least`. */
    void (*dropout)(float *y, const float *x, size_t n, float factor, uint32_t least, uint64_t seed, uint64_t stream,
                    uint64_t first);

    /* unpack.c. n values of any type but i32, exactly as hone_type_to_f32 gives them; n: a multiple of the block. */
    void (*unpack)(HoneType type, const void *src, float *dst, size_t n);
    /* The same rounded to bf16, to nearest, ties to even. */
    void (*unpack_bf16)(HoneType type, const void *src, uint16_t *dst, size_t n);

    /* decode.c. Whether a type has a vector form. */
    bool (*decodes)(HoneType type);
    /* y[m·y_row + n] = alpha·Σ_k x[m·x_row + k]·w[n][k] + beta·y for a type that `decodes`. w's rows are w_row bytes
     * apart. rows: 1 to CPU_DECODE. */
    void (*decode)(HoneType type, float *y, size_t y_row, const float *x, size_t x_row, const void *w, size_t w_row,
                   size_t rows, size_t N, size_t K, float alpha, float beta);
} CpuKernels;

/* Floats that a thread needs for attention over sequences up to `length`: two blocks of scores and a row, and what
 * queries and derivatives of a block take in another layout. */
static inline size_t cpu_attention_room(size_t length, size_t D)
{
    return (2 * CPU_QUERY_BLOCK + 1) * (length + CPU_PAD) + 2 * CPU_QUERY_BLOCK * (D + 1);
}

/* Floats of a group's keys, or values, as attend_prepare lays them out: room for whole pairs of dimensions. */
static inline size_t cpu_attention_turned(size_t padded, size_t D)
{
    return padded * (D + D % 2);
}

extern const CpuKernels cpu_kernels_portable;
#ifdef __x86_64__
extern const CpuKernels cpu_kernels_avx2, cpu_kernels_avx512;
#endif

#endif
