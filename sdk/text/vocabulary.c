/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.c: a tokenizer from a GGUF's metadata, with everything in it checked first.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

#define KEY "tokenizer.ggml."

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

typedef enum { KIND_BYTES, KIND_SENTENCEPIECE, KIND_UNIGRAM } Kind;

typedef struct Source {
    HoneTokenizer *t;
    const HoneGguf *gguf;
    const char *place;
    Kind kind;
    GString *settings; /* what the tables do not show, for the hash */
    GChecksum *sum;
} Source;

/* ---- Tokens. ---- */

static uint8_t flags_of(const Source *s, int64_t type)
{
    switch (type) {
    case TYPE_CONTROL:
    case TYPE_UNKNOWN:
        return TEXT_SPECIAL | TEXT_ADDED | (s->kind == KIND_UNIGRAM ? TEXT_MODEL : 0);
    case TYPE_USER_DEFINED:
        return TEXT_ADDED | (s->kind == KIND_BYTES ? 0 : TEXT_MODEL);
    case TYPE_UNUSED:
        return s->kind == KIND_BYTES ? TEXT_SPECIAL : TEXT_MODEL;
    case TYPE_BYTE:
        return s->kind == KIND_BYTES ? TEXT_MODEL : 0;
    default:
        return TEXT_MODEL;
    }
}

/* Texts, ids by text, flags. */
static bool read_tokens(const Source *s, GError **error)
{
    HoneTokenizer *t = s->t;
    size_t n = 0, n_types = 0;
    const char *const *texts = hone_gguf_strings(s->gguf, KEY "tokens", &n);
    if (!texts || n == 0)
        return text_invalid(s->place, error, "it has no list of tokens (" KEY "tokens)");
    if (n > INT32_MAX)
        return text_invalid(s->place, error, "it claims %zu tokens", n);
    const int64_t *types = hone_gguf_ints(s->gguf, KEY "token_type", &n_types);
    if (!types)
        return text_invalid(s->place, error, "it does not say which tokens are special (" KEY "token_type)");
    if (n_types != n)
        return text_invalid(s->place, error, "it has %zu tokens but %zu token types", n, n_types);
    t->size = n;
    t->texts = g_new0(char *, n + 1);
    t->flags = g_new0(uint8_t, n);
    for (size_t i = 0; i < n; i++) {
        if (!text_set_token(t, (int32_t)i, texts[i], s->place, error))
            return false;
        if (types[i] < TYPE_NORMAL || types[i] > TYPE_BYTE)
            return text_invalid(s->place, error, "token %zu (\"%.64s\") has the unknown type %" G_GINT64_FORMAT, i,
                                texts[i], types[i]);
        t->flags[i] = flags_of(s, types[i]);
        if (types[i] == TYPE_UNKNOWN && t->unknown < 0)
            t->unknown = (int32_t)i;
        TextAdded added = {.id = (int32_t)i};
        if (t->flags[i] & TEXT_ADDED)
            g_array_append_val(t->added, added);
    }
    return true;
}

/* A token id among the settings: -1 where it is not set. */
static bool read_id(const Source *s, const char *key, int32_t *id, GError **error)
{
    uint64_t value;
    *id = -1;
    if (!hone_gguf_u64(s->gguf, key, &value))
        return true;
    if (value >= s->t->size)
        return text_invalid(s->place, error, "%s is %" G_GUINT64_FORMAT ", past the last of %zu tokens", key, value,
                            s->t->size);
    *id = (int32_t)value;
    return true;
}

/* Which tokens begin and end texts. They are special whatever their type says: some converters mark them as the
 * user's, and text in a message must never end its turn. */
