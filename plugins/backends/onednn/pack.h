/* SPDX-License-Identifier: Apache-2.0
 * pack.h: operands as bf16, laid out for the processor's instruction: a dot product of pairs along k.
 *
 * a: rows of bf16. b: panels of PANEL columns; in a panel row after row of pairs: word 2·n + i of pair j is
 * b[2·j + i][n]. Panels are whole and k is padded to K_UNIT, both with zeros: oneDNN's layout BA16a64b2a.
 */
#ifndef HONE_ONEDNN_PACK_H
#define HONE_ONEDNN_PACK_H

#include "../cpu/kernels/kernels.h"

#define PANEL 64
#define K_UNIT 32

/* to [rows, cols] = alpha·x in bf16, to nearest, ties to even. */
void pack_rows(uint16_t *to, const float *x, size_t x_row, size_t rows, size_t cols, float alpha);
/* to [cols, rows] = alpha·xᵀ. */
void pack_turned(uint16_t *to, const float *x, size_t x_row, size_t rows, size_t cols, float alpha);

/* Where b's values are. */
typedef struct PackSource {
    const CpuKernels *kernels;
    HoneType type;
    const unsigned char *data;
    size_t row;  /* bytes */
    bool turned; /* the rows are b's columns */
} PackSource;

/* Columns [n, n + n_count) and k [k, k + k_count) of b to `to`, the panel of column n at pair k/2; panel_words: from
 * one panel to the next. n is a multiple of PANEL (not turned: of the type's block too), k of K_UNIT (turned: of the
 * block too). What lies behind the last column or k is filled with zeros, up to whole panels and units. */
void pack_columns(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                  size_t k_count);

/* The same for the types that files store in blocks (pack_stored.c); false, and nothing done, for all others. */
bool pack_stored(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                 size_t k_count);

/* y = x + beta·y; beta = 0 ignores what y holds. */
void pack_finish(float *y, size_t y_row, const float *x, size_t x_row, size_t rows, size_t cols, float beta);

#endif
