/* SPDX-License-Identifier: Apache-2.0
 * conformance.h: checks that a backend computes what backend.h says: used by Hone's own tests and by `hone
 * check-plugin`.
 *
 * Each check runs operators on the backend and on another that is taken as right (`reference`), over odd shapes, and
 * compares within a bound that follows from the precision of f32 and the length of the sums, and in products from that
 * of the backend's compute_type, to which it may round factors. Gradients are also compared with finite differences of
 * the backend's own forward, so that `reference` may be checked against itself (attention's not where it rounds).
 * Every run is queued without waiting in between, done twice (equal bytes) and watched for writes outside of its
 * outputs.
 */
#ifndef HONE_CONFORMANCE_H
#define HONE_CONFORMANCE_H

#include <hone/backend.h>

/* Check i's name ("gemm", "attention_bwd", ...), or NULL past the last. */
HONE_EXPORT const char *hone_conformance_name(size_t i);
/* False with the first deviation: operator, shape, place, both values and what was allowed. */
HONE_EXPORT bool hone_conformance_run(size_t i, HoneBackend *backend, HoneBackend *reference, GError **error);

/* The comparer of those checks: |got - want| <= bound for each of n values; NaN only where `want` is NaN. False with
 * the worst place; `what` begins the message. */
HONE_EXPORT bool hone_conformance_compare(const char *what, const float *got, size_t n_got, const float *want,
                                          size_t n_want, const float *bound, GError **error);

#endif
