/* SPDX-License-Identifier: Apache-2.0
 * convert.c: each kind of tokenizer from a folder into a GGUF and back, inside an exported model: it must give the ids
 * that it gave before, on the hard texts that kinds.c holds to the reference. Kinds that a GGUF cannot say are refused.
 */
#include "support.h"

#include <glib/gstdio.h>
#include <hone/export.h>
#include <hone/file.h>
#include <hone/gguf_write.h>
#include <hone/safetensors.h>
#include <string.h>

static char *root;

#define WIDTH 4 /* of the model around the tokenizer, one layer of zeros */

static const struct {
    const char *file, *name;
    bool vector;
} tensors[] = {
    {"token_embd.weight", "model.embed_tokens.weight", false},
    {"blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight", false},
    {"blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight", false},
    {"blk.0.attn_v.weight", "model.layers.0.self_attn.v_proj.weight", false},
    {"blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight", false},
    {"blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight", false},
    {"blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight", false},
    {"blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight", false},
    {"blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight", true},
    {"blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight", true},
    {"output_norm.weight", "model.norm.weight", true},
};

static char *place(const char *name)
{
    return g_build_filename(root, name, NULL);
}

static void put_json(const char *folder, const char *name, JsonObject *object)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_assert_true(hone_file_write_json(path, node, &error));
    g_assert_no_error(error);
}

/* A folder with this tokenizer and the smallest model around it. Caller frees. */
static char *model_folder(const char *kind, JsonObject *tokenizer, JsonObject *config, size_t vocab)
{
    char *folder = place(kind);
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    g_autoptr(JsonObject) numbers = json_object_new();
    json_object_set_string_member(numbers, "model_type", "llama");
    json_object_set_int_member(numbers, "vocab_size", (gint64)vocab);
    static const char *const widths[] = {"hidden_size", "intermediate_size", "head_dim"};
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++)
        json_object_set_int_member(numbers, widths[i], WIDTH);
    static const char *const ones[] = {"num_hidden_layers", "num_attention_heads", "num_key_value_heads"};
    for (size_t i = 0; i < G_N_ELEMENTS(ones); i++)
        json_object_set_int_member(numbers, ones[i], 1);
    json_object_set_boolean_member(numbers, "tie_word_embeddings", TRUE);
    put_json(folder, "config.json", numbers);
    put_json(folder, "tokenizer.json", tokenizer);
    if (config != NULL)
        put_json(folder, "tokenizer_config.json", config);
    g_autofree float *zeros = g_new0(float, vocab *WIDTH);
    HoneSafetensor list[G_N_ELEMENTS(tensors)];
    for (size_t i = 0; i < G_N_ELEMENTS(tensors); i++) {
        size_t rows = i == 0 ? vocab : WIDTH;
        list[i] = (HoneSafetensor){tensors[i].name, HONE_F32, tensors[i].vector ? 1 : 2,
                                   {rows, WIDTH},   zeros,    rows * (tensors[i].vector ? 1 : WIDTH) * sizeof(float)};
    }
    g_autofree char *weights = g_build_filename(folder, "model.safetensors", NULL);
    g_assert_true(hone_safetensors_write(weights, list, G_N_ELEMENTS(list), NULL, NULL));
    return folder;
}

static HoneTokenizer *open_tokenizer(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, &error);
    g_assert_no_error(error);
    HoneTokenizer *tokenizer = hone_checkpoint_tokenizer(checkpoint, &error);
    g_assert_no_error(error);
    return tokenizer;
}

/* The texts of text_hard.ALL, as base64, and a few of one kind of character. */
static GPtrArray *hard_texts(void)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(JsonObject) tiny = support_json("tiny.json");
    JsonArray *rows = json_object_get_array_member(json_object_get_object_member(tiny, "texts"), "smollm");
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        gsize n;
        guchar *text =
            g_base64_decode(json_object_get_string_member(json_array_get_object_element(rows, i), "text"), &n);
        g_ptr_array_add(texts, g_bytes_new_take(text, n));
    }
    g_assert_cmpuint(texts->len, >, 100);
    return texts;
}

static void assert_same(const char *a_path, const char *b_path, const char *what, bool leading)
{
    g_autoptr(HoneTokenizer) a = open_tokenizer(a_path), b = open_tokenizer(b_path);
    g_autoptr(GPtrArray) texts = hard_texts();
    for (guint i = 0; i < texts->len; i++) {
        gsize n;
        const char *text = g_bytes_get_data(texts->pdata[i], &n);
        if (!g_utf8_validate(text, (gssize)n, NULL) || (!leading && n > 0 && text[0] == ' '))
            continue; /* what stands for broken bytes is Hone's own matter */
        g_autoptr(GArray) x = g_array_new(FALSE, FALSE, 4), y = g_array_new(FALSE, FALSE, 4);
        hone_tokenizer_encode(a, text, n, HONE_ENCODE_ADDED, x);
        hone_tokenizer_encode(b, text, n, HONE_ENCODE_ADDED, y);
        if (x->len != y->len || (x->len > 0 && memcmp(x->data, y->data, x->len * 4) != 0))
            g_error("%s: other ids for \"%s\"", what, text);
        const int32_t *ids = (const int32_t *)(const void *)x->data;
        g_autoptr(GString) back = hone_tokenizer_decode(a, ids, x->len, true),
                           other = hone_tokenizer_decode(b, ids, x->len, true);
        g_assert_cmpmem(back->str, back->len, other->str, other->len);
    }
    for (size_t i = 0; i < hone_tokenizer_size(a); i++)
        g_assert_cmpint(hone_tokenizer_ends(a, (int32_t)i), ==, hone_tokenizer_ends(b, (int32_t)i));
}

