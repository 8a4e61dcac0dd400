/* SPDX-License-Identifier: Apache-2.0
 * convert.c: whether two tokenizers are the same, judged by what they do to hard text.
 */
#include "convert.h"
#include "internal.h"

#include <string.h>

const char *const text_convert_probes[] = {
    "Hello, world! It's 2024-07-31, 10:30:59; we'd paid $1,234,567.89 (or 12345678901234567890).",
    "I'M HE'S they'Re we'LL you'VE I'D can'T don't 'tis 'S 'RE x'd",
    "  two spaces\tand tabs\t\t\n\nnew\r\nlines \n \n  \n\n\nend   ",
    "camelCase HTTPServer XMLHttpRequest iPhone McDonald ABCdef ÀÉÎõü ǅungla ʰaspirated",
    "def f(x):\n    return x**2 + {'a': [1, 2]}  # comment...\n\n\tif __name__ == \"__main__\":\n\t\tpass",
    "e\xCC\x81t\xC3\xA9 caf\xC3\xA9 cafe\xCC\x81 \xEF\xAC\x81ligature \xC2\xBD \xE2\x84\xAB \xEA\xB0\x80\xE1\x86\xA8",
    "Привет, мир! 你好，世界。こんにちは世界 안녕하세요 "
    "שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก Γειά σου Κόσμε வணக்கம் გამარჯობა ሰላም",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7\xE2\x80\x8D\xF0\x9F\x91\xA6 "
    "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA \xE2\x9D\xA4\xEF\xB8\x8F 1\xEF\xB8\x8F\xE2\x83\xA3 "
    "\xF0\x9F\xA4\xB7\xF0\x9F\x8F\xBD",
    "١٢٣٤ ४५६ ⅷ ² ௧௨ 1234567 12 345 6789 1a2b3c v1.2.3 0x1F 1e-10",
    "!!! ??? ... --- === ~~~ ^^^ $$$ +++ <<>> ||| @#%&* <html></html> a/b\\c //\n/// path/to/file.txt\r\n!\n",
    "\xC2\xA0nbsp\xC2\xA0 \xE2\x80\x83"
    "em \xE2\x80\xA8line \xEF\xBB\xBF"
    "bom \xC2\xAD soft \xE3\x80\x80ideographic",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "a",
    " a",
    "a ",
    " ",
    "\n",
    "",
    NULL,
};

/* ---- The rule of a byte-level tokenizer. ---- */

static bool collect(const TextPiece *piece, void *data)
{
    g_string_append_len(data, piece->text, (gssize)piece->length);
    g_string_append_c(data, '\0');
    return true;
}

/* The words of all probes, a NUL after each; NULL where a pattern ran too long. */
static GString *cut_probes(const HoneTokenizer *t)
{
    g_autoptr(GString) words = g_string_new(NULL);
    TextMatcher *matcher = text_matcher_new();
    bool fine = true;
    for (size_t i = 0; fine && text_convert_probes[i]; i++) {
        TextPiece piece = {.text = text_convert_probes[i], .length = strlen(text_convert_probes[i]), .first = true};
        fine = piece.length == 0 || text_pretokenize((const TextSplit *)(const void *)t->splits->data, t->splits->len,
                                                     matcher, &piece, collect, words, NULL);
    }
    text_matcher_free(matcher);
    return fine ? g_steal_pointer(&words) : NULL;
}

static bool composes(const HoneTokenizer *t, bool *other)
{
    const TextNormalizer *first = t->normalizers->len ? &g_array_index(t->normalizers, TextNormalizer, 0) : NULL;
    bool nfc = first && first->kind == TEXT_NORMAL_FORM && first->form == G_NORMALIZE_NFC;
    *other = t->normalizers->len > (nfc ? 1u : 0u);
    return nfc;
}

