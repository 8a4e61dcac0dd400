/* SPDX-License-Identifier: Apache-2.0
 * stream.c: dropout: plain loops that the compiler turns into this set's vectors.
 */
#include "vector_math.h"

#define BLOCKS 16 /* of Philox at a time */

/* Words of Philox4x32-10 (sdk/core/random.c) for blocks first .. first + BLOCKS - 1. Each 32-bit word is kept in 64
 * bits, which is how vector units multiply them. */
static void random_words(uint32_t out[4 * BLOCKS], uint64_t seed, uint64_t stream, uint64_t first)
{
    const uint64_t low = 0xffffffffu;
    uint64_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS], k0 = seed & low, k1 = seed >> 32;
    for (int i = 0; i < BLOCKS; i++) {
        c0[i] = (first + (uint64_t)i) & low;
        c1[i] = (first + (uint64_t)i) >> 32;
        c2[i] = stream & low;
        c3[i] = stream >> 32;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            uint64_t p0 = 0xD2511F53u * (c0[i] & low), p1 = 0xCD9E8D57u * (c2[i] & low);
            c0[i] = (p1 >> 32) ^ c1[i] ^ k0;
            c2[i] = (p0 >> 32) ^ c3[i] ^ k1;
            c1[i] = p1 & low;
            c3[i] = p0 & low;
        }
        k0 = (k0 + 0x9E3779B9u) & low;
        k1 = (k1 + 0xBB67AE85u) & low;
    }
    for (int i = 0; i < BLOCKS; i++) {
        out[4 * i] = (uint32_t)c0[i];
        out[4 * i + 1] = (uint32_t)c1[i];
        out[4 * i + 2] = (uint32_t)c2[i];
        out[4 * i + 3] = (uint32_t)c3[i];
    }
}

void KERNEL(dropout)(float *y, const float *x, size_t n, float factor, uint32_t least, uint64_t seed, uint64_t stream,
                     uint64_t first)
{
    uint64_t block = first / 4;
    for (size_t done = 0, skip = first % 4; done < n; block += BLOCKS, skip = 0) {
        uint32_t words[4 * BLOCKS];
        random_words(words, seed, stream, block);
        size_t count = 4 * BLOCKS - skip < n - done ? 4 * BLOCKS - skip : n - done;
        for (size_t i = 0; i < count; i++)
            y[done + i] = words[skip + i] >= least ? x[done + i] * factor : 0;
        done += count;
    }
}
