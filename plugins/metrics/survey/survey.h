/* SPDX-License-Identifier: Apache-2.0
 * survey.h: between the parts of the stage `survey`: what is measured of each model, how they are ranked, what is
 * written. Scores come from the parts of `evaluate`.
 */
#ifndef HONE_SURVEY_H
#define HONE_SURVEY_H

#include "../evaluate/evaluate.h"

typedef struct SurveyParams {
    EvaluateParams eval; /* its shots are those of the second round */
    int64_t rank, tune_rows, tune_length;
} SurveyParams;

/* A figure over rows, to be compared row by row with another model's. */
typedef struct SurveyScore {
    char *name, *label, *unit;
    bool lower_is_better;
    HoneScale scale;
    GHashTable *rows; /* row's id -> HoneMetricValue * */
    HoneInterval interval;
} SurveyScore;

void survey_score_free(SurveyScore *score);

typedef struct SurveyModel {
    HoneArtifact *artifact; /* the stage's */
    char *label;
    /* What it is. */
    char *family, *licence; /* or NULL */
    size_t parameters, context;
    /* How it cuts the dataset's rows. */
    size_t rows, too_long;
    double tokens_per_row, bytes_per_token;
    /* How well it does without tuning. */
    SurveyScore *bits_per_byte;
    SurveyScore *zero, *few; /* of the first metric's first figure; few: NULL without shots */
    GPtrArray *others;       /* of SurveyScore *: all other figures, without examples */
    /* How fast, and what tuning takes. */
    double prompt_speed, answer_speed; /* tokens/s */
    double lora_bytes, full_bytes;     /* peak of a step; full is computed */
    bool fits;                         /* lora_bytes within the machine's limit */
    /* Where it stands. */
    size_t beaten;      /* clear losses against other models, over all criteria */
    GPtrArray *reasons; /* of char * */
} SurveyModel;

void survey_model_free(SurveyModel *model);

/* Everything of one model but its place. index: in the order of the input port; names its journals. */
SurveyModel *survey_measure(HoneStage *stage, const SurveyParams *params, size_t index, GError **error);
/* Speed and memory (probe.c). */
bool survey_probe(SurveyModel *model, HoneStage *stage, const SurveyParams *params, GError **error);
/* Sorts the models, best first, and says why. */
void survey_rank(GPtrArray *models, const SurveyParams *params);
/* survey.json, and the table and the verdict for the end of a run. */
bool survey_write(HoneStage *stage, const SurveyParams *params, GPtrArray *models, GError **error);

#endif
