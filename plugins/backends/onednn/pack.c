/* SPDX-License-Identifier: Apache-2.0
 * pack.c: see pack.h. Compiled for AVX512-BF16, which the backend asks for before it opens.
 */
#include "pack.h"
#include "pack_simd.h"

#include <string.h>

#define AT_ONCE 256 /* values of a row of b that are made bf16 before they are laid out: a multiple of every block */

void pack_rows(uint16_t *to, const float *x, size_t x_row, size_t rows, size_t cols, float alpha)
{
    const __m512 factor = _mm512_set1_ps(alpha);
    for (size_t r = 0; r < rows; r++, x += x_row, to += cols) {
        size_t c = 0;
        for (; c + 32 <= cols; c += 32)
            _mm512_storeu_si512(to + c,
                                round_pair(_mm512_loadu_ps(x + c) * factor, _mm512_loadu_ps(x + c + 16) * factor));
        if (c < cols) {
            size_t left = cols - c;
            __m512 low = load_16(x + c, left), high = left > 16 ? load_16(x + c + 16, left - 16) : _mm512_setzero_ps();
            _mm512_mask_storeu_epi16(to + c, lanes_32(left), round_pair(low * factor, high * factor));
        }
    }
}

void pack_turned(uint16_t *to, const float *x, size_t x_row, size_t rows, size_t cols, float alpha)
{
    const __m512 factor = _mm512_set1_ps(alpha);
    for (size_t c = 0; c < cols; c += 16) {
        size_t width = MIN(cols - c, 16);
        for (size_t r = 0; r < rows; r += 32) {
            __m512i block[16];
            for (size_t j = 0; j < 16; j++) {
                const float *at = x + (r + 2 * j) * x_row + c;
                __m512 low = r + 2 * j < rows ? load_16(at, width) : _mm512_setzero_ps();
                __m512 high = r + 2 * j + 1 < rows ? load_16(at + x_row, width) : _mm512_setzero_ps();
                block[j] = interleave(round_pair(low * factor, high * factor));
            }
            transpose(block);
            for (size_t i = 0; i < width; i++)
                _mm512_mask_storeu_epi16(to + (c + i) * rows + r, lanes_32(rows - r), block[i]);
        }
    }
}

/* Values [c, c + n) of a row as bf16, n up to AT_ONCE: where they lie, or in `room`. */
static inline const uint16_t *row_values(const PackSource *b, uint16_t *room, size_t row, size_t c, size_t n)
{
    const unsigned char *at = b->data + row * b->row;
    if (b->type == HONE_BF16)
        return (const uint16_t *)(const void *)(at + c * sizeof(uint16_t));
    if (b->type == HONE_F32) {
        pack_rows(room, (const float *)(const void *)(at + c * sizeof(float)), 0, 1, n, 1);
        return room;
    }
    /* By way of f32: the processor's own rounding of 32 values at once is quicker than unpack_bf16's by integers. */
    float values[AT_ONCE] __attribute__((aligned(64)));
    b->kernels->unpack(b->type, at + c / hone_type_block(b->type) * hone_type_block_bytes(b->type), values, n);
    pack_rows(room, values, 0, 1, n, 1);
    return room;
}

/* Rows of b are columns of the product: 16 of them at a time, their pairs turned. */
static void pack_from_rows(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                           size_t k_count)
{
    uint16_t room[16][AT_ONCE] __attribute__((aligned(64)));
    for (size_t i = 0; i < (n_count + PANEL - 1) / PANEL * PANEL; i += 16) {
        uint16_t *panel = to + i / PANEL * panel_words + i % PANEL * 2;
        for (size_t j = 0; j < k_count; j += AT_ONCE) {
            size_t length = MIN(k_count - j, AT_ONCE);
            const uint16_t *rows[16];
            for (size_t r = 0; r < 16; r++)
                rows[r] = i + r < n_count ? row_values(b, room[r], n + i + r, k + j, length) : NULL;
            for (size_t p = 0; p < length; p += 32) {
                __m512i block[16];
                __mmask32 there = lanes_32(length - p);
                for (size_t r = 0; r < 16; r++)
                    block[r] = rows[r] != NULL ? _mm512_maskz_loadu_epi16(there, rows[r] + p) : _mm512_setzero_si512();
                transpose(block);
                uint16_t *at = panel + (j + p) * PANEL;
                for (size_t q = 0; q < 16; q++)
                    _mm512_storeu_si512(at + q * 2 * PANEL, block[q]);
            }
        }
    }
}

/* Rows of b are k: two at a time, word by word. */
static void pack_from_columns(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                              size_t k_count)
{
    uint16_t room[2][AT_ONCE] __attribute__((aligned(64)));
    for (size_t j = 0; j < (k_count + K_UNIT - 1) / K_UNIT * K_UNIT; j += 2) {
        for (size_t i = 0; i < n_count; i += AT_ONCE) {
            size_t width = MIN(n_count - i, AT_ONCE);
            const uint16_t *even = j < k_count ? row_values(b, room[0], k + j, n + i, width) : NULL;
            const uint16_t *odd = j + 1 < k_count ? row_values(b, room[1], k + j + 1, n + i, width) : NULL;
            for (size_t c = 0; c < (width + PANEL - 1) / PANEL * PANEL; c += 32) {
                __mmask32 there = c < width ? lanes_32(width - c) : 0;
                __m512i x = even != NULL ? _mm512_maskz_loadu_epi16(there, even + c) : _mm512_setzero_si512();
                __m512i y = odd != NULL ? _mm512_maskz_loadu_epi16(there, odd + c) : _mm512_setzero_si512();
                store_pairs(to + (i + c) / PANEL * panel_words + j * PANEL + c % PANEL * 2, x, y);
            }
        }
    }
}

void pack_columns(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                  size_t k_count)
{
    if (pack_stored(b, to, panel_words, n, n_count, k, k_count))
        return;
    if (b->turned)
        pack_from_rows(b, to, panel_words, n, n_count, k, k_count);
    else
        pack_from_columns(b, to, panel_words, n, n_count, k, k_count);
}

void pack_finish(float *y, size_t y_row, const float *x, size_t x_row, size_t rows, size_t cols, float beta)
{
    const __m512 factor = _mm512_set1_ps(beta);
    for (size_t r = 0; r < rows; r++, y += y_row, x += x_row) {
        for (size_t c = 0; c < cols; c += 16) {
            __mmask16 there = lanes_16(cols - c);
            __m512 value = _mm512_maskz_loadu_ps(there, x + c);
            if (beta != 0)
                value = _mm512_fmadd_ps(factor, _mm512_maskz_loadu_ps(there, y + c), value);
            _mm512_mask_storeu_ps(y + c, there, value);
        }
    }
}
