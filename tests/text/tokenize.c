/* SPDX-License-Identifier: Apache-2.0
 * tokenize.c: a tool for tests/oracle/text_*.py: `tokenize MODEL MODE < LINES`, MODEL a GGUF or a folder.
 *
 * texts: each line is the base64 of a text, encoded with special tokens; prints its ids. plain: without special tokens.
 * around: with what the tokenizer puts around a text. decode: each line is a list of ids; prints the base64 of its
 * text. chats: each line is a JSON list of messages; prints {"ids", "trained" (indices of tokens that bear loss),
 * "prompt"}.
 */
#include <hone/chat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_ids(const GArray *ids)
{
    putchar('[');
    for (guint i = 0; i < ids->len; i++)
        printf("%s%d", i ? "," : "", g_array_index(ids, int32_t, i));
    putchar(']');
}

static bool encode_text(const HoneTokenizer *tokenizer, const char *line, uint32_t flags, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    size_t length = 0;
    g_autofree guchar *text = g_base64_decode(line, &length);
    if (!hone_tokenizer_try_encode(tokenizer, (const char *)text, length, flags, ids, error))
        return false;
    print_ids(ids);
    putchar('\n');
    return true;
}

static bool decode_ids(const HoneTokenizer *tokenizer, const char *line, GError **error)
{
    g_autoptr(JsonNode) node = json_from_string(line, error);
    if (!node)
        return false;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        int32_t id = (int32_t)json_array_get_int_element(array, i);
        g_array_append_val(ids, id);
    }
    g_autoptr(GString) text =
        hone_tokenizer_decode(tokenizer, (const int32_t *)(const void *)ids->data, ids->len, true);
    g_autofree char *coded = g_base64_encode((const guchar *)text->str, text->len);
    printf("\"%s\"\n", coded);
    return true;
}

static bool encode_chat(const HoneChat *chat, const char *line, GError **error)
{
    g_autofree char *row_text = g_strdup_printf("{\"id\": \"x\", \"messages\": %s}", line);
    g_autoptr(JsonNode) node = json_from_string(row_text, error);
    if (!node)
        return false;
    g_autoptr(HoneRow) row = hone_row_from_json(node, "line", error);
    if (!row)
        return false;
    g_autoptr(HoneTokens) tokens = hone_chat_encode(chat, row->messages, error);
    if (!tokens)
        return false;
    printf("{\"ids\":");
    print_ids(tokens->ids);
    printf(",\"trained\":[");
    bool any = false;
    for (guint i = 0; i < tokens->weights->len; i++)
        if (g_array_index(tokens->weights, float, i) > 0) {
            printf("%s%u", any ? "," : "", i);
            any = true;
        }
    printf("],\"prompt\":%zu}\n", tokens->prompt);
    return true;
}

static bool run_line(const HoneTokenizer *tokenizer, const HoneChat *chat, const char *mode, const char *line,
                     GError **error)
{
    if (strcmp(mode, "chats") == 0)
        return encode_chat(chat, line, error);
    if (strcmp(mode, "decode") == 0)
        return decode_ids(tokenizer, line, error);
    uint32_t flags = strcmp(mode, "plain") == 0 ? 0 : HONE_ENCODE_SPECIAL;
    return encode_text(tokenizer, line, flags | (strcmp(mode, "around") == 0 ? HONE_ENCODE_ADDED : 0), error);
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"texts", "plain", "around", "decode", "chats", NULL};
    g_autoptr(GError) error = NULL;
    if (argc != 3 || !g_strv_contains(modes, argv[2])) {
        fprintf(stderr, "usage: tokenize MODEL texts|plain|around|decode|chats < LINES\n");
        return 2;
    }
    bool folder = g_file_test(argv[1], G_FILE_TEST_IS_DIR);
    g_autoptr(HoneGguf) gguf = folder ? NULL : hone_gguf_open(argv[1], &error);
    g_autoptr(HoneTokenizer) tokenizer = folder ? hone_tokenizer_from_folder(argv[1], NULL, 0, &error)
                                         : gguf ? hone_tokenizer_from_gguf(gguf, &error)
                                                : NULL;
    g_autoptr(HoneChat) chat =
        tokenizer && gguf && strcmp(argv[2], "chats") == 0 ? hone_chat_from_gguf(gguf, tokenizer, &error) : NULL;
    if (error) {
        fprintf(stderr, "tokenize: %s\n", error->message);
        return 1;
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool fine = true;
    while (fine && (length = getline(&line, &room, stdin)) > 0) {
        g_strchomp(line);
        fine = run_line(tokenizer, chat, argv[2], line, &error);
    }
    free(line);
    if (!fine)
        fprintf(stderr, "tokenize: %s\n", error->message);
    return fine ? 0 : 1;
}
