/* SPDX-License-Identifier: Apache-2.0
 * resolve.c: see resolve.h.
 *
 * Question: {"stage", "params", "folder"}. Answer: {"exact", "remark", "absent"}, or status 1 with the reason on the
 * standard error.
 */
#include "resolve.h"
#include "command.h"
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <hone/hub.h>
#include <hone/json.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LONGEST_QUESTION ((gsize)8 << 20)
/* A stage bounds its own waiting; this is for one that does not. */
#define PATIENCE_SECONDS 600

const HoneParam *hone_resolve_param(const HoneComponent *component, JsonObject *params, const char *folder)
{
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL))) {
        JsonNode *value = params ? json_object_get_member(params, param->name) : NULL;
        if (!(param->flags & HONE_PARAM_MAY_BE_HUB) || !value || json_node_get_value_type(value) != G_TYPE_STRING)
            continue;
        const char *text = json_node_get_string(value);
        g_autofree char *path = g_canonicalize_filename(text, folder);
        if (hone_hub_is_meant(text, path))
            return param;
    }
    return NULL;
}

bool hone_resolve_here(const HoneComponent *component, const void *instance, uint32_t flags, HoneResolution *found,
                       GError **error)
{
    const HoneStageOps *ops = component->ops;
    *found = (HoneResolution){.size = sizeof *found};
    if (ops->size < offsetof(HoneStageOps, resolve) + sizeof ops->resolve || !ops->resolve) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "stage \"%s\" takes names of a hub and has no `resolve`",
                    component->name);
        return false;
    }
    GError *said = NULL;
    if (ops->resolve(instance, flags, found, &said) && !said)
        return true;
    hone_resolution_clear(found);
    if (said)
        g_propagate_error(error, said);
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "stage \"%s\" did not say why its name resolves to nothing",
                    component->name);
    return false;
}

/* ---- The child. ---- */

static JsonObject *read_question(GError **error)
{
    g_autoptr(GInputStream) in = g_unix_input_stream_new(STDIN_FILENO, FALSE);
    g_autofree char *text = g_malloc(LONGEST_QUESTION);
    gsize size = 0;
    if (!g_input_stream_read_all(in, text, LONGEST_QUESTION, &size, NULL, error))
        return NULL;
    g_autoptr(JsonNode) node = hone_json_parse(text, size, "question", error);
    if (node && !JSON_NODE_HOLDS_OBJECT(node))
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the question is no object");
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_dup_object(node) : NULL;
}

static bool answer(const HoneRegistry *registry, HoneResolution *found, GError **error)
{
    g_autoptr(JsonObject) question = read_question(error);
    if (!question)
        return false;
    JsonNode *params = json_object_get_member(question, "params");
    const HoneEntry *entry = hone_registry_find(
        registry, HONE_STAGE, json_object_get_string_member_with_default(question, "stage", ""), error);
    if (!entry)
        return false;
    const HoneComponent *component = entry->component;
    g_autofree void *instance = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, params && JSON_NODE_HOLDS_OBJECT(params) ? json_node_get_object(params) : NULL,
                          json_object_get_string_member_with_default(question, "folder", "."), instance, error))
        return false;
    bool ok = hone_resolve_here(component, instance, 0, found, error);
    hone_params_clear(component, instance);
    return ok;
}

int hone_resolve_tell(const HoneRegistry *registry)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(PATIENCE_SECONDS);
    g_autoptr(GError) error = NULL;
    g_auto(HoneResolution) found = {.size = sizeof found};
    if (!answer(registry, &found, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return HONE_EXIT_FAILED;
    }
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_node_take_object(node, object);
    json_object_set_string_member(object, "exact", found.exact ? found.exact : "");
    json_object_set_string_member(object, "remark", found.remark ? found.remark : "");
    json_object_set_boolean_member(object, "absent", found.absent);
    hone_print_json(node);
    return HONE_EXIT_OK;
}

/* ---- The host. ---- */

static char *question_text(const HonePipelineNode *node)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_node_take_object(root, object);
    json_object_set_string_member(object, "stage", node->component->name);
    json_object_set_object_member(object, "params", json_object_ref(node->params));
    json_object_set_string_member(object, "folder", node->folder);
    return hone_json_text(root);
}

static bool read_answer(const HonePipelineNode *node, const char *text, HoneResolution *found, GError **error)
{
    g_autoptr(JsonNode) root = hone_json_parse(text, strlen(text), NULL, NULL);
    JsonObject *object = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    const char *exact = object ? json_object_get_string_member_with_default(object, "exact", "") : "";
    if (!*exact) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "%s: plugin \"%s\" was asked what its name stands for and gave no answer", node->name,
                    node->plugin->plugin->name);
        return false;
    }
    const char *remark = json_object_get_string_member_with_default(object, "remark", "");
    found->exact = g_strdup(exact);
    found->remark = *remark ? g_strdup(remark) : NULL;
    found->absent = json_object_get_boolean_member_with_default(object, "absent", FALSE);
    return true;
}

bool hone_resolve_ask(const HonePipelineNode *node, const char *program, const char *const *plugin_path,
                      HoneResolution *found, GError **error)
{
    *found = (HoneResolution){.size = sizeof *found};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer)program);
    g_ptr_array_add(argv, (gpointer) "node");
    g_ptr_array_add(argv, (gpointer) "--resolve");
    for (size_t i = 0; plugin_path && plugin_path[i]; i++) {
        g_ptr_array_add(argv, (gpointer) "--plugin-path");
        g_ptr_array_add(argv, (gpointer)plugin_path[i]);
    }
    g_ptr_array_add(argv, NULL);
    g_autofree char *question = question_text(node), *out = NULL, *err = NULL;
    g_autoptr(GSubprocess) child = g_subprocess_newv(
        (const char *const *)argv->pdata,
        G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, error);
    if (!child || !g_subprocess_communicate_utf8(child, question, NULL, &out, &err, error))
        return false;
    if (g_subprocess_get_if_signaled(child)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "plugin \"%s\" was killed by SIG%s while it looked for what its name stands for",
                    node->plugin->plugin->name, sigabbrev_np(g_subprocess_get_term_sig(child)));
        return false;
    }
    if (g_subprocess_get_exit_status(child) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s", g_strchomp(err));
        return false;
    }
    return read_answer(node, out, found, error);
}
