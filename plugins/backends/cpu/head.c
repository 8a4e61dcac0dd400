/* SPDX-License-Identifier: Apache-2.0
 * head.c: log-probabilities of targets from logits, and the way back; a row is an item.
 */
#include "cpu.h"

#define GRAIN ((size_t)8 << 10) /* values */

typedef struct Head {
    const CpuKernels *kernels;
    float *logits, *logprob, *lse;
    const float *dlogprob;
    const int32_t *targets;
    size_t V;
    float soft_cap;
} Head;

static void forward_part(void *data, size_t first, size_t count)
{
    const Head *h = data;
    for (size_t k = first; k < first + count; k++) {
        g_assert(h->targets[k] >= 0 && (size_t)h->targets[k] < h->V);
        h->kernels->logprob(h->logprob + k, h->lse + k, h->logits + k * h->V, h->V, h->targets[k], h->soft_cap);
    }
}

static void backward_part(void *data, size_t first, size_t count)
{
    const Head *h = data;
    for (size_t k = first; k < first + count; k++) {
        g_assert(h->targets[k] >= 0 && (size_t)h->targets[k] < h->V);
        h->kernels->logprob_bwd(h->logits + k * h->V, h->lse[k], h->V, h->targets[k], h->dlogprob[k], h->soft_cap);
    }
}

void cpu_logprob(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                 float soft_cap)
{
    size_t K = logits.shape[0], V = logits.shape[1];
    g_assert(logprob.shape[0] == K && lse.shape[0] == K && targets.shape[0] == K);
    CPU_TIMED(s, "logprob", 4 * K * V);
    Head h = {.kernels = s->device->kernels,
              .logits = cpu_f32(logits, 2),
              .logprob = cpu_f32(logprob, 1),
              .lse = cpu_f32(lse, 1),
              .targets = cpu_i32(targets, 1),
              .V = V,
              .soft_cap = soft_cap};
    cpu_split(s->device, K, GRAIN / MAX(V, 1), forward_part, &h);
}

void cpu_logprob_bwd(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor dlogprob,
                     float soft_cap)
{
    size_t K = logits.shape[0], V = logits.shape[1];
    g_assert(dlogprob.shape[0] == K && lse.shape[0] == K && targets.shape[0] == K);
    CPU_TIMED(s, "logprob_bwd", 8 * K * V);
    Head h = {.kernels = s->device->kernels,
              .logits = cpu_f32(logits, 2),
              .dlogprob = cpu_f32(dlogprob, 1),
              .lse = cpu_f32(lse, 1),
              .targets = cpu_i32(targets, 1),
              .V = V,
              .soft_cap = soft_cap};
    cpu_split(s->device, K, GRAIN / MAX(V, 1), backward_part, &h);
}
