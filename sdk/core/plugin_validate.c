/* SPDX-License-Identifier: Apache-2.0
 * plugin_validate.c: everything that a descriptor must be, asked before anything else of the plugin is used.
 *
 * Sizes come first: a field is read only once the size that its owner was compiled with is known to reach past it.
 */
#include "params_private.h"
#include <hone/backend.h>
#include <hone/metric.h>
#include <hone/objective.h>
#include <hone/reward.h>
#include <hone/stage.h>
#include <hone/tracker.h>
#include <math.h>
#include <string.h>

/* Tables without their ending would otherwise be read for ever. */
#define MOST_COMPONENTS 256
#define MOST_GROUPS 64
#define MOST_PARAMS 512
#define MOST_PORTS 64
#define MOST_FIGURES 64
#define LONGEST_NAME 64
#define LARGEST_INSTANCE (1u << 20)
#define KNOWN_FLAGS                                                                                                    \
    (HONE_PARAM_NO_KEY | HONE_PARAM_NAMES_METRICS | HONE_PARAM_MAY_BE_ABSENT | HONE_PARAM_MAY_BE_HUB |                 \
     HONE_PARAM_NAMES_REWARDS)

typedef struct {
    const HoneComponent *component; /* once one is looked at */
    const HoneParam *param;
    GError **error;
} Check;

static bool fail(const Check *c, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool fail(const Check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    GString *message = g_string_new(NULL);
    if (c->component != NULL)
        g_string_append_printf(message, "%s \"%s\": ", hone_kind_name(c->component->kind), c->component->name);
    if (c->param != NULL)
        g_string_append_printf(message, "parameter \"%s\": ", c->param->name);
    g_string_append(message, text);
    g_set_error_literal(c->error, HONE_ERROR, HONE_ERROR_PLUGIN, message->str);
    g_string_free(message, TRUE);
    return false;
}

/* A figure's name; papers have capital letters in some (rougeL). */
static bool good_figure(const char *name)
{
    if (name == NULL || !g_ascii_isalpha(name[0]))
        return false;
    size_t n = strnlen(name, LONGEST_NAME + 1);
    for (size_t i = 1; i < n; i++) {
        if (!g_ascii_isalnum(name[i]) && name[i] != '_')
            return false;
    }
    return n <= LONGEST_NAME;
}

/* [a-z][a-z0-9_]*, for file names hyphens too. */
static bool good_name(const char *name, bool hyphens)
{
    if (name == NULL || !g_ascii_islower(name[0]))
        return false;
    size_t n = strnlen(name, LONGEST_NAME + 1);
    for (size_t i = 1; i < n; i++) {
        if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '_' && !(hyphens && name[i] == '-'))
            return false;
    }
    return n <= LONGEST_NAME;
}

static bool good_line(const char *text)
{
    return text != NULL && *text != 0 && strpbrk(text, "\n\r\t") == NULL && g_utf8_validate(text, -1, NULL);
}

static bool check_range(const Check *c, const HoneParam *p)
{
    if (p->type != HONE_PARAM_INT && p->type != HONE_PARAM_NUMBER)
        return (p->min == 0 && p->max == 0) || fail(c, "a range is for whole numbers and numbers only");
    if (isnan(p->min) || isnan(p->max) || !(p->min <= p->max))
        return fail(c, "the range from %g to %g is empty", p->min, p->max);
    return true;
}

static bool check_choices(const Check *c, const HoneParam *p)
{
    if (p->type != HONE_PARAM_CHOICE)
        return p->choices == NULL || fail(c, "choices are for HONE_CHOICE only");
    if (p->choices == NULL || p->choices[0] == NULL)
        return fail(c, "has no choices");
    for (size_t i = 0; p->choices[i] != NULL; i++) {
        if (i == MOST_PARAMS || !good_line(p->choices[i]))
            return fail(c, "choice %zu is empty, more than one line, or past the table's end", i + 1);
    }
    return true;
}

static bool check_fallback(const Check *c, const HoneParam *p)
{
    if (p->fallback == NULL)
        return true;
    g_autoptr(JsonNode) value = hone_param_fallback(p);
    if (value == NULL)
        return fail(c, "the default %s is not JSON (a string needs quotes of its own: \"\\\"text\\\"\")", p->fallback);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    if (!hone_param_check_value(p, value, NULL, problems))
        return fail(c, "the default breaks the parameter's own rule: %s",
                    ((const HoneProblem *)problems->pdata[0])->message);
    return true;
}

