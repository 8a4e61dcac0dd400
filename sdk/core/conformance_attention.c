/* SPDX-License-Identifier: Apache-2.0
 * conformance_attention.c: checks of attention over packed sequences, its gradient, and decoding from a cache.
 */
#include "conformance_private.h"

#include <math.h>
#include <string.h>

typedef struct Shape {
    uint32_t n_sequences, lengths[4];
    uint32_t heads, kv_heads, head_dim, window;
    float soft_cap;
} Shape;

static const Shape shapes[] = {
    {1, {1}, 1, 1, 1, 0, 0},       {1, {5}, 2, 1, 3, 0, 0},        {3, {7, 0, 19}, 4, 2, 8, 0, 0},
    {2, {40, 3}, 9, 3, 64, 0, 0},  {1, {97}, 3, 3, 20, 0, 5},      {3, {30, 1, 26}, 4, 4, 16, 4, 0},
    {2, {50, 25}, 6, 2, 32, 1, 3}, {2, {33, 65}, 2, 1, 17, 30, 0},
};

static HoneAttention attention_of(const Shape *shape, HoneTensor starts)
{
    HoneAttention a = {.size = sizeof(HoneAttention),
                       .n_sequences = shape->n_sequences,
                       .starts = starts,
                       .heads = shape->heads,
                       .kv_heads = shape->kv_heads,
                       .head_dim = shape->head_dim,
                       .scale = 1 / sqrtf((float)shape->head_dim),
                       .window = shape->window,
                       .soft_cap = shape->soft_cap};
    for (uint32_t i = 0; i < shape->n_sequences; i++)
        a.max_length = MAX(a.max_length, shape->lengths[i]);
    return a;
}

static char *describe(const Shape *shape)
{
    GString *text = g_string_new("lengths");
    for (uint32_t i = 0; i < shape->n_sequences; i++)
        g_string_append_printf(text, " %u", shape->lengths[i]);
    g_string_append_printf(text, ", %u/%u heads of %u, window %u, cap %g", shape->heads, shape->kv_heads,
                           shape->head_dim, shape->window, shape->soft_cap);
    return g_string_free(text, FALSE);
}

static size_t tokens_of(const Shape *shape, int32_t *starts)
{
    starts[0] = 0;
    for (uint32_t i = 0; i < shape->n_sequences; i++)
        starts[i + 1] = starts[i] + (int32_t)shape->lengths[i];
    return (size_t)starts[shape->n_sequences];
}

/* A score is a sum of D products of size 1 scaled by 1/√D; its rounding becomes relative error of a probability, and
 * each output sums up to max_length of those. Where products round their factors by `unit` first, a score is off by up
 * to 8·unit (four times the root of the sum of squares of its terms, each off by 2·unit), a probability by as much,
 * relative, and what is summed with it by twice that at most: 4·unit of the size of 4 and more that outputs are given
 * below. */
static double units_of(const Lab *lab, const Shape *shape)
{
    double longest = 0;
    for (uint32_t i = 0; i < shape->n_sequences; i++)
        longest = fmax(longest, shape->lengths[i]);
    return shape->head_dim + longest + 64 + 4 * lab_rounding(lab) / UNIT;
}

enum { O, LSE, Q, K, V, STARTS }; /* operands of the forward */

static void call_attention(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    HoneAttention a = attention_of(args, t[STARTS]);
    ops->attention(s, t[O], t[LSE], t[Q], t[K], t[V], &a);
}

static void call_attention_without_lse(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    HoneAttention a = attention_of(args, t[STARTS]);
    ops->attention(s, t[O], (HoneTensor){0}, t[Q], t[K], t[V], &a);
}

/* The forward's operands with random q, k, v. */
static void prepare_forward(Trial *trial, Lab *lab, TrialCall call, const Shape *shape, const char *name)
{
    int32_t starts[5];
    size_t N = tokens_of(shape, starts), H = shape->heads, G = shape->kv_heads, D = shape->head_dim;
    g_autofree char *text = describe(shape);
    trial_init(trial, lab, call, shape, "%s, %s", name, text);
    trial_output(trial, RANK_3(N, H, D));
    trial_output(trial, RANK_2(N, H));
    trial_input(trial, RANK_3(N, H, D), 1);
    trial_input(trial, RANK_3(N, G, D), 1);
    trial_input(trial, RANK_3(N, G, D), 1);
    trial_index(trial, starts, shape->n_sequences + 1);
}

