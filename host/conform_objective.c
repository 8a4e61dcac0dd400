/* SPDX-License-Identifier: Apache-2.0
 * conform_objective.c: an objective's derivative must be that of its loss, and the shares of a window's parts must add
 * up to the whole.
 */
#include "conform.h"
#include <hone/objective.h>
#include <hone/random.h>
#include <math.h>
#include <string.h>

#define SEQUENCES 8
#define TARGETS 40
#define MOST_FIGURES 64
#define MOST_SUMS 16
/* The step of the differences. Log-probabilities are multiples of 1/64, so adding it to one is exact in f32. */
#define STEP (1.0f / 1024)

typedef struct {
    float weight[TARGETS], logprob[TARGETS], reference[TARGETS], advantage[TARGETS], old[TARGETS];
    size_t start[SEQUENCES + 1];
    uint32_t example[SEQUENCES];
    uint8_t part[SEQUENCES];
    double window_weight, part_weight[HONE_PARTS];
    size_t window_examples, part_sequences[HONE_PARTS];
    double sums[MOST_SUMS];
    bool measured;
} Window;

static float random_logprob(guint i)
{
    return -(float)(8 + hone_random_below(17, HONE_STREAM_USER, i, 400)) / 64;
}

static void make_window(Window *w, uint32_t flags, uint64_t draw)
{
    bool pairs = (flags & HONE_OBJECTIVE_PAIRS) != 0, judged = (flags & HONE_OBJECTIVE_JUDGED) != 0;
    *w = (Window){0};
    for (guint k = 0; k < TARGETS; k++) {
        guint i = (guint)draw * 1000 + k;
        w->weight[k] = (float)(1 + hone_random_below(18, HONE_STREAM_USER, i, 4)) / 2;
        w->logprob[k] = random_logprob(i);
        w->reference[k] = random_logprob(i + 500);
        /* Near the policy, so that ratios within the usual clipping are met as well as clipped ones, and none is on its
         * edge: log 0.8 = -0.2231, log 1.2 = 0.1823. */
        w->old[k] = w->logprob[k] + ((float)hone_random_below(19, HONE_STREAM_USER, i, 9) - 4) / 16;
        w->window_weight += (double)w->weight[k];
    }
    for (guint s = 0; s < SEQUENCES; s++) {
        w->start[s + 1] = s + 1 < SEQUENCES ? w->start[s] + 2 + s % 5 : TARGETS;
        w->example[s] = pairs ? s / 2 : s;
        float advantage = (float)hone_random_normal(20, HONE_STREAM_USER, draw * 1000 + s);
        for (size_t k = w->start[s]; k < w->start[s + 1]; k++)
            w->advantage[k] = advantage;
        w->part[s] = pairs || judged ? (s % 2 == 0 ? HONE_PART_CHOSEN : HONE_PART_REJECTED) : HONE_PART_ANSWER;
        w->part_sequences[w->part[s]]++;
        for (size_t k = w->start[s]; k < w->start[s + 1]; k++)
            w->part_weight[w->part[s]] += (double)w->weight[k];
    }
    w->window_examples = pairs ? SEQUENCES / 2 : SEQUENCES;
}

/* Sequences [from, to) of the window as a micro-batch; `start` has room for their starts. */
static HoneObjectiveBatch batch_of(const HoneObjectiveOps *ops, const Window *w, size_t from, size_t to, size_t *start)
{
    size_t first = w->start[from];
    for (size_t s = from; s <= to; s++)
        start[s - from] = w->start[s] - first;
    HoneObjectiveBatch batch = {.size = sizeof batch,
                                .n_sequences = to - from,
                                .start = start,
                                .example = w->example + from,
                                .part = w->part + from,
                                .n_targets = w->start[to] - first,
                                .weight = w->weight + first,
                                .logprob = w->logprob + first,
                                .window_weight = w->window_weight,
                                .window_examples = w->window_examples,
                                .window_part_weight = w->part_weight,
                                .window_part_sequences = w->part_sequences,
                                .window_sums = w->measured ? w->sums : NULL};
    if ((ops->flags & HONE_OBJECTIVE_NEEDS_REFERENCE) != 0)
        batch.reference = w->reference + first;
    if ((ops->flags & HONE_OBJECTIVE_ROLLOUTS) != 0) {
        batch.advantage = w->advantage + first;
        batch.old = w->old + first;
    }
    return batch;
}

