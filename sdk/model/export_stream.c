/* SPDX-License-Identifier: Apache-2.0
 * export_stream.c: a parameter's rows, computed and rounded piece by piece on all processors, written in order.
 *
 * Sums are kept per row and added up in the order of rows, so the figures do not depend on the number of threads.
 */
#include "export.h"

#include <math.h>
#include <string.h>

#define PIECE ((size_t)1 << 22) /* values computed at once: 16 MiB as f32 */
#define MOST_THREADS 16

typedef struct Piece {
    const Rows *rows;
    HoneType type;
    size_t first, end; /* rows of this thread */
    size_t start;      /* row at which the buffer begins */
    size_t row_bytes;
    uint8_t *out;
    RowSums *sums;
} Piece;

static gpointer compute(gpointer data)
{
    const Piece *piece = data;
    const Rows *rows = piece->rows;
    size_t n = rows->columns;
    g_autofree float *values = g_new(float, n), *scratch = g_new(float, n + rows->rank);
    for (size_t row = piece->first; row < piece->end; row++) {
        RowSums *sums = &piece->sums[row - piece->start];
        uint8_t *out = piece->out + (row - piece->start) * piece->row_bytes;
        rows_read(rows, row, values, scratch, sums);
        if (!sums->finite)
            continue;
        hone_type_from_f32(piece->type, values, out, n);
        hone_type_to_f32(piece->type, out, scratch, n);
        for (size_t c = 0; c < n; c++) {
            double error = (double)scratch[c] - (double)values[c];
            sums->finite = sums->finite && isfinite(scratch[c]);
            sums->error += error * error;
        }
    }
    return NULL;
}

/* Rows [first, first + n) into out, on all processors. */
static void compute_all(Piece whole, size_t n)
{
    size_t threads = CLAMP(MIN((size_t)g_get_num_processors(), n), 1, MOST_THREADS);
    Piece pieces[MOST_THREADS];
    GThread *running[MOST_THREADS];
    for (size_t t = 0; t < threads; t++) {
        pieces[t] = whole;
        pieces[t].first = whole.start + n * t / threads;
        pieces[t].end = whole.start + n * (t + 1) / threads;
        running[t] = t > 0 ? g_thread_new("export", compute, &pieces[t]) : NULL;
    }
    compute(&pieces[0]);
    for (size_t t = 1; t < threads; t++)
        g_thread_join(running[t]);
}

void stream_init(Stream *stream, const HoneExport *source, const HoneExportOptions *options, ExportTarget target,
                 HoneExportFacts *facts)
{
    *stream = (Stream){.source = source, .options = options, .target = target, .facts = facts};
    *facts = (HoneExportFacts){.size = sizeof *facts};
    for (size_t i = 0; i < export_n_parameters(source); i++) {
        const Parameter *p = export_parameter(source, i);
        stream->total += (uint64_t)p->rows * MAX(p->columns, 1);
    }
}

static bool check_row(const Stream *stream, const Parameter *p, size_t row, HoneType type, const RowSums *sums,
                      GError **error)
{
    if (sums->finite)
        return true;
    if (isfinite(sums->wanted))
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "Row %zu of %s holds a value that %s cannot hold; choose a type of wider range, such as bf16.", row,
                    p->name, hone_type_name(type));
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                    "Row %zu of %s is not finite; the model or its adapter is broken: tune it again.", row, p->name);
    return false;
}

static void add_sums(Stream *stream, const Parameter *p, const RowSums *all, bool adapted)
{
    HoneExportFacts *facts = stream->facts;
    if (adapted) {
        facts->adapted++;
        stream->base += all->base;
        stream->change += all->change;
        stream->error += all->error;
    }
    double error = all->wanted > 0 ? sqrt(all->error / all->wanted) : 0;
    if (error > facts->error) {
        facts->error = error;
        g_strlcpy(facts->error_tensor, p->name, sizeof facts->error_tensor);
    }
}

bool stream_parameter(Stream *stream, size_t parameter, HoneType type, GError **error)
{
    const HoneExport *source = stream->source;
    const Parameter *p = export_parameter(source, parameter);
    Rows rows;
    if (!rows_open(&rows, source, parameter, stream->target, error)) {
        rows_close(&rows);
        return false;
    }
    size_t per_piece = CLAMP(PIECE / rows.columns, 1, rows.rows), row_bytes = 0;
    bool ok = hone_type_bytes(type, rows.columns, &row_bytes);
    g_assert(ok);
    g_autofree uint8_t *out = g_malloc(per_piece * row_bytes);
    g_autofree RowSums *sums = g_new(RowSums, per_piece);
    RowSums all = {0};
    for (size_t first = 0; ok && first < rows.rows; first += per_piece) {
        const HoneExportOptions *o = stream->options;
        size_t n = MIN(per_piece, rows.rows - first);
        if (o->cancelled != NULL && o->cancelled(o->data)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_CANCELLED, "stopped; run the same command again");
            ok = false;
            break;
        }
        compute_all(
            (Piece){.rows = &rows, .type = type, .start = first, .row_bytes = row_bytes, .out = out, .sums = sums}, n);
        for (size_t i = 0; ok && i < n; i++) {
            ok = check_row(stream, p, first + i, type, &sums[i], error);
            all.base += sums[i].base;
            all.change += sums[i].change;
            all.wanted += sums[i].wanted;
            all.error += sums[i].error;
        }
        ok = ok && stream->put(stream->to, out, n * row_bytes, error);
        if (source->trained == NULL)
            hone_checkpoint_drop(source->model->checkpoint, rows.tensor);
        stream->done += (uint64_t)n * rows.columns;
        stream->facts->bytes += (uint64_t)n * row_bytes;
        hone_progress_step(o->progress, stream->done >> 20, stream->total >> 20, "million weights", NULL);
    }
    add_sums(stream, p, &all, rows.b != NULL);
    rows_close(&rows);
    return ok;
}

bool stream_finish(Stream *stream, GError **error)
{
    HoneExportFacts *facts = stream->facts;
    facts->parameters = (double)stream->total;
    if (!hone_export_has_adapter(stream->source))
        return true;
    if (!(stream->change > 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: the adapter changes nothing (B·A is zero everywhere); it was not trained: train it again.",
                    stream->source->adapter);
        return false;
    }
    facts->change = sqrt(stream->change / stream->base);
    facts->error_to_change = sqrt(stream->error / stream->change);
    return true;
}