static bool read_settings(const Source *s, bool begins, GError **error)
{
    HoneTokenizer *t = s->t;
    int32_t ends[3], start = hone_tokenizer_id(t, "<|im_start|>");
    bool finishes = s->kind == KIND_UNIGRAM;
    if (!read_id(s, KEY "bos_token_id", &t->bos, error) || !read_id(s, KEY "eos_token_id", &t->eos, error) ||
        !read_id(s, KEY "eot_token_id", &ends[0], error) || !read_id(s, KEY "eom_token_id", &ends[1], error))
        return false;
    ends[2] = t->eos;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
        if (ends[i] >= 0)
            text_mark_special(t, ends[i], TEXT_ENDS);
    text_mark_known_ends(t);
    if (t->bos >= 0)
        text_mark_special(t, t->bos, 0);
    if (start >= 0)
        text_mark_special(t, start, 0);
    hone_gguf_bool(s->gguf, KEY "add_bos_token", &begins);
    hone_gguf_bool(s->gguf, KEY "add_eos_token", &finishes);
    if (begins && t->bos >= 0)
        g_array_append_val(t->before, t->bos);
    if (finishes && t->eos >= 0)
        g_array_append_val(t->after, t->eos);
    if (t->before->len + t->after->len > 0)
        g_string_append_printf(s->settings, " around %u %u", t->before->len, t->after->len);
    return true;
}

static bool read_merges(const Source *s, GError **error)
{
    size_t n = 0;
    const char *const *merges = hone_gguf_strings(s->gguf, KEY "merges", &n);
    if (!merges)
        return text_invalid(s->place, error, "it has no list of merges (" KEY "merges)");
    if (n >= INT32_MAX)
        return text_invalid(s->place, error, "it claims %zu merges", n);
    text_merges_init(&s->t->merges, n);
    for (size_t i = 0; i < n; i++) {
        bool twice;
        if (!text_add_merge_line(s->t, i, merges[i], s->place, &twice, error))
            return false;
        if (twice)
            return text_invalid(s->place, error, "merge %zu (\"%.64s\") stands there twice", i, merges[i]);
        g_checksum_update(s->sum, (const guchar *)merges[i], (gssize)strlen(merges[i]) + 1);
    }
    return true;
}

/* ---- SentencePiece. ---- */

