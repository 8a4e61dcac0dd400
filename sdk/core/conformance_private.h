/* SPDX-License-Identifier: Apache-2.0
 * conformance_private.h: one trial of an operator: its operands with what they hold before and after.
 */
#ifndef HONE_CONFORMANCE_PRIVATE_H
#define HONE_CONFORMANCE_PRIVATE_H

#include <hone/conformance.h>

#define UNIT 5.9604644775390625e-8 /* half a unit in the last place of 1.0f: 2^-24 */

/* What a check works with. */
typedef struct Lab {
    HoneBackend *backend, *reference;
    uint64_t drawn; /* counter of the random values: the same in every run */
    GError **error;
} Lab;

typedef enum {
    SIDE_BACKEND,
    SIDE_REFERENCE,
} Side;

typedef struct Operand {
    HoneType type;
    uint32_t rank;
    size_t shape[HONE_MAX_RANK], row_stride;
    size_t bytes;          /* gaps between rows included */
    unsigned char *before; /* bytes */
    unsigned char *after[2];
    bool written;
    /* Allowed deviation of a written operand: `bound` for each value, or units·2^-24·(|value| + scale); neither: none.
     */
    float *bound;
    double units, scale;
} Operand;

typedef void (*TrialCall)(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args);

typedef struct Trial {
    Lab *lab;
    char *name;
    TrialCall call;
    const void *args;
    size_t n;
    Operand op[12];
} Trial;

void trial_init(Trial *trial, Lab *lab, TrialCall call, const void *args, const char *format, ...) G_GNUC_PRINTF(5, 6);
void trial_clear(Trial *trial);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Trial, trial_clear)

/* Operands, numbered in the order they are added. f32 ones begin with normal random values times `scale`. */
size_t trial_input(Trial *trial, uint32_t rank, const size_t *shape, double scale);
/* As input, but the operator may change it. */
size_t trial_changed(Trial *trial, uint32_t rank, const size_t *shape, double scale);
/* Begins as NaN: the operator has to write all of it. */
size_t trial_output(Trial *trial, uint32_t rank, const size_t *shape);
size_t trial_index(Trial *trial, const int32_t *values, size_t n);
/* n values of any type. */
size_t trial_bytes(Trial *trial, HoneType type, size_t n, const void *values, bool written);
/* [rows, cols] of any type but i32: whole blocks of random bits whose largest value is from 1/64 to 64. */
size_t trial_typed(Trial *trial, HoneType type, size_t rows, size_t cols);
/* Gives a rank-2 operand a row stride; the gaps hold NaN and must keep it. */
void trial_stride(Trial *trial, size_t operand, size_t row_stride);

float *trial_values(Trial *trial, size_t operand); /* before */
size_t trial_count(const Trial *trial, size_t operand);
const float *trial_after(const Trial *trial, size_t operand, Side side);

/* units INFINITY, for an operand that is not f32: the check compares it itself. */
void trial_allow(Trial *trial, size_t operand, double units, double scale);

/* Runs on one side only. */
bool trial_run(Trial *trial, Side side);
/* Runs twice on the backend and once on the reference; compares. */
bool trial_check(Trial *trial);

/* gradient[i] against the derivative of Σ weight·output by input[i], for every value of operand `input`. The forward is
 * `trial`; outputs: pairs (operand, weights), n of them. */
typedef struct Weighted {
    size_t operand;
    const float *weights;
} Weighted;
bool trial_differences(Trial *forward, size_t input, const Weighted *outputs, size_t n, const float *gradient,
                       double scale);

/* How far a value y = alpha·Σ a·b + beta·y over K terms may be off: size: Σ|a·b|, squares: Σ(a·b)², old: |beta·y|. */
double lab_product_bound(const Lab *lab, size_t K, double alpha, double size, double squares, double old);

/* What a factor of a product may be off by, relative, before it is multiplied: 0 where the backend multiplies f32. */
double lab_rounding(const Lab *lab);

double lab_normal(Lab *lab);
size_t lab_below(Lab *lab, size_t n);

typedef bool (*Check)(Lab *lab);
bool check_memory(Lab *lab), check_convert(Lab *lab), check_order(Lab *lab), check_wrap(Lab *lab);
bool check_gemm(Lab *lab), check_gemm_strided(Lab *lab), check_gemm_low_rank(Lab *lab);
bool check_elementwise(Lab *lab), check_bias(Lab *lab), check_columns(Lab *lab), check_soft_cap(Lab *lab);
bool check_glu(Lab *lab), check_glu_gradient(Lab *lab), check_dropout(Lab *lab);
bool check_gemm_typed(Lab *lab), check_gather_typed(Lab *lab);
bool check_rows(Lab *lab), check_rmsnorm(Lab *lab), check_rmsnorm_gradient(Lab *lab), check_rope(Lab *lab);
bool check_attention(Lab *lab), check_attention_bwd(Lab *lab), check_attention_gradient(Lab *lab);
bool check_attention_packed(Lab *lab), check_attention_cached(Lab *lab);
bool check_logprob(Lab *lab), check_logprob_gradient(Lab *lab), check_optimizer(Lab *lab);
bool check_optimizers(Lab *lab), check_adamw_8bit(Lab *lab), check_adafactor(Lab *lab);

#define RANK_1(a)                                                                                                      \
    1, (const size_t[])                                                                                                \
    {                                                                                                                  \
        (a)                                                                                                            \
    }
#define RANK_2(a, b)                                                                                                   \
    2, (const size_t[])                                                                                                \
    {                                                                                                                  \
        (a), (b)                                                                                                       \
    }
#define RANK_3(a, b, c)                                                                                                \
    3, (const size_t[])                                                                                                \
    {                                                                                                                  \
        (a), (b), (c)                                                                                                  \
    }

#endif
