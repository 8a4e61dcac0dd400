/* SPDX-License-Identifier: Apache-2.0
 * folder_model.c: the tokens, added tokens and merges of a tokenizer.json.
 */
#include "folder.h"

#include <math.h>
#include <string.h>

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- Tokens. ---- */

static JsonNode *model_member(JsonObject *root, const char *name)
{
    return text_json_member(json_node_get_object(text_json_member(root, "model")), name);
}

static bool is_number(JsonNode *node)
{
    GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
    return type == G_TYPE_DOUBLE || type == G_TYPE_INT64;
}

/* {"text": id}: BPE's. */
static bool set_object(HoneTokenizer *t, const char *place, JsonObject *vocabulary, GError **error)
{
    JsonObjectIter iter;
    const char *text;
    JsonNode *node;
    json_object_iter_init_ordered(&iter, vocabulary);
    while (json_object_iter_next_ordered(&iter, &text, &node)) {
        int32_t id = text_json_id(node);
        if (!text_set_token(t, id, text, place, error))
            return false;
        t->flags[id] |= TEXT_MODEL;
    }
    return true;
}

/* [["text", score]]: Unigram's. */
static bool set_array(HoneTokenizer *t, const char *place, JsonArray *vocabulary, GError **error)
{
    t->scores = g_new0(double, t->size);
    for (guint i = 0; i < json_array_get_length(vocabulary); i++) {
        JsonNode *node = json_array_get_element(vocabulary, i);
        JsonArray *pair = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        bool two = pair && json_array_get_length(pair) == 2;
        const char *text = two ? text_json_string(json_array_get_element(pair, 0)) : NULL;
        JsonNode *score = two ? json_array_get_element(pair, 1) : NULL;
        if (!text || !is_number(score))
            return text_invalid(place, error, "/model/vocab/%u is not a text and its score", i);
        if (!text_set_token(t, (int32_t)i, text, place, error))
            return false;
        t->flags[i] |= TEXT_MODEL;
        t->scores[i] = json_node_get_double(score);
    }
    return true;
}

static int32_t last_id(JsonNode *vocabulary)
{
    int32_t last = -1;
    JsonObjectIter iter;
    JsonNode *node;
    if (JSON_NODE_HOLDS_ARRAY(vocabulary))
        return (int32_t)json_array_get_length(json_node_get_array(vocabulary)) - 1;
    json_object_iter_init(&iter, json_node_get_object(vocabulary));
    while (json_object_iter_next(&iter, NULL, &node))
        last = MAX(last, text_json_id(node));
    return last;
}

/* ---- Added tokens. ---- */

/* places: of each id in t->added, counted from 1; 0: not there yet. */
static bool set_added(HoneTokenizer *t, const char *place, const char *where, int32_t id, JsonObject *object,
                      guint *places, GError **error)
{
    static const char *const names[] = {"id",         "content", "single_word", "lstrip", "rstrip",
                                        "normalized", "special", "__type",      NULL};
    TextStepReader step = {.t = t, .place = place, .where = where, .object = object};
    text_step_only(&step, names);
    const char *text = text_step_string(&step, "content", false);
    bool special = text_step_bool(&step, "special", false);
    TextAdded added = {.id = id,
                       .single_word = text_step_bool(&step, "single_word", false),
                       .lstrip = text_step_bool(&step, "lstrip", false),
                       .rstrip = text_step_bool(&step, "rstrip", false),
                       .normalized = text_step_bool(&step, "normalized", !special)};
    if (!text_step_close(&step, error) || !text_set_token(t, id, text, place, error))
        return false;
    t->flags[id] &= (uint8_t)~TEXT_SPECIAL;
    t->flags[id] |= (uint8_t)(TEXT_ADDED | (special ? TEXT_SPECIAL : 0));
    if (places[id] > 0) {
        g_array_index(t->added, TextAdded, places[id] - 1) = added;
        return true;
    }
    g_array_append_val(t->added, added);
    places[id] = t->added->len;
    return true;
}

/* Both lists of added tokens: tokenizer.json's, and tokenizer_config.json's, whose flags hold where the two differ. */
typedef struct AddedEntry {
    char *where;
    int32_t id;
    JsonObject *object;
} AddedEntry;

