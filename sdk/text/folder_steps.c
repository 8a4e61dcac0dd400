/* SPDX-License-Identifier: Apache-2.0
 * folder_steps.c: the normalizer and the pre-tokenizer of a tokenizer.json.
 */
#include "folder.h"

#include <string.h>

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_NAMES ((const char *const[]){NULL})

typedef bool (*StepFunc)(HoneTokenizer *t, const char *place, const char *where, JsonNode *node, unsigned depth,
                         GError **error);

/* The steps of a Sequence, under the member `name`. */
static bool read_list(TextStepReader *step, const char *name, StepFunc read, unsigned depth, GError **error)
{
    text_step_only(step, NAMES(name));
    JsonArray *list = text_step_array(step, name);
    if (depth == TEXT_MAX_NESTED)
        text_step_fail(step, "%s holds lists too deep in each other", step->where);
    if (!text_step_close(step, error))
        return false;
    for (guint i = 0; i < json_array_get_length(list); i++) {
        g_autofree char *where = g_strdup_printf("%s/%s/%u", step->where, name, i);
        if (!read(step->t, step->place, where, json_array_get_element(list, i), depth + 1, error))
            return false;
    }
    return true;
}

/* {"String": ...} or {"Regex": ...}; NULL where it is neither, or cannot be run. */
static TextPattern *read_pattern(TextStepReader *step)
{
    JsonNode *node = text_step_member(step, "pattern");
    JsonObject *object = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *text = text_json_string(text_json_member(object, "String"));
    const char *expression = text_json_string(text_json_member(object, "Regex"));
    if (text && !expression)
        return text_pattern_new_literal(text);
    if (!expression || text) {
        text_step_fail(step, "%s/pattern is neither a \"String\" nor a \"Regex\"", step->where);
        return NULL;
    }
    g_autoptr(GError) problem = NULL;
    TextPattern *pattern = text_pattern_new(expression, &problem);
    if (!pattern && !step->problem)
        g_set_error(&step->problem, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "%s: %s/pattern: %s", step->place, step->where,
                    problem->message);
    return pattern;
}

static bool has_room(TextStepReader *step, const GArray *steps)
{
    if (steps->len >= TEXT_MAX_STEPS)
        text_step_fail(step, "%s is one step too many", step->where);
    return !step->problem;
}

/* ---- Normalizers. ---- */

static bool find_form(const char *type, GNormalizeMode *form)
{
    static const struct {
        const char *type;
        GNormalizeMode form;
    } forms[] = {
        {"NFC", G_NORMALIZE_NFC}, {"NFD", G_NORMALIZE_NFD}, {"NFKC", G_NORMALIZE_NFKC}, {"NFKD", G_NORMALIZE_NFKD}};
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
        if (g_strcmp0(type, forms[i].type) == 0) {
            *form = forms[i].form;
            return true;
        }
    return false;
}

static void read_charsmap(TextStepReader *step, TextNormalizer *out)
{
    text_step_only(step, NAMES("precompiled_charsmap"));
    const char *coded = text_step_string(step, "precompiled_charsmap", false);
    gsize size = 0;
    g_autofree guchar *data = g_base64_decode(coded, &size);
    g_autoptr(GError) problem = NULL;
    out->kind = TEXT_NORMAL_CHARSMAP;
    out->map = text_charsmap_new(data, size, &problem);
    if (!out->map)
        text_step_fail(step, "%s: %s", step->where, problem->message);
}

static void read_plain_normalizer(TextStepReader *step, TextNormalizer *out)
{
    static const struct {
        const char *type;
        TextNormalizerKind kind;
    } kinds[] = {
        {"Lowercase", TEXT_NORMAL_LOWERCASE}, {"StripAccents", TEXT_NORMAL_STRIP_ACCENTS}, {"Nmt", TEXT_NORMAL_NMT}};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (text_step_is(step, kinds[i].type)) {
            text_step_only(step, NO_NAMES);
            out->kind = kinds[i].kind;
            return;
        }
    text_step_unsupported(step, NULL);
}