bool check_attention(Lab *lab)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_auto(Trial) trial;
        prepare_forward(&trial, lab, call_attention, &shapes[i], "attention");
        trial_allow(&trial, O, units_of(lab, &shapes[i]), 4);
        trial_allow(&trial, LSE, units_of(lab, &shapes[i]), 4);
        if (!trial_check(&trial))
            return false;
        trial.call = call_attention_without_lse;
        trial.op[LSE].written = false;
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

enum { DQ, DK, DV, B_DO, B_O, B_LSE, B_Q, B_K, B_V, B_STARTS }; /* operands of the backward */

static void call_attention_bwd(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    HoneAttention a = attention_of(args, t[B_STARTS]);
    ops->attention_bwd(s, t[DQ], t[DK], t[DV], t[B_DO], t[B_O], t[B_LSE], t[B_Q], t[B_K], t[B_V], &a);
}

static void take_values(Trial *to, size_t operand, const float *values)
{
    memcpy(trial_values(to, operand), values, trial_count(to, operand) * sizeof(float));
}

/* A backward for a forward that has run on the backend. */
static void prepare_backward(Trial *trial, Lab *lab, const Shape *shape, Trial *forward)
{
    int32_t starts[5];
    size_t N = tokens_of(shape, starts), H = shape->heads, G = shape->kv_heads, D = shape->head_dim;
    g_autofree char *text = describe(shape);
    trial_init(trial, lab, call_attention_bwd, shape, "attention_bwd, %s", text);
    trial_output(trial, RANK_3(N, H, D));
    trial_output(trial, RANK_3(N, G, D));
    trial_output(trial, RANK_3(N, G, D));
    trial_input(trial, RANK_3(N, H, D), 1);
    take_values(trial, trial_input(trial, RANK_3(N, H, D), 1), trial_after(forward, O, SIDE_BACKEND));
    take_values(trial, trial_input(trial, RANK_2(N, H), 1), trial_after(forward, LSE, SIDE_BACKEND));
    take_values(trial, trial_input(trial, RANK_3(N, H, D), 1), trial_values(forward, Q));
    take_values(trial, trial_input(trial, RANK_3(N, G, D), 1), trial_values(forward, K));
    take_values(trial, trial_input(trial, RANK_3(N, G, D), 1), trial_values(forward, V));
    trial_index(trial, starts, shape->n_sequences + 1);
}

bool check_attention_bwd(Lab *lab)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_auto(Trial) forward;
        g_auto(Trial) backward;
        prepare_forward(&forward, lab, call_attention, &shapes[i], "attention");
        if (!trial_run(&forward, SIDE_BACKEND))
            return false;
        prepare_backward(&backward, lab, &shapes[i], &forward);
        /* As the forward, with do·v - δ (differences of sums of D terms) in front. */
        for (size_t k = DQ; k <= DV; k++)
            trial_allow(&backward, k, 2 * units_of(lab, &shapes[i]), 8);
        if (!trial_check(&backward))
            return false;
    }
    return true;
}

bool check_attention_gradient(Lab *lab)
{
    /* A forward that rounds its factors has steps: differences say nothing. Its backward is compared all the same. */
    if (lab_rounding(lab) > 0)
        return true;
    static const Shape small[] = {
        {2, {3, 5}, 4, 2, 6, 0, 0},
        {1, {6}, 2, 2, 4, 3, 0},
        {2, {1, 5}, 2, 1, 5, 0, 2},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(small); i++) {
        g_auto(Trial) forward;
        g_auto(Trial) backward;
        prepare_forward(&forward, lab, call_attention, &small[i], "attention");
        if (!trial_run(&forward, SIDE_BACKEND))
            return false;
        prepare_backward(&backward, lab, &small[i], &forward);
        if (!trial_run(&backward, SIDE_BACKEND))
            return false;
        const Weighted loss = {.operand = O, .weights = trial_values(&backward, B_DO)};
        for (size_t k = 0; k < 3; k++)
            if (!trial_differences(&forward, Q + k, &loss, 1, trial_after(&backward, DQ + k, SIDE_BACKEND), 1))
                return false;
    }
    return true;
}

