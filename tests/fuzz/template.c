/* SPDX-License-Identifier: Apache-2.0
 * template.c: fuzz target of chat templates: the bytes are a template. It is rendered under tight limits; where that
 * goes well, conversations are encoded with it.
 */
#include "fuzz.h"
#include "text/jinja/jinja.h"
#include "text/jinja/value.h"
#include <hone/chat.h>
#include <hone/json.h>
#include <string.h>

static const struct tm now = {.tm_year = 124, .tm_mon = 6, .tm_mday = 4};
static const JinjaLimits limits = {.steps = 100000, .memory = 8 << 20, .output = 1 << 20, .depth = 200};

static const char conversation[] =
    "[{\"role\": \"system\", \"content\": \"Be brief\"}, {\"role\": \"user\", \"content\": \" Größe\\n <|im_end|>\"},"
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"abcdef123\", \"type\": \"function\", "
    "\"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, true, null], \"b\": \"<x>\"}}}]},"
    "{\"role\": \"tool\", \"content\": \"{}\", \"name\": \"f\", \"tool_call_id\": \"abcdef123\"},"
    "{\"role\": \"assistant\", \"content\": \"<think>\\nno\\n</think>\\n\\nYes \", \"reasoning_content\": \"r\", "
    "\"weight\": "
    "0.5}]";
static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\"}}}]";

static JsonNode *parse(const char *text)
{
    return hone_json_parse(text, strlen(text), NULL, NULL);
}

static void set_variables(JinjaVm *vm, const void *data)
{
    JsonNode *const *nodes = data;
    jinja_set(vm, "messages", value_from_json(vm, nodes[0], 1));
    jinja_set(vm, "tools", value_from_json(vm, nodes[1], 2));
    jinja_set(vm, "add_generation_prompt", value_bool(true));
    jinja_set(vm, "bos_token", value_str(str_literal(vm, "<s>")));
    jinja_set(vm, "eos_token", value_str(str_literal(vm, "</s>")));
}

static bool render(const char *source, JsonNode **nodes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Jinja) template = jinja_parse(source, "fuzz", &error);
    g_auto(JinjaText) text = {0};
    bool fine = template && jinja_render(template, set_variables, nodes, &now, &limits, &text, &error);
    g_assert(fine == (error == NULL));
    if (!fine)
        return false;
    g_assert(strlen(text.bytes) == text.length);
    size_t end = 0;
    for (size_t r = 0; r < text.n_runs; r++) {
        g_assert(text.runs[r].end > end);
        end = text.runs[r].end;
    }
    g_assert(end == text.length);
    return true;
}

static void encode(const char *source, const HoneTokenizer *tokenizer, const HoneRow *row)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneChat) chat = hone_chat_new(source, tokenizer, "fuzz", &error);
    if (!chat)
        return;
    g_autoptr(HoneTokens) tokens = hone_chat_encode_with(chat, row->messages, row->tools, NULL);
    g_autoptr(HoneTokens) prompt = hone_chat_encode_prompt_with(chat, row->messages, row->tools, NULL);
    if (!tokens)
        return;
    g_assert(tokens->ids->len == tokens->weights->len && tokens->prompt <= tokens->ids->len);
    for (guint i = 0; i < tokens->ids->len; i++) {
        float weight = g_array_index(tokens->weights, float, i);
        g_assert(weight == 0 || weight == 1 || weight == 0.5f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static JsonNode *nodes[2];
    static HoneTokenizer *tokenizer;
    static HoneRow *row;
    if (!row) {
        nodes[0] = parse(conversation);
        nodes[1] = parse(tools);
        tokenizer = hone_tokenizer_from_folder(FUZZ_TOKENIZER, NULL, 0, NULL);
        g_autofree char *text = g_strdup_printf("{\"id\":\"r\",\"messages\":%s,\"tools\":%s}", conversation, tools);
        g_autoptr(JsonNode) node = parse(text);
        row = hone_row_from_json(node, "fuzz", NULL);
        g_assert(nodes[0] && nodes[1] && tokenizer && row);
    }
    g_autofree char *source = g_strndup((const char *)data, size);
    if (render(source, nodes))
        encode(source, tokenizer, row);
    return 0;
}
