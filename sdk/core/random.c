/* SPDX-License-Identifier: Apache-2.0
 * random.c: Philox4x32-10 and what is drawn from it.
 *
 * Layout: key = seed (low word, high word); counter = (counter low, counter high, stream low, stream high).
 */
#include <hone/random.h>
#include <math.h>

#define ROUNDS 10

void hone_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void draw_block(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t out[2])
{
    const uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    hone_philox4x32(c, key, words);
    out[0] = words[0] | (uint64_t)words[1] << 32;
    out[1] = words[2] | (uint64_t)words[3] << 32;
}

uint64_t hone_random_u64(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint64_t block[2];
    draw_block(seed, stream, counter, block);
    return block[0];
}

double hone_random_unit(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return (double)(hone_random_u64(seed, stream, counter) >> 11) * 0x1p-53;
}

uint64_t hone_random_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n)
{
    g_assert(n > 0);
    return (uint64_t)(((unsigned __int128)hone_random_u64(seed, stream, counter) * n) >> 64);
}

double hone_random_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint64_t block[2];
    draw_block(seed, stream, counter, block);
    double radius = (double)((block[0] >> 11) + 1) * 0x1p-53; /* in (0, 1]: its logarithm is finite */
    double angle = (double)(block[1] >> 11) * 0x1p-53;
    return sqrt(-2 * log(radius)) * cos(2 * G_PI * angle);
}

void hone_random_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, uint32_t *order, size_t n)
{
    g_assert(n <= UINT32_MAX);
    /* A seed of its own for each epoch leaves the whole counter to the positions. */
    uint64_t epoch_seed = hone_random_u64(seed, stream, epoch);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)hone_random_below(epoch_seed, stream, i - 1, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