static bool check_param(Check *c, const HoneParam *p, size_t base)
{
    if (!good_name(p->name, false))
        return fail(c, "a parameter's name must be [a-z][a-z0-9_]*, at most %d long, not \"%.80s\"", LONGEST_NAME,
                    p->name);
    c->param = p;
    size_t size = hone_param_field_size(p->type);
    if (size == 0)
        return fail(c, "unknown type %d", (int)p->type);
    size_t limit = c->component->instance_size;
    if (base > limit || p->offset > limit - base || size > limit - base - p->offset)
        return fail(c, "its field lies outside the instance struct of %zu bytes", limit);
    if ((base + p->offset) % size != 0)
        return fail(c, "its field is not aligned: the type of the field is not the parameter's");
    if ((p->flags & ~(uint32_t)KNOWN_FLAGS) != 0)
        return fail(c, "unknown flags");
    if ((p->flags & HONE_PARAM_NAMES_METRICS) != 0 && p->type != HONE_PARAM_STRINGS)
        return fail(c, "HONE_PARAM_NAMES_METRICS is for HONE_STRINGS only");
    if ((p->flags & HONE_PARAM_NAMES_REWARDS) != 0 && p->type != HONE_PARAM_JSON)
        return fail(c, "HONE_PARAM_NAMES_REWARDS is for HONE_JSON only");
    if ((p->flags & HONE_PARAM_MAY_BE_ABSENT) != 0 && p->type != HONE_PARAM_PATH)
        return fail(c, "HONE_PARAM_MAY_BE_ABSENT is for HONE_PATH only");
    if ((p->flags & HONE_PARAM_MAY_BE_HUB) != 0 && p->type != HONE_PARAM_PATH)
        return fail(c, "HONE_PARAM_MAY_BE_HUB is for HONE_PATH only");
    if (!good_line(p->help))
        return fail(c, "needs one line of help");
    if (p->unit != NULL && !good_line(p->unit))
        return fail(c, "its unit is empty or more than one line");
    bool good = check_range(c, p) && check_choices(c, p) && check_fallback(c, p);
    c->param = NULL;
    return good;
}

/* No two parameters may have one name or share bytes of the instance. `owner` [instance_size] marks bytes taken. */
static bool claim(const Check *c, const HoneParam *p, size_t base, GHashTable *names, uint8_t *owner)
{
    if (!g_hash_table_add(names, (gpointer)p->name))
        return fail(c, "two parameters are named \"%s\"", p->name);
    for (size_t i = 0; i < hone_param_field_size(p->type); i++) {
        if (owner[base + p->offset + i]++ != 0)
            return fail(c, "parameter \"%s\" shares its field with another", p->name);
    }
    return true;
}

static bool check_params(Check *c)
{
    const HoneComponent *component = c->component;
    if (component->instance_size > LARGEST_INSTANCE)
        return fail(c, "an instance of %zu bytes is more than a set of parameters needs", component->instance_size);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autofree uint8_t *owner = g_malloc0(component->instance_size + 1);
    for (size_t g = 0; component->params != NULL && component->params[g].params != NULL; g++) {
        const HoneParamGroup *group = &component->params[g];
        if (g == MOST_GROUPS)
            return fail(c, "the table of parameter groups does not end with {0}");
        if (group->param_size < sizeof(HoneParam) || group->param_size % _Alignof(HoneParam) != 0)
            return fail(c, "group %zu has param_size %u; use HONE_PARAMS or HONE_OWN_PARAMS", g + 1, group->param_size);
        if (group->title != NULL && !good_line(group->title))
            return fail(c, "the title of group %zu is empty or more than one line", g + 1);
        const char *at = (const char *)group->params;
        for (size_t i = 0; ((const HoneParam *)at)->name != NULL; i++, at += group->param_size) {
            const HoneParam *p = (const HoneParam *)at;
            if (i == MOST_PARAMS)
                return fail(c, "a table of parameters does not end with {0}");
            if (!check_param(c, p, group->base) || !claim(c, p, group->base, names, owner))
                return false;
        }
    }
    return true;
}

static bool check_ports(const Check *c)
{
    const HoneComponent *component = c->component;
    if (component->kind != HONE_STAGE)
        return component->ports == NULL || fail(c, "only a stage has ports");
    if (component->ports == NULL)
        return fail(c, "a stage needs a table of ports");
    if (component->port_size < sizeof(HonePort) || component->port_size % _Alignof(HonePort) != 0)
        return fail(c, "port_size is %u; begin the component with HONE_COMPONENT_HEADER", component->port_size);
    size_t outputs = 0;
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (i == MOST_PORTS)
            return fail(c, "the table of ports does not end with {0}");
        if (!good_name(port->name, false))
            return fail(c, "port %zu has no name of the form [a-z][a-z0-9_]*", i + 1);
        if (port->direction != HONE_PORT_IN && port->direction != HONE_PORT_OUT)
            return fail(c, "port \"%s\" is neither in nor out", port->name);
        if (port->types == 0 || (port->types & ~(uint32_t)HONE_ANY) != 0)
            return fail(c, "port \"%s\" has no type, or one that is unknown here", port->name);
        if ((port->flags & ~(uint32_t)(HONE_PORT_OPTIONAL | HONE_PORT_REPEATED)) != 0)
            return fail(c, "port \"%s\" has unknown flags", port->name);
        if (port->direction == HONE_PORT_OUT && (port->flags & HONE_PORT_REPEATED) != 0)
            return fail(c, "output \"%s\" cannot be repeated", port->name);
        if (!good_line(port->help))
            return fail(c, "port \"%s\" needs one line of help", port->name);
        if (hone_component_find_port(component, port->direction, port->name) != port)
            return fail(c, "two ports are named \"%s\"", port->name);
        outputs += port->direction == HONE_PORT_OUT;
    }
    return outputs > 0 || fail(c, "a stage needs an output");
}

