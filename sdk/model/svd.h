/* SPDX-License-Identifier: Apache-2.0
 * svd.h: the largest singular values of a matrix, with their vectors.
 */
#ifndef HONE_MODEL_SVD_H
#define HONE_MODEL_SVD_H

#include <stddef.h>

/* W ≈ Σ s_i·u_i·v_iᵀ over the r largest: w [m,n]; s [r] falling; u [r,m], v [r,n]. Where W's rank is less, the rest is
 * zero. The same bytes for the same W. */
void svd_largest(const float *w, size_t m, size_t n, size_t r, double *s, double *u, double *v);

#endif
