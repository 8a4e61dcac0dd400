/* SPDX-License-Identifier: Apache-2.0
 * rollout.c: the feed of methods that learn from the model's own answers. Each window takes prompts of the plan, lets
 * the model as it is now answer each of them `group` times, has the answers scored, and hands them to the objective
 * with their advantages.
 *
 * Answers are a function of the trained values, the seed and the step, so nothing of them is kept in a checkpoint: a
 * resumed run gives them anew. That is why a run stops only where the next step asks for new ones (Feed.hold).
 */
#include "rollout.h"
#include <hone/random.h>
#include <string.h>

enum { REWARD, SPREAD, FLAT, LENGTH, FINISHED, N_OWN };
static const char *const own_names[] = {[REWARD] = "reward",
                                        [SPREAD] = "reward_std",
                                        [FLAT] = "flat_groups",
                                        [LENGTH] = "answer_tokens",
                                        [FINISHED] = "answers_finished"};

typedef struct Rollout {
    Feed feed; /* first */
    const HoneRolloutParams *params;
    Rewards rewards;
    GPtrArray *prompts; /* of Prompt * */
    Plan plan;          /* over the prompts */
    uint32_t *order;    /* 0, 1, ... as many as a window has answers */
    size_t count;       /* answers of the window */
    bool shown;
    const char *names[N_OWN + MAX_FIGURES];
    double figures[N_OWN + MAX_FIGURES];
} Rollout;

static size_t window_of(const Run *run)
{
    return (size_t)(run->params->batch_size * run->params->accumulate);
}

/* ---- Before the first step. ---- */

static bool open_rollout(Feed *feed, Run *run, GError **error)
{
    Rollout *r = (Rollout *)feed;
    g_autofree char *problem = hone_rollout_problem(run->params, r->params);
    if (problem) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s", problem);
        return false;
    }
    size_t room = MIN((size_t)run->params->max_length, hone_model_config(run->model)->context);
    size_t answer = (size_t)r->params->max_tokens;
    if (answer >= room) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "max_tokens of %zu leaves no room for a prompt in the model's context of %zu tokens", answer, room);
        return false;
    }
    if (!(r->prompts = prompts_read(run, room - answer, error)))
        return false;
    feed->rows = r->prompts->len;
    /* The plan counts prompts, and steps of new answers; the run's plan counts answers and optimizer steps. */
    HoneTrainParams prompts = *run->params;
    prompts.batch_size = (int64_t)window_of(run) / r->params->group;
    prompts.accumulate = 1;
    if (!plan_init(&r->plan, &prompts, r->prompts->len, error))
        return false;
    run->plan = (Plan){.batch = (size_t)run->params->batch_size,
                       .window = window_of(run),
                       .steps_per_epoch = r->plan.steps_per_epoch * feed->hold,
                       .total = run->params->max_steps > 0 ? r->plan.total : r->plan.total * feed->hold,
                       .seed = (uint64_t)run->params->seed};
    r->order = g_new(uint32_t, window_of(run));
    for (size_t i = 0; i < window_of(run); i++)
        r->order[i] = (uint32_t)i;
    return true;
}

/* ---- Answers to examples. ---- */

/* Replaces the run's examples by none. */
static void clear_examples(Run *run)
{
    g_clear_pointer(&run->examples, examples_free);
    run->examples = examples_new();
    run->examples->advantage = g_array_new(FALSE, FALSE, sizeof(float));
}

/* Prompt and answer as one sequence; loss falls on the answer and on the token that ends it. */
static void add_example(Run *run, const GArray *prompt, const int32_t *answer, size_t n, int32_t end, double advantage)
{
    static const HonePart part[] = {HONE_PART_ANSWER};
    HoneTokens tokens = {.ids = g_array_new(FALSE, FALSE, sizeof(int32_t)),
                         .weights = g_array_new(FALSE, TRUE, sizeof(float))};
    HoneTokens *list[] = {&tokens};
    float one = 1, value = (float)advantage;
    g_array_append_vals(tokens.ids, prompt->data, prompt->len);
    g_array_set_size(tokens.weights, prompt->len);
    g_array_append_vals(tokens.ids, answer, (guint)n);
    if (end >= 0)
        g_array_append_val(tokens.ids, end);
    while (tokens.weights->len < tokens.ids->len) {
        g_array_append_val(tokens.weights, one);
        g_array_append_val(run->examples->advantage, value);
    }
    examples_add(run->examples, list, part, 1, G_MAXSIZE, OVER_FAIL);
    g_array_unref(tokens.ids);
    g_array_unref(tokens.weights);
}