/* Whether the table as compiled reaches past `field`. */
#define REACHES(ops, Type, field) ((ops)->size >= offsetof(Type, field) + sizeof((ops)->field))

static bool check_metric(const Check *c, const HoneMetricOps *ops)
{
    if (!REACHES(ops, HoneMetricOps, finish))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneMetricOps)");
    if ((ops->flags & ~(uint32_t)(HONE_METRIC_NEEDS_TEXT | HONE_METRIC_NEEDS_LOGPROB | HONE_METRIC_NEEDS_PAIRS)) != 0)
        return fail(c, "unknown flags");
    if (ops->score == NULL)
        return fail(c, "has no score function");
    if ((ops->prepare == NULL) != (ops->finish == NULL))
        return fail(c, "prepare and finish come together or not at all");
    if (ops->figures == NULL || ops->figures[0].name == NULL)
        return fail(c, "has no figures");
    if (ops->figure_size < sizeof(HoneFigureInfo) || ops->figure_size % _Alignof(HoneFigureInfo) != 0)
        return fail(c, "figure_size must be sizeof(HoneFigureInfo)");
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    const char *at = (const char *)ops->figures;
    for (size_t i = 0; ((const HoneFigureInfo *)at)->name != NULL; i++, at += ops->figure_size) {
        const HoneFigureInfo *figure = (const HoneFigureInfo *)at;
        if (i == MOST_FIGURES)
            return fail(c, "the table of figures does not end with {0}");
        if (!good_figure(figure->name) || !g_hash_table_add(names, (gpointer)figure->name))
            return fail(c, "figure %zu has no name of the form [A-Za-z][A-Za-z0-9_]*, or one that was there already",
                        i + 1);
        if (!good_line(figure->label) || !good_line(figure->help) || (figure->unit != NULL && !good_line(figure->unit)))
            return fail(c, "figure \"%s\" needs a label and one line of help", figure->name);
        if (figure->scale != HONE_SCALE_IDENTITY && figure->scale != HONE_SCALE_EXP)
            return fail(c, "figure \"%s\" has an unknown scale", figure->name);
    }
    return true;
}

static bool check_reward(const Check *c, const HoneRewardOps *ops)
{
    if (!REACHES(ops, HoneRewardOps, finish))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneRewardOps)");
    if (ops->flags != 0)
        return fail(c, "unknown flags");
    if (ops->score == NULL)
        return fail(c, "has no score function");
    return (ops->prepare == NULL) == (ops->finish == NULL) || fail(c, "prepare and finish come together or not at all");
}

static bool check_objective(const Check *c, const HoneObjectiveOps *ops)
{
    if (!REACHES(ops, HoneObjectiveOps, figure_names))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneObjectiveOps)");
    if ((ops->flags & ~(uint32_t)(HONE_OBJECTIVE_LINEAR | HONE_OBJECTIVE_NEEDS_REFERENCE | HONE_OBJECTIVE_PAIRS |
                                  HONE_OBJECTIVE_ROLLOUTS | HONE_OBJECTIVE_JUDGED)) != 0)
        return fail(c, "unknown flags");
    if (ops->evaluate == NULL)
        return fail(c, "has no evaluate function");
    for (size_t i = 0; ops->figure_names != NULL && ops->figure_names[i] != NULL; i++) {
        if (i == MOST_FIGURES)
            return fail(c, "the table of figures does not end with NULL");
        if (!good_figure(ops->figure_names[i]))
            return fail(c, "figure %zu has no name of the form [A-Za-z][A-Za-z0-9_]*", i + 1);
    }
    return true;
}

static bool check_stage(const Check *c, const HoneStageOps *ops)
{
    if (!REACHES(ops, HoneStageOps, run))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneStageOps)");
    if ((ops->flags & ~(uint32_t)(HONE_STAGE_USES_BACKEND | HONE_STAGE_ALWAYS_RUNS)) != 0)
        return fail(c, "unknown flags");
    return ops->run != NULL || fail(c, "has no run function");
}

