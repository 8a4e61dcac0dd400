/* SPDX-License-Identifier: Apache-2.0
 * config.c (test): a GGUF whose metadata and tensors do not fit together is refused with the key or tensor named.
 */
#include "tiny.h"

#include <glib/gstdio.h>
#include <string.h>

static char *file_bytes(const char *name, gsize *length)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = tiny_data(name);
    char *bytes;
    g_file_get_contents(path, &bytes, length, &error);
    g_assert_no_error(error);
    return bytes;
}

/* The place right after the only string `text` (with its length before it, as GGUF keeps strings). */
static char *after(char *bytes, gsize length, const char *text)
{
    size_t n = strlen(text);
    for (gsize i = 8; i + n <= length; i++) {
        uint64_t stored;
        memcpy(&stored, bytes + i - 8, sizeof(stored));
        if (stored == n && memcmp(bytes + i, text, n) == 0)
            return bytes + i + n;
    }
    g_error("the file has no \"%s\"", text);
}

static void expect_refusal(const char *bytes, gsize length, HoneError code, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int file = g_file_open_tmp("hone-config-XXXXXX", &path, &error);
    g_assert_no_error(error);
    g_close(file, NULL);
    g_file_set_contents(path, bytes, (gssize)length, &error);
    g_assert_no_error(error);
    g_autoptr(HoneBackend) backend = test_open_backend("reference", NULL, 1, &error);
    g_assert_no_error(error);
    g_autoptr(HoneModel) model = hone_model_open(path, backend, NULL, &error);
    g_assert_null(model);
    g_assert_error(error, HONE_ERROR, (int)code);
    if (strstr(error->message, says) == NULL || strstr(error->message, path) == NULL)
        g_error("\"%s\" does not say \"%s\" and the file", error->message, says);
    g_assert_cmpuint(backend->allocated, ==, 0);
    g_unlink(path);
}

