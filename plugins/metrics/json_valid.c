/* SPDX-License-Identifier: Apache-2.0
 * json_valid.c: the share of answers that a program could read.
 *
 * Strict on purpose: the whole answer is one JSON value by RFC 8259, white space around it allowed. An answer inside a
 * code fence or after a sentence does not count, since whatever reads it would have to guess; nor does an object that
 * names a member twice, of which readers take the first or the last.
 */
#include <hone/json.h>
#include <hone/metric.h>
#include <string.h>

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    const char *text = scored->prediction ? scored->prediction : "";
    g_autoptr(JsonNode) value = hone_json_parse(text, strlen(text), NULL, NULL);

    values[0] = (HoneMetricValue){value != NULL, 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "json_valid",
     .label = "Valid JSON",
     .help = "share of answers that are one JSON value and nothing else (RFC 8259)",
     .unit = "%",
     .role = HONE_FIGURE_FORMAT},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "json_valid",
    .version = "1",
    .summary = "Share of answers that are one JSON value and nothing else",
    .help = "The whole answer must be one JSON value by RFC 8259; white space around it is allowed. Code fences, "
            "comments, a sentence before or after it, NaN, a member named twice or a lone surrogate make it invalid.",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("json_valid", "1", "Apache-2.0", "JSON validity", &component)