/* Packed sequences must not see one another: each alone gives the same rows. */
bool check_attention_packed(Lab *lab)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        const Shape *shape = &shapes[i];
        g_auto(Trial) packed;
        prepare_forward(&packed, lab, call_attention, shape, "attention");
        if (!trial_run(&packed, SIDE_BACKEND))
            return false;
        for (uint32_t n = 0, at = 0; n < shape->n_sequences; at += shape->lengths[n++]) {
            Shape alone = *shape;
            alone.n_sequences = 1;
            alone.lengths[0] = shape->lengths[n];
            g_auto(Trial) single;
            prepare_forward(&single, lab, call_attention, &alone, "attention of one of several packed");
            size_t row_q = (size_t)shape->heads * shape->head_dim, row_kv = (size_t)shape->kv_heads * shape->head_dim;
            take_values(&single, Q, trial_values(&packed, Q) + at * row_q);
            take_values(&single, K, trial_values(&packed, K) + at * row_kv);
            take_values(&single, V, trial_values(&packed, V) + at * row_kv);
            if (!trial_run(&single, SIDE_BACKEND))
                return false;
            size_t count = trial_count(&single, O);
            g_autofree float *bound = g_new(float, count + 1);
            for (size_t j = 0; j < count; j++)
                bound[j] = (float)(units_of(lab, shape) * UNIT * 4);
            if (!hone_conformance_compare(single.name, trial_after(&packed, O, SIDE_BACKEND) + at * row_q, count,
                                          trial_after(&single, O, SIDE_BACKEND), count, bound, lab->error))
                return false;
        }
    }
    return true;
}

enum { C_O, C_Q, C_K, C_V, C_SLOTS, C_LENGTHS }; /* operands of decoding */

static void call_attention_cached(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    HoneAttention a = attention_of(args, (HoneTensor){0});
    ops->attention_cached(s, t[C_O], t[C_Q], t[C_K], t[C_V], t[C_SLOTS], t[C_LENGTHS], &a);
}

/* Against the reference, and against the last row of the same tokens as a sequence. */
static bool check_cache(Lab *lab, const Shape *shape, size_t B)
{
    enum { SLOTS = 5, P = 120 };
    size_t H = shape->heads, G = shape->kv_heads, D = shape->head_dim;
    int32_t slots[SLOTS], lengths[SLOTS];
    g_autofree char *text = describe(shape);
    g_auto(Trial) trial;
    trial_init(&trial, lab, call_attention_cached, shape, "attention_cached of %zu rows, %s", B, text);
    trial_output(&trial, RANK_3(B, H, D));
    trial_input(&trial, RANK_3(B, H, D), 1);
    trial_input(&trial, RANK_3(SLOTS, P, G * D), 1);
    trial_input(&trial, RANK_3(SLOTS, P, G * D), 1);
    for (size_t b = 0; b < B; b++) {
        slots[b] = (int32_t)((3 * b + 1) % SLOTS); /* another order than the rows, some slots unused */
        lengths[b] = b == 0 ? 1 : b == 1 ? P : (int32_t)(1 + lab_below(lab, P));
    }
    /* What lies past a length, and in unused slots, must not matter. */
    for (size_t slot = 0; slot < SLOTS; slot++) {
        size_t used = 0;
        for (size_t b = 0; b < B; b++)
            if (slots[b] == (int32_t)slot)
                used = (size_t)lengths[b];
        for (size_t j = used * G * D; j < P * G * D; j++)
            trial_values(&trial, C_K)[slot * P * G * D + j] = trial_values(&trial, C_V)[slot * P * G * D + j] = NAN;
    }
    trial_index(&trial, slots, B);
    trial_index(&trial, lengths, B);
    trial_allow(&trial, C_O, units_of(lab, shape) + P, 4);
    if (!trial_check(&trial))
        return false;

    for (size_t b = 0; b < B; b++) {
        Shape sequence = *shape;
        sequence.n_sequences = 1;
        sequence.lengths[0] = (uint32_t)lengths[b];
        g_auto(Trial) whole;
        prepare_forward(&whole, lab, call_attention, &sequence, "attention as attention_cached");
        size_t last = (size_t)lengths[b] - 1, slot = (size_t)slots[b] * P * G * D;
        memcpy(trial_values(&whole, Q) + last * H * D, trial_values(&trial, C_Q) + b * H * D, H * D * sizeof(float));
        take_values(&whole, K, trial_values(&trial, C_K) + slot);
        take_values(&whole, V, trial_values(&trial, C_V) + slot);
        if (!trial_run(&whole, SIDE_BACKEND))
            return false;
        g_autofree float *bound = g_new(float, H *D);
        for (size_t j = 0; j < H * D; j++)
            bound[j] = (float)((units_of(lab, shape) + P) * UNIT * 4);
        if (!hone_conformance_compare(trial.name, trial_after(&trial, C_O, SIDE_BACKEND) + b * H * D, H * D,
                                      trial_after(&whole, O, SIDE_BACKEND) + last * H * D, H * D, bound, lab->error))
            return false;
    }
    return true;
}

bool check_attention_cached(Lab *lab)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (size_t B = 0; B <= 4; B += 2)
            if (!check_cache(lab, &shapes[i], B))
                return false;
    return true;
}
