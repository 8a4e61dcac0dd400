/* SPDX-License-Identifier: Apache-2.0
 * to_folder.c: a GGUF's tokenizer as a tokenizer.json, for the tokenizers and transformers packages; folder.c reads it
 * back.
 */
#include "convert.h"
#include "internal.h"

#include <string.h>

static JsonObject *step_of(const char *type)
{
    JsonObject *step = json_object_new();
    json_object_set_string_member(step, "type", type);
    return step;
}

static JsonObject *sequence_of(const char *name, JsonArray *steps)
{
    JsonObject *sequence = step_of("Sequence");
    json_object_set_array_member(sequence, name, steps);
    return sequence;
}

static void set_pattern(JsonObject *step, const char *kind, const char *text)
{
    JsonObject *pattern = json_object_new();
    json_object_set_string_member(pattern, kind, text);
    json_object_set_object_member(step, "pattern", pattern);
}

static JsonObject *replace_step(const char *from, const char *to)
{
    JsonObject *step = step_of("Replace");
    set_pattern(step, "String", from);
    json_object_set_string_member(step, "content", to);
    return step;
}

static void set_or_null(JsonObject *root, const char *name, JsonObject *object)
{
    if (object)
        json_object_set_object_member(root, name, object);
    else
        json_object_set_null_member(root, name);
}

/* ---- Steps. ---- */

static bool refuse(const char *place, GError **error, const char *what)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: its tokenizer %s, which Hone does not write into a tokenizer.json; export a GGUF", place, what);
    return false;
}

static JsonObject *normalizer_of(const TextNormalizer *n)
{
    switch (n->kind) {
    case TEXT_NORMAL_FORM:
        return n->form == G_NORMALIZE_NFC ? step_of("NFC") : NULL;
    case TEXT_NORMAL_PREPEND: {
        JsonObject *step = step_of("Prepend");
        json_object_set_string_member(step, "prepend", n->content);
        return step;
    }
    case TEXT_NORMAL_REPLACE:
        return text_pattern_is_literal(n->pattern) ? replace_step(text_pattern_source(n->pattern), n->content) : NULL;
    default:
        return NULL;
    }
}

static bool set_normalizer(const HoneTokenizer *t, JsonObject *root, const char *place, GError **error)
{
    g_autoptr(JsonArray) steps = json_array_new();
    for (guint i = 0; i < t->normalizers->len; i++) {
        JsonObject *step = normalizer_of(&g_array_index(t->normalizers, TextNormalizer, i));
        if (!step)
            return refuse(place, error, "brings text into a normal form by a table");
        json_array_add_object_element(steps, step);
    }
    guint n = json_array_get_length(steps);
    set_or_null(root, "normalizer",
                n == 0   ? NULL
                : n == 1 ? json_object_ref(json_array_get_object_element(steps, 0))
                         : sequence_of("normalizers", json_array_ref(steps)));
    return true;
}

static bool set_pre_tokenizer(const HoneTokenizer *t, JsonObject *root, const char *place, GError **error)
{
    g_autoptr(JsonArray) steps = json_array_new();
    for (guint i = 0; i < t->splits->len; i++) {
        const TextSplit *split = &g_array_index(t->splits, TextSplit, i);
        JsonObject *step;
        if (split->kind == TEXT_SPLIT_PATTERN && split->behaviour == TEXT_ISOLATED && !split->invert) {
            step = step_of("Split");
            set_pattern(step, text_pattern_is_literal(split->pattern) ? "String" : "Regex",
                        text_pattern_source(split->pattern));
            json_object_set_string_member(step, "behavior", "Isolated");
            json_object_set_boolean_member(step, "invert", FALSE);
        } else if (split->kind == TEXT_SPLIT_BYTES && !split->pattern && split->prepend == TEXT_PREPEND_NEVER) {
            step = step_of("ByteLevel");
            json_object_set_boolean_member(step, "add_prefix_space", FALSE);
            json_object_set_boolean_member(step, "trim_offsets", TRUE);
            json_object_set_boolean_member(step, "use_regex", FALSE);
        } else {
            return refuse(place, error, "cuts text in a way of its own");
        }
        json_array_add_object_element(steps, step);
    }
    set_or_null(root, "pre_tokenizer",
                json_array_get_length(steps) ? sequence_of("pretokenizers", json_array_ref(steps)) : NULL);
    return true;
}

