/* SPDX-License-Identifier: Apache-2.0
 * metric.h: from one row with its prediction to figures.
 *
 * Every figure is f(Σ numerator / Σ denominator) over rows, with f the identity, exp or bits: a mean (denominator 1), a
 * rate, a token-weighted perplexity. So any subset of rows has a figure, and the bootstrap needs nothing from the
 * metric.
 */
#ifndef HONE_METRIC_H
#define HONE_METRIC_H

#include <hone/dataset.h>

typedef enum {
    HONE_METRIC_NEEDS_TEXT = 1 << 0,    /* wants the generated text */
    HONE_METRIC_NEEDS_LOGPROB = 1 << 1, /* wants the log-probability of the reference */
    HONE_METRIC_NEEDS_PAIRS = 1 << 2,   /* wants preferences, and the log-probability of the rejected answer too */
} HoneMetricFlags;

typedef enum {
    HONE_SCALE_IDENTITY = 0,
    HONE_SCALE_EXP, /* exp(ratio) */
} HoneScale;

/* What a figure speaks of. A verdict rests on the task's figures; a gain in format alone is no gain in the task. */
typedef enum {
    HONE_FIGURE_TASK = 0,   /* the answer is right: exact match, fields right */
    HONE_FIGURE_SIMILARITY, /* the answer resembles the wanted one: ROUGE */
    HONE_FIGURE_FORMAT,     /* the answer has the wanted shape: parses, matches a schema */
    HONE_FIGURE_LIKELIHOOD, /* the wanted answer is likely: perplexity */
} HoneFigureRole;

typedef struct HoneFigureInfo {
    const char *name;  /* "rouge1"; NULL ends a table */
    const char *label; /* "ROUGE-1 F1" */
    const char *help;  /* one line: what it is, from which paper or specification */
    const char *unit;  /* "%" for shares in [0, 1], or NULL */
    bool lower_is_better;
    HoneScale scale;
    HoneFigureRole role;
} HoneFigureInfo;

/* One evaluated row. */
typedef struct HoneScored {
    uint32_t size;
    const HoneRow *row;
    const char *reference;  /* the wanted answer, or NULL */
    const char *prediction; /* the model's answer, or NULL when not generated */
    bool finished;          /* the answer ended by itself */
    double logprob;         /* sum over the reference's loss-bearing tokens (natural log) */
    size_t n_tokens;        /* number of those tokens */
    size_t n_bytes;         /* bytes of the text they stand for */
    /* Of preferences: the same for the rejected answer, where the one above is the chosen one. No tokens: no such
     * answer. */
    double rejected_logprob;
    size_t n_rejected;
} HoneScored;

typedef struct HoneMetricValue {
    double numerator, denominator; /* denominator 0: the row does not count for this figure */
} HoneMetricValue;

/* Takes one named part of a row's figure: ("priority", {1, 1}). */
typedef void (*HoneMetricPartFunc)(const char *part, HoneMetricValue value, void *data);

typedef struct HoneMetricOps {
    uint32_t size;
    uint32_t flags;                /* HoneMetricFlags */
    const HoneFigureInfo *figures; /* ends with a NULL name */
    uint32_t figure_size;          /* sizeof (HoneFigureInfo) */
    /* values [n figures]. Optional prepare: called once with the filled parameters, its result is handed to score and
     * freed by finish. */
    void *(*prepare)(const void *params, GError **error);
    bool (*score)(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                  GError **error);
    void (*finish)(void *prepared);
    /* Optional: figures whose names depend on the data, such as one for each field of a JSON object. They are shares
     * of the row in [0, 1], shown beside the metric's own and never part of a verdict. */
    bool (*parts)(const void *params, void *prepared, const HoneScored *scored, HoneMetricPartFunc add, void *data,
                  GError **error);
} HoneMetricOps;

/* Figure i of a metric, whichever version of the SDK it was compiled against; false past the end. */
HONE_EXPORT bool hone_metric_figure(const HoneMetricOps *ops, size_t i, HoneFigureInfo *info);

/* f(Σ num/Σ den) over values [n]; order [n] (may be NULL) picks rows with repetition, for a bootstrap. NaN where
 * nothing counts. */
HONE_EXPORT double hone_metric_aggregate(HoneScale scale, const HoneMetricValue *values, const uint32_t *order,
                                         size_t n);

typedef struct HoneInterval {
    double value, low, high; /* estimate and 95 % percentile bootstrap interval */
} HoneInterval;
/* Efron's percentile bootstrap over rows; `draws` resamples, seeded. */
HONE_EXPORT HoneInterval hone_bootstrap(HoneScale scale, const HoneMetricValue *values, size_t n, size_t draws,
                                        uint64_t seed);
/* The difference after - before, rows resampled in pairs. */
HONE_EXPORT HoneInterval hone_bootstrap_difference(HoneScale scale, const HoneMetricValue *before,
                                                   const HoneMetricValue *after, size_t n, size_t draws, uint64_t seed);

#endif
