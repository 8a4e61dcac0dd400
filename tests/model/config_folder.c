/* SPDX-License-Identifier: Apache-2.0
 * config_folder.c (test): config.json is read as transformers reads it (tests/oracle/configs.py): published models of
 * each family, what keys mean that are not there, every rotary scaling; and what is not understood is refused by name.
 * The readers are private to the SDK, so the test compiles them in.
 */
#include "../../sdk/model/config-read.h"

#include <hone/json.h>
#include <math.h>
#include <string.h>

/* Frequencies: float32 on both sides, from a power with one rounding more or less (2^-24 each), and llama3's and yarn's
 * few operations on it. */
#define FREQUENCY_TOLERANCE 1e-6
/* Everything else is computed in double on both sides, and JSON keeps all digits. */
#define TOLERANCE 1e-12

static JsonArray *cases;

static JsonNode *read_json(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = hone_json_parse(text, length, NULL, &error);
    g_assert_no_error(error);
    return node;
}

static JsonObject *config_of(const char *name)
{
    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonObject *one = json_array_get_object_element(cases, i);
        if (strcmp(json_object_get_string_member(one, "name"), name) == 0)
            return json_object_get_object_member(one, "config");
    }
    g_error("no case \"%s\"", name);
}

static HoneModel *read_model(JsonObject *config, GError **error)
{
    HoneModel *m = g_new0(HoneModel, 1);
    ConfigReader reader = {.model = m, .place = (char *)"config.json", .error = error};
    m->format = HONE_CHECKPOINT_FOLDER;
    m->trunk = m->file_trunk = "model.";
    if (config_read_folder(&reader, config)) {
        for (size_t i = 0; i < m->n_ropes; i++)
            g_assert_true(config_check_rope(&reader, &m->ropes[i]));
        return m;
    }
    config_free(m);
    g_free(m);
    return NULL;
}

static void check_size(JsonObject *expect, const char *name, size_t got)
{
    g_assert_cmpint(json_object_get_int_member(expect, name), ==, (gint64)got);
}

static void check_bool(JsonObject *expect, const char *name, bool got)
{
    g_assert_cmpint(json_object_get_boolean_member(expect, name), ==, got);
}

static void check_number(JsonObject *expect, const char *name, double got)
{
    double want = json_object_get_double_member(expect, name);
    if (!(fabs(got - want) <= TOLERANCE * fabs(want)))
        g_error("%s is %.17g; transformers has %.17g", name, got, want);
}

static void check_form(const RopeForm *form, JsonArray *lengths)
{
    for (guint i = 0; i < json_array_get_length(lengths); i++) {
        JsonObject *one = json_array_get_object_element(lengths, i);
        JsonArray *want = json_object_get_array_member(one, "frequencies");
        size_t n = json_array_get_length(want), length = (size_t)json_object_get_int_member(one, "length");
        g_assert_cmpuint(form->rotated, ==, 2 * n);
        g_autofree float *got = g_new(float, n), *row = g_new(float, 2 * n);
        rope_frequencies(form, length, got);
        for (size_t f = 0; f < n; f++) {
            double expected = json_array_get_double_element(want, (guint)f);
            if (!(fabs(got[f] - expected) <= FREQUENCY_TOLERANCE * expected))
                g_error("frequency %zu at length %zu is %.9g; transformers has %.9g", f, length, (double)got[f],
                        expected);
        }
        check_number(one, "scale", form->attention_factor > 0 ? form->attention_factor : 1);
        /* At position 0 the cosine is 1, so it shows the factor. */
        rope_row(form, got, 0, row);
        g_assert_cmpfloat(row[0], ==, (float)json_object_get_double_member(one, "scale"));
        g_assert_cmpfloat(row[1], ==, 0);
    }
}

static double or_one(double scale)
{
    return scale > 0 ? scale : 1;
}

