/* SPDX-License-Identifier: Apache-2.0
 * facts.c: one row to its facts.
 *
 * Near-duplicates: Broder, "On the resemblance and containment of documents", 1997: the share of common word triples,
 * estimated from the smallest hashes.
 */
#include "facts.h"
#include <hone/file.h>
#include <hone/json.h>
#include <string.h>

static uint32_t mix_hash(uint64_t x)
{
    /* The finaliser of MurmurHash3: spreads the low-quality hash of a triple over all bits. */
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return (uint32_t)x;
}

static uint64_t word_hash(const char *word, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)word[i]) * 0x100000001b3ULL;
    return hash;
}

static int by_value(gconstpointer a, gconstpointer b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* normal: words between single spaces. Sets shingles and numbers. */
static void add_shingles(Facts *f, const char *normal)
{
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autoptr(GString) numbers = g_string_new(NULL);
    uint64_t last[3] = {0};
    size_t n = 0;
    for (const char *at = normal; *at != 0;) {
        const char *end = strchrnul(at, ' ');
        size_t length = (size_t)(end - at);
        if (strcspn(at, "0123456789 ") < length) {
            g_string_append_len(numbers, at, (gssize)length);
            g_string_append_c(numbers, ' ');
        }
        last[0] = last[1];
        last[1] = last[2];
        last[2] = word_hash(at, length);
        n++;
        if (n >= 3) {
            uint32_t hash = mix_hash(last[0] * 31 * 31 + last[1] * 31 + last[2]);
            g_array_append_val(hashes, hash);
        }
        at = *end != 0 ? end + 1 : end;
    }
    if (n < 3) { /* too short for a triple: the text itself */
        uint32_t hash = mix_hash(word_hash(normal, strlen(normal)));
        g_array_append_val(hashes, hash);
    }
    g_array_sort(hashes, by_value);
    f->shingles = g_new(uint32_t, MIN(hashes->len, FACTS_SHINGLES));
    for (guint i = 0; i < hashes->len && f->n_shingles < FACTS_SHINGLES; i++) {
        uint32_t hash = g_array_index(hashes, uint32_t, i);
        if (f->n_shingles == 0 || f->shingles[f->n_shingles - 1] != hash)
            f->shingles[f->n_shingles++] = hash;
    }
    f->numbers = text_hash(numbers->str);
}

double facts_similarity(const Facts *a, const Facts *b)
{
    /* Of the smallest hashes of the union, how many are in both. */
    uint32_t i = 0, j = 0, both = 0, all = 0;
    while (all < FACTS_SHINGLES && (i < a->n_shingles || j < b->n_shingles)) {
        all++;
        if (j == b->n_shingles || (i < a->n_shingles && a->shingles[i] < b->shingles[j])) {
            i++;
        } else if (i == a->n_shingles || b->shingles[j] < a->shingles[i]) {
            j++;
        } else {
            both++;
            i++;
            j++;
        }
    }
    return all > 0 ? (double)both / all : 0;
}

/* The byte of Windows-1252 (with Latin-1 where that has none), or -1. */
static int byte_of(gunichar c)
{
    static const gunichar upper[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                       0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
    if (c < 0x100)
        return (int)c;
    for (int i = 0; i < 32; i++)
        if (upper[i] == c)
            return 0x80 + i;
    return -1;
}

/* Characters that stand for the bytes of one UTF-8 character. Only the lead bytes that common text has (Latin-1
 * letters, punctuation, emoji): rarer ones meet by chance in good text. */
static bool is_mojibake(const char *text)
{
    int lead = byte_of(g_utf8_get_char(text));
    int follow = lead == 0xC2 || lead == 0xC3 ? 1 : lead == 0xE2 || lead == 0xEF ? 2 : lead == 0xF0 ? 3 : 0;
    if (follow == 0)
        return false;
    for (int i = 0; i < follow; i++) {
        text = g_utf8_next_char(text);
        int byte = *text != 0 ? byte_of(g_utf8_get_char(text)) : -1;
        if (byte < 0x80 || byte > 0xBF)
            return false;
    }
    return true;
}

Encoding text_encoding(const char *text)
{
    Encoding found = ENCODING_FINE;
    for (const char *at = text; *at != 0 && found == ENCODING_FINE; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == 0xFFFD)
            found = ENCODING_REPLACED;
        else if (c >= 0xC2 && is_mojibake(at))
            found = ENCODING_MOJIBAKE;
        else if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || (c >= 0x7F && c < 0xA0 && c != 0x85))
            found = ENCODING_CONTROL;
    }
    return found;
}

static size_t count_words(const char *text)
{
    size_t words = 0;
    bool inside = false;
    for (const char *at = text; *at != 0; at = g_utf8_next_char(at)) {
        bool space = g_unichar_isspace(g_utf8_get_char(at));
        words += !space && !inside;
        inside = !space;
    }
    return words;
}