static JsonObject *byte_level(void)
{
    JsonObject *step = step_of("ByteLevel");
    json_object_set_boolean_member(step, "add_prefix_space", TRUE);
    json_object_set_boolean_member(step, "trim_offsets", TRUE);
    json_object_set_boolean_member(step, "use_regex", TRUE);
    return step;
}

static JsonObject *decoder_of(const HoneTokenizer *t)
{
    if (t->by_bytes)
        return byte_level();
    JsonArray *steps = json_array_new();
    json_array_add_object_element(steps, replace_step(TEXT_META, " "));
    json_array_add_object_element(steps, step_of("ByteFallback"));
    json_array_add_object_element(steps, step_of("Fuse"));
    if (t->decoder.strip) {
        JsonObject *strip = step_of("Strip");
        json_object_set_string_member(strip, "content", t->decoder.strip);
        json_object_set_int_member(strip, "start", (gint64)t->decoder.strip_count);
        json_object_set_int_member(strip, "stop", 0);
        json_array_add_object_element(steps, strip);
    }
    return sequence_of("decoders", steps);
}

/* ---- Tokens around a text. ---- */

static void add_piece(JsonArray *list, const char *kind, const char *id, int type)
{
    JsonObject *piece = json_object_new(), *inner = json_object_new();
    json_object_set_string_member(inner, "id", id);
    json_object_set_int_member(inner, "type_id", type);
    json_object_set_object_member(piece, kind, inner);
    json_array_add_object_element(list, piece);
}

static void add_specials(const HoneTokenizer *t, const GArray *ids, JsonArray *list, int type, JsonObject *specials)
{
    for (guint i = 0; i < ids->len; i++) {
        int32_t id = g_array_index(ids, int32_t, i);
        add_piece(list, "SpecialToken", t->texts[id], type);
        if (json_object_has_member(specials, t->texts[id]))
            continue;
        JsonObject *entry = json_object_new();
        JsonArray *numbers = json_array_new(), *texts = json_array_new();
        json_array_add_int_element(numbers, id);
        json_array_add_string_element(texts, t->texts[id]);
        json_object_set_string_member(entry, "id", t->texts[id]);
        json_object_set_array_member(entry, "ids", numbers);
        json_object_set_array_member(entry, "tokens", texts);
        json_object_set_object_member(specials, t->texts[id], entry);
    }
}

static JsonObject *post_processor_of(const HoneTokenizer *t)
{
    if (t->before->len + t->after->len == 0)
        return t->by_bytes ? byte_level() : NULL;
    JsonObject *post = step_of("TemplateProcessing"), *specials = json_object_new();
    JsonArray *single = json_array_new(), *pair = json_array_new();
    static const char *const texts[] = {"A", "B"};
    for (int i = 0; i < 2; i++) {
        if (i == 0) {
            add_specials(t, t->before, single, 0, specials);
            add_piece(single, "Sequence", "A", 0);
            add_specials(t, t->after, single, 0, specials);
        }
        add_specials(t, t->before, pair, i, specials);
        add_piece(pair, "Sequence", texts[i], i);
        add_specials(t, t->after, pair, i, specials);
    }
    json_object_set_array_member(post, "single", single);
    json_object_set_array_member(post, "pair", pair);
    json_object_set_object_member(post, "special_tokens", specials);
    return post;
}

/* ---- Tokens. ---- */