static void test_case(const void *data)
{
    JsonObject *one = (JsonObject *)data, *expect = json_object_get_object_member(one, "expect");
    g_autoptr(GError) error = NULL;
    HoneModel *m = read_model(json_object_get_object_member(one, "config"), &error);
    g_assert_no_error(error);
    const HoneModelConfig *c = &m->config;
    check_size(expect, "layers", c->layers);
    check_size(expect, "width", c->width);
    check_size(expect, "ffn", c->ffn);
    check_size(expect, "heads", c->heads);
    check_size(expect, "kv_heads", c->kv_heads);
    check_size(expect, "head_dim", c->head_dim);
    check_size(expect, "vocab", c->vocab);
    check_size(expect, "context", c->context);
    check_number(expect, "epsilon", c->norm_epsilon);
    check_bool(expect, "tied", c->tied_head);
    check_bool(expect, "qkv_bias", c->qkv_bias);
    check_bool(expect, "o_bias", c->o_bias);
    check_bool(expect, "mlp_bias", c->mlp_bias);
    check_number(expect, "attention_scale",
                 c->attention_scale > 0 ? c->attention_scale : 1 / sqrt((double)c->head_dim));
    check_number(expect, "embedding_scale", or_one(c->embedding_scale));
    check_number(expect, "residual_scale", or_one(c->residual_scale));
    check_number(expect, "logit_scale", or_one(c->logit_scale));
    check_number(expect, "attention_cap", c->attention_cap);
    check_number(expect, "logit_cap", c->logit_cap);
    const char *activation = m->activation == HONE_SILU ? "silu" : "gelu_tanh";
    g_assert_cmpstr(activation, ==, json_object_get_string_member(expect, "activation"));
    JsonArray *windows = json_object_get_array_member(expect, "windows");
    JsonArray *ropes = json_object_get_array_member(expect, "rope");
    for (guint l = 0; l < c->layers; l++) {
        g_assert_cmpint(json_array_get_int_element(windows, l), ==, m->forms[l].local ? (gint64)c->window : 0);
        g_assert_cmpint(json_array_get_int_element(ropes, l), ==, m->forms[l].rope);
    }
    JsonArray *forms = json_object_get_array_member(expect, "forms");
    g_assert_cmpuint(m->n_ropes, ==, json_array_get_length(forms));
    for (guint i = 0; i < m->n_ropes; i++)
        if (!json_array_get_null_element(forms, i))
            check_form(&m->ropes[i], json_array_get_array_element(forms, i));
    config_free(m);
    g_free(m);
}

