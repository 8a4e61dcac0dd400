/* SPDX-License-Identifier: Apache-2.0
 * conformance.c: the list of checks, and how one trial of an operator is run and compared.
 */
#include "conformance_private.h"

#include <hone/random.h>
#include <math.h>
#include <string.h>

#define GUARD 64 /* bytes before and after each operand that nobody may touch */
#define GUARD_BYTE 0xa5

static const struct {
    const char *name;
    Check check;
} checks[] = {
    {"memory", check_memory},
    {"convert", check_convert},
    {"wrap", check_wrap},
    {"order", check_order},
    {"gemm", check_gemm},
    {"gemm_strided", check_gemm_strided},
    {"gemm_typed", check_gemm_typed},
    {"gemm_low_rank", check_gemm_low_rank},
    {"gather_typed", check_gather_typed},
    {"elementwise", check_elementwise},
    {"bias", check_bias},
    {"columns", check_columns},
    {"soft_cap", check_soft_cap},
    {"glu", check_glu},
    {"glu_gradient", check_glu_gradient},
    {"dropout", check_dropout},
    {"rows", check_rows},
    {"rmsnorm", check_rmsnorm},
    {"rmsnorm_gradient", check_rmsnorm_gradient},
    {"rope", check_rope},
    {"attention", check_attention},
    {"attention_bwd", check_attention_bwd},
    {"attention_gradient", check_attention_gradient},
    {"attention_packed", check_attention_packed},
    {"attention_cached", check_attention_cached},
    {"logprob", check_logprob},
    {"logprob_gradient", check_logprob_gradient},
    {"optimizer", check_optimizer},
    {"optimizers", check_optimizers},
    {"adamw_8bit", check_adamw_8bit},
    {"adafactor", check_adafactor},
};

const char *hone_conformance_name(size_t i)
{
    return i < G_N_ELEMENTS(checks) ? checks[i].name : NULL;
}

bool hone_conformance_run(size_t i, HoneBackend *backend, HoneBackend *reference, GError **error)
{
    g_assert(i < G_N_ELEMENTS(checks));
    Lab lab = {.backend = backend, .reference = reference, .error = error};
    return checks[i].check(&lab);
}

bool hone_conformance_compare(const char *what, const float *got, size_t n_got, const float *want, size_t n_want,
                              const float *bound, GError **error)
{
    if (n_got != n_want) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %zu values where %zu are right.", what, n_got, n_want);
        return false;
    }
    size_t worst = n_want;
    double most = 0;
    for (size_t i = 0; i < n_want; i++) {
        double off = fabs((double)got[i] - want[i]);
        /* Infinity equals itself, and so does NaN here: the difference of two infinities says nothing. */
        if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i])))
            continue;
        if (!(off <= bound[i])) {
            double excess = isfinite(off) ? off / bound[i] : INFINITY;
            if (worst == n_want || excess > most) {
                worst = i;
                most = excess;
            }
        }
    }
    if (worst == n_want)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: value %zu of %zu is %.9g where %.9g is right (allowed: %.3g).", what, worst, n_want, got[worst],
                want[worst], bound[worst]);
    return false;
}

double lab_rounding(const Lab *lab)
{
    HoneType type = lab->backend->info.compute_type;
    return type == HONE_BF16 ? 0x1p-8 : type == HONE_F16 ? 0x1p-11 : 0;
}

double lab_product_bound(const Lab *lab, size_t K, double alpha, double size, double squares, double old)
{
    /* Each of K multiply-adds rounds once or twice, relative to the sum of sizes; alpha and beta a few times more. */
    double sums = (2 * (double)K + 8) * UNIT * (fabs(alpha) * size + old);
    double unit = lab_rounding(lab);
    /* Factors that are rounded first are off by at most `unit` each, so a term by 2·unit. Errors of random values are
     * independent and even: of a term's squared error the mean is a sixth of the most, or less, and 4 times the root of
     * the sum of the most is ten standard deviations. Short sums never reach that: what certainly holds is less. */
    double factors = MIN(2 * unit * size, 4 * 2 * unit * sqrt(squares));
    return sums + fabs(alpha) * factors * (1 + unit);
}