static char *write_gguf(const char *from, const char *kind, GError **error)
{
    g_autofree char *name = g_strconcat(kind, ".gguf", NULL);
    char *path = place(name);
    g_autoptr(HoneExport) source = hone_export_open(from, NULL, error);
    HoneExportOptions options = {.size = sizeof options};
    if (source == NULL || !hone_export_gguf(source, path, &options, NULL, error))
        g_clear_pointer(&path, g_free);
    return path;
}

static char *write_folder(const char *from, const char *kind)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strconcat(kind, "-back", NULL);
    char *path = place(name);
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    g_autoptr(HoneExport) source = hone_export_open(from, NULL, &error);
    g_assert_no_error(error);
    HoneExportOptions options = {.size = sizeof options};
    hone_export_folder(source, path, &options, NULL, &error);
    g_assert_no_error(error);
    return path;
}

typedef struct Case {
    const char *kind, *refused; /* NULL: it can be said */
    bool not_leading;           /* but for texts that begin with a space, which is a warning */
} Case;

static const Case cases[] = {
    {"llama3", NULL},
    {"qwen2", NULL},
    {"granite", NULL},
    {"tekken", NULL},
    {"o200k", NULL},
    {"llama2", NULL},
    {"mistral", NULL, .not_leading = true},
    {"phi3", NULL},
    {"gemma", NULL},
    {"gemma-whole", NULL},
    {"neox", "a rule that GGUF has no name for"},
    {"gpt2-prefixed", "a rule that GGUF has no name for"},
    {"t5", "neither byte-level BPE nor SentencePiece's BPE"},
    {"xlmr", "neither byte-level BPE nor SentencePiece's BPE"},
    {"unigram-bytes", "neither byte-level BPE nor SentencePiece's BPE"},
};

static void test_kind(const void *data)
{
    const Case *c = data;
    g_autofree char *file = g_strdup_printf("kinds/%s.json", c->kind);
    g_autoptr(JsonObject) all = support_json(file);
    JsonObject *json = json_object_get_object_member(all, "tokenizer");
    JsonNode *config = json_object_get_member(all, "config");
    JsonObject *settings = config != NULL && JSON_NODE_HOLDS_OBJECT(config) ? json_node_get_object(config) : NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneTokenizer) own = support_folder(json, settings, &error);
    g_assert_no_error(error);
    /* Rows beyond the tokens, as published models have them. */
    g_autofree char *folder = model_folder(c->kind, json, settings, hone_tokenizer_size(own) + 3);
    g_autofree char *gguf = write_gguf(folder, c->kind, &error);
    if (c->refused != NULL) {
        g_assert_null(gguf);
        g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, c->refused));
        return;
    }
    g_assert_no_error(error);
    assert_same(folder, gguf, "folder to GGUF", !c->not_leading);
    g_autofree char *back = write_folder(gguf, c->kind);
    assert_same(gguf, back, "GGUF to folder", true);
}

/* SentencePiece's own vocabulary, whose scores are not ours. */
static void test_scores(const void *data)
{
    g_autofree char *file = g_strdup_printf("kinds/%s.gguf", (const char *)data), *path = support_path(file);
    g_autofree char *name = g_strdup_printf("%s-scores.gguf", (const char *)data), *whole = place(name);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    g_autoptr(HoneTokenizer) tokenizer = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    size_t vocab = hone_tokenizer_size(tokenizer);
    g_autoptr(HoneGgufWriter) writer = hone_gguf_writer_new();
    for (size_t i = 0; i < hone_gguf_n_keys(gguf); i++)
        if (g_str_has_prefix(hone_gguf_key(gguf, i), "tokenizer."))
            hone_gguf_writer_copy(writer, gguf, hone_gguf_key(gguf, i));
    hone_gguf_writer_string(writer, "general.architecture", "llama");
    hone_gguf_writer_u32(writer, "llama.context_length", 64);
    static const char *const widths[] = {"llama.embedding_length", "llama.feed_forward_length",
                                         "llama.rope.dimension_count"};
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++)
        hone_gguf_writer_u32(writer, widths[i], WIDTH);
    hone_gguf_writer_u32(writer, "llama.block_count", 1);
    hone_gguf_writer_u32(writer, "llama.attention.head_count", 1);
    hone_gguf_writer_f32(writer, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    for (size_t i = 0; i < G_N_ELEMENTS(tensors); i++)
        hone_gguf_writer_tensor(writer, tensors[i].file, HONE_F32, tensors[i].vector ? 1 : 2,
                                (const size_t[]){tensors[i].vector || i > 0 ? WIDTH : vocab, WIDTH});
    g_autofree float *zeros = g_new0(float, vocab *WIDTH);
    g_assert_true(hone_gguf_writer_begin(writer, whole, &error));
    for (size_t i = 0; i < G_N_ELEMENTS(tensors); i++)
        g_assert_true(hone_gguf_writer_put(
            writer, zeros, (tensors[i].vector ? WIDTH : (i == 0 ? vocab : WIDTH) * WIDTH) * sizeof(float), &error));
    g_assert_true(hone_gguf_writer_finish(writer, &error));
    g_autofree char *back = write_folder(whole, name);
    assert_same(whole, back, "GGUF to folder", true);
}

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_all(inner);
    }
    g_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    root = g_dir_make_tmp("hone-convert-XXXXXX", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *test = g_strdup_printf("/text/convert/%s", cases[i].kind);
        g_test_add_data_func(test, &cases[i], test_kind);
    }
    g_test_add_data_func("/text/convert/scores/llama", "llama", test_scores);
    g_test_add_data_func("/text/convert/scores/gemma", "gemma", test_scores);
    int status = g_test_run();
    remove_all(root);
    g_free(root);
    return status;
}
