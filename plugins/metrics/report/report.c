/* SPDX-License-Identifier: Apache-2.0
 * report.c: the stage `report`: one page that a manager reads in a minute and from which an engineer repeats the run;
 * and the same data as report.json.
 */
#include "../common/json_members.h"
#include "gather.h"
#include "sections.h"
#include <hone/file.h>

static const HoneParam params_table[] = {
    HONE_STRING(ReportParams, title, "null", "heading of the page; null: the pipeline's name"),
    HONE_INT(ReportParams, samples, "5", 0, 200, "rows shown as worst, as best and at random", .unit = "rows"),
    HONE_INT(ReportParams, seed, "0", 0, 9e15, "of the rows drawn at random"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const HonePort ports[] = {
    {.name = "any",
     .direction = HONE_PORT_IN,
     .types = HONE_ANY,
     .flags = HONE_PORT_REPEATED,
     .help = "what to report on: comparisons, scores, reports on data; of all else the content hash"},
    {.name = "report", .direction = HONE_PORT_OUT, .types = HONE_REPORT, .help = "report.html and report.json"},
    {0},
};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    g_autoptr(JsonObject) report = gather_report(stage, instance, error);
    g_autoptr(GString) page = report ? report_page(report) : NULL;
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *html = NULL, *json = NULL;
    HoneArtifact *output;

    if (!report) {
        return false;
    }
    output = hone_stage_output(stage, "report", HONE_REPORT, error);
    if (!output) {
        return false;
    }
    html = hone_artifact_file(output, "report.html");
    json = hone_artifact_file(output, "report.json");
    root = json_own_object(json_object_ref(report));
    json_object_set_string_member(hone_artifact_meta(output), "page", "report.html");
    return hone_file_write_json(json, root, error) && hone_file_write(html, page->str, page->len, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .flags = HONE_STAGE_ALWAYS_RUNS, .run = run};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "report",
    .version = "1",
    .summary = "One self-contained HTML page on what tuning did",
    .help = "Verdict, scores with intervals, rows side by side, training curves, findings in the data, lineage, and "
            "what is "
            "needed to repeat the run. No scripts, nothing fetched from anywhere.",
    .params = params_groups,
    .instance_size = sizeof(ReportParams),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("report", "1", "Apache-2.0", "HTML report", &component)