/* The longest prompt with answers of full length: no batch to come has more tokens. */
static size_t largest(Feed *feed, Run *run, uint32_t *which, size_t *count)
{
    Rollout *r = (Rollout *)feed;
    const Prompt *longest = r->prompts->pdata[0];
    for (guint i = 1; i < r->prompts->len; i++) {
        const Prompt *prompt = r->prompts->pdata[i];
        longest = prompt->ids->len > longest->ids->len ? prompt : longest;
    }
    size_t n = (size_t)r->params->max_tokens;
    g_autofree int32_t *answer = g_new(int32_t, n);
    for (size_t t = 0; t < n; t++)
        answer[t] = g_array_index(longest->ids, int32_t, t % longest->ids->len);
    clear_examples(run);
    *count = run->plan.batch;
    for (size_t i = 0; i < *count; i++) {
        add_example(run, longest->ids, answer, n, -1, 0);
        which[i] = (uint32_t)i;
    }
    return *count * (longest->ids->len + n);
}

/* ---- A window. ---- */

/* The answers to a window's prompts. */
typedef struct Answers {
    size_t n;
    GArray **prompts; /* [n], borrowed */
    HoneCompletion **completions;
    const HoneRow **rows;
    char **texts;
    bool *finished;
    size_t *n_tokens;
    double *rewards, *advantage;
} Answers;

