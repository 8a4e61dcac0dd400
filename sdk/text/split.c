/* SPDX-License-Identifier: Apache-2.0
 * split.c: text to words, by the regular expression that belongs to a model's tokenizer.
 *
 * A row per value of tokenizer.ggml.pre; each pattern gives the words of the Hugging Face tokenizer it names. White
 * space is spelled out because PCRE2's \s takes U+180E for a space and the references do not.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "internal.h"

#include <pcre2.h>
#include <string.h>

#define SPACES "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define S "[" SPACES "]"
#define OTHER "[^" SPACES "\\p{L}\\p{N}]" /* neither space, letter nor digit */
#define ENDS "'s|'t|'re|'ve|'m|'ll|'d"

typedef struct Splitting {
    const char *pre;
    const char *pattern;
    bool composes, keeps_words;
} Splitting;

static const Splitting splittings[] = {
    /* ByteLevel(use_regex=True). */
    {"gpt-2", ENDS "| ?\\p{L}+| ?\\p{N}+| ?" OTHER "+|" S "+(?![^" SPACES "])|" S "+"},
    /* Sequence(Digits(individual_digits=True), ByteLevel(use_regex=True)) in one pattern: a digit is a word, and what
     * lies between digits is split as a text of its own, so white space before a digit stands at that text's end. */
    {"smollm", "\\p{N}|" ENDS "| ?\\p{L}+| ?" OTHER "+|" S "+(?![^" SPACES "\\p{N}])|" S "+"},
    {"llama-bpe",
     "(?i:" ENDS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?" OTHER "+[\\r\\n]*|" S "*[\\r\\n]+|" S "+(?![^" SPACES
     "])|" S "+",
     .keeps_words = true},
    {"qwen2",
     "(?i:" ENDS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?" OTHER "+[\\r\\n]*|" S "*[\\r\\n]+|" S "+(?![^" SPACES
     "])|" S "+",
     .composes = true},
};

struct TextSplitter {
    const Splitting *splitting;
    pcre2_code *code;
    bool jit;
};

TextSplitter *text_splitter_new(const char *pre, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    const Splitting *found = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(splittings); i++) {
        if (g_strcmp0(pre, splittings[i].pre) == 0)
            found = &splittings[i];
        g_string_append_printf(known, "%s\"%s\"", i ? ", " : "", splittings[i].pre);
    }
    if (!found) {
        if (pre)
            g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "the tokenizer splits text by the rule \"%.64s\" (tokenizer.ggml.pre), which Hone does not "
                        "have; it has %s",
                        pre, known->str);
        else
            g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "tokenizer.ggml.pre is missing, so the rule that splits text into words is not known; convert "
                        "the model again with a current converter (Hone has %s)",
                        known->str);
        return NULL;
    }
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)found->pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    g_assert(compiled); /* the patterns are ours */
    TextSplitter *splitter = g_new0(TextSplitter, 1);
    splitter->splitting = found;
    splitter->code = compiled;
    splitter->jit = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0; /* a system may forbid it: only slower */
    return splitter;
}

void text_splitter_free(TextSplitter *splitter)
{
    if (!splitter)
        return;
    pcre2_code_free(splitter->code);
    g_free(splitter);
}

bool text_splitter_composes(const TextSplitter *splitter)
{
    return splitter->splitting->composes;
}

bool text_splitter_keeps_words(const TextSplitter *splitter)
{
    return splitter->splitting->keeps_words;
}

/* The slow way with no limits but memory, for what the compiled pattern's stack cannot hold. */
static int match_unlimited(const pcre2_code *code, const char *text, size_t length, size_t at, pcre2_match_data *match)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, UINT32_MAX);
    pcre2_set_depth_limit(context, UINT32_MAX);
    pcre2_set_heap_limit(context, UINT32_MAX);
    int found = pcre2_match(code, (PCRE2_SPTR)text, length, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, context);
    pcre2_match_context_free(context);
    return found;
}

void text_split(const TextSplitter *splitter, const char *text, size_t length, TextWordFunc word, void *data)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match);
    size_t at = 0;
    while (at < length) {
        int found = splitter->jit
                        ? pcre2_jit_match(splitter->code, (PCRE2_SPTR)text, length, at, PCRE2_NO_UTF_CHECK, match, NULL)
                        : PCRE2_ERROR_JIT_BADOPTION;
        if (found < 0 && found != PCRE2_ERROR_NOMATCH)
            found = match_unlimited(splitter->code, text, length, at, match);
        if (found < 0 && found != PCRE2_ERROR_NOMATCH)
            g_error("out of memory while splitting text into words (PCRE2 error %d)", found);
        size_t start = length, end = length;
        if (found >= 0) {
            start = bounds[0];
            end = bounds[1];
        }
        if (start > at) /* what no alternative takes is a word too */
            word(text + at, start - at, data);
        if (end > start)
            word(text + start, end - start, data);
        g_assert(end > at);
        at = end;
    }
    pcre2_match_data_free(match);
}