static bool read_normalizer(HoneTokenizer *t, const char *place, const char *where, JsonNode *node, unsigned depth,
                            GError **error)
{
    TextStepReader step = text_step_open(t, place, where, node);
    TextNormalizer out = {0};
    if (text_step_is(&step, "Sequence"))
        return read_list(&step, "normalizers", read_normalizer, depth, error);
    if (find_form(step.type, &out.form)) {
        text_step_only(&step, NO_NAMES);
        out.kind = TEXT_NORMAL_FORM;
    } else if (text_step_is(&step, "Strip")) {
        text_step_only(&step, NAMES("strip_left", "strip_right"));
        out.kind = TEXT_NORMAL_STRIP;
        out.left = text_step_bool(&step, "strip_left", true);
        out.right = text_step_bool(&step, "strip_right", true);
    } else if (text_step_is(&step, "Prepend")) {
        text_step_only(&step, NAMES("prepend"));
        out.kind = TEXT_NORMAL_PREPEND;
        out.content = g_strdup(text_step_string(&step, "prepend", false));
    } else if (text_step_is(&step, "Replace")) {
        text_step_only(&step, NAMES("pattern", "content"));
        out.kind = TEXT_NORMAL_REPLACE;
        out.content = g_strdup(text_step_string(&step, "content", false));
        out.pattern = read_pattern(&step);
    } else if (text_step_is(&step, "Precompiled")) {
        read_charsmap(&step, &out);
    } else {
        read_plain_normalizer(&step, &out);
    }
    if (has_room(&step, t->normalizers))
        g_array_append_val(t->normalizers, out);
    else
        text_normalizer_clear(&out);
    return text_step_close(&step, error);
}

bool text_read_normalizer(HoneTokenizer *t, const char *place, JsonNode *node, GError **error)
{
    return !node || read_normalizer(t, place, "/normalizer", node, 0, error);
}

/* ---- Pre-tokenizers. ---- */

