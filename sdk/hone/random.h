/* SPDX-License-Identifier: Apache-2.0
 * random.h: counter-based random numbers: a value is a pure function of (seed, stream, counter).
 *
 * No state, so results depend neither on the number of threads nor on where a run was resumed.
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
#ifndef HONE_RANDOM_H
#define HONE_RANDOM_H

#include <hone/error.h>
#include <stddef.h>
#include <stdint.h>

/* Streams keep uses apart; a plugin's own start at HONE_STREAM_USER. */
enum {
    HONE_STREAM_SHUFFLE = 1,
    HONE_STREAM_SPLIT,
    HONE_STREAM_INIT,
    HONE_STREAM_DROPOUT,
    HONE_STREAM_SAMPLE,
    HONE_STREAM_BOOTSTRAP,
    HONE_STREAM_NOISE,
    HONE_STREAM_USER = 1000,
};

/* The raw block: out [4] from counter [4] and key [2]. */
HONE_EXPORT void hone_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

HONE_EXPORT uint64_t hone_random_u64(uint64_t seed, uint64_t stream, uint64_t counter);
/* Uniform in [0, 1), 53 bits. */
HONE_EXPORT double hone_random_unit(uint64_t seed, uint64_t stream, uint64_t counter);
/* Uniform in [0, n), without modulo bias beyond 2^-64. n > 0. */
HONE_EXPORT uint64_t hone_random_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n);
/* Standard normal (Box-Muller). */
HONE_EXPORT double hone_random_normal(uint64_t seed, uint64_t stream, uint64_t counter);
/* order [n]: filled with a permutation of 0..n-1 (Fisher-Yates), a function of (seed, stream, epoch). */
HONE_EXPORT void hone_random_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, uint32_t *order, size_t n);

#endif