/* A key is set in a case's configuration: the error has the key's name and the value. */
static const struct {
    const char *name, *key, *value, *says;
    HoneError code;
} refusals[] = {
    {"llama-2", "model_type", "\"mamba\"", "\"mamba\"", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "model_type", "\"granitemoe\"", "granite", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "model_type", "null", "model_type", HONE_ERROR_INVALID},
    {"llama-2", "model_type", "7", "\"model_type\" is 7", HONE_ERROR_INVALID},
    {"llama-2", "architectures", "[\"LlamaForSequenceClassification\"]", "LlamaForSequenceClassification",
     HONE_ERROR_UNSUPPORTED},
    {"llama-2", "architectures", "[3]", "[3]", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "some_new_thing", "true", "\"some_new_thing\" is true", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "some_new_thing", "false", "\"some_new_thing\"", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "quantization_config", "{\"quant_method\":\"gptq\"}", "gptq", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "hidden_act", "\"relu2\"", "\"hidden_act\" is \"relu2\"", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "hidden_act", "\"gelu\"", "\"gelu\"", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "num_hidden_layers", "0", "\"num_hidden_layers\" is 0", HONE_ERROR_INVALID},
    {"llama-2", "num_hidden_layers", "1e3", "num_hidden_layers", HONE_ERROR_INVALID},
    {"llama-2", "num_hidden_layers", "\"4\"", "num_hidden_layers", HONE_ERROR_INVALID},
    {"llama-2", "num_hidden_layers", "4000000000", "4000000000", HONE_ERROR_INVALID},
    {"llama-2", "hidden_size", "-16", "\"hidden_size\" is -16", HONE_ERROR_INVALID},
    {"llama-2", "hidden_size", "9223372036854775807", "hidden_size", HONE_ERROR_INVALID},
    {"llama-2", "vocab_size", "[]", "vocab_size", HONE_ERROR_INVALID},
    {"llama-2", "rms_norm_eps", "0", "rms_norm_eps", HONE_ERROR_INVALID},
    {"llama-2", "rms_norm_eps", "\"1e-5\"", "rms_norm_eps", HONE_ERROR_INVALID},
    {"llama-2", "rope_theta", "1", "rope_theta", HONE_ERROR_INVALID},
    {"llama-2", "tie_word_embeddings", "1", "tie_word_embeddings", HONE_ERROR_INVALID},
    {"llama-2", "attention_bias", "\"yes\"", "attention_bias", HONE_ERROR_INVALID},
    {"llama-2", "sliding_window", "4096", "\"sliding_window\" is 4096", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "partial_rotary_factor", "0.5", "partial_rotary_factor", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "layer_types", "[\"full_attention\"]", "layer_types", HONE_ERROR_INVALID},
    {"llama-2", "embedding_multiplier", "2", "embedding_multiplier", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "num_local_experts", "8", "num_local_experts", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "is_encoder_decoder", "true", "is_encoder_decoder", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "pruned_heads", "{\"0\":[1]}", "pruned_heads", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "rope_scaling", "\"linear\"", "rope_scaling", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"mrope\"}", "\"rope_scaling.type\" is \"mrope\"", HONE_ERROR_UNSUPPORTED},
    {"llama-2", "rope_scaling", "{\"rope_type\":\"proportional\",\"factor\":1}", "proportional",
     HONE_ERROR_UNSUPPORTED},
    {"llama-2", "rope_scaling", "{\"type\":\"linear\"}", "rope_scaling.factor", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"linear\",\"factor\":0}", "rope_scaling.factor", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"linear\",\"factor\":null}", "rope_scaling.factor", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"linear\",\"factor\":2,\"mrope_section\":[1]}", "mrope_section",
     HONE_ERROR_UNSUPPORTED},
    {"llama-2", "rope_scaling", "{\"type\":\"yarn\"}", "rope_scaling.factor", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"yarn\",\"factor\":2,\"original_max_position_embeddings\":0}",
     "rope_scaling.original_max_position_embeddings", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"yarn\",\"factor\":2,\"beta_fast\":-1}", "rope_scaling.beta_fast",
     HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"llama3\",\"factor\":2,\"low_freq_factor\":1}",
     "rope_scaling.high_freq_factor", HONE_ERROR_INVALID},
    {"llama-2", "rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[1,2]}", "rope_scaling.short_factor",
     HONE_ERROR_INVALID},
    {"longrope-factor", "rope_parameters",
     "{\"rope_type\":\"longrope\",\"short_factor\":[1,2,-3],\"long_factor\":[1,2,3]}", "rope_parameters.short_factor",
     HONE_ERROR_INVALID},
    {"longrope-factor", "rope_parameters", "{\"rope_type\":\"longrope\",\"short_factor\":[1,2,3]}",
     "rope_parameters.long_factor", HONE_ERROR_INVALID},
    {"longrope-factor", "rope_parameters", "{\"full_attention\":{\"rope_type\":\"default\"}}", "full_attention",
     HONE_ERROR_UNSUPPORTED},
    {"mistral-0.1", "layer_types", "[]", "layer_types", HONE_ERROR_INVALID},
    {"mistral-0.1", "sliding_window", "0", "\"sliding_window\" is 0", HONE_ERROR_INVALID},
    {"mistral-0.1", "mlp_bias", "true", "\"mlp_bias\" is true", HONE_ERROR_UNSUPPORTED},
    {"smollm3", "no_rope_layers", "[1]", "no_rope_layers", HONE_ERROR_INVALID},
    {"smollm3", "no_rope_layer_interval", "0", "no_rope_layer_interval", HONE_ERROR_INVALID},
    {"qwen2.5", "use_sliding_window", "\"no\"", "use_sliding_window", HONE_ERROR_INVALID},
    {"qwen2.5", "use_mrope", "true", "use_mrope", HONE_ERROR_UNSUPPORTED},
    {"qwen3", "num_experts", "128", "num_experts", HONE_ERROR_UNSUPPORTED},
    {"gemma-2b", "use_bidirectional_attention", "true", "use_bidirectional_attention", HONE_ERROR_UNSUPPORTED},
    {"gemma-2-27b", "sliding_window_size", "512", "sliding_window_size", HONE_ERROR_INVALID},
    {"gemma-2-27b", "attn_logit_softcapping", "-1", "attn_logit_softcapping", HONE_ERROR_INVALID},
    {"gemma-2-27b", "query_pre_attn_scalar", "0", "query_pre_attn_scalar", HONE_ERROR_INVALID},
    {"gemma-2-27b", "hidden_activation", "\"relu\"", "hidden_activation", HONE_ERROR_UNSUPPORTED},
    {"gemma-3-1b", "attn_logit_softcapping", "50", "attn_logit_softcapping", HONE_ERROR_UNSUPPORTED},
    {"gemma-3-1b", "use_bidirectional_attention", "true", "use_bidirectional_attention", HONE_ERROR_UNSUPPORTED},
    {"gemma-3-1b", "rope_scaling", "{\"type\":\"linear\",\"factor\":8}", "rope_scaling", HONE_ERROR_UNSUPPORTED},
    {"gemma-3-270m", "layer_types", "[\"chunked_attention\"]", "layer_types", HONE_ERROR_INVALID},
    {"gemma3-nested", "layer_types", "[\"chunked_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]",
     "chunked_attention", HONE_ERROR_UNSUPPORTED},
    {"gemma3-nested", "sliding_window", "null", "layer_types", HONE_ERROR_INVALID},
    {"gemma3-nested", "rope_parameters", "{\"rope_type\":\"linear\",\"factor\":8}", "rope_parameters.rope_type",
     HONE_ERROR_UNSUPPORTED},
    {"gemma3-nested", "rope_parameters",
     "{\"full_attention\":{\"rope_type\":\"yarn\",\"factor\":2,\"truncate\":false}}",
     "rope_parameters.full_attention.truncate", HONE_ERROR_UNSUPPORTED},
    {"granite-3.1", "logits_scaling", "0", "logits_scaling", HONE_ERROR_INVALID},
    {"granite-3.1", "residual_multiplier", "-1", "residual_multiplier", HONE_ERROR_INVALID},
    {"phi-4-mini", "full_attn_mod", "2", "\"full_attn_mod\" is 2", HONE_ERROR_UNSUPPORTED},
    {"phi-4-mini", "lm_head_bias", "true", "lm_head_bias", HONE_ERROR_UNSUPPORTED},
    {"phi-4-mini", "partial_rotary_factor", "0.7", "short_factor", HONE_ERROR_INVALID},
    {"phi-4-mini", "rope_scaling", "{\"type\":\"linear\",\"factor\":2}", "\"linear\"", HONE_ERROR_UNSUPPORTED},
    {"olmo-2", "clip_qkv", "8", "clip_qkv", HONE_ERROR_UNSUPPORTED},
};

