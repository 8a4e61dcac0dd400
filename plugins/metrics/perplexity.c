/* SPDX-License-Identifier: Apache-2.0
 * perplexity.c: how likely the model finds the wanted answers.
 *
 *     perplexity    = exp(-Σ log p / Σ tokens)          over the loss-bearing tokens of all rows
 *     bits per byte = -Σ log p / ln 2 / Σ bytes         over the text that those tokens stand for
 *
 * Token-weighted: a long answer counts for more than a short one, and the figure of all rows is that of their
 * concatenation. The token that ends a turn is one of the tokens (a model must know when to stop) and stands for no
 * byte. Perplexities of models with different tokenizers do not compare; their bits per byte do.
 * F. Jelinek et al., "Perplexity: a measure of the difficulty of speech recognition tasks", JASA 62, 1977.
 */
#include <hone/metric.h>
#include <math.h>

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    values[0] = (HoneMetricValue){-scored->logprob, (double)scored->n_tokens};
    values[1] = (HoneMetricValue){-scored->logprob / G_LN2, (double)scored->n_bytes};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "perplexity",
     .label = "Perplexity",
     .help = "exp of the mean negative log-probability of the wanted answer's tokens (Jelinek 1977); 1 is certainty",
     .lower_is_better = true,
     .scale = HONE_SCALE_EXP,
     .role = HONE_FIGURE_LIKELIHOOD},
    {.name = "bits_per_byte",
     .label = "Bits per byte",
     .help = "bits needed for a byte of the wanted answers; compares models with different tokenizers",
     .unit = "bits",
     .lower_is_better = true,
     .role = HONE_FIGURE_LIKELIHOOD},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_LOGPROB,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "perplexity",
    .version = "1",
    .summary = "How likely the model finds the wanted answers: perplexity, bits per byte",
    .help = "exp(-sum of log p / tokens) over the loss-bearing tokens of all rows, and -sum of log p / ln 2 / bytes of "
            "their text. Token-weighted: a long answer counts for more than a short one.",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("perplexity", "1", "Apache-2.0", "Perplexity and bits per byte", &component)
