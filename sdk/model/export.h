/* SPDX-License-Identifier: Apache-2.0
 * export.h: what the files of the export share.
 */
#ifndef HONE_MODEL_EXPORT_H
#define HONE_MODEL_EXPORT_H

#include "internal.h"
#include <hone/export.h>
#include <hone/gguf_write.h>

/* What an adapter does to one parameter. */
typedef struct Delta {
    const HoneSafetensor *a, *b;     /* [R, in], [out, R]; NULL: nothing */
    const HoneSafetensor *magnitude; /* [out] of DoRA, or NULL */
    double scale;                    /* of B·A */
} Delta;

/* Where a tensor goes: its order of rows and its norm's offset follow from the format. */
typedef enum {
    TO_FOLDER,
    TO_GGUF,
} ExportTarget;

struct HoneExport {
    HoneModel *model; /* described: no backend, no weights */
    char *adapter;    /* folder, or NULL */
    HoneSafetensors *pairs;
    AdapterSettings settings;
    GArray *targets[2]; /* the parameters as each target has them */
    Delta *deltas;      /* [parameters] */
    size_t n_deltas;
    HoneModel *trained; /* or NULL: whose weights are written, not the files'; borrowed */
};

/* ---- export.c ---- */
/* What the files at a path say a model is: no backend, no weights. */
HoneModel *export_describe(const char *path, GError **error);
size_t export_n_parameters(const HoneExport *source);
const Parameter *export_parameter(const HoneExport *source, size_t i);
/* The same with `file` and `heads` as that format has them, whatever the base's. */
const Parameter *export_target(const HoneExport *source, size_t i, ExportTarget target);
/* The base's. */
const HoneGgufTensor *export_tensor(const HoneExport *source, size_t i);

/* ---- export_rows.c: a parameter's final values in f32, row by row in the target's order. ---- */
typedef struct Rows {
    const HoneGgufTensor *tensor;
    HoneGgufTensor trained;  /* what tensor points at where the weights are a trained model's; owns its data */
    const HoneSafetensor *b; /* or NULL */
    float *magnitude;        /* [rows] in the model's order, or NULL */
    float *a;                /* [R, columns] */
    float scale;
    size_t rank, rows, columns; /* of a vector: one row */
    size_t from, to;            /* width of a head where rows are paired in the base, in the target; 0: they are not */
    float offset;               /* added to a norm's weight */
} Rows;

/* Sums over a row's elements. */
typedef struct RowSums {
    double base, change, wanted, error; /* squares */
    bool finite;
} RowSums;

bool rows_open(Rows *rows, const HoneExport *source, size_t parameter, ExportTarget target, GError **error);
/* out [columns]; sums->base, change and wanted are set. scratch [columns + R]. */
void rows_read(const Rows *rows, size_t row, float *out, float *scratch, RowSums *sums);
void rows_close(Rows *rows);
/* The model's row for a row of a format that pairs rows, in heads of that width. */
size_t rows_plain(size_t row, size_t width);

/* ---- export_stream.c: rows, rounded to a type, to wherever they go; the figures. ---- */
typedef bool (*PutFunc)(void *to, const void *data, size_t size, GError **error);

typedef struct Stream {
    const HoneExport *source;
    const HoneExportOptions *options;
    ExportTarget target;
    PutFunc put;
    void *to;
    HoneExportFacts *facts;
    double base, change, error; /* squares, over adapted parameters */
    uint64_t done, total;       /* values */
} Stream;

/* facts may be NULL. */
void stream_init(Stream *stream, const HoneExport *source, const HoneExportOptions *options, ExportTarget target,
                 HoneExportFacts *facts);
bool stream_parameter(Stream *stream, size_t parameter, HoneType type, GError **error);
/* Completes the figures; an adapter that changes nothing is an error. */
bool stream_finish(Stream *stream, GError **error);

/* ---- export_meta.c: a model's numbers as GGUF metadata (but the tokenizer's). ---- */
/* name: NULL for the files' own. */
bool export_put_meta(HoneGgufWriter *writer, const HoneModel *model, const char *name, GError **error);
/* Its context there: where a GGUF has no key for the family's window, a context no longer than the window makes the
 * model the same. */
size_t export_gguf_context(const HoneModel *model);
/* Rotary factors that GGUF keeps as tensors. *n of them, values owned by the list. */
typedef struct RopeFactors {
    const char *name;
    float *values;
    size_t n;
} RopeFactors;
GArray *export_rope_factors(const HoneModel *model);

/* ---- export_config.c: a GGUF's numbers as config.json. ---- */
JsonNode *export_config_json(const HoneModel *model, HoneType type);
/* transformers' name: "bfloat16". */
const char *export_dtype_name(HoneType type);

/* ---- export_check.c: opens what was written and compares. ---- */
bool export_check(const HoneExport *source, const char *path, HoneProgress *progress, GError **error);

#endif
