/* SPDX-License-Identifier: Apache-2.0
 * length.c: 1 for an answer of `least` to `target` units, falling in a straight line to 0 at `limit`:
 *     1 - (n - target)/(limit - target)        for target < n < limit;  0 for n < least
 * `least` is there because the shortest answer of all is none.
 *
 * The metric `length` is the mean of it over evaluated answers, so that what training raised can be measured on rows
 * that it has not seen.
 */
#include <hone/metric.h>
#include <hone/reward.h>
#include <string.h>

typedef struct Length {
    char *unit;
    int64_t least, target, limit;
    bool needs_end;
} Length;

static const char *const units[] = {"words", "characters", "tokens", NULL};

static const HoneParam params_table[] = {
    HONE_CHOICE(Length, unit, "\"words\"", units, "what is counted; words are what white space separates"),
    HONE_INT(Length, least, "1", 0, 1e9, "a shorter answer gets nothing"),
    HONE_INT(Length, target, "20", 0, 1e9, "up to here an answer gets all"),
    HONE_INT(Length, limit, "100", 1, 1e9, "from here on an answer gets nothing"),
    HONE_BOOL(Length, needs_end, "true", "an answer cut off by the limit of tokens gets nothing"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static void *prepare(const void *params, HoneStage *stage, GError **error)
{
    const Length *own = params;
    if (own->least <= own->target && own->target < own->limit)
        return (void *)params;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "least %" G_GINT64_FORMAT ", target %" G_GINT64_FORMAT ", limit %" G_GINT64_FORMAT
                ": they must be in this order, and limit above target",
                own->least, own->target, own->limit);
    return NULL;
}

static void finish(void *prepared)
{
    /* They are the parameters, whose owner is the caller. */
}

static size_t count_words(const char *text)
{
    size_t n = 0;
    bool inside = false;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        bool letter = !g_unichar_isspace(g_utf8_get_char(at));
        n += letter && !inside;
        inside = letter;
    }
    return n;
}

static double reward_of(const Length *own, const char *text, bool finished, size_t tokens)
{
    double n = (double)(strcmp(own->unit, "words") == 0        ? count_words(text)
                        : strcmp(own->unit, "characters") == 0 ? (size_t)g_utf8_strlen(text, -1)
                                                               : tokens);
    double over = (n - (double)own->target) / (double)(own->limit - own->target);
    bool none = n < (double)own->least || (own->needs_end && !finished);
    return none ? 0 : CLAMP(1 - over, 0, 1);
}

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    for (size_t i = 0; i < answers->n; i++)
        rewards[i] = reward_of(params, answers->texts[i], answers->finished[i], answers->n_tokens[i]);
    return true;
}

static void *prepare_metric(const void *params, GError **error)
{
    const Length *own = params;
    if (strcmp(own->unit, "tokens") != 0)
        return prepare(params, NULL, error);
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "unit: a metric sees no tokens; take words or characters");
    return NULL;
}

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    values[0] =
        (HoneMetricValue){reward_of(params, scored->prediction ? scored->prediction : "", scored->finished, 0), 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "length",
     .label = "Wanted length",
     .help = "mean of 1 for an answer of the wanted length, falling to 0 for longer ones",
     .role = HONE_FIGURE_FORMAT},
    {0},
};

static const HoneMetricOps metric_ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .prepare = prepare_metric,
    .score = score_row,
    .finish = finish,
};

static const HoneComponent metric = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "length",
    .version = "1",
    .summary = "mean of 1 for an answer of the wanted length, falling to 0 for longer ones",
    .help = "The reward of the same name, over evaluated answers.",
    .params = params_groups,
    .instance_size = sizeof(Length),
    .ops = &metric_ops,
};

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .prepare = prepare, .score = score, .finish = finish};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "length",
    .version = "1",
    .summary = "1 for an answer of the wanted length, falling to 0 for longer ones",
    .help = "All of it from `least` to `target`, nothing from `limit` on, a straight line between them.",
    .params = params_groups,
    .instance_size = sizeof(Length),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_length", "1", "Apache-2.0", "an answer's length as a reward and as a metric", &component,
                   &metric)