static void clear_entry(gpointer data)
{
    g_free(((AddedEntry *)data)->where);
}

static bool add_entry(GArray *entries, const char *place, char *where, int32_t id, JsonNode *node, GError **error)
{
    AddedEntry entry = {where, id, JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL};
    g_array_append_val(entries, entry);
    if (!entry.object || id < 0)
        return text_invalid(place, error, "%s is no token with an id", where);
    return true;
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    const AddedEntry *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static bool list_added(JsonObject *root, JsonObject *config, const char *place, GArray *entries, GError **error)
{
    JsonNode *list = text_json_member(root, "added_tokens"), *more = text_json_member(config, "added_tokens_decoder");
    JsonArray *array = list && JSON_NODE_HOLDS_ARRAY(list) ? json_node_get_array(list) : NULL;
    if (list && !array)
        return text_invalid(place, error, "/added_tokens is no list");
    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        if (!add_entry(entries, place, g_strdup_printf("/added_tokens/%u", i),
                       text_json_id(text_json_member(object, "id")), node, error))
            return false;
    }
    guint own = entries->len;
    if (!more || !JSON_NODE_HOLDS_OBJECT(more))
        return true;
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    json_object_iter_init_ordered(&iter, json_node_get_object(more));
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        guint64 id = G_MAXUINT64;
        bool number = g_ascii_string_to_unsigned(name, 10, 0, INT32_MAX - 1, &id, NULL);
        if (!add_entry(entries, place, g_strdup_printf("tokenizer_config.json's /added_tokens_decoder/%.32s", name),
                       number ? (int32_t)id : -1, node, error))
            return false;
    }
    qsort(&g_array_index(entries, AddedEntry, own), entries->len - own, sizeof(AddedEntry), compare_entries);
    return true;
}

bool text_read_vocabulary(HoneTokenizer *t, const char *place, JsonObject *root, JsonObject *config, GError **error)
{
    const char *type = text_json_string(model_member(root, "type"));
    JsonNode *vocabulary = model_member(root, "vocab");
    bool object = vocabulary && JSON_NODE_HOLDS_OBJECT(vocabulary),
         array = vocabulary && JSON_NODE_HOLDS_ARRAY(vocabulary);
    if (!type) /* files of old versions do not say */
        type = array                                                                               ? "Unigram"
               : text_json_member(json_node_get_object(text_json_member(root, "model")), "merges") ? "BPE"
                                                                                                   : "none";
    t->model = strcmp(type, "Unigram") == 0 ? TEXT_MODEL_UNIGRAM : TEXT_MODEL_BPE;
    if (strcmp(type, "BPE") != 0 && strcmp(type, "Unigram") != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: its model is of the kind \"%.64s\"; Hone runs BPE and Unigram", place, type);
        return false;
    }
    if (t->model == TEXT_MODEL_UNIGRAM ? !array : !object)
        return text_invalid(place, error, "it has no list of tokens (/model/vocab)");
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(AddedEntry));
    g_array_set_clear_func(entries, clear_entry);
    if (!list_added(root, config, place, entries, error))
        return false;
    int32_t last = last_id(vocabulary);
    size_t n = entries->len + (array ? json_array_get_length(json_node_get_array(vocabulary))
                                     : json_object_get_size(json_node_get_object(vocabulary)));
    for (guint i = 0; i < entries->len; i++)
        last = MAX(last, g_array_index(entries, AddedEntry, i).id);
    /* Ids may have gaps, but a file cannot claim a table much larger than itself. */
    if (n == 0 || (size_t)last >= 2 * n + 65536)
        return text_invalid(place, error, "it has %zu tokens, and the last id is %d", n, last);
    t->size = (size_t)last + 1;
    t->texts = g_new0(char *, t->size + 1);
    t->flags = g_new0(uint8_t, t->size);
    if (!(array ? set_array(t, place, json_node_get_array(vocabulary), error)
                : set_object(t, place, json_node_get_object(vocabulary), error)))
        return false;
    g_autofree guint *places = g_new0(guint, t->size);
    for (guint i = 0; i < entries->len; i++) {
        const AddedEntry *entry = &g_array_index(entries, AddedEntry, i);
        if (!set_added(t, place, entry->where, entry->id, entry->object, places, error))
            return false;
    }
    return true;
}

