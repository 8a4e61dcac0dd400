/* SPDX-License-Identifier: Apache-2.0
 * preference.c: whether the model finds the chosen answers likelier than the rejected ones.
 *
 *     accuracy = share of pairs with log p(chosen) > log p(rejected)        margin = mean of their difference
 *
 * log p of an answer is the sum over its tokens, which favours short answers, or the mean over them, which does not:
 * both are told. Rows with one answer alone count for that answer's own figure: its mean log-probability by token. No
 * reference model is subtracted: the change against the model before tuning is the difference of two evaluations, and
 * `compare` gives its interval. A verdict rests on accuracy and margin: that both answers become less likely is no
 * fault.
 */
#include <hone/metric.h>

enum { ACCURACY, MARGIN, ACCURACY_SUM, MARGIN_SUM, CHOSEN, REJECTED };

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    for (int i = ACCURACY; i <= REJECTED; i++)
        values[i] = (HoneMetricValue){0};
    values[CHOSEN] = (HoneMetricValue){scored->logprob, (double)scored->n_tokens};
    values[REJECTED] = (HoneMetricValue){scored->rejected_logprob, (double)scored->n_rejected};
    if (scored->n_tokens == 0 || scored->n_rejected == 0)
        return true;
    double sum = scored->logprob - scored->rejected_logprob;
    double mean = scored->logprob / (double)scored->n_tokens - scored->rejected_logprob / (double)scored->n_rejected;
    values[ACCURACY] = (HoneMetricValue){mean > 0, 1};
    values[MARGIN] = (HoneMetricValue){mean, 1};
    values[ACCURACY_SUM] = (HoneMetricValue){sum > 0, 1};
    values[MARGIN_SUM] = (HoneMetricValue){sum, 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    [ACCURACY] = {.name = "preference_accuracy",
                  .label = "Preference accuracy",
                  .help = "share of pairs whose chosen answer has the higher mean log-probability by token",
                  .unit = "%",
                  .role = HONE_FIGURE_TASK},
    [MARGIN] = {.name = "preference_margin",
                .label = "Preference margin",
                .help = "mean log-probability by token of the chosen answer less that of the rejected one",
                .role = HONE_FIGURE_TASK},
    [ACCURACY_SUM] = {.name = "preference_accuracy_sum",
                      .label = "Preference accuracy, whole answers",
                      .help = "share of pairs whose chosen answer is the likelier one as a whole",
                      .unit = "%",
                      .role = HONE_FIGURE_TASK},
    [MARGIN_SUM] = {.name = "preference_margin_sum",
                    .label = "Preference margin, whole answers",
                    .help = "log-probability of the chosen answer less that of the rejected one",
                    .role = HONE_FIGURE_TASK},
    [CHOSEN] = {.name = "logprob_chosen",
                .label = "Log-probability, chosen",
                .help = "mean log-probability of the chosen answers' tokens",
                .role = HONE_FIGURE_LIKELIHOOD},
    [REJECTED] = {.name = "logprob_rejected",
                  .label = "Log-probability, rejected",
                  .help = "mean log-probability of the rejected answers' tokens",
                  .lower_is_better = true,
                  .role = HONE_FIGURE_LIKELIHOOD},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_LOGPROB | HONE_METRIC_NEEDS_PAIRS,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "preference",
    .version = "1",
    .summary = "Whether the chosen answers are likelier than the rejected ones, and by how much",
    .help =
        "Over the pairs of a preferences dataset: the share in which the chosen answer is the likelier one, and the "
        "mean difference of the log-probabilities, by token and for whole answers.",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("preference", "1", "Apache-2.0", "Preference accuracy and margin", &component)
