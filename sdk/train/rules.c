/* SPDX-License-Identifier: Apache-2.0
 * rules.c: the optimizers, a row of a table each: what one keeps for a tensor, and how it changes it.
 *
 * adamw       Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019; as torch.optim.AdamW
 * adamw_8bit  Dettmers and others, "8-bit Optimizers via Block-wise Quantization", 2022; as bitsandbytes' AdamW8bit,
 *             which leaves tensors of fewer than 4096 values in f32
 * lion        Chen and others, "Symbolic Discovery of Optimization Algorithms", 2023
 * sgd         with momentum, Nesterov's too; as torch.optim.SGD
 * adafactor   Shazeer, Stern, "Adafactor", 2018; as transformers' with the rate given and nothing scaled by the
 *             parameter (which is how its Trainer sets it), so the schedule decides
 */
#include "internal.h"
#include <math.h>
#include <string.h>

#define SMALL 4096 /* values; below, 8-bit states save nothing */
/* Adafactor's own: what is added to a squared gradient, the largest root mean square of an update, and the exponent of
 * the decay 1 - t^-0.8. */
#define FACTOR_EPSILON 1e-30
#define FACTOR_CLIP 1.0
#define FACTOR_POWER (-0.8)

static StateSpec like(const char *name, HoneTensor value)
{
    StateSpec spec = {.name = name, .type = HONE_F32, .rank = value.rank};
    memcpy(spec.shape, value.shape, sizeof spec.shape);
    return spec;
}

static StateSpec line(const char *name, HoneType type, size_t n)
{
    return (StateSpec){.name = name, .type = type, .rank = 1, .shape = {n}};
}

/* ---- AdamW. ---- */

static HoneAdamW adamw_args(const UpdateArgs *a)
{
    return (HoneAdamW){.size = sizeof(HoneAdamW),
                       .learning_rate = a->rate,
                       .beta1 = a->params->beta1,
                       .beta2 = a->params->beta2,
                       .epsilon = a->params->epsilon,
                       .weight_decay = a->decay,
                       .gradient_scale = a->scale,
                       .step = a->step};
}

static size_t adamw_states(const HoneTrainParams *params, HoneTensor value, StateSpec *out)
{
    out[0] = like("adam_m", value);
    out[1] = like("adam_v", value);
    return 2;
}

static void adamw_update(HoneBackend *backend, const HoneTrainable *t, const HoneTensor *states, const UpdateArgs *a)
{
    const HoneAdamW args = adamw_args(a);
    backend->ops->adamw(backend->stream, t->value, t->gradient, states[0], states[1], &args);
}

static size_t adamw_8bit_states(const HoneTrainParams *params, HoneTensor value, StateSpec *out)
{
    size_t n = hone_tensor_count(value), blocks = (n + HONE_STATE_BLOCK - 1) / HONE_STATE_BLOCK;
    if (n < SMALL)
        return adamw_states(params, value, out);
    out[0] = line("adam_m8", HONE_I32, (n + 3) / 4);
    out[1] = line("adam_v8", HONE_I32, (n + 3) / 4);
    out[2] = line("adam_m8_scale", HONE_F32, blocks);
    out[3] = line("adam_v8_scale", HONE_F32, blocks);
    return 4;
}

static void adamw_8bit_update(HoneBackend *backend, const HoneTrainable *t, const HoneTensor *states,
                              const UpdateArgs *a)
{
    const HoneAdamW args = adamw_args(a);
    if (hone_tensor_count(t->value) < SMALL)
        adamw_update(backend, t, states, a);
    else
        backend->ops->adamw_8bit(backend->stream, t->value, t->gradient, states[0], states[1], states[2], states[3],
                                 &args);
}

/* ---- Lion, SGD. ---- */

static size_t lion_states(const HoneTrainParams *params, HoneTensor value, StateSpec *out)
{
    out[0] = like("lion_m", value);
    return 1;
}

static void lion_update(HoneBackend *backend, const HoneTrainable *t, const HoneTensor *states, const UpdateArgs *a)
{
    const HoneLion args = {.size = sizeof args,
                           .learning_rate = a->rate,
                           .beta1 = a->params->beta1,
                           .beta2 = a->params->beta2,
                           .weight_decay = a->decay,
                           .gradient_scale = a->scale};
    backend->ops->lion(backend->stream, t->value, t->gradient, states[0], &args);
}

static size_t sgd_states(const HoneTrainParams *params, HoneTensor value, StateSpec *out)
{
    out[0] = like("sgd_m", value);
    return params->momentum > 0;
}

static void sgd_update(HoneBackend *backend, const HoneTrainable *t, const HoneTensor *states, const UpdateArgs *a)
{
    const HoneSgd args = {.size = sizeof args,
                          .learning_rate = a->rate,
                          .momentum = a->params->momentum,
                          .nesterov = a->params->nesterov,
                          .weight_decay = a->decay,
                          .gradient_scale = a->scale};
    HoneTensor moment = args.momentum > 0 ? states[0] : (HoneTensor){0};
    backend->ops->sgd(backend->stream, t->value, t->gradient, moment, &args);
}

/* ---- Adafactor. ---- */

static size_t adafactor_states(const HoneTrainParams *params, HoneTensor value, StateSpec *out)
{
    if (value.rank != 2) {
        out[0] = like("factor_v", value);
        return 1;
    }
    out[0] = line("factor_row", HONE_F32, value.shape[0]);
    out[1] = line("factor_col", HONE_F32, value.shape[1]);
    return 2;
}

static void adafactor_update(HoneBackend *backend, const HoneTrainable *t, const HoneTensor *states,
                             const UpdateArgs *a)
{
    const HoneAdafactor args = {.size = sizeof args,
                                .learning_rate = a->rate,
                                .beta2 = 1 - pow((double)a->step, FACTOR_POWER),
                                .weight_decay = a->decay,
                                .epsilon = FACTOR_EPSILON,
                                .clip = FACTOR_CLIP,
                                .gradient_scale = a->scale};
    HoneTensor col = t->value.rank == 2 ? states[1] : (HoneTensor){0};
    backend->ops->adafactor(backend->stream, t->value, t->gradient, states[0], col, &args);
}

static const OptimizerRule rules[] = {
    {"adamw", adamw_states, adamw_update},
    {"adamw_8bit", adamw_8bit_states, adamw_8bit_update},
    {"lion", lion_states, lion_update},
    {"sgd", sgd_states, sgd_update},
    {"adafactor", adafactor_states, adafactor_update},
};

const OptimizerRule *optimizer_rule(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}
