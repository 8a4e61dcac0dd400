/* SPDX-License-Identifier: Apache-2.0
 * @NAME@: the share of wanted words that the answer holds.
 *
 * A metric turns one evaluated row into a numerator and a denominator for each of its figures; the figure of a set of
 * rows is the sum of numerators over the sum of denominators. A denominator of 0 leaves the row out.
 */
#include <hone/hone.h>
#include <string.h>

/* The parameters: a struct, and a table that says everything about each field. */
typedef struct {
    bool ignore_case;
} Params;

static const HoneParam params[] = {
    HONE_BOOL(Params, ignore_case, "true", "Capital and small letters are the same"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HoneFigureInfo figures[] = {
    {.name = "@NAME@", .label = "Words found", .help = "Share of the wanted words that the answer holds", .unit = "%"},
    {0},
};

static bool holds_word(char **words, const char *word)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0)
            return true;
    }
    return false;
}

static bool score(const void *instance, void *prepared, const HoneScored *row, HoneMetricValue *values, GError **error)
{
    const Params *own = instance;
    if (row->reference == NULL || row->prediction == NULL) {
        values[0] = (HoneMetricValue){0, 0};
        return true;
    }
    g_autofree char *wanted = own->ignore_case ? g_utf8_casefold(row->reference, -1) : g_strdup(row->reference);
    g_autofree char *given = own->ignore_case ? g_utf8_casefold(row->prediction, -1) : g_strdup(row->prediction);
    g_auto(GStrv) wanted_words = g_strsplit_set(wanted, " \t\n", -1), given_words = g_strsplit_set(given, " \t\n", -1);
    double found = 0, all = 0;
    for (size_t i = 0; wanted_words[i] != NULL; i++) {
        if (*wanted_words[i] == 0)
            continue;
        all++;
        found += holds_word(given_words, wanted_words[i]);
    }
    values[0] = (HoneMetricValue){found, all};
    return true;
}

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "@NAME@",
    .version = "1", /* raise it when the same rows score differently: it is part of the cache key */
    .summary = "Share of the wanted words that the answer holds",
    .params = groups,
    .instance_size = sizeof(Params),
    .ops = &ops,
};

/* The name is that of the file without .so. */
HONE_DEFINE_PLUGIN("@NAME@", "1", "Apache-2.0", "Share of the wanted words that the answer holds", &component)
