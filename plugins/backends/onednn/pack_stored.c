/* SPDX-License-Identifier: Apache-2.0
 * pack_stored.c: panels of bf16 straight from the blocks that a model's file stores: no value goes by way of memory.
 *
 * A loop for each type, so that a group is unpacked, turned and stored in registers. See pack.h for the layout.
 */
#include "pack_stored.h"
#include "pack.h"

typedef struct Part {
    const PackSource *b;
    uint16_t *to;
    size_t panel_words, n, n_count, k, k_count;
} Part;

/* 16 rows of b, which are columns of the product: their pairs turned, 32 values of k at a time. */
#define FROM_ROWS(type, name, scales)                                                                                  \
    static void rows_##name(const Part *p)                                                                             \
    {                                                                                                                  \
        Scales s[16];                                                                                                  \
        for (size_t i = 0; i < round_panel(p->n_count); i += 16) {                                                     \
            uint16_t *at = p->to + i / PANEL * p->panel_words + i % PANEL * 2;                                         \
            size_t there = i < p->n_count ? MIN(p->n_count - i, 16) : 0;                                               \
            const uint8_t *row = p->b->data + (p->n + i) * p->b->row;                                                  \
            for (size_t j = 0; j < p->k_count; j += GROUP, at += GROUP * PANEL) {                                      \
                size_t g = (p->k + j) / GROUP;                                                                         \
                __m512i block[16];                                                                                     \
                for (size_t r = 0; r < 16; r++) {                                                                      \
                    if (r < there && g % SCALED == 0)                                                                  \
                        scales_##scales(row + r * p->b->row, g / SCALED, &s[r]);                                       \
                    block[r] = r < there ? words_##name(row + r * p->b->row, g, &s[r]) : _mm512_setzero_si512();       \
                }                                                                                                      \
                transpose(block);                                                                                      \
                for (size_t q = 0; q < 16; q++)                                                                        \
                    _mm512_storeu_si512(at + q * 2 * PANEL, block[q]);                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }

/* Rows of b are k: two at a time, word by word. */
#define FROM_COLUMNS(type, name, scales)                                                                               \
    static void columns_##name(const Part *p)                                                                          \
    {                                                                                                                  \
        Scales s, t;                                                                                                   \
        for (size_t j = 0; j < round_unit(p->k_count); j += 2) {                                                       \
            const uint8_t *even = p->b->data + (p->k + j) * p->b->row, *odd = even + p->b->row;                        \
            for (size_t c = 0; c < round_panel(p->n_count); c += GROUP) {                                              \
                size_t g = (p->n + c) / GROUP;                                                                         \
                __m512i x = _mm512_setzero_si512(), y = x;                                                             \
                if (c < p->n_count && j < p->k_count) {                                                                \
                    if (g % SCALED == 0)                                                                               \
                        scales_##scales(even, g / SCALED, &s);                                                         \
                    x = words_##name(even, g, &s);                                                                     \
                }                                                                                                      \
                if (c < p->n_count && j + 1 < p->k_count) {                                                            \
                    if (g % SCALED == 0)                                                                               \
                        scales_##scales(odd, g / SCALED, &t);                                                          \
                    y = words_##name(odd, g, &t);                                                                      \
                }                                                                                                      \
                store_pairs(p->to + c / PANEL * p->panel_words + j * PANEL + c % PANEL * 2, x, y);                     \
            }                                                                                                          \
        }                                                                                                              \
    }

static size_t round_panel(size_t n)
{
    return (n + PANEL - 1) / PANEL * PANEL;
}

static size_t round_unit(size_t k)
{
    return (k + K_UNIT - 1) / K_UNIT * K_UNIT;
}

STORED_TYPES(FROM_ROWS)
STORED_TYPES(FROM_COLUMNS)

bool pack_stored(const PackSource *b, uint16_t *to, size_t panel_words, size_t n, size_t n_count, size_t k,
                 size_t k_count)
{
    const Part part = {b, to, panel_words, n, n_count, k, k_count};
    switch (b->type) {
#define PACK_CASE(type, name, scales)                                                                                  \
    case type:                                                                                                         \
        (b->turned ? rows_##name : columns_##name)(&part);                                                             \
        return true;
        STORED_TYPES(PACK_CASE)
    default:
        return false;
    }
}
