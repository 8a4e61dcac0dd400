/* SPDX-License-Identifier: Apache-2.0
 * folder_after.c: the decoder and the post-processor of a tokenizer.json.
 */
#include "folder.h"

#include <string.h>

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_NAMES ((const char *const[]){NULL})

/* ---- Decoders. ---- */

typedef struct DecoderReader {
    HoneTokenizer *t;
    const char *place;
    bool fused; /* what follows sees the whole text */
} DecoderReader;

static void add_decode_step(DecoderReader *r, TextStepReader *step, TextDecodeStep out)
{
    if (r->fused)
        text_step_unsupported(step, "behind the step that joins all tokens");
    if (r->t->decoder.steps->len >= TEXT_MAX_STEPS)
        text_step_fail(step, "%s is one step too many", step->where);
    if (step->problem) {
        g_free(out.from);
        g_free(out.content);
        return;
    }
    g_array_append_val(r->t->decoder.steps, out);
}

static void read_replace(DecoderReader *r, TextStepReader *step)
{
    text_step_only(step, NAMES("pattern", "content"));
    JsonNode *node = text_step_member(step, "pattern");
    const char *from = node && JSON_NODE_HOLDS_OBJECT(node)
                           ? text_json_string(text_json_member(json_node_get_object(node), "String"))
                           : NULL;
    const char *content = text_step_string(step, "content", false);
    if (!from)
        text_step_unsupported(step, "with a pattern other than a plain text");
    add_decode_step(
        r, step, (TextDecodeStep){.kind = TEXT_DECODE_REPLACE, .from = g_strdup(from), .content = g_strdup(content)});
}

static void read_strip(DecoderReader *r, TextStepReader *step)
{
    text_step_only(step, NAMES("content", "start", "stop"));
    const char *content = text_step_string(step, "content", false);
    int32_t start = text_step_id(step, "start", 0), stop = text_step_id(step, "stop", 0);
    if (g_utf8_strlen(content, -1) != 1)
        text_step_fail(step, "%s/content is not one character", step->where);
    if (!r->fused) {
        add_decode_step(r, step,
                        (TextDecodeStep){.kind = TEXT_DECODE_STRIP,
                                         .from = g_strdup(content),
                                         .start = (size_t)MAX(start, 0),
                                         .stop = (size_t)MAX(stop, 0)});
        return;
    }
    if (stop != 0 || r->t->decoder.strip)
        text_step_unsupported(step, "for the end of a text");
    if (step->problem)
        return;
    r->t->decoder.strip = g_strdup(content);
    r->t->decoder.strip_count = (size_t)MAX(start, 0);
}

static void read_metaspace(DecoderReader *r, TextStepReader *step)
{
    text_step_only(step, NAMES("replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"));
    const char *replacement = text_step_replacement(step);
    bool first = text_step_prepend(step) != TEXT_PREPEND_NEVER;
    add_decode_step(r, step,
                    (TextDecodeStep){.kind = TEXT_DECODE_METASPACE, .from = g_strdup(replacement), .first = first});
}

static bool read_decoder(DecoderReader *r, const char *where, JsonNode *node, unsigned depth, GError **error)
{
    TextStepReader step = text_step_open(r->t, r->place, where, node);
    if (text_step_is(&step, "Sequence")) {
        text_step_only(&step, NAMES("decoders"));
        JsonArray *list = text_step_array(&step, "decoders");
        if (depth == TEXT_MAX_NESTED)
            text_step_fail(&step, "%s holds lists too deep in each other", where);
        bool fine = text_step_close(&step, error);
        for (guint i = 0; fine && i < json_array_get_length(list); i++) {
            g_autofree char *inner = g_strdup_printf("%s/decoders/%u", where, i);
            fine = read_decoder(r, inner, json_array_get_element(list, i), depth + 1, error);
        }
        return fine;
    }
    if (text_step_is(&step, "ByteLevel")) {
        text_step_only(&step, NAMES("add_prefix_space", "trim_offsets", "use_regex"));
        add_decode_step(r, &step, (TextDecodeStep){.kind = TEXT_DECODE_BYTES});
        r->fused = true;
    } else if (text_step_is(&step, "ByteFallback")) {
        text_step_only(&step, NO_NAMES);
        add_decode_step(r, &step, (TextDecodeStep){.kind = TEXT_DECODE_FALLBACK});
    } else if (text_step_is(&step, "Fuse")) {
        text_step_only(&step, NO_NAMES);
        r->fused = true;
    } else if (text_step_is(&step, "Replace")) {
        read_replace(r, &step);
    } else if (text_step_is(&step, "Strip")) {
        read_strip(r, &step);
    } else if (text_step_is(&step, "Metaspace")) {
        read_metaspace(r, &step);
    } else {
        text_step_unsupported(&step, NULL);
    }
    return text_step_close(&step, error);
}

