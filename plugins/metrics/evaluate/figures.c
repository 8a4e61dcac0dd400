/* SPDX-License-Identifier: Apache-2.0
 * figures.c: the metrics of an evaluation: found by name, given their parameters, asked about each row.
 */
#include "evaluate.h"
#include <string.h>

#define MAX_PARTS 64 /* of one metric; what comes after is not a field but free text */

static void eval_metric_free(EvalMetric *metric)
{
    if (metric->prepared && metric->ops->finish) {
        metric->ops->finish(metric->prepared);
    }
    if (metric->params) {
        hone_params_clear(metric->component, metric->params);
        g_free(metric->params);
    }
    g_free(metric);
}

static void eval_column_free(EvalColumn *column)
{
    g_free(column->name);
    g_free(column->part);
    g_free(column->values);
    g_free(column);
}

void eval_figures_clear(EvalFigures *figures)
{
    g_clear_pointer(&figures->columns, g_ptr_array_unref);
    g_clear_pointer(&figures->metrics, g_ptr_array_unref);
}

/* The object of a metric's parameters within `metric_params`, NULL for none. */
static bool params_of(const EvaluateParams *params, const char *metric, JsonObject **found, GError **error)
{
    JsonNode *all = params->metric_params, *own;

    *found = NULL;
    if (!all) {
        return true;
    }
    if (!JSON_NODE_HOLDS_OBJECT(all)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "metric_params must be an object of metric names: {\"rouge\": {\"stemmer\": true}}");
        return false;
    }
    own = json_object_get_member(json_node_get_object(all), metric);
    if (own && !JSON_NODE_HOLDS_OBJECT(own)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "metric_params: \"%s\" must be an object of parameters",
                    metric);
        return false;
    }
    *found = own ? json_node_get_object(own) : NULL;
    return true;
}

/* A name in metric_params that is no metric in use would otherwise be passed over in silence. */
static bool check_names(const EvaluateParams *params, GError **error)
{
    g_autoptr(GList) names = NULL;

    if (!params->metric_params || !JSON_NODE_HOLDS_OBJECT(params->metric_params)) {
        return true;
    }
    names = json_object_get_members(json_node_get_object(params->metric_params));
    for (GList *name = names; name; name = name->next) {
        if (!g_strv_contains((const char *const *)params->metrics, name->data)) {
            const char *nearest =
                hone_nearest(name->data, (const char *const *)params->metrics, g_strv_length(params->metrics));

            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "metric_params: \"%s\" is not among this stage's metrics%s%s%s", (char *)name->data,
                        nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
            return false;
        }
    }
    return true;
}

static EvalMetric *open_metric(HoneStage *stage, const EvaluateParams *params, const char *name, GError **error)
{
    const HoneComponent *component = hone_stage_component(stage, HONE_METRIC, name, error);
    JsonObject *own;
    EvalMetric *metric;

    if (!component || !params_of(params, name, &own, error)) {
        return NULL;
    }
    metric = g_new0(EvalMetric, 1);
    metric->component = component;
    metric->ops = component->ops;
    metric->params = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, own, hone_stage_folder(stage), metric->params, error) ||
        (metric->ops->prepare && !(metric->prepared = metric->ops->prepare(metric->params, error)))) {
        g_prefix_error(error, "metric \"%s\": ", name);
        eval_metric_free(metric);
        return NULL;
    }
    return metric;
}

static EvalColumn *find_column(const EvalFigures *figures, const char *name)
{
    for (guint i = 0; i < figures->columns->len; i++) {
        EvalColumn *column = figures->columns->pdata[i];

        if (g_str_equal(column->name, name)) {
            return column;
        }
    }
    return NULL;
}

static EvalColumn *add_column(EvalFigures *figures, const EvalMetric *metric, const HoneFigureInfo *info, char *name)
{
    EvalColumn *column = g_new0(EvalColumn, 1);

    column->metric = metric;
    column->info = *info;
    column->name = name;
    g_ptr_array_add(figures->columns, column);
    return column;
}