static void add_messages(GString *text, const GPtrArray *messages, Facts *f)
{
    for (guint i = 0; messages != NULL && i < messages->len; i++) {
        const HoneMessage *message = messages->pdata[i];
        /* Neither byte occurs in text, so different rows give different wholes. */
        g_string_append_printf(text, "%s\x01%s\x02", message->role, message->content);
        if (message->fields != NULL) {
            g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), message->fields);
            g_autofree char *fields = hone_json_text(node);
            g_string_append_printf(text, "%s\x02", fields);
        }
        if (f->encoding == ENCODING_FINE)
            f->encoding = text_encoding(message->content);
    }
    g_string_append_c(text, '\x03');
}

static bool all_space(const char *text)
{
    while (*text != 0 && g_unichar_isspace(g_utf8_get_char(text)))
        text = g_utf8_next_char(text);
    return *text == 0;
}

static void add_ends(Facts *f, const char *prompt)
{
    size_t length = strlen(prompt);
    const char *head_end = prompt + MIN(length, FACTS_ENDS), *tail = prompt + length - MIN(length, FACTS_ENDS);
    while (((unsigned char)*head_end & 0xC0) == 0x80)
        head_end--;
    while (((unsigned char)*tail & 0xC0) == 0x80)
        tail++;
    f->prompt_head = g_strndup(prompt, (gsize)(head_end - prompt));
    f->prompt_tail = g_strdup(tail);
}

static void add_answer(Facts *f, const char *answer)
{
    if (strlen(answer) <= FACTS_ANSWER)
        f->answer = g_strdup(answer);
    f->answer_words = count_words(answer);
    f->answer_bytes = strlen(answer);
    f->empty = all_space(answer);
    g_autoptr(JsonNode) node = hone_json_parse(answer, strlen(answer), NULL, NULL);
    g_autofree char *same = node != NULL ? hone_json_canonical(node) : text_normal(answer);
    f->reply = text_hash(same);
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return;
    g_autoptr(GList) names =
        g_list_sort(json_object_get_members(json_node_get_object(node)), (GCompareFunc)(void (*)(void))strcmp);
    GString *keys = g_string_new(NULL);
    for (GList *n = names; n != NULL; n = n->next)
        g_string_append_printf(keys, "%s%s", n != names ? ", " : "", (const char *)n->data);
    f->json_keys = g_string_free(keys, FALSE);
}

static const HoneMessage *last_message(const GPtrArray *messages)
{
    return messages != NULL && messages->len > 0 ? messages->pdata[messages->len - 1] : NULL;
}

/* The last of the assistant's messages calls a tool: that is its answer, whatever its text. */
static bool calls_tool(const GPtrArray *messages)
{
    for (guint i = messages->len; i > 0; i--) {
        const HoneMessage *message = messages->pdata[i - 1];
        if (strcmp(message->role, "assistant") == 0)
            return message->fields != NULL && json_object_has_member(message->fields, "tool_calls");
    }
    return false;
}

Facts *facts_new(const HoneRow *row)
{
    Facts *f = g_new0(Facts, 1);
    f->id = g_strdup(row->id);
    g_autoptr(GString) all = g_string_new(NULL);
    add_messages(all, row->messages, f);
    add_messages(all, row->chosen, f);
    add_messages(all, row->rejected, f);
    f->whole = text_hash(all->str);
    g_autofree char *key = row_question_key(row), *prompt = row_prompt(row);
    f->question = text_hash(key);
    f->prompt_words = count_words(prompt);
    f->prompt_bytes = strlen(prompt);
    add_ends(f, prompt);
    const char *answer = row_answer(row);
    f->empty = true;
    if (answer != NULL)
        add_answer(f, answer);
    if (calls_tool(row->chosen != NULL ? row->chosen : row->rejected != NULL ? row->rejected : row->messages))
        f->empty = false;
    const HoneMessage *chosen = last_message(row->chosen), *rejected = last_message(row->rejected);
    if (row->chosen != NULL && row->rejected != NULL)
        f->equal = chosen == rejected || (chosen != NULL && rejected != NULL && hone_message_equal(chosen, rejected));
    g_autofree char *text = g_strconcat(prompt, "\n", answer != NULL ? answer : "", NULL);
    g_autofree char *normal = text_normal(text);
    add_shingles(f, normal);
    return f;
}

void facts_free(Facts *facts)
{
    if (facts == NULL)
        return;
    g_free(facts->id);
    g_free(facts->prompt_head);
    g_free(facts->prompt_tail);
    g_free(facts->answer);
    g_free(facts->json_keys);
    g_free(facts->shingles);
    g_free(facts);
}