const char *text_rule_of(const HoneTokenizer *t)
{
    bool other, nfc = composes(t, &other);
    g_autoptr(GString) words = t->by_bytes && !other ? cut_probes(t) : NULL;
    const char *pre;
    for (size_t i = 0; words && (pre = text_rule_name(i)) != NULL; i++) {
        g_autoptr(HoneTokenizer) rule = text_tokenizer_new();
        bool begins, more;
        if (!text_rule_apply(rule, pre, &begins, NULL))
            continue;
        g_autoptr(GString) own = cut_probes(rule);
        if (own && composes(rule, &more) == nfc && rule->keeps_words == t->keeps_words && g_string_equal(own, words))
            return pre;
    }
    return NULL;
}

/* ---- Two tokenizers. ---- */

bool text_is_unused(const HoneTokenizer *t, size_t id)
{
    return !t->texts[id] || !(t->flags[id] & (TEXT_MODEL | TEXT_ADDED | TEXT_BYTE));
}

static bool same_ids(const HoneTokenizer *a, const HoneTokenizer *b, const char *text, uint32_t flags)
{
    g_autoptr(GArray) x = g_array_new(FALSE, FALSE, sizeof(int32_t)), y = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(a, text, strlen(text), flags, x);
    hone_tokenizer_encode(b, text, strlen(text), flags, y);
    return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len * sizeof(int32_t)) == 0);
}

char *text_convert_difference(const HoneTokenizer *a, const HoneTokenizer *b)
{
    size_t n = MIN(a->size, b->size);
    for (size_t i = 0; i < n; i++) {
        size_t x = 0, y = 0;
        if (text_is_unused(a, i))
            continue;
        const char *p = hone_tokenizer_piece(a, (int32_t)i, &x), *q = hone_tokenizer_piece(b, (int32_t)i, &y);
        if (x != y || memcmp(p, q, x) != 0)
            return g_strdup_printf("the text of its token %zu (\"%.40s\")", i, a->texts[i]);
        if (hone_tokenizer_ends(a, (int32_t)i) && !hone_tokenizer_ends(b, (int32_t)i))
            return g_strdup_printf("that its token %zu (\"%.40s\") ends generation", i, a->texts[i]);
        if (hone_tokenizer_is_special(a, (int32_t)i) && !hone_tokenizer_is_special(b, (int32_t)i))
            return g_strdup_printf("that its token %zu (\"%.40s\") is special", i, a->texts[i]);
    }
    for (size_t i = n; i < a->size; i++)
        if (!text_is_unused(a, i))
            return g_strdup_printf("its token %zu (\"%.40s\")", i, a->texts[i]);
    if (a->bos != b->bos)
        return g_strdup("which token begins a text");
    for (size_t i = 0; text_convert_probes[i]; i++)
        if (text_convert_probes[i][0] != ' ' && !same_ids(a, b, text_convert_probes[i], HONE_ENCODE_ADDED))
            return g_strdup_printf("how its tokenizer cuts \"%.60s\"", text_convert_probes[i]);
    return NULL;
}

/* SentencePiece puts a space before every text; Metaspace, as newer Mistrals have it, not before one that begins with a
 * space. GGUF knows the former only. */
char *text_convert_space_difference(const HoneTokenizer *a, const HoneTokenizer *b)
{
    for (size_t i = 0; text_convert_probes[i]; i++)
        if (text_convert_probes[i][0] == ' ' && !same_ids(a, b, text_convert_probes[i], HONE_ENCODE_ADDED))
            return g_strdup("how its tokenizer takes a text that begins with a space");
    for (guint i = 0; i < a->added->len; i++) {
        const TextAdded *added = &g_array_index(a->added, TextAdded, i);
        g_autofree char *text = g_strdup_printf("a %s b%s\n c", a->texts[added->id], a->texts[added->id]);
        if (!same_ids(a, b, text, HONE_ENCODE_SPECIAL))
            return g_strdup_printf("how the token \"%.40s\" takes white space around it", a->texts[added->id]);
    }
    return NULL;
}
