/* SPDX-License-Identifier: Apache-2.0
 * chat_render.c: gives a template its variables, as transformers' apply_chat_template does: messages, tools, documents
 * (none), add_generation_prompt, bos_token and eos_token.
 *
 * A message's members whose value is null are left out. Reasoning goes by several names in data; a template finds it as
 * reasoning_content and as thinking.
 */
#include "chat_private.h"

#include "jinja/value.h"

#include <string.h>

/* A role is a word that the template may write into its markers; anything else is plain text like content. */
static bool is_word(const char *role)
{
    size_t n = strspn(role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= 64 && role[n] == 0;
}

static Value text_value(JinjaVm *vm, const char *text, uint32_t owner)
{
    return value_str(str_new(vm, text, strlen(text), owner));
}

static JsonNode *reasoning_of(const HoneMessage *message)
{
    static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
    for (size_t i = 0; message->fields && i < G_N_ELEMENTS(names); i++) {
        JsonNode *node = json_object_get_member(message->fields, names[i]);
        if (node && !JSON_NODE_HOLDS_NULL(node))
            return node;
    }
    return NULL;
}

static void put_fields(JinjaVm *vm, Dict *dict, JsonObject *fields, uint32_t owner)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, fields);
    while (json_object_iter_next_ordered(&iter, &name, &value))
        if (!JSON_NODE_HOLDS_NULL(value))
            dict_put(vm, dict, name, value_from_json(vm, value, owner));
}

static Value message_value(JinjaVm *vm, const HoneMessage *message, uint32_t owner)
{
    Dict *dict = dict_new(vm, 2);
    JsonNode *reasoning = reasoning_of(message);
    if (reasoning)
        dict_put(vm, dict, "thinking", value_from_json(vm, reasoning, owner));
    dict_put(vm, dict, "role", text_value(vm, message->role, is_word(message->role) ? JINJA_TEMPLATE : owner));
    if (!message->no_content)
        dict_put(vm, dict, "content", text_value(vm, message->content, owner));
    if (message->fields)
        put_fields(vm, dict, message->fields, owner);
    if (reasoning)
        dict_put(vm, dict, "reasoning_content", value_from_json(vm, reasoning, owner));
    return value_dict(dict);
}

typedef struct Fill {
    const HoneChat *chat;
    const ChatInput *input;
} Fill;

static void set_variables(JinjaVm *vm, const void *data)
{
    const Fill *fill = data;
    const ChatInput *input = fill->input;
    List *messages = list_new(vm, input->n);
    for (size_t i = 0; i < input->n; i++)
        list_add(vm, messages, message_value(vm, input->messages->pdata[i], chat_owner(i)));
    jinja_set(vm, "messages", value_list(messages));
    jinja_set(vm, "add_generation_prompt", value_bool(input->prompt));
    jinja_set(vm, "documents", NONE_VALUE);
    jinja_set(vm, "tools",
              input->tools && jinja_reads(fill->chat->template, "tools")
                  ? value_from_array(vm, input->tools, CHAT_TOOLS)
                  : NONE_VALUE);
    if (fill->chat->bos)
        jinja_set(vm, "bos_token", text_value(vm, fill->chat->bos, JINJA_TEMPLATE));
    if (fill->chat->eos)
        jinja_set(vm, "eos_token", text_value(vm, fill->chat->eos, JINJA_TEMPLATE));
}

/* About as many bytes as the conversation holds: limits grow with it. */
static size_t size_of(const ChatInput *input)
{
    size_t size = 1000;
    for (size_t i = 0; i < input->n; i++) {
        const HoneMessage *m = input->messages->pdata[i];
        size += strlen(m->content) + 100;
    }
    return size;
}

bool chat_render(const HoneChat *chat, const ChatInput *input, JinjaText *text, GError **error)
{
    Fill fill = {chat, input};
    JinjaLimits limits = jinja_limits(size_of(input));
    return jinja_render(chat->template, set_variables, &fill, &chat->now, &limits, text, error);
}
