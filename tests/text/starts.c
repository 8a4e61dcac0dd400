/* SPDX-License-Identifier: Apache-2.0
 * starts.c: where tokens begin in the text, and ranges in which no special token is looked for. Not part of the SDK's
 * interface: built from its sources. Chat templates find by it which tokens bear loss.
 */
#include "support.h"

#include "../../sdk/text/internal.h"
#include <string.h>

typedef struct Encoded {
    GArray *ids, *starts;
} Encoded;

static void clear_encoded(Encoded *e)
{
    g_clear_pointer(&e->ids, g_array_unref);
    g_clear_pointer(&e->starts, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Encoded, clear_encoded)

static Encoded encode(const HoneTokenizer *t, const char *text, size_t length, const TextRange *plain, size_t n)
{
    g_autoptr(GError) error = NULL;
    Encoded e = {g_array_new(FALSE, FALSE, sizeof(int32_t)), g_array_new(FALSE, FALSE, sizeof(size_t))};
    TextOutput output = {e.ids, e.starts};
    g_assert_true(text_encode(t, text, length, plain, n, &output, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(e.ids->len, ==, e.starts->len);
    return e;
}

static size_t start_of(const Encoded *e, guint i)
{
    return g_array_index(e->starts, size_t, i);
}

static int32_t id_of(const Encoded *e, guint i)
{
    return g_array_index(e->ids, int32_t, i);
}

static HoneTokenizer *open_kind(const char *kind)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("kinds/%s.json", kind);
    g_autoptr(JsonObject) all = support_json(name);
    HoneTokenizer *t = support_folder(json_object_get_object_member(all, "tokenizer"), NULL, &error);
    g_assert_no_error(error);
    return t;
}

/* text_hard.ALL; calls check for each. */
static void each_text(const HoneTokenizer *t, size_t (*check)(const HoneTokenizer *t, const char *text, size_t length))
{
    g_autoptr(JsonObject) tiny = support_json("tiny.json");
    JsonArray *rows = json_object_get_array_member(json_object_get_object_member(tiny, "texts"), "smollm");
    size_t checked = 0;
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        size_t length;
        g_autofree char *text = (char *)g_base64_decode(
            json_object_get_string_member(json_array_get_object_element(rows, i), "text"), &length);
        checked += check(t, text, length);
    }
    g_assert_cmpuint(checked, >, 1000); /* tokens that could be held to something */
}

/* With starts the ids are what they are without; starts do not go back. */
static void assert_order(const HoneTokenizer *t, const Encoded *e, const char *text, size_t length)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(t, text, length, HONE_ENCODE_SPECIAL, ids);
    g_assert_cmpmem(ids->data, ids->len * sizeof(int32_t), e->ids->data, e->ids->len * sizeof(int32_t));
    for (guint i = 0; i < e->starts->len; i++) {
        g_assert_cmpuint(start_of(e, i), <, length);
        g_assert_true(i == 0 || start_of(e, i) >= start_of(e, i - 1));
    }
}

/* Where the pieces are the text (behind a space perhaps), each begins where those before it end. */
static size_t check_pieces(const HoneTokenizer *t, const char *text, size_t length)
{
    g_auto(Encoded) e = encode(t, text, length, NULL, 0);
    g_autoptr(GString) all = g_string_new(NULL);
    size_t n;
    assert_order(t, &e, text, length);
    for (guint i = 0; i < e.ids->len; i++) {
        const char *piece = hone_tokenizer_piece(t, id_of(&e, i), &n);
        g_string_append_len(all, piece, (gssize)n);
    }
    size_t shift = all->len - length;
    if (all->len < length || shift > 1 || memcmp(all->str + shift, text, length) != 0)
        return 0;
    size_t at = 0;
    for (guint i = 0; i < e.ids->len; i++) {
        g_assert_cmpuint(start_of(&e, i), ==, at > shift ? at - shift : 0);
        hone_tokenizer_piece(t, id_of(&e, i), &n);
        at += n;
    }
    return e.ids->len;
}

