/* SPDX-License-Identifier: Apache-2.0
 * exact_match.c: the share of answers that are the wanted text itself.
 *
 * Limits: an answer in other words counts nothing, so this suits labels, numbers and fixed forms. For JSON, whose
 * members may come in any order, see field_accuracy.
 */
#include <hone/metric.h>
#include <string.h>

typedef struct ExactMatch {
    bool trim;
    bool ignore_case;
} ExactMatch;

static const HoneParam params_table[] = {
    HONE_BOOL(ExactMatch, trim, "true", "white space around either text does not matter"),
    HONE_BOOL(ExactMatch, ignore_case, "false", "upper and lower case do not matter (Unicode case folding)"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

/* The text as it is compared. Caller frees. */
static char *comparable(const ExactMatch *params, const char *text)
{
    g_autofree char *copy = g_strdup(text);

    if (params->trim) {
        g_strstrip(copy);
    }
    return params->ignore_case ? g_utf8_casefold(copy, -1) : g_steal_pointer(&copy);
}

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    g_autofree char *wanted = NULL, *got = NULL;

    if (!scored->reference) {
        values[0] = (HoneMetricValue){0, 0};
        return true;
    }
    wanted = comparable(params, scored->reference);
    got = comparable(params, scored->prediction ? scored->prediction : "");
    values[0] = (HoneMetricValue){strcmp(wanted, got) == 0, 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "exact_match",
     .label = "Exact match",
     .help = "share of answers that equal the wanted text",
     .unit = "%",
     .role = HONE_FIGURE_TASK},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "exact_match",
    .version = "1",
    .summary = "Share of answers that equal the wanted text",
    .params = params_groups,
    .instance_size = sizeof(ExactMatch),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("exact_match", "1", "Apache-2.0", "Exact match", &component)