static bool evaluate(const HoneObjectiveOps *ops, const void *params, const Window *w, size_t from, size_t to,
                     double *loss, float *derivative, double *figures, GError **error)
{
    size_t start[SEQUENCES + 1];
    HoneObjectiveBatch batch = batch_of(ops, w, from, to, start);
    *loss = NAN;
    for (size_t k = 0; k < batch.n_targets; k++)
        derivative[k] = NAN; /* it must overwrite all of them */
    for (size_t i = 0; i < MOST_FIGURES; i++)
        figures[i] = 0;
    return ops->evaluate(params, &batch, loss, derivative, figures, error);
}

typedef struct {
    HoneConform *conform;
    const HoneObjectiveOps *ops;
    const void *params;
    const char *variant; /* " (loss: ipo)", or "" */
    Window window;
    double loss;
    float derivative[TARGETS];
    double figures[MOST_FIGURES];
} Trial;

static bool fail(Trial *t, const char *check, const char *message)
{
    hone_conform_result(t->conform, check, HONE_CONFORM_FAILED, "%s%s", message, t->variant);
    return false;
}

static bool measures(const HoneObjectiveOps *ops)
{
    return ops->size >= offsetof(HoneObjectiveOps, n_sums) + sizeof ops->n_sums && ops->measure != NULL;
}

/* What it measures before a step: sums that do not depend on the micro-batches. */
static bool check_measure(Trial *t)
{
    if (!measures(t->ops))
        return true;
    if (t->ops->n_sums > MOST_SUMS)
        return fail(t, "measure", "it measures too many sums");
    Window mismatched;
    double halves[MOST_SUMS] = {0};
    size_t start[SEQUENCES + 1];
    make_window(&mismatched, t->ops->flags, 2);
    memset(mismatched.part, HONE_PART_MISMATCHED, sizeof mismatched.part);
    for (int i = 0; i < 3; i++) {
        size_t from = i == 2 ? SEQUENCES / 2 : 0, to = i == 1 ? SEQUENCES / 2 : SEQUENCES;
        HoneObjectiveBatch batch = batch_of(t->ops, &mismatched, from, to, start);
        if (!t->ops->measure(t->params, &batch, i == 0 ? t->window.sums : halves, NULL))
            return fail(t, "measure", "a plain batch is refused");
    }
    t->window.measured = true;
    for (size_t i = 0; i < t->ops->n_sums; i++) {
        if (!(fabs(halves[i] - t->window.sums[i]) <= 1e-5 * fabs(t->window.sums[i])))
            return fail(t, "measure", "the sums of two micro-batches do not add up to that of the whole");
    }
    return true;
}

static bool check_values(Trial *t)
{
    g_autoptr(GError) error = NULL;
    bool good = evaluate(t->ops, t->params, &t->window, 0, SEQUENCES, &t->loss, t->derivative, t->figures, &error);
    if (good == (error != NULL))
        return fail(t, "loss", good ? "returns true with an error set" : "returns false without an error");
    if (!good)
        return fail(t, "loss", error->message);
    if (!isfinite(t->loss))
        return fail(t, "loss", "the loss of plain log-probabilities is not finite");
    for (size_t k = 0; k < TARGETS; k++) {
        if (!isfinite(t->derivative[k]))
            return fail(t, "loss", "a derivative is not finite, or was not written");
    }
    for (size_t i = 0; t->ops->figure_names != NULL && t->ops->figure_names[i] != NULL; i++) {
        if (!isfinite(t->figures[i]))
            return fail(t, "loss", "a figure is not finite");
    }
    return true;
}

