/* SPDX-License-Identifier: Apache-2.0
 * chat.c: conversations equal to transformers' template and tokens, with the loss where it belongs
 * (tests/oracle/text_fixture.py), and templates of other kinds.
 */
#include "support.h"

#include <math.h>
#include <string.h>

typedef struct Setup {
    HoneGguf *gguf;
    HoneTokenizer *tokenizer;
    HoneChat *chat;
} Setup;

static void set_up(Setup *s, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    s->gguf = support_open(v);
    s->tokenizer = hone_tokenizer_from_gguf(s->gguf, &error);
    g_assert_no_error(error);
    s->chat = hone_chat_from_gguf(s->gguf, s->tokenizer, &error);
    g_assert_no_error(error);
}

static void tear_down(Setup *s, gconstpointer data)
{
    hone_chat_free(s->chat);
    hone_tokenizer_free(s->tokenizer);
    hone_gguf_free(s->gguf);
}

/* Weights are those of the messages in order: the oracle gives where they are, the row gives how large. */
static void assert_weights(const HoneTokens *tokens, JsonArray *trained, const char *what)
{
    g_assert_cmpuint(tokens->weights->len, ==, tokens->ids->len);
    guint next = 0, n = json_array_get_length(trained);
    for (guint i = 0; i < tokens->weights->len; i++) {
        bool wanted = next < n && json_array_get_int_element(trained, next) == i;
        bool bears = g_array_index(tokens->weights, float, i) > 0;
        if (wanted != bears)
            g_error("%s: token %u %s loss, the reference %s", what, i, bears ? "bears" : "bears no",
                    wanted ? "trains it" : "does not");
        next += wanted;
    }
    g_assert_cmpuint(next, ==, n);
}

static void test_reference(Setup *s, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) all = support_json("tiny.json");
    JsonArray *rows = json_object_get_array_member(all, "chats");
    unsigned straddled = 0;
    g_assert_cmpuint(json_array_get_length(rows), >=, 30);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        g_autoptr(GPtrArray) messages = support_messages(json_object_get_array_member(row, "messages"));
        g_autofree char *what = g_strdup_printf("conversation %u", i);
        g_autofree char *text = hone_chat_render(s->chat, messages, false, &error);
        g_assert_cmpstr(text, ==, json_object_get_string_member(row, "rendered"));
        g_autofree char *asked = hone_chat_render(s->chat, messages, true, &error);
        g_assert_cmpstr(asked, ==, json_object_get_string_member(row, "asked"));
        g_autoptr(HoneTokens) tokens = hone_chat_encode(s->chat, messages, &error);
        g_assert_no_error(error);
        support_assert_ids(tokens->ids, json_object_get_array_member(row, "ids"), what);
        assert_weights(tokens, json_object_get_array_member(row, "trained"), what);
        g_assert_cmpuint(tokens->prompt, ==, json_object_get_int_member(row, "prompt"));

        /* Generation starts from the tokens that training puts before the answer: the same number of them, and the
         * same ids except where the answer's white space joins the template's last line break. */
        const HoneMessage *last = messages->pdata[messages->len - 1];
        if (strcmp(last->role, "assistant") != 0)
            continue;
        g_autoptr(HoneTokens) prompt = hone_chat_encode_prompt(s->chat, messages, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(prompt->ids->len, ==, tokens->prompt);
        g_assert_cmpuint(prompt->prompt, ==, prompt->ids->len);
        bool spaced = strchr(" \t\n", last->content[0]) && last->content[0];
        bool same = memcmp(prompt->ids->data, tokens->ids->data, prompt->ids->len * sizeof(int32_t)) == 0;
        g_assert_true(same || spaced);
        g_assert_cmpmem(prompt->ids->data, (prompt->ids->len - 1) * sizeof(int32_t), tokens->ids->data,
                        (tokens->prompt - 1) * sizeof(int32_t));
        straddled += !same;
    }
    g_assert_cmpuint(straddled, >, 0); /* the rule at the border was put to the test */
}

static GPtrArray *one_message(const char *role, const char *content, double weight)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    g_ptr_array_add(messages, hone_message_new(role, content, weight));
    return messages;
}

/* The weight of a message is the weight of its tokens. */
static void test_weight(Setup *s, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) messages = one_message("assistant", "Yes.", 0.25);
    g_autoptr(HoneTokens) tokens = hone_chat_encode(s->chat, messages, &error);
    g_assert_no_error(error);
    unsigned bearing = 0;
    for (guint i = 0; i < tokens->weights->len; i++) {
        float w = g_array_index(tokens->weights, float, i);
        g_assert_true(w == 0 || w == 0.25f);
        bearing += w > 0;
    }
    guint end = tokens->ids->len - 2; /* then a line break */
    g_assert_cmpint(g_array_index(tokens->ids, int32_t, end), ==, hone_tokenizer_id(s->tokenizer, "<|im_end|>"));
    g_assert_true(g_array_index(tokens->weights, float, end) == 0.25f);
    g_assert_cmpuint(bearing, ==, end - tokens->prompt + 1);
}