static int by_id(gconstpointer a, gconstpointer b)
{
    const TextAdded *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static JsonArray *added_tokens_of(const HoneTokenizer *t)
{
    JsonArray *list = json_array_new();
    g_autoptr(GArray) added = g_array_copy(t->added);
    g_array_sort(added, by_id);
    for (guint i = 0; i < added->len; i++) {
        const TextAdded *a = &g_array_index(added, TextAdded, i);
        JsonObject *token = json_object_new();
        json_object_set_int_member(token, "id", a->id);
        json_object_set_string_member(token, "content", t->texts[a->id]);
        json_object_set_boolean_member(token, "single_word", a->single_word);
        json_object_set_boolean_member(token, "lstrip", a->lstrip);
        json_object_set_boolean_member(token, "rstrip", a->rstrip);
        json_object_set_boolean_member(token, "normalized", a->normalized);
        json_object_set_boolean_member(token, "special", (t->flags[a->id] & TEXT_SPECIAL) != 0);
        json_array_add_object_element(list, token);
    }
    return list;
}

/* Added tokens are in the vocabulary too: the package numbers those that are not by itself. */
static JsonObject *model_of(const HoneTokenizer *t)
{
    JsonObject *model = step_of("BPE"), *vocabulary = json_object_new();
    json_object_set_null_member(model, "dropout");
    if (!t->by_bytes && t->unknown >= 0)
        json_object_set_string_member(model, "unk_token", t->texts[t->unknown]);
    else
        json_object_set_null_member(model, "unk_token");
    json_object_set_null_member(model, "continuing_subword_prefix");
    json_object_set_null_member(model, "end_of_word_suffix");
    json_object_set_boolean_member(model, "fuse_unk", t->fuses_unknown);
    json_object_set_boolean_member(model, "byte_fallback", t->falls_back);
    json_object_set_boolean_member(model, "ignore_merges", t->keeps_words);
    for (size_t i = 0; i < t->size; i++)
        if (!text_is_unused(t, i))
            json_object_set_int_member(vocabulary, t->texts[i], (gint64)i);
    json_object_set_object_member(model, "vocab", vocabulary);
    g_autoptr(GPtrArray) merges = text_merges_in_order(t);
    JsonArray *list = json_array_new();
    for (guint i = 0; i < merges->len; i++) {
        const TextMerge *m = merges->pdata[i];
        JsonArray *pair = json_array_new();
        json_array_add_string_element(pair, t->texts[m->pair >> 32]);
        json_array_add_string_element(pair, t->texts[(uint32_t)m->pair]);
        json_array_add_array_element(list, pair);
    }
    json_object_set_array_member(model, "merges", list);
    return model;
}

JsonNode *text_folder_json(const HoneTokenizer *t, const char *place, GError **error)
{
    g_autoptr(JsonObject) root = json_object_new();
    if (t->model != TEXT_MODEL_BPE) {
        refuse(place, error, "is of the kind Unigram");
        return NULL;
    }
    json_object_set_string_member(root, "version", "1.0");
    json_object_set_null_member(root, "truncation");
    json_object_set_null_member(root, "padding");
    json_object_set_array_member(root, "added_tokens", added_tokens_of(t));
    if (!set_normalizer(t, root, place, error) || !set_pre_tokenizer(t, root, place, error))
        return NULL;
    set_or_null(root, "post_processor", post_processor_of(t));
    json_object_set_object_member(root, "decoder", decoder_of(t));
    json_object_set_object_member(root, "model", model_of(t));
    return json_node_init_object(json_node_alloc(), root);
}

static void set_token(const HoneTokenizer *t, JsonObject *config, const char *name, int32_t id)
{
    if (id >= 0)
        json_object_set_string_member(config, name, t->texts[id]);
}

JsonNode *text_folder_config(const HoneTokenizer *t, size_t context)
{
    g_autoptr(JsonObject) config = json_object_new();
    set_token(t, config, "bos_token", t->bos);
    set_token(t, config, "eos_token", t->eos);
    set_token(t, config, "unk_token", t->by_bytes ? -1 : t->unknown);
    json_object_set_boolean_member(config, "clean_up_tokenization_spaces", FALSE);
    json_object_set_int_member(config, "model_max_length", (gint64)context);
    json_object_set_string_member(config, "tokenizer_class", "PreTrainedTokenizerFast");
    return json_node_init_object(json_node_alloc(), config);
}

JsonArray *text_folder_ends(const HoneTokenizer *t)
{
    JsonArray *ends = json_array_new();
    if (t->eos >= 0)
        json_array_add_int_element(ends, t->eos);
    for (size_t i = 0; i < t->size; i++)
        if ((t->flags[i] & TEXT_ENDS) && (int32_t)i != t->eos)
            json_array_add_int_element(ends, (gint64)i);
    return ends;
}