static void test_refusals(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) whole = json_node_new(JSON_NODE_OBJECT);
        json_node_set_object(whole, config_of(refusals[i].name));
        g_autofree char *text = hone_json_text(whole);
        g_autoptr(JsonNode) copy = read_json(text, strlen(text));
        JsonObject *config = json_node_get_object(copy);
        json_object_set_member(config, refusals[i].key, read_json(refusals[i].value, strlen(refusals[i].value)));
        HoneModel *m = read_model(config, &error);
        if (m != NULL)
            g_error("%s with \"%s\": %s was read", refusals[i].name, refusals[i].key, refusals[i].value);
        g_assert_error(error, HONE_ERROR, (int)refusals[i].code);
        if (strstr(error->message, refusals[i].says) == NULL || strstr(error->message, "config.json") == NULL)
            g_error("\"%s\" does not say \"%s\" and the file", error->message, refusals[i].says);
    }
}

/* Phi-3's first releases called its lists "su", which the reference no longer reads. */
static void test_su(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) whole = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(whole, config_of("phi-3-mini-128k"));
    g_autofree char *text = hone_json_text(whole);
    g_autoptr(JsonNode) copy = read_json(text, strlen(text));
    JsonObject *config = json_node_get_object(copy);
    json_object_set_string_member(json_object_get_object_member(config, "rope_scaling"), "type", "su");
    HoneModel *m = read_model(config, &error);
    g_assert_no_error(error);
    g_assert_cmpint(m->ropes[0].kind, ==, ROPE_LONGROPE);
    config_free(m);
    g_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "configs.json", NULL);
    g_autofree char *text = NULL;
    gsize length;
    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    g_autoptr(JsonNode) all = read_json(text, length);
    cases = json_node_get_array(all);
    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonObject *one = json_array_get_object_element(cases, i);
        g_autofree char *name = g_strconcat("/config-folder/", json_object_get_string_member(one, "name"), NULL);
        g_test_add_data_func(name, one, test_case);
    }
    g_test_add_func("/config-folder/refusals", test_refusals);
    g_test_add_func("/config-folder/su", test_su);
    return g_test_run();
}