static TextBehaviour read_behaviour(TextStepReader *step, const char *otherwise)
{
    static const char *const names[] = {[TEXT_REMOVED] = "Removed",
                                        [TEXT_ISOLATED] = "Isolated",
                                        [TEXT_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [TEXT_WITH_NEXT] = "MergedWithNext",
                                        [TEXT_CONTIGUOUS] = "Contiguous"};
    const char *name = text_step_string(step, "behavior", otherwise != NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(name ? name : otherwise, names[i]) == 0)
            return (TextBehaviour)i;
    text_step_fail(step, "%s/behavior is \"%.64s\"", step->where, name);
    return TEXT_ISOLATED;
}

static void read_bytes(TextStepReader *step, TextSplit *out)
{
    text_step_only(step, NAMES("add_prefix_space", "trim_offsets", "use_regex"));
    out->kind = TEXT_SPLIT_BYTES;
    out->behaviour = TEXT_ISOLATED;
    out->prepend = text_step_bool(step, "add_prefix_space", true) ? TEXT_PREPEND_ALWAYS : TEXT_PREPEND_NEVER;
    if (text_step_bool(step, "use_regex", true))
        out->pattern = text_pattern_new(TEXT_PATTERN_GPT2, NULL);
}

TextPrepend text_step_prepend(TextStepReader *step)
{
    const char *scheme = text_step_string(step, "prepend_scheme", true);
    bool adds = text_step_bool(step, "add_prefix_space", true); /* what older files have instead */
    TextPrepend prepend = g_strcmp0(scheme, "first") == 0   ? TEXT_PREPEND_FIRST
                          : g_strcmp0(scheme, "never") == 0 ? TEXT_PREPEND_NEVER
                                                            : TEXT_PREPEND_ALWAYS;
    if (scheme && prepend == TEXT_PREPEND_ALWAYS && strcmp(scheme, "always") != 0)
        text_step_fail(step, "%s/prepend_scheme is \"%.64s\"", step->where, scheme);
    if (!adds && scheme && prepend != TEXT_PREPEND_NEVER)
        text_step_fail(step, "%s/add_prefix_space and prepend_scheme contradict each other", step->where);
    return adds ? prepend : TEXT_PREPEND_NEVER;
}

const char *text_step_replacement(TextStepReader *step)
{
    const char *text = text_step_string(step, "replacement", true);
    if (text && g_utf8_strlen(text, -1) != 1)
        text_step_fail(step, "%s/replacement is not one character", step->where);
    return text ? text : TEXT_META;
}

static void read_metaspace(TextStepReader *step, TextSplit *out)
{
    text_step_only(step, NAMES("replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"));
    out->kind = TEXT_SPLIT_METASPACE;
    out->behaviour = TEXT_WITH_NEXT;
    out->replacement = g_strdup(text_step_replacement(step));
    out->prepend = text_step_prepend(step);
    if (text_step_bool(step, "split", true))
        out->pattern = text_pattern_new_literal(out->replacement);
}

static void read_split(TextStepReader *step, TextSplit *out)
{
    text_step_only(step, NAMES("pattern", "behavior", "invert"));
    out->kind = TEXT_SPLIT_PATTERN;
    out->behaviour = read_behaviour(step, NULL);
    out->invert = text_step_bool(step, "invert", false);
    out->pattern = read_pattern(step);
}

static void read_chars(TextStepReader *step, TextSplit *out)
{
    out->kind = TEXT_SPLIT_CHARS;
    if (text_step_is(step, "Digits")) {
        text_step_only(step, NAMES("individual_digits"));
        out->is_match = text_is_digit;
        out->behaviour = text_step_bool(step, "individual_digits", false) ? TEXT_ISOLATED : TEXT_CONTIGUOUS;
    } else if (text_step_is(step, "Punctuation")) {
        text_step_only(step, NAMES("behavior"));
        out->is_match = text_is_punctuation;
        out->behaviour = read_behaviour(step, "Isolated");
    } else if (text_step_is(step, "WhitespaceSplit") || text_step_is(step, "Whitespace")) {
        text_step_only(step, NO_NAMES);
        out->is_match = text_is_space;
        out->behaviour = TEXT_REMOVED;
    } else {
        text_step_unsupported(step, NULL);
    }
}

static bool read_pre_tokenizer(HoneTokenizer *t, const char *place, const char *where, JsonNode *node, unsigned depth,
                               GError **error)
{
    TextStepReader step = text_step_open(t, place, where, node);
    TextSplit out = {0};
    if (text_step_is(&step, "Sequence"))
        return read_list(&step, "pretokenizers", read_pre_tokenizer, depth, error);
    if (t->splits->len > 0 && g_array_index(t->splits, TextSplit, t->splits->len - 1).kind == TEXT_SPLIT_BYTES)
        text_step_unsupported(&step, "behind ByteLevel");
    if (text_step_is(&step, "ByteLevel"))
        read_bytes(&step, &out);
    else if (text_step_is(&step, "Metaspace"))
        read_metaspace(&step, &out);
    else if (text_step_is(&step, "Split"))
        read_split(&step, &out);
    else
        read_chars(&step, &out);
    if (has_room(&step, t->splits))
        g_array_append_val(t->splits, out);
    else
        text_split_clear(&out);
    /* Words and runs of other signs, without the spaces. */
    TextSplit words = {.kind = TEXT_SPLIT_CHARS, .is_match = text_is_word, .behaviour = TEXT_CONTIGUOUS};
    if (text_step_is(&step, "Whitespace") && !step.problem)
        g_array_append_val(t->splits, words);
    return text_step_close(&step, error);
}

bool text_read_pre_tokenizer(HoneTokenizer *t, const char *place, JsonNode *node, GError **error)
{
    return !node || read_pre_tokenizer(t, place, "/pre_tokenizer", node, 0, error);
}