double lab_normal(Lab *lab)
{
    return hone_random_normal(20240, HONE_STREAM_USER, lab->drawn++);
}

size_t lab_below(Lab *lab, size_t n)
{
    return (size_t)hone_random_below(20240, HONE_STREAM_USER + 1, lab->drawn++, n);
}

void trial_init(Trial *trial, Lab *lab, TrialCall call, const void *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    *trial = (Trial){.lab = lab, .call = call, .args = args, .name = g_strdup_vprintf(format, list)};
    va_end(list);
}

void trial_clear(Trial *trial)
{
    for (size_t i = 0; i < trial->n; i++) {
        g_free(trial->op[i].before);
        g_free(trial->op[i].after[0]);
        g_free(trial->op[i].after[1]);
        g_free(trial->op[i].bound);
    }
    g_free(trial->name);
    *trial = (Trial){0};
}

static size_t add_operand(Trial *trial, HoneType type, uint32_t rank, const size_t *shape, bool written)
{
    g_assert(trial->n < G_N_ELEMENTS(trial->op));
    Operand *op = &trial->op[trial->n];
    *op = (Operand){.type = type, .rank = rank, .written = written};
    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        op->shape[i] = shape[i];
        count *= shape[i];
    }
    g_assert(hone_type_bytes(type, count, &op->bytes));
    op->before = g_malloc(MAX(op->bytes, 1));
    return trial->n++;
}

size_t trial_input(Trial *trial, uint32_t rank, const size_t *shape, double scale)
{
    size_t at = add_operand(trial, HONE_F32, rank, shape, false);
    float *values = trial_values(trial, at);
    for (size_t i = 0; i < trial_count(trial, at); i++)
        values[i] = (float)(scale * lab_normal(trial->lab));
    return at;
}

size_t trial_changed(Trial *trial, uint32_t rank, const size_t *shape, double scale)
{
    size_t at = trial_input(trial, rank, shape, scale);
    trial->op[at].written = true;
    return at;
}

size_t trial_output(Trial *trial, uint32_t rank, const size_t *shape)
{
    size_t at = add_operand(trial, HONE_F32, rank, shape, true);
    memset(trial->op[at].before, 0xff, trial->op[at].bytes);
    return at;
}

size_t trial_index(Trial *trial, const int32_t *values, size_t n)
{
    return trial_bytes(trial, HONE_I32, n, values, false);
}

size_t trial_bytes(Trial *trial, HoneType type, size_t n, const void *values, bool written)
{
    size_t at = add_operand(trial, type, 1, &n, written);
    if (trial->op[at].bytes > 0)
        memcpy(trial->op[at].before, values, trial->op[at].bytes);
    return at;
}

void trial_stride(Trial *trial, size_t operand, size_t row_stride)
{
    Operand *op = &trial->op[operand];
    size_t rows = op->shape[0], cols = op->shape[1];
    g_assert(op->type == HONE_F32 && op->rank == 2 && row_stride >= cols);
    float *dense = (float *)op->before;
    op->row_stride = row_stride;
    op->bytes = rows * row_stride * sizeof(float);
    float *wide = g_malloc(MAX(op->bytes, 1));
    for (size_t i = 0; i < rows * row_stride; i++)
        wide[i] = i % row_stride < cols ? dense[i / row_stride * cols + i % row_stride] : NAN;
    g_free(dense);
    op->before = (unsigned char *)wide;
}

float *trial_values(Trial *trial, size_t operand)
{
    g_assert(trial->op[operand].type == HONE_F32);
    return (float *)trial->op[operand].before;
}

size_t trial_count(const Trial *trial, size_t operand)
{
    g_assert(trial->op[operand].type == HONE_F32);
    return trial->op[operand].bytes / sizeof(float);
}

const float *trial_after(const Trial *trial, size_t operand, Side side)
{
    return (const float *)trial->op[operand].after[side];
}

