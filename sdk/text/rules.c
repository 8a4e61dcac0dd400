/* SPDX-License-Identifier: Apache-2.0
 * rules.c: how a GGUF's byte-level tokenizer splits text, a row per value of tokenizer.ggml.pre; each gives the words
 * of the Hugging Face tokenizer that it names.
 */
#include "internal.h"

#include <string.h>

#define ENDS "'s|'t|'re|'ve|'m|'ll|'d"
#define GPT2 TEXT_PATTERN_GPT2
#define TAIL "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* Contractions in any case, a word with what stands before it, `digits` at a time, other signs, spaces. */
#define CL100K(digits) "(?i:" ENDS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL
#define CAPITALS "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALL "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
/* The same, with words cut where small letters turn into capitals. */
#define O200K(ends, digits)                                                                                            \
    "[^\\r\\n\\p{L}\\p{N}]?" CAPITALS "*" SMALL "+" ends "|[^\\r\\n\\p{L}\\p{N}]?" CAPITALS "+" SMALL "*" ends         \
    "|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL

typedef struct Rule {
    const char *pre;
    const char *patterns[4]; /* each cuts what the one before it left */
    bool composes, keeps_words, begins;
} Rule;

static const Rule rules[] = {
    {"gpt-2", {GPT2}},
    {"phi-2", {GPT2}},
    {"mpt", {GPT2}},
    {"olmo", {GPT2}},
    {"smollm", {"\\p{N}", GPT2}},
    {"starcoder", {"\\p{N}", GPT2}},
    {"refact", {"\\p{N}", GPT2}},
    {"command-r", {"\\p{N}", GPT2}},
    {"codeshell", {"\\p{N}", GPT2}},
    {"llama-bpe", {CL100K("\\p{N}{1,3}")}, .keeps_words = true, .begins = true},
    {"llama3", {CL100K("\\p{N}{1,3}")}, .keeps_words = true, .begins = true},
    {"llama-v3", {CL100K("\\p{N}{1,3}")}, .keeps_words = true, .begins = true},
    {"dbrx", {CL100K("\\p{N}{1,3}")}},
    {"smaug-bpe", {CL100K("\\p{N}{1,3}")}},
    {"qwen2", {CL100K("\\p{N}")}, .composes = true},
    {"deepseek-r1-qwen", {CL100K("\\p{N}")}, .composes = true},
    {"stablelm2", {CL100K("\\p{N}")}},
    {"tekken", {O200K("", "\\p{N}")}, .keeps_words = true, .begins = true},
    {"gpt-4o", {O200K("(?i:" ENDS ")?", "\\p{N}{1,3}")}},
    {"default",
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", ENDS "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", "\\p{N}+",
      "[0-9][0-9][0-9]"}},
};

const char *text_rule_name(size_t i)
{
    return i < G_N_ELEMENTS(rules) ? rules[i].pre : NULL;
}

static const Rule *find_rule(const char *pre, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (g_strcmp0(pre, rules[i].pre) == 0)
            return &rules[i];
        g_string_append_printf(known, "%s\"%s\"", i ? ", " : "", rules[i].pre);
    }
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

bool text_rule_apply(HoneTokenizer *t, const char *pre, bool *begins, GError **error)
{
    const Rule *rule = find_rule(pre, error);
    if (!rule)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(rule->patterns) && rule->patterns[i]; i++) {
        TextPattern *pattern = text_pattern_new(rule->patterns[i], error);
        if (!pattern)
            return false;
        TextSplit step = {.kind = TEXT_SPLIT_PATTERN, .pattern = pattern, .behaviour = TEXT_ISOLATED};
        g_array_append_val(t->splits, step);
    }
    TextSplit bytes = {.kind = TEXT_SPLIT_BYTES};
    g_array_append_val(t->splits, bytes);
    TextNormalizer compose = {.kind = TEXT_NORMAL_FORM, .form = G_NORMALIZE_NFC};
    if (rule->composes)
        g_array_append_val(t->normalizers, compose);
    TextDecodeStep decode = {.kind = TEXT_DECODE_BYTES};
    g_array_append_val(t->decoder.steps, decode);
    t->keeps_words = rule->keeps_words;
    *begins = rule->begins;
    return true;
}