static bool add_figures(EvalFigures *figures, EvalMetric *metric, GError **error)
{
    HoneFigureInfo info;

    metric->first = figures->columns->len;
    for (size_t i = 0; hone_metric_figure(metric->ops, i, &info); i++, metric->n_figures++) {
        EvalColumn *other = find_column(figures, info.name);

        if (other) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "the metrics \"%s\" and \"%s\" both have a figure \"%s\"; use one of them",
                        other->metric->component->name, metric->component->name, info.name);
            return false;
        }
        add_column(figures, metric, &info, g_strdup(info.name));
    }
    return true;
}

bool eval_figures_open(EvalFigures *figures, HoneStage *stage, const EvaluateParams *params, GError **error)
{
    figures->metrics = g_ptr_array_new_with_free_func((GDestroyNotify)eval_metric_free);
    figures->columns = g_ptr_array_new_with_free_func((GDestroyNotify)eval_column_free);
    if (!params->metrics[0]) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "metrics: name at least one");
        return false;
    }
    if (!check_names(params, error)) {
        return false;
    }
    for (char **name = params->metrics; *name; name++) {
        EvalMetric *metric = open_metric(stage, params, *name, error);

        if (!metric) {
            return false;
        }
        g_ptr_array_add(figures->metrics, metric);
        figures->needs |= metric->ops->flags;
        if (!add_figures(figures, metric, error)) {
            return false;
        }
    }
    figures->n_figures = figures->columns->len;
    return true;
}

typedef struct PartSink {
    EvalFigures *figures;
    const EvalMetric *metric;
    size_t row, n_rows, n_parts;
} PartSink;

static void take_part(const char *part, HoneMetricValue value, void *data)
{
    PartSink *sink = data;
    g_autofree char *name = g_strdup_printf("%s/%s", sink->metric->component->name, part);
    EvalColumn *column = find_column(sink->figures, name);

    if (!column) {
        HoneFigureInfo info = {.unit = "%", .role = HONE_FIGURE_TASK};

        if (sink->n_parts == MAX_PARTS) {
            return;
        }
        sink->n_parts++;
        column = add_column(sink->figures, sink->metric, &info, g_steal_pointer(&name));
        column->part = g_strdup(part);
        column->info.label = column->part;
        column->values = g_new0(HoneMetricValue, sink->n_rows);
    }
    column->values[sink->row] = value;
}

static bool has_parts(const HoneMetricOps *ops)
{
    return ops->size >= offsetof(HoneMetricOps, parts) + sizeof ops->parts && ops->parts;
}

static bool score_metric(EvalFigures *figures, const EvalMetric *metric, const EvalRows *rows, GError **error)
{
    g_autofree HoneMetricValue *values = g_new0(HoneMetricValue, metric->n_figures);
    PartSink sink = {.figures = figures, .metric = metric, .n_rows = rows->rows->len};

    for (guint i = 0; i < rows->rows->len; i++) {
        const EvalRow *row = rows->rows->pdata[i];
        HoneScored scored = {
            .size = sizeof scored,
            .row = row->row,
            .reference = hone_row_reference(row->row),
            .prediction = row->prediction,
            .finished = row->finished,
            .logprob = row->logprob,
            .n_tokens = row->n_targets,
            .n_bytes = row->n_bytes,
            .rejected_logprob = row->rejected_logprob,
            .n_rejected = row->n_rejected,
        };

        sink.row = i;
        if (!metric->ops->score(metric->params, metric->prepared, &scored, values, error) ||
            (has_parts(metric->ops) &&
             !metric->ops->parts(metric->params, metric->prepared, &scored, take_part, &sink, error))) {
            g_prefix_error(error, "metric \"%s\", row \"%s\": ", metric->component->name, row->row->id);
            return false;
        }
        for (size_t k = 0; k < metric->n_figures; k++) {
            EvalColumn *column = figures->columns->pdata[metric->first + k];

            column->values[i] = values[k];
        }
    }
    return true;
}

bool eval_figures_score(EvalFigures *figures, const EvalRows *rows, GError **error)
{
    for (size_t i = 0; i < figures->n_figures; i++) {
        EvalColumn *column = figures->columns->pdata[i];

        column->values = g_new0(HoneMetricValue, rows->rows->len);
    }
    for (guint i = 0; i < figures->metrics->len; i++) {
        if (!score_metric(figures, figures->metrics->pdata[i], rows, error)) {
            return false;
        }
    }
    return true;
}
