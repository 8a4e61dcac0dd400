/* SPDX-License-Identifier: Apache-2.0
 * plugin.c: names of kinds and artifact types, and the way through a component's ports.
 */
#include <hone/plugin.h>
#include <string.h>

static const char *const kind_names[] = {
    [HONE_STAGE] = "stage",   [HONE_BACKEND] = "backend", [HONE_OBJECTIVE] = "objective",
    [HONE_METRIC] = "metric", [HONE_REWARD] = "reward",   [HONE_TRACKER] = "tracker"};

/* In the order of the bits of HoneArtifactType. */
static const char *const type_names[] = {"dataset", "preferences", "model", "adapter", "scores", "report", "logprobs"};
G_STATIC_ASSERT((1 << G_N_ELEMENTS(type_names)) - 1 == HONE_ANY);

const char *hone_kind_name(HoneKind kind)
{
    return kind >= HONE_STAGE && kind <= HONE_LAST_KIND ? kind_names[kind] : "component";
}

char *hone_artifact_types_name(uint32_t types)
{
    if ((types & HONE_ANY) == HONE_ANY)
        return g_strdup("any");
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(type_names); i++) {
        if ((types & (1u << i)) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? " or " : "", type_names[i]);
    }
    if (text->len == 0)
        g_string_append(text, "nothing");
    return g_string_free(text, FALSE);
}

HoneArtifactType hone_artifact_type_parse(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(type_names); i++) {
        if (g_strcmp0(name, type_names[i]) == 0)
            return (HoneArtifactType)(1u << i);
    }
    return (HoneArtifactType)0;
}

const HonePort *hone_component_port(const HoneComponent *component, size_t i)
{
    g_return_val_if_fail(component != NULL, NULL);
    if (component->ports == NULL)
        return NULL;
    const char *at = (const char *)component->ports;
    for (;; at += component->port_size, i--) {
        const HonePort *port = (const HonePort *)at;
        if (port->name == NULL)
            return NULL;
        if (i == 0)
            return port;
    }
}

const HonePort *hone_component_find_port(const HoneComponent *component, HonePortDirection direction, const char *name)
{
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction == direction && g_strcmp0(port->name, name) == 0)
            return port;
    }
    return NULL;
}
