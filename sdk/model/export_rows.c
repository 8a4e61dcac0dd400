/* SPDX-License-Identifier: Apache-2.0
 * export_rows.c: W + scale·B·A in f32, one row at a time, in the order of rows of the format that is written. With
 * DoRA each row is stretched to its magnitude.
 */
#include "export.h"

#include <math.h>
#include <string.h>

/* Row r of a head's half j, in the model's own order, is row 2r + j of the head where rows are paired. */
static size_t paired_row(size_t row, size_t width)
{
    size_t head = row / width, in = row % width, half = width / 2;
    return head * width + 2 * (in % half) + in / half;
}

size_t rows_plain(size_t row, size_t width)
{
    size_t head = row / width, in = row % width, half = width / 2;
    return head * width + in % 2 * half + in / 2;
}

/* The base's row for a row of the target. */
static size_t base_row(const Rows *rows, size_t row)
{
    if (rows->to > 0)
        row = rows_plain(row, rows->to);
    return rows->from > 0 ? paired_row(row, rows->from) : row;
}

static bool is_norm(const Parameter *p)
{
    return p->columns == 0 && g_str_has_suffix(p->name, "norm.weight");
}

/* The trainable of that parameter, or NULL: it was not trained. */
static const HoneTrainable *trained_parameter(HoneModel *trained, const Parameter *p)
{
    size_t n = 0;
    const HoneTrainable *t = trained != NULL ? hone_model_trainables(trained, &n) : NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(t[i].name, p->name) == 0)
            return &t[i];
    return NULL;
}

/* A trained parameter from the backend: f32, in the model's own order. */
static bool take_trained(Rows *rows, HoneModel *trained, HoneTensor value, GError **error)
{
    float *values = g_new(float, hone_tensor_count(value));
    rows->trained = (HoneGgufTensor){
        .type = HONE_F32, .rank = value.rank, .shape = {value.shape[0], value.shape[1]}, .data = values};
    rows->trained.bytes = hone_tensor_bytes(value);
    rows->tensor = &rows->trained;
    rows->from = 0;
    return hone_backend_download(trained->backend, values, value, error);
}

bool rows_open(Rows *rows, const HoneExport *source, size_t parameter, ExportTarget target, GError **error)
{
    const HoneModel *m = source->model;
    const Parameter *p = export_parameter(source, parameter);
    const Delta *delta = &source->deltas[parameter];
    bool matrix = p->columns > 0;
    *rows = (Rows){.tensor = export_tensor(source, parameter),
                   .rows = matrix ? p->rows : 1,
                   .columns = matrix ? p->columns : p->rows,
                   .from = p->heads > 0 ? m->config.head_dim : 0,
                   .to = target == TO_GGUF && export_target(source, parameter, TO_GGUF)->heads > 0 ? m->config.head_dim
                                                                                                   : 0};
    if (is_norm(p))
        rows->offset = m->norm_offset - (target == TO_GGUF ? 0 : m->family->norm_offset);
    const HoneTrainable *t = trained_parameter(source->trained, p);
    if (t != NULL)
        return take_trained(rows, source->trained, t->value, error);
    if (delta->a == NULL)
        return true;
    rows->b = delta->b;
    rows->rank = delta->a->shape[0];
    rows->scale = (float)delta->scale;
    rows->a = g_new(float, rows->rank * rows->columns);
    hone_type_to_f32(delta->a->type, delta->a->data, rows->a, rows->rank * rows->columns);
    if (delta->magnitude != NULL) {
        rows->magnitude = g_new(float, rows->rows);
        hone_type_to_f32(delta->magnitude->type, delta->magnitude->data, rows->magnitude, rows->rows);
    }
    return true;
}

void rows_close(Rows *rows)
{
    g_free((void *)rows->trained.data);
    g_free(rows->a);
    g_free(rows->magnitude);
}

/* A vector's elements are ordered as a matrix's rows. */
static void read_vector(const Rows *rows, float *out, float *scratch)
{
    hone_type_to_f32(rows->tensor->type, rows->tensor->data, scratch, rows->columns);
    for (size_t i = 0; i < rows->columns; i++)
        out[i] = scratch[base_row(rows, i)] + rows->offset;
}

static void add_change(const Rows *rows, size_t model_row, float *out, float *scratch, RowSums *sums)
{
    float *b = scratch + rows->columns;
    size_t row_bytes = rows->b->bytes / rows->b->shape[0];
    hone_type_to_f32(rows->b->type, (const char *)rows->b->data + model_row * row_bytes, b, rows->rank);
    memset(scratch, 0, rows->columns * sizeof *scratch);
    for (size_t k = 0; k < rows->rank; k++)
        for (size_t c = 0; c < rows->columns; c++)
            scratch[c] += b[k] * rows->a[k * rows->columns + c];
    double square = 0, stretch = 1;
    for (size_t c = 0; c < rows->columns; c++) {
        scratch[c] = out[c] + rows->scale * scratch[c];
        square += (double)scratch[c] * (double)scratch[c];
    }
    if (rows->magnitude != NULL)
        stretch = (double)rows->magnitude[model_row] / sqrt(square);
    for (size_t c = 0; c < rows->columns; c++) {
        float tuned = rows->magnitude != NULL ? (float)(stretch * (double)scratch[c]) : scratch[c];
        double change = (double)tuned - (double)out[c];
        sums->base += (double)out[c] * (double)out[c];
        sums->change += change * change;
        out[c] = tuned;
    }
}

void rows_read(const Rows *rows, size_t row, float *out, float *scratch, RowSums *sums)
{
    *sums = (RowSums){.finite = true};
    if (rows->tensor->rank == 1) {
        read_vector(rows, out, scratch);
    } else {
        size_t row_bytes = rows->tensor->bytes / rows->rows;
        hone_type_to_f32(rows->tensor->type, (const char *)rows->tensor->data + base_row(rows, row) * row_bytes, out,
                         rows->columns);
        if (rows->b != NULL)
            add_change(rows, rows->to > 0 ? rows_plain(row, rows->to) : row, out, scratch, sums);
    }
    for (size_t c = 0; c < rows->columns; c++) {
        sums->finite = sums->finite && isfinite(out[c]);
        sums->wanted += (double)out[c] * (double)out[c];
    }
}
