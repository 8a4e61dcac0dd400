/* SPDX-License-Identifier: Apache-2.0
 * adapter_start.c: the values that a new adapter starts with.
 *
 * LoRA: A uniform in ±1/√in, B zero: the model starts as it is.
 * PiSSA: with W = U·S·Vᵀ, A = √(S/s)·Vᵀ and B = U·√(S/s) over the R largest, so that s·B·A is W's best approximation of
 * that rank, and what is left of W, W - s·B·A, stays as it is. W itself may lie in a mapped file in any type: it is not
 * changed, s·B·A of the start is taken off its product instead. Saved is the difference to the start, [A; A₀] and [B,
 * -B₀], a LoRA of twice the rank on the unchanged W, as peft writes it when it converts a PiSSA adapter. Meng, Wang,
 * Zhang, "PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models", 2024.
 */
#include "internal.h"
#include "svd.h"

#include <hone/random.h>
#include <math.h>
#include <string.h>

/* The number of an element depends on its place in the model alone, so another choice of targets leaves it as it is. */
static void uniform(const HoneModel *m, size_t layer, Linear linear, uint64_t seed, float *a, size_t n)
{
    double bound = 1 / sqrt((double)linear_in(&m->config, linear));
    uint64_t first = (uint64_t)(layer * N_LINEAR + linear) << 32;
    for (size_t e = 0; e < n; e++)
        a[e] = (float)((2 * hone_random_unit(seed, HONE_STREAM_INIT, first + e) - 1) * bound);
}

/* A module's weight in f32 on the host, [Σ out, in]. */
static bool download_weight(HoneModel *m, size_t layer, Linear first, float *host, GError **error)
{
    HoneBackend *b = m->backend;
    size_t columns = linear_in(&m->config, first);
    Arena room = {0};
    if (!arena_reserve(b, &room, PANEL_ROWS * columns * sizeof(float), "the adapter's start", error))
        return false;
    bool ok = true;
    for (size_t i = 0; i < linear_span(m->family, first); i++) {
        HoneTensor weight = m->layers[layer].linear[first + i].value;
        for (size_t row = 0; ok && row < weight.shape[0]; row += PANEL_ROWS) {
            size_t rows = MIN(PANEL_ROWS, weight.shape[0] - row);
            HoneTensor panel = hone_tensor_2d(room.buffer, 0, HONE_F32, rows, columns);
            b->ops->convert(b->stream, panel, hone_tensor_rows(weight, row, rows));
            ok = hone_backend_download(b, host, panel, error);
            host += rows * columns;
        }
    }
    arena_release(b, &room);
    return ok;
}

static float *at(float *host, HoneTensor tensor)
{
    return host + tensor.offset / sizeof(float);
}

/* One module's A and B, in the values and in what is kept of the start. */
static bool start_pissa(HoneModel *m, size_t layer, Linear first, float *values, float *fixed, GError **error)
{
    const Adapter *adapter = &m->layers[layer].adapter[first];
    size_t rank = adapter->rank, out = adapter_out(m, first), in = linear_in(&m->config, first);
    if (rank > MIN(out, in)) {
        g_autofree char *module = name_module(m, layer, first);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "PiSSA's start for %s (%zu x %zu) has at most rank %zu, not %zu: lower the rank.", module, out, in,
                    MIN(out, in), rank);
        return false;
    }
    g_autofree float *weight = g_new(float, out *in);
    g_autofree double *s = g_new(double, rank), *u = g_new(double, rank *out), *v = g_new(double, rank *in);
    if (!download_weight(m, layer, first, weight, error))
        return false;
    svd_largest(weight, out, in, rank, s, u, v);
    float *a = at(values, adapter->a), *b = at(values, adapter->b);
    for (size_t k = 0; k < rank; k++) {
        double root = sqrt(s[k] / (double)adapter->scale);
        for (size_t c = 0; c < in; c++)
            a[k * in + c] = (float)(root * v[k * in + c]);
        for (size_t r = 0; r < out; r++)
            b[r * rank + k] = (float)(root * u[k * out + r]);
    }
    memcpy(at(fixed, adapter->start_a), a, rank * in * sizeof *a);
    for (size_t i = 0; i < linear_span(m->family, first); i++) {
        const Adapter *map = &m->layers[layer].adapter[first + i];
        memcpy(at(fixed, map->start_b), at(values, map->b), hone_tensor_bytes(map->b));
    }
    return true;
}

bool adapter_start(HoneModel *m, uint64_t seed, GError **error)
{
    g_autofree float *values = g_new0(float, m->all_values.shape[0]), *fixed = g_new0(float, m->all_fixed.shape[0]);
    for (size_t l = 0; l < m->config.layers; l++) {
        for (Linear i = 0; i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->a.buffer == NULL || linear_span(m->family, i) == 0)
                continue;
            if (!m->adapter.pissa)
                uniform(m, l, i, seed, at(values, adapter->a), hone_tensor_count(adapter->a));
            else if (!start_pissa(m, l, i, values, fixed, error))
                return false;
        }
    }
    if (m->adapter.pissa && !hone_backend_upload(m->backend, m->all_fixed, fixed, error))
        return false;
    return hone_backend_upload(m->backend, m->all_values, values, error) && (!m->adapter.dora || dora_start(m, error));
}