static void test_pieces(gconstpointer kind)
{
    g_autoptr(HoneTokenizer) t = open_kind(kind);
    each_text(t, check_pieces);
}

/* Behind a normalizer (NFC): the normal form of the text before a token is what the tokens before it say. */
static size_t check_composed(const HoneTokenizer *t, const char *text, size_t length)
{
    g_auto(Encoded) e = encode(t, text, length, NULL, 0);
    g_autoptr(GString) before = g_string_new(NULL);
    size_t n, checked = 0;
    assert_order(t, &e, text, length);
    for (guint i = 0; i < e.ids->len && !memchr(text, 0, length); i++) {
        size_t start = start_of(&e, i);
        const char *own = hone_tokenizer_piece(t, id_of(&e, i), &n);
        /* No token that begins within a character, of the text or of its normal form. */
        bool whole = ((uint8_t)text[start] & 0xC0) != 0x80 && ((uint8_t)own[0] & 0xC0) != 0x80;
        if (whole && (i == 0 || start > start_of(&e, i - 1))) {
            g_autofree char *normal = g_utf8_normalize(text, (gssize)start, G_NORMALIZE_NFC);
            g_assert_cmpstr(normal, ==, before->str);
            checked++;
        }
        g_string_append_len(before, own, (gssize)n);
    }
    return checked;
}

static void test_composed(void)
{
    g_autoptr(HoneTokenizer) t = open_kind("qwen2");
    each_text(t, check_composed);
}

static bool has_at(const Encoded *e, int32_t id, size_t from, size_t to)
{
    for (guint i = 0; i < e->ids->len; i++)
        if (id_of(e, i) == id && start_of(e, i) >= from && start_of(e, i) < to)
            return true;
    return false;
}

/* Special tokens are found outside of plain ranges, and nowhere where they touch one. */
static void test_plain(gconstpointer kind)
{
    g_autoptr(HoneTokenizer) t = open_kind(kind);
    int32_t id = (int32_t)hone_tokenizer_size(t) - 1;
    while (!hone_tokenizer_is_special(t, id) || id == t->unknown)
        id--;
    const char *mark = t->texts[id];
    size_t n = strlen(mark);
    g_autofree char *text = g_strdup_printf("a %s b %s c %s", mark, mark, mark);
    size_t length = strlen(text), second = 2 + n + 3, third = second + n + 3;
    for (size_t from = second - 2; from <= second + n; from++)
        for (size_t to = from; to <= second + n + 2; to++) {
            TextRange range = {from, to};
            bool touches = from < to && from < second + n && to > second;
            g_auto(Encoded) e = encode(t, text, length, &range, 1);
            g_assert_true(has_at(&e, id, 0, second - 2));
            g_assert_true(has_at(&e, id, second - 1, third - 2) == !touches);
            g_assert_true(has_at(&e, id, third - 1, length));
        }
    TextRange both[] = {{0, 4}, {third + 1, length}};
    g_auto(Encoded) e = encode(t, text, length, both, 2);
    g_assert_true(!has_at(&e, id, 0, second - 2) && has_at(&e, id, second - 1, third - 2) &&
                  !has_at(&e, id, third - 1, length));
    TextRange all = {0, length};
    g_auto(Encoded) none = encode(t, text, length, &all, 1);
    g_assert_false(has_at(&none, id, 0, length));
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"llama3", "granite", "o200k", "tekken", "llama2", "gemma", "gemma-whole"};
    static const char *const marked[] = {"llama3", "llama2", "phi3", "qwen2", "gemma", "t5"};
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/starts/pieces/%s", kinds[i]);
        g_test_add_data_func(path, kinds[i], test_pieces);
    }
    g_test_add_func("/starts/composed", test_composed);
    for (size_t i = 0; i < G_N_ELEMENTS(marked); i++) {
        g_autofree char *path = g_strdup_printf("/starts/plain/%s", marked[i]);
        g_test_add_data_func(path, marked[i], test_plain);
    }
    return g_test_run();
}