static bool read_scores(const Source *s, GError **error)
{
    HoneTokenizer *t = s->t;
    size_t n = 0;
    const double *scores = hone_gguf_floats(s->gguf, KEY "scores", &n);
    if (!scores || n != t->size)
        return text_invalid(s->place, error, "it has %zu tokens but %zu scores (" KEY "scores)", t->size, n);
    t->scores = g_memdup2(scores, n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        if (!isfinite(t->scores[i]))
            return text_invalid(s->place, error, "the score of token %zu is no number", i);
    return true;
}

static void add_normalizer(HoneTokenizer *t, TextNormalizer step)
{
    g_array_append_val(t->normalizers, step);
}

static bool add_replace(HoneTokenizer *t, const char *expression, const char *content, GError **error)
{
    TextPattern *pattern = text_pattern_new(expression, error);
    if (pattern)
        add_normalizer(t,
                       (TextNormalizer){.kind = TEXT_NORMAL_REPLACE, .pattern = pattern, .content = g_strdup(content)});
    return pattern != NULL;
}

static bool read_charsmap(const Source *s, GError **error)
{
    size_t n = 0;
    const int64_t *values = hone_gguf_ints(s->gguf, KEY "precompiled_charsmap", &n);
    if (!values || n == 0)
        return true;
    g_autofree uint8_t *bytes = g_new(uint8_t, n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)values[i];
    TextCharsmap *map = text_charsmap_new(bytes, n, error);
    if (!map) {
        g_prefix_error(error, "%s: ", s->place);
        return false;
    }
    g_checksum_update(s->sum, bytes, (gssize)n);
    add_normalizer(s->t, (TextNormalizer){.kind = TEXT_NORMAL_CHARSMAP_LONGEST, .map = map});
    return true;
}

/* The steps of a SentencePiece model: its table of replacements, runs of spaces to one, a space in front, and a sign
 * for each space. */
static bool set_sentencepiece_steps(const Source *s, GError **error)
{
    HoneTokenizer *t = s->t;
    bool prefix = true, squeeze = s->kind == KIND_UNIGRAM;
    hone_gguf_bool(s->gguf, KEY "add_space_prefix", &prefix);
    hone_gguf_bool(s->gguf, KEY "remove_extra_whitespaces", &squeeze);
    g_string_append_printf(s->settings, " prefix %d squeeze %d", prefix, squeeze);
    if (!read_charsmap(s, error))
        return false;
    if (squeeze && (!add_replace(t, "\\A +| +\\z", "", error) || !add_replace(t, " {2,}", " ", error)))
        return false;
    TextDecodeStep decode = {.kind = TEXT_DECODE_REPLACE, .from = g_strdup(TEXT_META), .content = g_strdup(" ")};
    TextDecodeStep fallback = {.kind = TEXT_DECODE_FALLBACK};
    if (s->kind == KIND_UNIGRAM) {
        TextSplit split = {.kind = TEXT_SPLIT_METASPACE,
                           .pattern = text_pattern_new_literal(TEXT_META),
                           .behaviour = TEXT_WITH_NEXT,
                           .replacement = g_strdup(TEXT_META),
                           .prepend = prefix ? TEXT_PREPEND_ALWAYS : TEXT_PREPEND_NEVER};
        g_array_append_val(t->splits, split);
        decode.kind = TEXT_DECODE_METASPACE;
        decode.first = prefix;
    } else {
        if (prefix)
            add_normalizer(t, (TextNormalizer){.kind = TEXT_NORMAL_PREPEND, .content = g_strdup(TEXT_META)});
        add_normalizer(t, (TextNormalizer){.kind = TEXT_NORMAL_REPLACE,
                                           .pattern = text_pattern_new_literal(" "),
                                           .content = g_strdup(TEXT_META)});
        t->decoder.strip = prefix ? g_strdup(" ") : NULL;
        t->decoder.strip_count = 1;
    }
    g_array_append_val(t->decoder.steps, decode);
    g_array_append_val(t->decoder.steps, fallback);
    t->falls_back = t->fuses_unknown = true;
    return true;
}

static bool read_sentencepiece(const Source *s, GError **error)
{
    int32_t unknown;
    if (!read_scores(s, error) || !set_sentencepiece_steps(s, error) ||
        !read_id(s, KEY "unknown_token_id", &unknown, error))
        return false;
    if (unknown >= 0)
        s->t->unknown = unknown;
    if (s->kind == KIND_UNIGRAM)
        s->t->model = TEXT_MODEL_UNIGRAM;
    else
        text_merges_from_scores(s->t);
    return true;
}

/* ---- The file. ---- */

static const char *const kind_names[] = {[KIND_BYTES] = "gpt2", [KIND_SENTENCEPIECE] = "llama", [KIND_UNIGRAM] = "t5"};

static bool find_kind(Source *s, GError **error)
{
    const char *model = hone_gguf_string(s->gguf, KEY "model");
    for (size_t i = 0; i < G_N_ELEMENTS(kind_names); i++)
        if (g_strcmp0(model, kind_names[i]) == 0) {
            s->kind = (Kind)i;
            return true;
        }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: its tokenizer is of the kind \"%.64s\" (tokenizer.ggml.model); Hone reads byte-level BPE "
                "(\"gpt2\"), SentencePiece's BPE (\"llama\") and Unigram (\"t5\")",
                s->place, model ? model : "none");
    return false;
}

static bool read_all(const Source *s, GError **error)
{
    bool begins = s->kind == KIND_SENTENCEPIECE;
    const char *pre = hone_gguf_string(s->gguf, KEY "pre");
    if (s->kind == KIND_BYTES && !text_rule_apply(s->t, pre, &begins, error)) {
        g_prefix_error(error, "%s: ", s->place);
        return false;
    }
    g_string_append(s->settings, s->kind == KIND_BYTES ? pre : kind_names[s->kind]);
    if (!read_tokens(s, error) || !read_settings(s, begins, error) ||
        !(s->kind == KIND_BYTES ? read_merges(s, error) : read_sentencepiece(s, error)) ||
        !text_tables_finish(s->t, s->place, error))
        return false;
    text_hash_tokens(s->t, s->settings->str, s->sum);
    return true;
}

HoneTokenizer *hone_tokenizer_from_gguf(const HoneGguf *gguf, GError **error)
{
    g_autoptr(HoneTokenizer) t = text_tokenizer_new();
    g_autoptr(GString) settings = g_string_new(NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    Source source = {.t = t, .gguf = gguf, .place = hone_gguf_path(gguf), .settings = settings, .sum = sum};
    if (!find_kind(&source, error) || !read_all(&source, error))
        return NULL;
    return g_steal_pointer(&t);
}
