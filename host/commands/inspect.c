/* SPDX-License-Identifier: Apache-2.0
 * inspect.c: `hone inspect NAME` prints what a component says of itself: component, plugin, ports, parameters.
 */
#include "command.h"
#include <hone/json.h>
#include <hone/metric.h>
#include <math.h>
#include <string.h>

static const char *const param_types[] = {
    [HONE_PARAM_BOOL] = "bool",       [HONE_PARAM_INT] = "integer",   [HONE_PARAM_NUMBER] = "number",
    [HONE_PARAM_STRING] = "string",   [HONE_PARAM_CHOICE] = "choice", [HONE_PARAM_PATH] = "path",
    [HONE_PARAM_STRINGS] = "strings", [HONE_PARAM_JSON] = "json"};

static bool has_range(const HoneParam *param)
{
    return param->type == HONE_PARAM_INT || param->type == HONE_PARAM_NUMBER;
}

/* "1 .. 1024 tokens", "linear | cosine", or "". Caller frees. */
static char *range_text(const HoneParam *param)
{
    GString *text = g_string_new(NULL);
    if (has_range(param)) {
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        const double endless = 1e18;
        if (param->min > -endless)
            g_string_append(text, g_ascii_formatd(number, sizeof number, "%.15g", param->min));
        g_string_append(text, text->len > 0 ? " .." : "..");
        if (param->max < endless)
            g_string_append_printf(text, " %s", g_ascii_formatd(number, sizeof number, "%.15g", param->max));
        if (text->len == 2)
            g_string_truncate(text, 0);
    }
    for (size_t i = 0; param->choices != NULL && param->choices[i] != NULL; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " | " : "", param->choices[i]);
    if (param->unit != NULL)
        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", param->unit);
    return g_string_free(text, FALSE);
}

static void print_param(const HoneParam *param, int width)
{
    g_autofree char *range = range_text(param);
    printf("    %-*s  %-7s  %s%s%s%s\n", width, param->name, param_types[param->type],
           param->fallback != NULL ? "default " : "required", param->fallback != NULL ? param->fallback : "",
           *range != 0 ? ", " : "", range);
    printf("    %-*s  %s\n", width, "", param->help);
}

static void print_params(const HoneComponent *component)
{
    size_t group = 0, index = 0, shown = G_MAXSIZE;
    int width = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL)
        width = MAX(width, (int)strlen(param->name));
    group = index = 0;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (group != shown)
            printf("\n  %s\n", component->params[group].title != NULL ? component->params[group].title : "Parameters");
        shown = group;
        print_param(param, width);
    }
}

static void print_ports(const HoneComponent *component)
{
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        g_autofree char *types = hone_artifact_types_name(port->types);
        printf("%s    %-3s %-12s %s%s%s\n        %s\n", i == 0 ? "\n  Ports\n" : "",
               port->direction == HONE_PORT_IN ? "in" : "out", port->name, types,
               (port->flags & HONE_PORT_OPTIONAL) != 0 ? ", optional" : "",
               (port->flags & HONE_PORT_REPEATED) != 0 ? ", one or more" : "", port->help);
    }
}

static const HoneFigureInfo *figure_at(const HoneMetricOps *ops, size_t i)
{
    const HoneFigureInfo *figure = (const HoneFigureInfo *)((const char *)ops->figures + i * ops->figure_size);
    return figure->name != NULL ? figure : NULL;
}

static void print_figures(const HoneComponent *component)
{
    const HoneFigureInfo *figure;
    for (size_t i = 0; component->kind == HONE_METRIC && (figure = figure_at(component->ops, i)) != NULL; i++)
        printf("%s    %-14s %s (%s is better)\n        %s\n", i == 0 ? "\n  Figures\n" : "", figure->name,
               figure->label, figure->lower_is_better ? "lower" : "higher", figure->help);
}

static void print_entry(const HoneEntry *entry)
{
    const HoneComponent *component = entry->component;
    const HonePlugin *plugin = entry->plugin->plugin;
    printf("%s %s (version %s): %s\n", hone_kind_name(component->kind), component->name, component->version,
           component->summary);
    if (component->help != NULL)
        printf("\n%s\n", component->help);
    printf("\n  Plugin %s %s, %s\n    %s\n    %s\n", plugin->name, plugin->version, plugin->licence, plugin->summary,
           entry->plugin->path);
    if (entry->shadowed_by != NULL)
        printf("    shadowed by %s\n", entry->shadowed_by->plugin->path);
    print_ports(component);
    print_figures(component);
    print_params(component);
}

static void set_string(JsonObject *object, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_string_member(object, name, value);
}

static JsonObject *param_json(const HoneParam *param, const char *group)
{
    JsonObject *object = json_object_new();
    set_string(object, "name", param->name);
    set_string(object, "group", group);
    set_string(object, "type", param_types[param->type]);
    json_object_set_boolean_member(object, "required", param->fallback == NULL);
    if (param->fallback != NULL)
        json_object_set_member(object, "default",
                               hone_json_parse(param->fallback, strlen(param->fallback), NULL, NULL));
    if (has_range(param)) {
        if (isfinite(param->min))
            json_object_set_double_member(object, "min", param->min);
        if (isfinite(param->max))
            json_object_set_double_member(object, "max", param->max);
    }
    if (param->choices != NULL) {
        JsonArray *choices = json_array_new();
        for (size_t i = 0; param->choices[i] != NULL; i++)
            json_array_add_string_element(choices, param->choices[i]);
        json_object_set_array_member(object, "choices", choices);
    }
    set_string(object, "unit", param->unit);
    set_string(object, "help", param->help);
    return object;
}