/* One operand's memory on a backend, with its guards. */
typedef struct Placed {
    HoneBuffer *buffer;
    size_t offset, bytes; /* of the whole buffer */
    unsigned char *image; /* of the whole buffer */
} Placed;

static bool run_placed(Trial *trial, HoneBackend *backend, Placed *placed)
{
    HoneTensor tensors[G_N_ELEMENTS(trial->op)] = {0};
    for (size_t i = 0; i < trial->n; i++) {
        const Operand *op = &trial->op[i];
        /* Not always at a multiple of the vector length: views begin anywhere. */
        placed[i].offset = GUARD + (op->type == HONE_F32 ? 4 * (i % 4) : 0);
        placed[i].bytes = placed[i].offset + op->bytes + GUARD;
        placed[i].image = g_malloc(placed[i].bytes);
        memset(placed[i].image, GUARD_BYTE, placed[i].bytes);
        memcpy(placed[i].image + placed[i].offset, op->before, op->bytes);
        placed[i].buffer = hone_backend_alloc(backend, placed[i].bytes, trial->name, trial->lab->error);
        if (placed[i].buffer == NULL)
            return false;
        tensors[i] = (HoneTensor){.buffer = placed[i].buffer,
                                  .offset = placed[i].offset,
                                  .type = op->type,
                                  .rank = op->rank,
                                  .row_stride = op->row_stride};
        memcpy(tensors[i].shape, op->shape, sizeof(op->shape));
        backend->ops->upload(backend->stream, placed[i].buffer, 0, placed[i].image, placed[i].bytes);
    }
    trial->call(backend->ops, backend->stream, tensors, trial->args);
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < trial->n; i++) {
        g_ptr_array_add(results, g_malloc(placed[i].bytes));
        backend->ops->download(backend->stream, results->pdata[i], placed[i].buffer, 0, placed[i].bytes);
    }
    if (!backend->ops->sync(backend->stream, trial->lab->error))
        return false;
    for (size_t i = 0; i < trial->n; i++)
        memcpy(placed[i].image, results->pdata[i], placed[i].bytes);
    return true;
}

static bool guards_whole(const Placed *placed, size_t bytes)
{
    for (size_t i = 0; i < placed->bytes; i++)
        if ((i < placed->offset || i >= placed->offset + bytes) && placed->image[i] != GUARD_BYTE)
            return false;
    return true;
}

/* Values between the rows of a strided operand must be as before. */
static bool gaps_whole(const Operand *op, const unsigned char *after)
{
    if (op->row_stride == 0)
        return true;
    size_t row = op->row_stride * sizeof(float), used = op->shape[1] * sizeof(float);
    for (size_t r = 0; r < op->shape[0]; r++)
        if (memcmp(op->before + r * row + used, after + r * row + used, row - used) != 0)
            return false;
    return true;
}