/* Central differences. Their own error is a third derivative times STEP²/6, some 1e-7; the derivative is f32. An
 * objective that computes its loss in f32 adds 2^-24·loss/STEP, 6e-5 of the loss; twice that is allowed, and 1e-3 of
 * the largest derivative. A forgotten factor or term is far above both. */
static bool check_derivative(Trial *t)
{
    double largest = 0;
    for (size_t k = 0; k < TARGETS; k++)
        largest = MAX(largest, fabs((double)t->derivative[k]));
    double allowed = 1e-3 * largest + 1.2e-4 * fabs(t->loss);
    for (size_t k = 0; k < TARGETS; k++) {
        float kept = t->window.logprob[k], ignored[TARGETS];
        double figures[MOST_FIGURES], up, down;
        t->window.logprob[k] = kept + STEP;
        bool good = evaluate(t->ops, t->params, &t->window, 0, SEQUENCES, &up, ignored, figures, NULL);
        t->window.logprob[k] = kept - STEP;
        good = evaluate(t->ops, t->params, &t->window, 0, SEQUENCES, &down, ignored, figures, NULL) && good;
        t->window.logprob[k] = kept;
        double wanted = (up - down) / (2 * (double)STEP);
        if (good && fabs(wanted - (double)t->derivative[k]) <= allowed)
            continue;
        hone_conform_result(t->conform, "derivative", HONE_CONFORM_FAILED,
                            "target %zu: the derivative is %g, the loss changes by %g (allowed: %g)%s", k,
                            (double)t->derivative[k], wanted, allowed, t->variant);
        return false;
    }
    return true;
}

/* A window in two micro-batches is the window in one. */
static bool check_shares(Trial *t)
{
    size_t half = SEQUENCES / 2, first = t->window.start[half];
    float derivative[TARGETS];
    double figures[2][MOST_FIGURES], loss[2];
    if (!evaluate(t->ops, t->params, &t->window, 0, half, &loss[0], derivative, figures[0], NULL) ||
        !evaluate(t->ops, t->params, &t->window, half, SEQUENCES, &loss[1], derivative + first, figures[1], NULL))
        return fail(t, "shares", "half of the window is refused");
    /* Sums in another order, in f32 at worst. */
    double allowed = 1e-5 * (fabs(loss[0]) + fabs(loss[1]));
    if (!(fabs(loss[0] + loss[1] - t->loss) <= allowed))
        return fail(t, "shares",
                    "the losses of two micro-batches do not add up to that of the whole: divide by "
                    "window_weight or window_examples, not by what the batch holds");
    for (size_t k = 0; k < TARGETS; k++) {
        if (!(fabs((double)derivative[k] - (double)t->derivative[k]) <= 1e-5 * fabs((double)t->derivative[k]) + 1e-9))
            return fail(t, "shares", "a derivative changes when the window comes in two micro-batches");
    }
    for (size_t i = 0; t->ops->figure_names != NULL && t->ops->figure_names[i] != NULL; i++) {
        double sum = figures[0][i] + figures[1][i];
        if (!(fabs(sum - t->figures[i]) <= 1e-5 * (fabs(figures[0][i]) + fabs(figures[1][i])) + 1e-9))
            return fail(t, "shares", "a figure's shares do not add up to that of the whole window");
    }
    return true;
}

static bool check_linear(Trial *t)
{
    Window other;
    float derivative[TARGETS];
    double figures[MOST_FIGURES], loss;
    make_window(&other, t->ops->flags, 1);
    memcpy(other.weight, t->window.weight, sizeof other.weight);
    other.window_weight = t->window.window_weight;
    memcpy(other.part_weight, t->window.part_weight, sizeof other.part_weight);
    if (!evaluate(t->ops, t->params, &other, 0, SEQUENCES, &loss, derivative, figures, NULL) ||
        memcmp(derivative, t->derivative, sizeof derivative) != 0)
        return fail(t, "linear", "HONE_OBJECTIVE_LINEAR, but the derivative depends on the log-probabilities");
    return true;
}