/* Numbers that contradict each other or the tensors. */
static void test_numbers(void)
{
    static const struct {
        const char *key;
        uint32_t value;
        const char *says;
    } cases[] = {
        {"llama.block_count", 0, "llama.block_count"},
        {"llama.block_count", 4000000000u, "llama.block_count"},
        {"llama.block_count", 3, "blk.2."},
        {"llama.block_count", 1, "blk.1."},
        {"llama.embedding_length", 0, "llama.embedding_length"},
        {"llama.embedding_length", 33, "token_embd.weight"},
        {"llama.embedding_length", UINT32_MAX, "llama.embedding_length"},
        {"llama.feed_forward_length", 57, "ffn_gate"},
        {"llama.attention.head_count", 0, "head_count"},
        {"llama.attention.head_count", 5, "multiple"},
        {"llama.attention.head_count", 8, "attn_q"},
        {"llama.attention.head_count_kv", 3, "multiple"},
        {"llama.attention.head_count_kv", 4, "attn_k"},
        {"llama.attention.head_count_kv", 0, "head_count_kv"},
        {"llama.context_length", 0, "context_length"},
        {"llama.context_length", UINT32_MAX, "context_length"},
        {"llama.rope.dimension_count", 7, "even"},
        {"llama.rope.dimension_count", 6, "attn_q"},
        {"llama.rope.dimension_count", 0, "dimension_count"},
        {"llama.rope.freq_base", 0x7fc00000, "freq_base"},                 /* NaN */
        {"llama.rope.freq_base", 0xc1200000, "freq_base"},                 /* -10 */
        {"llama.attention.layer_norm_rms_epsilon", 0x7f800000, "epsilon"}, /* infinity */
        {"llama.attention.layer_norm_rms_epsilon", 0, "epsilon"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize length;
        g_autofree char *bytes = file_bytes("tiny.gguf", &length);
        memcpy(after(bytes, length, cases[i].key) + 4, &cases[i].value, 4); /* past the value's type */
        HoneError code = strstr(cases[i].says, "blk.1.") != NULL ? HONE_ERROR_UNSUPPORTED : HONE_ERROR_INVALID;
        expect_refusal(bytes, length, code, cases[i].says);
    }
}

/* A key under another name is an absent key; a tensor under another name is both absent and unknown. */
static void test_names(void)
{
    static const struct {
        const char *name;
        HoneError code;
        const char *says;
    } cases[] = {
        {"llama.block_count", HONE_ERROR_INVALID, "llama.block_count"},
        {"llama.embedding_length", HONE_ERROR_INVALID, "embedding_length"},
        {"llama.attention.layer_norm_rms_epsilon", HONE_ERROR_INVALID, "epsilon"},
        {"general.architecture", HONE_ERROR_INVALID, "general.architecture"},
        {"token_embd.weight", HONE_ERROR_INVALID, "token_embd.weight"},
        {"output_norm.weight", HONE_ERROR_INVALID, "output_norm.weight"},
        {"blk.1.attn_q.weight", HONE_ERROR_INVALID, "blk.1.attn_q.weight"},
        {"blk.0.ffn_norm.weight", HONE_ERROR_INVALID, "blk.0.ffn_norm.weight"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize length;
        g_autofree char *bytes = file_bytes("tiny.gguf", &length);
        char *end = after(bytes, length, cases[i].name);
        size_t n = strlen(cases[i].name);
        memset(end - n, 'x', n); /* same length, another name */
        expect_refusal(bytes, length, cases[i].code, cases[i].says);
    }
}

static void test_architecture(void)
{
    gsize length;
    g_autofree char *bytes = file_bytes("tiny.gguf", &length);
    char *value = after(bytes, length, "general.architecture") + 4 + 8;
    g_assert_cmpmem(value, 5, "llama", 5);
    memcpy(value, "mamba", 5);
    expect_refusal(bytes, length, HONE_ERROR_UNSUPPORTED, "mamba");
}

/* Numbers of other families' metadata. */
static void test_family_numbers(void)
{
    static const struct {
        const char *file, *key;
        uint32_t value;
        const char *says;
        HoneError code;
    } cases[] = {
        {"gemma2", "gemma2.attention.sliding_window", UINT32_MAX, "sliding_window", HONE_ERROR_INVALID},
        {"gemma2", "gemma2.attn_logit_softcapping", 0xbf800000, "attn_logit_softcapping", HONE_ERROR_INVALID}, /* -1 */
        {"gemma2", "gemma2.final_logit_softcapping", 0x7fc00000, "final_logit", HONE_ERROR_INVALID},           /* NaN */
        {"gemma3", "gemma3.rope.scaling.factor", 0, "rope.scaling.factor", HONE_ERROR_INVALID},
        {"gemma3", "gemma3.attention.value_length", 4, "value", HONE_ERROR_UNSUPPORTED},
        {"granite", "granite.logit_scale", 0, "logit_scale", HONE_ERROR_INVALID},
        {"granite", "granite.attention.scale", 0xff800000, "attention.scale", HONE_ERROR_INVALID}, /* -infinity */
        {"phi3", "phi3.rope.dimension_count", 5, "even", HONE_ERROR_INVALID},
        {"phi3", "phi3.rope.dimension_count", 4, "rope_factors_short.weight", HONE_ERROR_INVALID},
        {"phi3", "phi3.rope.dimension_count", 10, "heads of width 8", HONE_ERROR_INVALID},
        {"phi3", "phi3.rope.scaling.attn_factor", 0xbf800000, "attn_factor", HONE_ERROR_INVALID},
        {"phi3", "phi3.rope.scaling.original_context_length", 1, "longrope", HONE_ERROR_INVALID},
        {"llama-yarn", "llama.rope.scaling.yarn_beta_fast", 0, "yarn_beta_fast", HONE_ERROR_INVALID},
        {"qwen3", "qwen3.attention.key_length", 4, "keys of width 4", HONE_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize length;
        g_autofree char *name = g_strdup_printf("families/%s.gguf", cases[i].file);
        g_autofree char *bytes = file_bytes(name, &length);
        memcpy(after(bytes, length, cases[i].key) + 4, &cases[i].value, 4);
        expect_refusal(bytes, length, cases[i].code, cases[i].says);
    }
}

/* Biases, norms and rotary factors that are not where the rest asks for them. */
static void test_family_names(void)
{
    static const struct {
        const char *file, *name, *says;
        HoneError code;
    } cases[] = {
        {"llama", "blk.1.attn_k.bias", "blk.1.attn_k.bias", HONE_ERROR_INVALID},
        /* Without the first layer's, the others' are too many. */
        {"llama", "blk.0.attn_q.bias", "is not part of a llama model", HONE_ERROR_UNSUPPORTED},
        {"llama", "rope_freqs.weight", "xxxxxxxxxxxxxxxxx", HONE_ERROR_UNSUPPORTED},
        {"qwen3", "blk.0.attn_q_norm.weight", "blk.0.attn_q_norm.weight", HONE_ERROR_INVALID},
        {"olmo2", "blk.1.post_ffw_norm.weight", "blk.1.post_ffw_norm.weight", HONE_ERROR_INVALID},
        {"phi3", "blk.0.attn_qkv.weight", "blk.0.attn_qkv.weight", HONE_ERROR_INVALID},
        {"phi3", "rope_factors_long.weight", "rope_factors_long", HONE_ERROR_UNSUPPORTED},
        {"granite", "granite.logit_scale", "granite.logit_scale", HONE_ERROR_INVALID},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize length;
        g_autofree char *name = g_strdup_printf("families/%s.gguf", cases[i].file);
        g_autofree char *bytes = file_bytes(name, &length);
        size_t n = strlen(cases[i].name);
        memset(after(bytes, length, cases[i].name) - n, 'x', n);
        expect_refusal(bytes, length, cases[i].code, cases[i].says);
    }
}

/* A scaling that Hone does not have, and one that does not go with the file's rotary factors. */
static void test_scaling(void)
{
    static const struct {
        const char *file, *key, *was, *is, *says;
    } cases[] = {
        {"llama-yarn", "llama.rope.scaling.type", "yarn", "nrya", "\"nrya\""},
        {"gemma3", "gemma3.rope.scaling.type", "linear", "xinear", "\"xinear\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize length;
        g_autofree char *name = g_strdup_printf("families/%s.gguf", cases[i].file);
        g_autofree char *bytes = file_bytes(name, &length);
        char *value = after(bytes, length, cases[i].key) + 4 + 8;
        g_assert_cmpmem(value, strlen(cases[i].was), cases[i].was, strlen(cases[i].was));
        memcpy(value, cases[i].is, strlen(cases[i].is));
        expect_refusal(bytes, length, HONE_ERROR_UNSUPPORTED, cases[i].says);
    }
}

/* Cut anywhere: an error, never a crash. */
static void test_truncated(void)
{
    gsize length;
    g_autofree char *bytes = file_bytes("tiny.gguf", &length);
    for (gsize cut = 0; cut < length; cut += 4093)
        expect_refusal(bytes, cut, HONE_ERROR_INVALID, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/numbers", test_numbers);
    g_test_add_func("/config/names", test_names);
    g_test_add_func("/config/architecture", test_architecture);
    g_test_add_func("/config/truncated", test_truncated);
    g_test_add_func("/config/family-numbers", test_family_numbers);
    g_test_add_func("/config/family-names", test_family_names);
    g_test_add_func("/config/scaling", test_scaling);
    return g_test_run();
}