static JsonObject *port_json(const HonePort *port)
{
    JsonObject *object = json_object_new();
    set_string(object, "name", port->name);
    set_string(object, "direction", port->direction == HONE_PORT_IN ? "in" : "out");
    JsonArray *types = json_array_new();
    for (uint32_t bit = 1; bit <= HONE_ANY; bit <<= 1) {
        g_autofree char *name = (port->types & bit) != 0 ? hone_artifact_types_name(bit) : NULL;
        if (name != NULL)
            json_array_add_string_element(types, name);
    }
    json_object_set_array_member(object, "types", types);
    json_object_set_boolean_member(object, "optional", (port->flags & HONE_PORT_OPTIONAL) != 0);
    json_object_set_boolean_member(object, "repeated", (port->flags & HONE_PORT_REPEATED) != 0);
    set_string(object, "help", port->help);
    return object;
}

static JsonObject *entry_json(const HoneEntry *entry)
{
    const HoneComponent *component = entry->component;
    JsonObject *object = json_object_new(), *plugin = json_object_new();
    set_string(object, "kind", hone_kind_name(component->kind));
    set_string(object, "name", component->name);
    set_string(object, "version", component->version);
    set_string(object, "summary", component->summary);
    set_string(object, "help", component->help);
    set_string(plugin, "name", entry->plugin->plugin->name);
    set_string(plugin, "version", entry->plugin->plugin->version);
    set_string(plugin, "licence", entry->plugin->plugin->licence);
    set_string(plugin, "summary", entry->plugin->plugin->summary);
    set_string(plugin, "path", entry->plugin->path);
    json_object_set_object_member(object, "plugin", plugin);
    set_string(object, "shadowed_by", entry->shadowed_by != NULL ? entry->shadowed_by->plugin->path : NULL);
    JsonArray *ports = json_array_new(), *params = json_array_new();
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++)
        json_array_add_object_element(ports, port_json(port));
    json_object_set_array_member(object, "ports", ports);
    const HoneFigureInfo *figure;
    JsonArray *figures = json_array_new();
    for (size_t i = 0; component->kind == HONE_METRIC && (figure = figure_at(component->ops, i)) != NULL; i++) {
        JsonObject *f = json_object_new();
        set_string(f, "name", figure->name);
        set_string(f, "label", figure->label);
        set_string(f, "unit", figure->unit);
        json_object_set_boolean_member(f, "lower_is_better", figure->lower_is_better);
        set_string(f, "help", figure->help);
        json_array_add_object_element(figures, f);
    }
    json_object_set_array_member(object, "figures", figures);
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL)
        json_array_add_object_element(params, param_json(param, component->params[group].title));
    json_object_set_array_member(object, "params", params);
    return object;
}

/* "name", or "kind:name" where kinds share one. NULL: all of them. */
static bool matches(const HoneEntry *entry, const char *wanted)
{
    if (wanted == NULL || strcmp(entry->component->name, wanted) == 0)
        return true;
    g_autofree char *full = g_strdup_printf("%s:%s", hone_kind_name(entry->component->kind), entry->component->name);
    return strcmp(full, wanted) == 0;
}

static int refuse(const HoneRegistry *registry, const char *wanted)
{
    const GPtrArray *entries = hone_registry_entries(registry);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add(names, (gpointer)((const HoneEntry *)entries->pdata[i])->component->name);
    g_autofree char *hint = hone_did_you_mean(wanted, (const char *const *)names->pdata, names->len);
    hone_complain("no component \"%s\"%s", wanted, *hint != 0 ? hint : "; \"hone plugins\" lists what there is");
    return HONE_EXIT_FAILED;
}

int hone_command_inspect(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        HONE_PLUGIN_PATH_OPTION(options), {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL}, {NULL}};
    int status;
    if (!hone_command_parse(entries, 0, 1, &argc, &argv, &status))
        return status;
    const char *wanted = argc > 1 ? argv[1] : NULL;
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    const GPtrArray *all = hone_registry_entries(registry);
    g_autoptr(JsonArray) list = json_array_new();
    guint shown = 0;
    for (guint i = 0; i < all->len; i++) {
        const HoneEntry *entry = all->pdata[i];
        if (!matches(entry, wanted))
            continue;
        if (as_json)
            json_array_add_object_element(list, entry_json(entry));
        else if (shown > 0)
            putchar('\n');
        if (!as_json)
            print_entry(entry);
        shown++;
    }
    if (shown == 0 && wanted != NULL)
        return refuse(registry, wanted);
    if (as_json)
        hone_print_json(json_node_init_array(json_node_alloc(), list));
    return HONE_EXIT_OK;
}
