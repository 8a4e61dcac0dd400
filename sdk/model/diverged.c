/* SPDX-License-Identifier: Apache-2.0
 * diverged.c: where numbers stopped being finite. Runs only after a log-probability was NaN or infinite.
 */
#include "internal.h"

#include <math.h>

/* *result: whether `t` holds finite numbers only. */
static bool check_finite(HoneBackend *b, HoneTensor out, HoneTensor t, bool *result, GError **error)
{
    float sum;
    b->ops->fill(b->stream, out, 0);
    b->ops->sum_squares(b->stream, out, t);
    if (!hone_backend_download(b, &sum, out, error))
        return false;
    *result = isfinite(sum);
    return true;
}

void diverged(HoneModel *model, const HoneBatch *batch, const HoneForward *options, GError **error)
{
    HoneBackend *b = model->backend;
    HoneForward plain = *options;
    plain.keep = plain.checkpointing = false;
    g_autoptr(Pass) p = pass_new(model, PASS_PACKED, batch, &plain, NULL, error);
    if (p == NULL)
        return;
    HoneTensor out = hone_tensor_rows(p->logprob, 0, 1);
    g_autofree char *where = NULL;
    bool good;
    embed(p);
    if (!check_finite(b, out, p->layers[0].x, &good, error))
        return;
    if (!good)
        where = g_strdup("the embedding");
    for (size_t l = 0; where == NULL && l < model->config.layers; l++) {
        layer_forward(p, l);
        if (!check_finite(b, out, l + 1 < model->config.layers ? p->layers[l].x : p->final, &good, error))
            return;
        if (!good)
            where = g_strdup_printf("layer %zu of %zu", l, model->config.layers);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                "A log-probability is not a finite number; the first such value comes from %s. Lower the learning "
                "rate, or look at the rows of this batch.",
                where != NULL ? where : "the output head");
}