/* Operators that a model needs are asked for where a model is opened: a backend that still lacks some can be loaded,
 * listed and tested. Without these few it cannot even be opened. */
static bool check_backend(const Check *c, const HoneBackendOps *ops)
{
    if (!REACHES(ops, HoneBackendOps, download))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneBackendOps)");
    if (ops->open == NULL || ops->close == NULL || ops->describe == NULL)
        return fail(c, "open, close and describe are needed");
    if (ops->stream_new == NULL || ops->stream_free == NULL || ops->sync == NULL)
        return fail(c, "stream_new, stream_free and sync are needed");
    if (ops->alloc == NULL || ops->free == NULL || ops->upload == NULL || ops->download == NULL)
        return fail(c, "alloc, free, upload and download are needed");
    return true;
}

static bool check_tracker(const Check *c, const HoneTrackerOps *ops)
{
    if (!REACHES(ops, HoneTrackerOps, close))
        return fail(c, "its table of functions is too small; begin it with .size = sizeof(HoneTrackerOps)");
    return (ops->open != NULL && ops->log != NULL && ops->close != NULL) || fail(c, "open, log and close are needed");
}

static bool check_ops(const Check *c)
{
    const void *ops = c->component->ops;
    if (ops == NULL)
        return fail(c, "has no table of functions");
    switch (c->component->kind) {
    case HONE_STAGE:
        return check_stage(c, ops);
    case HONE_BACKEND:
        return check_backend(c, ops);
    case HONE_OBJECTIVE:
        return check_objective(c, ops);
    case HONE_METRIC:
        return check_metric(c, ops);
    case HONE_REWARD:
        return check_reward(c, ops);
    case HONE_TRACKER:
        return check_tracker(c, ops);
    }
    g_assert_not_reached();
}

static bool check_component(Check *c, const HoneComponent *component, size_t i)
{
    if (component->size < sizeof(HoneComponent))
        return fail(c, "component %zu was compiled with a struct of %u bytes; begin it with HONE_COMPONENT_HEADER",
                    i + 1, component->size);
    if (component->kind < HONE_STAGE || component->kind > HONE_LAST_KIND)
        return fail(c, "component %zu has the unknown kind %d", i + 1, (int)component->kind);
    if (!good_name(component->name, false))
        return fail(c, "component %zu has no name of the form [a-z][a-z0-9_]*, at most %d long", i + 1, LONGEST_NAME);
    c->component = component;
    if (!good_line(component->version))
        return fail(c, "has no version");
    if (!good_line(component->summary))
        return fail(c, "needs a summary of one line");
    if (component->help != NULL && !g_utf8_validate(component->help, -1, NULL))
        return fail(c, "its help is not UTF-8");
    if (!check_params(c) || !check_ports(c) || !check_ops(c))
        return false;
    c->component = NULL;
    return true;
}

bool hone_plugin_validate(const HonePlugin *plugin, GError **error)
{
    Check c = {.error = error};
    if (plugin == NULL)
        return fail(&c, "hone_plugin() returned NULL");
    if (plugin->abi_major != HONE_ABI_MAJOR)
        return fail(&c, "built for ABI %u.%u of Hone, this one has %d.%d: rebuild the plugin", plugin->abi_major,
                    plugin->abi_minor, HONE_ABI_MAJOR, HONE_ABI_MINOR);
    if (plugin->abi_minor > HONE_ABI_MINOR)
        return fail(&c, "built for ABI %u.%u of Hone, newer than this one's %d.%d: update Hone", plugin->abi_major,
                    plugin->abi_minor, HONE_ABI_MAJOR, HONE_ABI_MINOR);
    if (plugin->size < sizeof(HonePlugin))
        return fail(&c, "its descriptor has %u bytes; begin it with HONE_PLUGIN_HEADER", plugin->size);
    if (!good_name(plugin->name, true))
        return fail(&c, "a plugin's name must be [a-z][a-z0-9_-]*, at most %d long", LONGEST_NAME);
    if (!good_line(plugin->version) || !good_line(plugin->licence) || !good_line(plugin->summary))
        return fail(&c, "version, licence and summary must be one line each");
    if (plugin->components == NULL || plugin->components[0] == NULL)
        return fail(&c, "has no components");
    for (size_t i = 0; plugin->components[i] != NULL; i++) {
        if (i == MOST_COMPONENTS)
            return fail(&c, "the table of components does not end with NULL");
        if (!check_component(&c, plugin->components[i], i))
            return false;
        for (size_t j = 0; j < i; j++) {
            const HoneComponent *a = plugin->components[i], *b = plugin->components[j];
            if (a->kind == b->kind && strcmp(a->name, b->name) == 0)
                return fail(&c, "two components are the %s \"%s\"", hone_kind_name(a->kind), a->name);
        }
    }
    return true;
}