/* ---- Models. ---- */

static bool read_merge(HoneTokenizer *t, const char *place, guint i, JsonNode *node, GChecksum *sum, GError **error)
{
    JsonArray *pair = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    const char *line = text_json_string(node), *left = NULL, *right = NULL;
    bool twice;
    if (pair && json_array_get_length(pair) == 2) {
        left = text_json_string(json_array_get_element(pair, 0));
        right = text_json_string(json_array_get_element(pair, 1));
    }
    if (!line && (!left || !right))
        return text_invalid(place, error, "/model/merges/%u is neither a line nor a pair of texts", i);
    if (line && g_str_has_prefix(line, "#version"))
        return true;
    g_checksum_update(sum, (const guchar *)(line ? line : left), (gssize)strlen(line ? line : left) + 1);
    if (!line)
        g_checksum_update(sum, (const guchar *)right, (gssize)strlen(right) + 1);
    return line ? text_add_merge_line(t, i, line, place, &twice, error)
                : text_add_merge(t, i, left, right, place, &twice, error);
}

static bool read_merges(HoneTokenizer *t, const char *place, JsonArray *merges, GChecksum *sum, GError **error)
{
    guint n = json_array_get_length(merges);
    text_merges_init(&t->merges, n);
    for (guint i = n; i-- > 0;) /* of two for one pair, the later one holds */
        if (!read_merge(t, place, i, json_array_get_element(merges, i), sum, error))
            return false;
    return true;
}

/* Parts of words marked by a sign of their own: not in the models that Hone runs. */
static void refuse_marks(TextStepReader *model, const char *name)
{
    const char *text = text_step_string(model, name, true);
    if (text && *text && !model->problem)
        g_set_error(&model->problem, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: /model/%s is \"%.32s\"; Hone runs BPE without it", model->place, name, text);
}

static bool read_bpe(TextStepReader *model, GChecksum *sum, GError **error)
{
    HoneTokenizer *t = model->t;
    JsonNode *dropout = text_step_member(model, "dropout");
    text_step_only(model, NAMES("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                                "byte_fallback", "ignore_merges", "vocab", "merges"));
    if (dropout && !(is_number(dropout) && json_node_get_double(dropout) == 0) && !model->problem)
        g_set_error(&model->problem, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: /model/dropout leaves merges out by chance; set it to null", model->place);
    refuse_marks(model, "continuing_subword_prefix");
    refuse_marks(model, "end_of_word_suffix");
    t->fuses_unknown = text_step_bool(model, "fuse_unk", false);
    t->falls_back = text_step_bool(model, "byte_fallback", false);
    t->keeps_words = text_step_bool(model, "ignore_merges", false);
    const char *unknown = text_step_string(model, "unk_token", true);
    if (unknown && *unknown) {
        t->unknown = hone_tokenizer_id(t, unknown);
        if (t->unknown < 0)
            text_step_fail(model, "/model/unk_token is \"%.64s\", which is no token", unknown);
    }
    JsonArray *merges = text_step_array(model, "merges");
    return text_step_close(model, error) && read_merges(t, model->place, merges, sum, error);
}

static bool read_unigram(TextStepReader *model, GError **error)
{
    HoneTokenizer *t = model->t;
    text_step_only(model, NAMES("unk_id", "vocab", "byte_fallback"));
    t->falls_back = text_step_bool(model, "byte_fallback", false);
    t->unknown = text_step_id(model, "unk_id", -1);
    if (t->unknown >= 0 && ((size_t)t->unknown >= t->size || !(t->flags[t->unknown] & TEXT_MODEL)))
        text_step_fail(model, "/model/unk_id is %d, which is no token", t->unknown);
    return text_step_close(model, error);
}

bool text_read_model(HoneTokenizer *t, const char *place, JsonObject *root, GChecksum *sum, GError **error)
{
    TextStepReader model = {
        .t = t, .place = place, .where = "/model", .object = json_node_get_object(text_json_member(root, "model"))};
    return t->model == TEXT_MODEL_UNIGRAM ? read_unigram(&model, error) : read_bpe(&model, sum, error);
}