static void answers_clear(Answers *a)
{
    for (size_t i = 0; i < a->n; i++) {
        hone_completion_free(a->completions[i]);
        g_free(a->texts[i]);
    }
    g_free(a->prompts);
    g_free(a->completions);
    g_free(a->rows);
    g_free(a->texts);
    g_free(a->finished);
    g_free(a->n_tokens);
    g_free(a->rewards);
    g_free(a->advantage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answers, answers_clear)

static void answers_init(Answers *a, const Rollout *r, const uint32_t *which, size_t prompts)
{
    size_t group = (size_t)r->params->group;
    a->n = prompts * group;
    a->prompts = g_new0(GArray *, a->n);
    a->completions = g_new0(HoneCompletion *, a->n);
    a->rows = g_new0(const HoneRow *, a->n);
    a->texts = g_new0(char *, a->n);
    a->finished = g_new0(bool, a->n);
    a->n_tokens = g_new0(size_t, a->n);
    a->rewards = g_new0(double, a->n);
    a->advantage = g_new0(double, a->n);
    for (size_t i = 0; i < a->n; i++) {
        const Prompt *prompt = r->prompts->pdata[which[i / group]];
        a->prompts[i] = prompt->ids;
        a->rows[i] = prompt->row;
    }
}

static bool go_on(size_t index, const char *piece, void *data)
{
    return !hone_stage_cancelled(data);
}

static bool generate(Run *run, const Rollout *r, uint64_t at, Answers *a, GError **error)
{
    /* From the policy as it is: no other temperature, no cut of its tail, or the log-probabilities would be those of
     * another distribution than the answers came from. */
    const HoneSampling sampling = {.size = sizeof sampling,
                                   .temperature = 1,
                                   .top_p = 1,
                                   .repetition_penalty = 1,
                                   .max_tokens = (uint32_t)r->params->max_tokens,
                                   .seed = hone_random_u64(run->plan.seed, HONE_STREAM_SAMPLE, at)};
    if (!hone_model_generate(run->model, a->prompts, a->n, (size_t)r->params->rollout_batch, &sampling, go_on,
                             run->stage, a->completions, error))
        return false;
    if (hone_stage_cancelled(run->stage))
        return run_stop(run, error);
    for (size_t i = 0; i < a->n; i++) {
        a->texts[i] = g_utf8_make_valid(a->completions[i]->text, -1);
        a->finished[i] = a->completions[i]->finished;
        a->n_tokens[i] = a->completions[i]->ids->len + (a->completions[i]->end >= 0);
    }
    return true;
}

static bool score(Rollout *r, Answers *a, GError **error)
{
    const HoneAnswers answers = {.size = sizeof answers,
                                 .n = a->n,
                                 .rows = a->rows,
                                 .texts = (const char *const *)a->texts,
                                 .finished = a->finished,
                                 .n_tokens = a->n_tokens};
    if (!rewards_score(&r->rewards, &answers, a->rewards, error))
        return false;
    memset(r->figures, 0, sizeof r->figures);
    train_advantages(a->rewards, a->n, (size_t)r->params->group, r->params->scale_rewards, a->advantage,
                     &r->figures[SPREAD], &r->figures[FLAT]);
    for (size_t i = 0; i < a->n; i++) {
        r->figures[REWARD] += a->rewards[i] / (double)a->n;
        r->figures[LENGTH] += (double)a->n_tokens[i] / (double)a->n;
        r->figures[FINISHED] += a->finished[i] ? 1 / (double)a->n : 0;
    }
    for (guint k = 0; k < r->rewards.list->len; k++)
        r->figures[N_OWN + k] = ((const Reward *)r->rewards.list->pdata[k])->mean;
    return true;
}

/* The first prompt's best and worst answer: a reward that pays for something else than is meant shows here first. */
static void show(Rollout *r, Run *run, const Answers *a)
{
    size_t best = 0, worst = 0;
    if (r->shown)
        return;
    r->shown = true;
    for (size_t i = 1; i < (size_t)r->params->group; i++) {
        best = a->rewards[i] > a->rewards[best] ? i : best;
        worst = a->rewards[i] < a->rewards[worst] ? i : worst;
    }
    for (int k = 0; k < 2; k++) {
        size_t i = k == 0 ? best : worst;
        g_autofree char *start = g_utf8_substring(a->texts[i], 0, MIN(300, g_utf8_strlen(a->texts[i], -1)));
        hone_progress_note(run->progress, HONE_NOTE_INFO, "row \"%s\", %s answer (reward %g): %s", a->rows[i]->id,
                           k == 0 ? "best" : "worst", a->rewards[i], start);
    }
}

/* Log-probabilities of the policy that gave the answers, for steps after which it is another one. */
static bool keep_old(Run *run, size_t count, const uint32_t *order, GError **error)
{
    const HoneForward forward = {.size = sizeof forward};
    g_autoptr(GArray) old = g_array_new(FALSE, FALSE, sizeof(float));
    for (size_t from = 0; from < count; from += run->plan.batch) {
        Batch *batch = &run->batch;
        batch_pack(batch, run->examples, order + from, MIN(run->plan.batch, count - from), from);
        if (!hone_model_forward(run->model, &batch->model, &forward, (float *)(void *)batch->logprob->data, error))
            return false;
        g_array_append_vals(old, batch->logprob->data, batch->logprob->len);
    }
    run->examples->old = g_steal_pointer(&old);
    return true;
}

static const uint32_t *window(Feed *feed, Run *run, uint64_t at, size_t *count, GError **error)
{
    Rollout *r = (Rollout *)feed;
    if (at % feed->hold != 0 && r->count > 0) {
        *count = r->count;
        return r->order;
    }
    size_t prompts;
    const uint32_t *which = plan_window(&r->plan, at / feed->hold, &prompts);
    g_auto(Answers) answers = {0};
    answers_init(&answers, r, which, prompts);
    if (!generate(run, r, at, &answers, error) || !score(r, &answers, error))
        return NULL;
    show(r, run, &answers);
    clear_examples(run);
    for (size_t i = 0; i < answers.n; i++) {
        const HoneCompletion *completion = answers.completions[i];
        add_example(run, answers.prompts[i], (const int32_t *)(void *)completion->ids->data, completion->ids->len,
                    completion->end, answers.advantage[i]);
    }
    *count = r->count = answers.n;
    return feed->hold == 1 || keep_old(run, r->count, r->order, error) ? r->order : NULL;
}

bool hone_train_rollouts(HoneStage *stage, const HoneTrainParams *params, const HoneRolloutParams *rollouts,
                         const HoneObjectiveOps *objective, const void *objective_params, GError **error)
{
    g_autofree Rollout *r = g_new0(Rollout, 1);
    r->params = rollouts;
    r->feed = (Feed){.open = open_rollout,
                     .window = window,
                     .largest = largest,
                     .hold = (uint64_t)rollouts->iterations,
                     .figure_names = r->names,
                     .figures = r->figures};
    bool ok = rewards_open(&r->rewards, stage, rollouts->rewards, error);
    memcpy(r->names, own_names, sizeof own_names);
    for (guint k = 0; ok && k < r->rewards.list->len; k++)
        r->names[N_OWN + k] = ((const Reward *)r->rewards.list->pdata[k])->figure;
    r->feed.n_figures = ok ? N_OWN + r->rewards.list->len : 0;
    ok = ok && run_train(stage, params, objective, objective_params, &r->feed, error);
    rewards_clear(&r->rewards);
    plan_clear(&r->plan);
    g_clear_pointer(&r->prompts, g_ptr_array_unref);
    g_free(r->order);
    return ok;
}
