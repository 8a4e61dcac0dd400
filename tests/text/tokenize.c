/* SPDX-License-Identifier: Apache-2.0
 * tokenize.c: a tool for tests/oracle/text_compare.py: `tokenize MODEL.gguf texts|chats < LINES > IDS`.
 *
 * texts: each line is the base64 of a text, encoded with special tokens; prints its ids.
 * chats: each line is a JSON list of messages; prints {"ids", "trained" (indices of tokens that bear loss), "prompt"}.
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

static bool encode_text(const HoneTokenizer *tokenizer, const char *line, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    size_t length;
    g_autofree guchar *text = g_base64_decode(line, &length);
    hone_tokenizer_encode(tokenizer, (const char *)text, length, HONE_ENCODE_SPECIAL, ids);
    print_ids(ids);
    putchar('\n');
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

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc != 3 || (strcmp(argv[2], "texts") != 0 && strcmp(argv[2], "chats") != 0)) {
        fprintf(stderr, "usage: tokenize MODEL.gguf texts|chats < LINES\n");
        return 2;
    }
    bool chats = strcmp(argv[2], "chats") == 0;
    g_autoptr(HoneGguf) gguf = hone_gguf_open(argv[1], &error);
    g_autoptr(HoneTokenizer) tokenizer = gguf ? hone_tokenizer_from_gguf(gguf, &error) : NULL;
    g_autoptr(HoneChat) chat = tokenizer && chats ? hone_chat_from_gguf(gguf, tokenizer, &error) : NULL;
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
        fine = chats ? encode_chat(chat, line, &error) : encode_text(tokenizer, line, &error);
    }
    free(line);
    if (!fine)
        fprintf(stderr, "tokenize: %s\n", error->message);
    return fine ? 0 : 1;
}