bool text_read_decoder(HoneTokenizer *t, const char *place, JsonNode *node, GError **error)
{
    DecoderReader reader = {t, place, false};
    t->decoder.spaces_between = node == NULL;
    return !node || read_decoder(&reader, "/decoder", node, 0, error);
}

/* ---- Post-processors: which tokens stand around a text. ---- */

/* Puts ids [n] in front of those that are there already, or behind them. */
static void add_around(HoneTokenizer *t, const int32_t *ids, guint n, bool before)
{
    if (before)
        g_array_prepend_vals(t->before, ids, n);
    else
        g_array_append_vals(t->after, ids, n);
}

static bool check_id(TextStepReader *step, int32_t id)
{
    if (id < 0 || (size_t)id >= step->t->size || !step->t->texts[id])
        text_step_fail(step, "%s names the token %d, which is not in the list", step->where, id);
    return !step->problem;
}

/* {"SpecialToken": {"id": "<s>"}}: its ids are in the member "special_tokens". */
static void collect_special(TextStepReader *step, JsonObject *piece, GArray *ids)
{
    const char *name = text_json_string(text_json_member(piece, "id"));
    JsonNode *all = text_step_member(step, "special_tokens");
    JsonNode *entry =
        name && all && JSON_NODE_HOLDS_OBJECT(all) ? text_json_member(json_node_get_object(all), name) : NULL;
    JsonNode *list =
        entry && JSON_NODE_HOLDS_OBJECT(entry) ? text_json_member(json_node_get_object(entry), "ids") : NULL;
    if (!list || !JSON_NODE_HOLDS_ARRAY(list)) {
        text_step_fail(step, "%s names a special token without ids", step->where);
        return;
    }
    JsonArray *array = json_node_get_array(list);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        int32_t id = text_json_id(json_array_get_element(array, i));
        if (!check_id(step, id))
            return;
        g_array_append_val(ids, id);
    }
}

static void read_template(TextStepReader *step)
{
    text_step_only(step, NAMES("single", "pair", "special_tokens"));
    JsonArray *pieces = text_step_array(step, "single");
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    bool text = false;
    for (guint i = 0; pieces && !step->problem && i < json_array_get_length(pieces); i++) {
        JsonNode *node = json_array_get_element(pieces, i);
        JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        JsonNode *special = text_json_member(object, "SpecialToken"), *sequence = text_json_member(object, "Sequence");
        if (special && JSON_NODE_HOLDS_OBJECT(special)) {
            collect_special(step, json_node_get_object(special), ids);
        } else if (sequence && !text) {
            text = true;
            add_around(step->t, (const int32_t *)(const void *)ids->data, ids->len, true);
            g_array_set_size(ids, 0);
        } else {
            text_step_fail(step, "%s/single/%u is neither a special token nor the one text", step->where, i);
        }
    }
    if (!text)
        text_step_fail(step, "%s/single leaves the text out", step->where);
    add_around(step->t, (const int32_t *)(const void *)ids->data, ids->len, false);
}

/* ["</s>", 2] */
static int32_t read_pair(TextStepReader *step, const char *name)
{
    JsonArray *pair = text_step_array(step, name);
    int32_t id = pair && json_array_get_length(pair) == 2 ? text_json_id(json_array_get_element(pair, 1)) : -1;
    check_id(step, id);
    return id;
}

static bool read_post_processor(HoneTokenizer *t, const char *place, const char *where, JsonNode *node, unsigned depth,
                                GError **error)
{
    TextStepReader step = text_step_open(t, place, where, node);
    if (text_step_is(&step, "Sequence")) {
        text_step_only(&step, NAMES("processors"));
        JsonArray *list = text_step_array(&step, "processors");
        if (depth == TEXT_MAX_NESTED)
            text_step_fail(&step, "%s holds lists too deep in each other", where);
        bool fine = text_step_close(&step, error);
        for (guint i = 0; fine && i < json_array_get_length(list); i++) {
            g_autofree char *inner = g_strdup_printf("%s/processors/%u", where, i);
            fine = read_post_processor(t, place, inner, json_array_get_element(list, i), depth + 1, error);
        }
        return fine;
    }
    if (text_step_is(&step, "TemplateProcessing")) {
        read_template(&step);
    } else if (text_step_is(&step, "BertProcessing") || text_step_is(&step, "RobertaProcessing")) {
        text_step_only(&step, NAMES("sep", "cls", "trim_offsets", "add_prefix_space"));
        int32_t begin = read_pair(&step, "cls"), end = read_pair(&step, "sep");
        add_around(t, &begin, 1, true);
        add_around(t, &end, 1, false);
    } else if (!text_step_is(&step, "ByteLevel")) { /* which only says where tokens are in the text */
        text_step_unsupported(&step, NULL);
    }
    return text_step_close(&step, error);
}

bool text_read_post_processor(HoneTokenizer *t, const char *place, JsonNode *node, GError **error)
{
    return !node || read_post_processor(t, place, "/post_processor", node, 0, error);
}
