/* SPDX-License-Identifier: Apache-2.0
 * concat.c: stages with inputs: `concat` joins datasets, `measure` opens the backend, `tell` reports on whatever came,
 * every time.
 */
#include <hone/hone.h>
#include <string.h>

typedef struct {
    char *tag;
} Concat;

static const HoneParam params[] = {HONE_STRING(Concat, tag, "\"\"", "Goes into every row's id"), {0}};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};
static const HonePort ports[] = {{"dataset", HONE_PORT_IN, HONE_DATASET, HONE_PORT_REPEATED, "Rows to join"},
                                 {"rows", HONE_PORT_OUT, HONE_DATASET, 0, "All rows"},
                                 {"rest", HONE_PORT_OUT, HONE_DATASET, HONE_PORT_OPTIONAL, "Never written"},
                                 {0}};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Concat *concat = instance;
    HoneArtifact *artifact = hone_stage_output(stage, "rows", HONE_DATASET, error);
    g_autoptr(HoneRowWriter) writer = artifact ? hone_row_writer_open(artifact, error) : NULL;
    if (!writer)
        return false;
    size_t n;
    HoneArtifact *const *inputs = hone_stage_inputs(stage, "dataset", &n);
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GPtrArray) rows = hone_rows_read(inputs[i], error);
        for (guint k = 0; rows && k < rows->len; k++) {
            HoneRow *row = rows->pdata[k];
            g_autofree char *old = row->id;
            row->id = g_strdup_printf("%s%zu-%s", concat->tag, i, old);
            if (!hone_row_writer_add(writer, row, error))
                return false;
        }
        if (!rows)
            return false;
    }
    return hone_row_writer_close(writer, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};
static const HoneComponent concat = {HONE_COMPONENT_HEADER,
                                     .kind = HONE_STAGE,
                                     .name = "concat",
                                     .version = "1",
                                     .summary = "Joins datasets",
                                     .params = groups,
                                     .instance_size = sizeof(Concat),
                                     .ports = ports,
                                     .ops = &ops};

/* ---- measure ---- */

static const HonePort measure_ports[] = {{"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "The backend's name"}, {0}};

static bool run_measure(HoneStage *stage, void *instance, GError **error)
{
    HoneBackend *backend = hone_stage_backend(stage, error);
    HoneArtifact *artifact = backend ? hone_stage_output(stage, "dataset", HONE_DATASET, error) : NULL;
    g_autoptr(HoneRowWriter) writer = artifact ? hone_row_writer_open(artifact, error) : NULL;
    if (!writer)
        return false;
    json_object_set_string_member(hone_artifact_meta(artifact), "backend", backend->component->name);
    return hone_row_writer_close(writer, error);
}

static const HoneStageOps measure_ops = {
    .size = sizeof(HoneStageOps), .flags = HONE_STAGE_USES_BACKEND, .run = run_measure};
static const HoneComponent measure = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE,     .name = "measure",  .version = "1",
                                      .summary = "Computes", .ports = measure_ports, .ops = &measure_ops};

/* ---- tell ---- */

static const HonePort tell_ports[] = {{"in", HONE_PORT_IN, HONE_ANY, HONE_PORT_REPEATED, "Anything"},
                                      {"report", HONE_PORT_OUT, HONE_REPORT, 0, "What the run said of itself"},
                                      {0}};

static JsonArray *strings(const char *a, const char *b)
{
    JsonArray *array = json_array_new();
    json_array_add_string_element(array, a);
    json_array_add_string_element(array, b);
    return array;
}

static bool run_tell(HoneStage *stage, void *instance, GError **error)
{
    HoneArtifact *artifact = hone_stage_output(stage, "report", HONE_REPORT, error);
    if (!artifact)
        return false;
    g_autoptr(JsonNode) info = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(info, hone_stage_run_info(stage));
    g_autofree char *path = hone_artifact_file(artifact, "info.json");
    if (!hone_file_write_json(path, info, error))
        return false;
    JsonObject *table = json_object_new();
    JsonArray *rows = json_array_new();
    size_t n;
    HoneArtifact *const *inputs = hone_stage_inputs(stage, "in", &n);
    for (size_t i = 0; i < n; i++)
        json_array_add_array_element(rows, strings(hone_artifact_label(inputs[i]), hone_artifact_hash(inputs[i])));
    json_object_set_string_member(table, "title", "What came in");
    json_object_set_array_member(table, "columns", strings("label", "hash"));
    json_object_set_array_member(table, "rows", rows);
    json_object_set_object_member(hone_artifact_meta(artifact), "table", table);
    json_object_set_string_member(hone_artifact_meta(artifact), "verdict", "All is \033[31mwell.");
    json_object_set_string_member(hone_artifact_meta(artifact), "page", "info.json");
    return true;
}

static const HoneStageOps tell_ops = {.size = sizeof(HoneStageOps), .flags = HONE_STAGE_ALWAYS_RUNS, .run = run_tell};
static const HoneComponent tell = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE,  .name = "tell",  .version = "1",
                                   .summary = "Reports",  .ports = tell_ports, .ops = &tell_ops};

HONE_DEFINE_PLUGIN("concat", "1", "Apache-2.0", "Stages with inputs", &concat, &measure, &tell)