bool trial_run(Trial *trial, Side side)
{
    HoneBackend *backend = side == SIDE_BACKEND ? trial->lab->backend : trial->lab->reference;
    Placed placed[G_N_ELEMENTS(trial->op)] = {0};
    bool good = run_placed(trial, backend, placed);
    for (size_t i = 0; i < trial->n; i++) {
        Operand *op = &trial->op[i];
        const unsigned char *after = placed[i].image != NULL ? placed[i].image + placed[i].offset : NULL;
        if (good && (!guards_whole(&placed[i], op->bytes) || !gaps_whole(op, after) ||
                     (!op->written && memcmp(op->before, after, op->bytes) != 0))) {
            g_set_error(trial->lab->error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s: wrote to memory that is not part of its outputs (operand %zu).", trial->name, i);
            good = false;
        }
        if (good) {
            g_free(op->after[side]);
            op->after[side] = g_memdup2(after, MAX(op->bytes, 1));
        }
        hone_backend_release(backend, placed[i].buffer, placed[i].buffer != NULL ? placed[i].bytes : 0);
        g_free(placed[i].image);
    }
    return good;
}

void trial_allow(Trial *trial, size_t operand, double units, double scale)
{
    trial->op[operand].units = units;
    trial->op[operand].scale = scale;
}

static bool compare_sides(const Trial *trial, size_t operand)
{
    const Operand *op = &trial->op[operand];
    g_autofree char *what = g_strdup_printf("%s, operand %zu", trial->name, operand);
    if (op->type != HONE_F32) {
        if (isinf(op->units) || memcmp(op->after[SIDE_BACKEND], op->after[SIDE_REFERENCE], op->bytes) == 0)
            return true;
        g_set_error(trial->lab->error, HONE_ERROR, HONE_ERROR_INVALID, "%s: other bytes than the reference.", what);
        return false;
    }
    size_t n = trial_count(trial, operand);
    const float *got = trial_after(trial, operand, SIDE_BACKEND), *want = trial_after(trial, operand, SIDE_REFERENCE);
    g_autofree float *bound = g_new(float, MAX(n, 1));
    for (size_t i = 0; i < n; i++)
        bound[i] = op->bound != NULL ? op->bound[i]
                                     : (float)(op->units * UNIT * (isfinite(want[i]) ? fabs(want[i]) + op->scale : 0));
    return hone_conformance_compare(what, got, n, want, n, bound, trial->lab->error);
}

bool trial_check(Trial *trial)
{
    if (!trial_run(trial, SIDE_REFERENCE) || !trial_run(trial, SIDE_BACKEND))
        return false;
    g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < trial->n; i++) {
        Operand *op = &trial->op[i];
        g_ptr_array_add(first, op->after[SIDE_BACKEND]);
        op->after[SIDE_BACKEND] = NULL;
    }
    if (!trial_run(trial, SIDE_BACKEND))
        return false;
    for (size_t i = 0; i < trial->n; i++) {
        const Operand *op = &trial->op[i];
        if (memcmp(first->pdata[i], op->after[SIDE_BACKEND], op->bytes) != 0) {
            g_set_error(trial->lab->error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s: the same call gave other bytes the second time (operand %zu).", trial->name, i);
            return false;
        }
        if (op->written && !compare_sides(trial, i))
            return false;
    }
    return true;
}

static bool weighted_sum(Trial *forward, const Weighted *outputs, size_t n, double *sum)
{
    if (!trial_run(forward, SIDE_BACKEND))
        return false;
    *sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < trial_count(forward, outputs[i].operand); j++)
            *sum += (double)outputs[i].weights[j] * trial_after(forward, outputs[i].operand, SIDE_BACKEND)[j];
    return true;
}

bool trial_differences(Trial *forward, size_t input, const Weighted *outputs, size_t n, const float *gradient,
                       double scale)
{
    /* f' = (8(f(h) - f(-h)) - (f(2h) - f(-2h)))/12h. Its own error is h⁴·f⁽⁵⁾/30, some 1e-6 of the function's scale at
     * h = 1/16; rounding of f32 outputs adds 2^-24·√outputs·1.5/h, some 1e-5 of it. Allowed: 1e-4. A wrong term is 1e-2
     * or more. */
    const float h = 0.0625f;
    size_t count = trial_count(forward, input);
    g_autofree float *want = g_new(float, MAX(count, 1)), *bound = g_new(float, MAX(count, 1));
    float *x = trial_values(forward, input);
    for (size_t i = 0; i < count; i++) {
        float kept = x[i];
        double at[4];
        for (int k = 0; k < 4; k++) {
            x[i] = kept + h * (float[]){-2, -1, 1, 2}[k];
            if (!weighted_sum(forward, outputs, n, &at[k])) {
                x[i] = kept;
                return false;
            }
        }
        x[i] = kept;
        want[i] = (float)((8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * (double)h));
        bound[i] = (float)(1e-4 * (scale + fabsf(want[i])));
    }
    g_autofree char *what =
        g_strdup_printf("%s, gradient by operand %zu against finite differences", forward->name, input);
    return hone_conformance_compare(what, gradient, count, want, count, bound, forward->lab->error);
}