/* The checks of one setting of the parameters; what passes is told for the defaults alone. */
static bool check_all(Trial *t, bool told)
{
    make_window(&t->window, t->ops->flags, 0);
    if (told)
        hone_conform_begin(t->conform, "loss");
    if (!check_measure(t) || !check_values(t))
        return false;
    if (told) {
        hone_conform_result(t->conform, "loss", HONE_CONFORM_PASSED, "loss, derivatives and figures are finite");
        hone_conform_begin(t->conform, "derivative");
    }
    bool good = check_derivative(t);
    if (told && good)
        hone_conform_result(t->conform, "derivative", HONE_CONFORM_PASSED, "equals finite differences at %d targets",
                            TARGETS);
    if (told)
        hone_conform_begin(t->conform, "shares");
    bool shared = check_shares(t);
    if (told && shared)
        hone_conform_result(t->conform, "shares", HONE_CONFORM_PASSED, "two micro-batches add up to the window");
    if ((t->ops->flags & HONE_OBJECTIVE_LINEAR) == 0)
        return good && shared;
    if (told)
        hone_conform_begin(t->conform, "linear");
    bool linear = check_linear(t);
    if (told && linear)
        hone_conform_result(t->conform, "linear", HONE_CONFORM_PASSED,
                            "the derivative does not depend on the log-probabilities");
    return good && shared && linear;
}

/* The same with one parameter set otherwise, which must be one that the component takes. */
static bool check_variant(Trial *t, JsonObject *params, const char *name, const char *value, JsonNode *node)
{
    const HoneComponent *component = t->conform->component;
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autofree char *variant = g_strdup_printf(" (%s: %s)", name, value);
    g_autoptr(JsonObject) changed = json_object_new();
    g_autoptr(GList) names = json_object_get_members(params);
    g_autoptr(GError) error = NULL;
    for (GList *l = names; l != NULL; l = l->next)
        json_object_set_member(changed, l->data, json_node_copy(json_object_get_member(params, l->data)));
    json_object_set_member(changed, name, node);
    t->variant = variant;
    t->params = instance;
    if (!hone_params_fill(component, changed, NULL, instance, &error))
        return fail(t, "choices", error->message);
    bool good = check_all(t, false);
    hone_params_clear(component, instance);
    return good;
}

/* Each value of each choice, and each switch on: an objective's variants are written as those. */
static void check_choices(Trial *t, JsonObject *params)
{
    size_t group = 0, index = 0;
    guint tried = 0;
    bool good = true;
    const HoneParam *param;
    while ((param = hone_component_next_param(t->conform->component, &group, &index, NULL)) != NULL) {
        if (param->type == HONE_PARAM_BOOL) {
            good =
                check_variant(t, params, param->name, "true", json_node_init_boolean(json_node_alloc(), TRUE)) && good;
            tried++;
        }
        for (size_t i = 0; param->type == HONE_PARAM_CHOICE && param->choices[i] != NULL; i++) {
            JsonNode *node = json_node_init_string(json_node_alloc(), param->choices[i]);
            good = check_variant(t, params, param->name, param->choices[i], node) && good;
            tried++;
        }
    }
    if (good && tried > 0)
        hone_conform_result(t->conform, "choices", HONE_CONFORM_PASSED, "the same holds for %u other settings", tried);
}

void hone_conform_objective(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autoptr(JsonObject) params = hone_conform_params(component, "/");
    g_autoptr(GError) error = NULL;
    if (!hone_params_fill(component, params, NULL, instance, &error)) {
        hone_conform_result(conform, "loss", HONE_CONFORM_FAILED, "%s", error->message);
        return;
    }
    g_autofree Trial *trial = g_new0(Trial, 1);
    trial->conform = conform;
    trial->ops = component->ops;
    trial->params = instance;
    trial->variant = "";
    bool good = check_all(trial, true);
    hone_params_clear(component, instance);
    if (good)
        check_choices(trial, params);
}
