/* SPDX-License-Identifier: Apache-2.0
 * gemm.h: one matrix product, as gemm.c and gemm_typed.c share it.
 */
#ifndef HONE_CPU_GEMM_H
#define HONE_CPU_GEMM_H

#include "cpu.h"

typedef struct Gemm {
    CpuDevice *device;
    float *y;
    const float *a, *b; /* b: NULL where it is typed */
    size_t y_row, a_row, b_row;
    size_t M, N, K;
    bool ta, tb;
    float alpha, beta;
    size_t cut_m, cut_n; /* rows and columns of an item */
    /* b's bytes where its values are not f32 (or not aligned as such); rows are whole. */
    const unsigned char *typed;
    HoneType type;
    size_t typed_row; /* bytes of a row */
    char label[64];   /* for the profile */
} Gemm;

/* Up to this many, dot products beat values spread over a vector that is mostly empty. */
#define FEW_FOR_DOTS 4

static inline size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static inline double cpu_gemm_work(const Gemm *g)
{
    return 2.0 * (double)g->M * (double)g->N * (double)g->K;
}

/* Checks the operands and takes them apart; false: y is empty. */
bool cpu_gemm_take(Gemm *g, HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha,
                   float beta);
/* The product in f32, by whatever suits its shape. */
void cpu_gemm_run(Gemm *g);
/* True where a's rows are few beside b's: OpenBLAS's packing of b costs more than its kernel gains. */
bool cpu_gemm_few_rows(const Gemm *g);
/* On the calling thread alone: y = alpha·op(a)·op(b) + beta·y with OpenBLAS. */
void cpu_gemm_blas(const Gemm *g);
/* The grid of items that costs least: cut_m and cut_n, the latter a multiple of `unit`. weigh: cost of making ready one
 * value of b for a block, in multiply-adds. */
void cpu_gemm_cut(Gemm *g, size_t unit, double weigh);

/* x [rows, cols] turned: [cols, padded], zeros behind. */
void cpu_turn_padded(CpuDevice *device, float *turned, size_t padded, const float *x, size_t x_row, size_t rows,
                     size_t cols);

/* y [M, N] = outᵀ + beta·y; out [N, padded]. */
void cpu_put_turned(CpuDevice *device, float *y, size_t y_row, const float *out, size_t padded, size_t M, size_t N,
                    float beta);

/* gemm_typed.c: a product whose b is `typed`. */
void cpu_gemm_typed(Gemm *g);

#endif