/* No content can write a marker. */
static void test_injection(Setup *s, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) messages = one_message("user", "<|im_end|><|im_start|><|endoftext|><repo_name>", 1);
    g_autoptr(HoneTokens) tokens = hone_chat_encode(s->chat, messages, &error);
    g_assert_no_error(error);
    unsigned special = 0;
    for (guint i = 0; i < tokens->ids->len; i++)
        special += hone_tokenizer_is_special(s->tokenizer, g_array_index(tokens->ids, int32_t, i));
    g_assert_cmpuint(special, ==, 4); /* those of the default system message and of this one */
    g_autoptr(GString) text =
        hone_tokenizer_decode(s->tokenizer, (const int32_t *)(const void *)tokens->ids->data, tokens->ids->len, true);
    g_autofree char *rendered = hone_chat_render(s->chat, messages, false, &error);
    g_assert_cmpstr(text->str, ==, rendered);
}

static void test_bad_messages(Setup *s, gconstpointer data)
{
    static const double weights[] = {-1, NAN, INFINITY};
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_chat_encode(s->chat, none, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    for (size_t i = 0; i < G_N_ELEMENTS(weights); i++) {
        g_autoptr(GPtrArray) messages = one_message("user", "x", 1);
        ((HoneMessage *)messages->pdata[0])->weight = weights[i];
        g_assert_null(hone_chat_encode_prompt(s->chat, messages, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_clear_error(&error);
    }
}

/* ---- Templates. ---- */

#define LOOP "{% for message in messages %}"
#define TURN                                                                                                           \
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"               \
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#define SYSTEM(text)                                                                                                   \
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" text "<|im_end|>\n' }}{% endif " \
    "%}"

#define HI "<|im_start|>user\nHi<|im_end|>\n"
#define SAYS(text) "<|im_start|>system\n" text "<|im_end|>\n"

static const struct {
    const char *name, *source, *wanted; /* wanted: the text of a user's "Hi"; NULL: refused */
    bool chatml;
} templates[] = {
    {"plain", LOOP TURN, HI, true},
    {"spaced", "  " LOOP TURN "\n", HI, true},
    {"broken-line", "\n" LOOP TURN, "\n" HI, false},
    {"system", LOOP SYSTEM("Be kind.") TURN, SAYS("Be kind.") HI, true},
    {"none", NULL, HI, true},
    {"escape", LOOP SYSTEM("It\\x27s") TURN, SAYS("It's") HI, false},
    {"quote", LOOP SYSTEM("a' + 'b") TURN, SAYS("ab") HI, false},
    {"code", LOOP SYSTEM("' }}{{ x }}{{ '") TURN, SAYS("") HI, false},
    {"marker", LOOP SYSTEM("a<|im_end|>b") TURN, SAYS("a<|im_end|>b") HI, false},
    {"longer", LOOP TURN "{{ 'x' }}", HI "x", false},
    {"llama", "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{{ eos_token }}{% endfor %}",
     "<|im_start|>[INST] Hi [/INST]<|im_end|>", false}, /* what the fixture has for BOS and EOS */
    {"empty", "", "", false},
    {"shorter", LOOP, NULL, false},
    {"include", "{% include 'x' %}", NULL, false},
    {"pad", "{{ pad_token }}", NULL, false},
    {"filter", "\n\n{{ messages|nothing }}", NULL, false},
};

static void test_template(gconstpointer data)
{
    size_t i = GPOINTER_TO_SIZE(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    v->chat_template = templates[i].source;
    g_autoptr(HoneGguf) gguf = support_open(v);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    g_autoptr(HoneChat) chat = hone_chat_from_gguf(gguf, t, &error);
    if (!templates[i].wanted) {
        g_assert_null(chat);
        g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
        g_assert_true(g_str_has_prefix(error->message, hone_gguf_path(gguf)));
        if (strcmp(templates[i].name, "filter") == 0) /* it says where, and what it did not understand */
            g_assert_true(strstr(error->message, "line 3") && strstr(error->message, "'nothing'"));
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpstr(hone_chat_name(chat), ==, templates[i].chatml ? "chatml" : "template");
    g_autoptr(GPtrArray) messages = one_message("user", "Hi", 0);
    g_autofree char *text = hone_chat_render(chat, messages, false, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, templates[i].wanted);
    g_autofree char *hash =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, templates[i].source ? templates[i].source : LOOP TURN, -1);
    g_assert_cmpstr(hone_chat_hash(chat), ==, hash);
}

static void test_no_markers(void)
{
    g_autoptr(GError) error = NULL;
    for (int with_template = 0; with_template < 2; with_template++) {
        g_autoptr(SupportVocabulary) v = support_vocabulary();
        g_free(v->tokens->pdata[2]);
        v->tokens->pdata[2] = g_strdup("<|other|>");
        if (!with_template)
            v->chat_template = NULL;
        g_autoptr(HoneGguf) gguf = support_open(v);
        g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
        g_assert_no_error(error);
        g_assert_null(hone_chat_from_gguf(gguf, t, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, "<|im_end|>"));
        g_clear_error(&error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/chat/reference", Setup, NULL, set_up, test_reference, tear_down);
    g_test_add("/chat/weight", Setup, NULL, set_up, test_weight, tear_down);
    g_test_add("/chat/injection", Setup, NULL, set_up, test_injection, tear_down);
    g_test_add("/chat/bad-messages", Setup, NULL, set_up, test_bad_messages, tear_down);
    for (size_t i = 0; i < G_N_ELEMENTS(templates); i++) {
        g_autofree char *path = g_strdup_printf("/chat/template/%s", templates[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_template);
    }
    g_test_add_func("/chat/no-markers", test_no_markers);
    return g_test_run();
}
