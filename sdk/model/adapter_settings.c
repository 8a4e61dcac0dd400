/* SPDX-License-Identifier: Apache-2.0
 * adapter_settings.c: what an adapter is set to, and rank and scale of one module by the patterns over its name.
 *
 * A pattern is a regular expression that the end of a module's name has to match, from a dot on or whole, as in PEFT:
 * "q_proj", "layers.1.mlp.down_proj", "(q|k)_proj". The first that matches holds.
 */
#include "internal.h"

#include <math.h>

#define MOST_RANK 4096
#define MOST_ALPHA 1e6

static GRegex *compile(const char *pattern, GError **error)
{
    g_autofree char *whole = g_strdup_printf("^(.*\\.)?(%s)$", pattern);
    return g_regex_new(whole, G_REGEX_DOLLAR_ENDONLY, 0, error);
}

static bool check_patterns(JsonObject *patterns, const char *what, double least, double most, bool whole,
                           GError **error)
{
    JsonObjectIter iter;
    const char *pattern;
    JsonNode *value;
    if (patterns == NULL)
        return true;
    json_object_iter_init(&iter, patterns);
    while (json_object_iter_next(&iter, &pattern, &value)) {
        g_autoptr(GError) wrong = NULL;
        g_autoptr(GRegex) regex = compile(pattern, &wrong);
        if (regex == NULL) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: \"%s\" is no regular expression: %s", what, pattern,
                        wrong->message);
            return false;
        }
        GType type = JSON_NODE_HOLDS_VALUE(value) ? json_node_get_value_type(value) : G_TYPE_INVALID;
        double number = type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? json_node_get_double(value) : NAN;
        if (!(number >= least && number <= most) || (whole && number != floor(number))) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: \"%s\" needs a %s between %g and %g.", what,
                        pattern, whole ? "whole number" : "number", least, most);
            return false;
        }
    }
    return true;
}

bool adapter_settings_check(const AdapterSettings *s, GError **error)
{
    if (s->rank < 1 || s->rank > MOST_RANK || !(s->alpha > 0 && s->alpha < MOST_ALPHA) ||
        !(s->dropout >= 0 && s->dropout < 1)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "An adapter of rank %zu, alpha %g, dropout %g is not possible: the rank lies in 1 .. %d, alpha "
                    "above 0, dropout in [0, 1).",
                    s->rank, s->alpha, s->dropout, MOST_RANK);
        return false;
    }
    if (s->dora && s->dropout > 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "DoRA with dropout is not supported: set dropout to 0, or take plain LoRA.");
        return false;
    }
    if (s->dora && s->pissa) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "DoRA with PiSSA's start is not supported: choose one of the two.");
        return false;
    }
    return check_patterns(s->rank_pattern, "rank_pattern", 1, MOST_RANK, true, error) &&
           check_patterns(s->alpha_pattern, "alpha_pattern", 1e-6, MOST_ALPHA, false, error);
}

AdapterSettings adapter_settings_copy(const AdapterSettings *s)
{
    AdapterSettings copy = *s;
    if (s->rank_pattern != NULL)
        json_object_ref(s->rank_pattern);
    if (s->alpha_pattern != NULL)
        json_object_ref(s->alpha_pattern);
    return copy;
}

void adapter_settings_clear(AdapterSettings *s)
{
    g_clear_pointer(&s->rank_pattern, json_object_unref);
    g_clear_pointer(&s->alpha_pattern, json_object_unref);
    *s = (AdapterSettings){0};
}

/* The value of the first pattern that the module matches. */
static double by_pattern(JsonObject *patterns, const char *module, double otherwise)
{
    JsonObjectIter iter;
    const char *pattern;
    JsonNode *value;
    if (patterns == NULL)
        return otherwise;
    json_object_iter_init_ordered(&iter, patterns);
    while (json_object_iter_next_ordered(&iter, &pattern, &value)) {
        g_autoptr(GRegex) regex = compile(pattern, NULL);
        if (regex != NULL && g_regex_match(regex, module, 0, NULL))
            return json_node_get_double(value);
    }
    return otherwise;
}

size_t adapter_module(const AdapterSettings *s, const char *module, double *scale)
{
    size_t rank = (size_t)by_pattern(s->rank_pattern, module, (double)s->rank);
    double alpha = by_pattern(s->alpha_pattern, module, s->alpha);
    *scale = s->rslora ? alpha / sqrt((double)rank) : alpha / (double)rank;
    return rank;
}

bool adapter_pattern_matches(const char *pattern, const char *module)
{
    g_autoptr(GRegex) regex = compile(pattern, NULL);
    return regex != NULL && g_regex_match(regex, module, 0, NULL);
}
