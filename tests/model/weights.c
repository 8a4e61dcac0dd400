/* SPDX-License-Identifier: Apache-2.0
 * weights.c (test): weights in the type of their file, mapped or copied, and training all of them. That gradients are
 * transformers' own is families.c's to show.
 */
#include "tiny.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* As in transformer.c: other orders of sums. */
#define TOLERANCE 1e-5

/* A backend whose wrap is taken away, or that says to multiply in bf16. */
typedef struct Changed {
    HoneBackendOps ops;
    HoneBackend *backend;
    HoneModel *model;
} Changed;

static void changed_free(Changed *c)
{
    hone_model_free(c->model);
    g_assert_cmpuint(c->backend->allocated, ==, 0);
    hone_backend_close(c->backend);
    g_free(c);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Changed, changed_free)

static Changed *changed_open(const char *file, const char *backend, bool wraps, HoneType compute)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_path_is_absolute(file) ? g_strdup(file) : tiny_data(file);
    Changed *c = g_new0(Changed, 1);
    c->backend = test_open_backend(backend, NULL, 2, &error);
    g_assert_no_error(error);
    c->ops = *c->backend->ops;
    if (!wraps)
        c->ops.wrap = NULL;
    c->backend->ops = &c->ops;
    c->backend->info.compute_type = compute;
    c->model = hone_model_open(path, c->backend, NULL, &error);
    g_assert_no_error(error);
    return c;
}

static const int32_t ids[] = {5, 9, 17, 3, 22, 6, 31, 40, 12, 8, 2}, starts[] = {0, 4, 11}, rows[] = {1, 3, 5, 6, 10};
static const int32_t targets[] = {17, 9, 31, 40, 7};
static const HoneBatch batch = {.size = sizeof(batch),
                                .n_tokens = 11,
                                .ids = ids,
                                .n_sequences = 2,
                                .starts = starts,
                                .n_targets = 5,
                                .target_rows = rows,
                                .targets = targets};
static const float derivative[] = {0.5f, -1, 0.25f, 0.75f, -0.3f};

static float *logits_of(HoneModel *model, size_t *n)
{
    g_autoptr(GError) error = NULL;
    *n = batch.n_targets * hone_model_config(model)->vocab;
    float *logits = g_new0(float, *n);
    hone_model_logits(model, &batch, logits, &error);
    g_assert_no_error(error);
    return logits;
}

static const char *const files[] = {"tiny.gguf",           "tiny3.gguf",         "tinyq.gguf",     "families/gemma",
                                    "families/llama-tied", "families/phi3.gguf", "families/qwen3", NULL};

/* A view of the file gives the very numbers that a copy gives, and takes less memory. */
static void test_mapped(void)
{
    for (size_t i = 0; files[i] != NULL; i++) {
        for (size_t b = 0; tiny_backends[b] != NULL; b++) {
            size_t n;
            g_autoptr(Changed) mapped = changed_open(files[i], tiny_backends[b], true, HONE_F32);
            g_autoptr(Changed) copied = changed_open(files[i], tiny_backends[b], false, HONE_F32);
            g_assert_cmpuint(mapped->backend->allocated, <, copied->backend->allocated / 2);
            /* What is mapped and what is allocated are together what a copy allocates, but for each tensor's padding.
             */
            size_t whole = hone_model_mapped_bytes(mapped->model) + mapped->backend->allocated;
            g_assert_cmpuint(whole, <=, copied->backend->allocated);
            g_assert_cmpuint(copied->backend->allocated - whole, <=, 64 * 200);
            g_assert_cmpuint(hone_model_mapped_bytes(copied->model), ==, 0);
            g_autofree float *one = logits_of(mapped->model, &n), *two = logits_of(copied->model, &n);
            g_assert_cmpmem(one, n * sizeof(float), two, n * sizeof(float));
            g_assert_true(isfinite(one[0]) && one[0] != one[1]);
        }
    }
}

/* Computing with a stored type is computing with what it stands for. */
static void test_types(void)
{
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; files[i] != NULL; i++) {
        for (size_t b = 0; tiny_backends[b] != NULL; b++) {
            size_t n;
            g_autoptr(Changed) c = changed_open(files[i], tiny_backends[b], true, HONE_F32);
            g_autofree float *stored = logits_of(c->model, &n);
            hone_model_train_weights(c->model, &error);
            g_assert_no_error(error);
            g_autofree float *plain = logits_of(c->model, &n);
            tiny_assert_close(stored, plain, n, TOLERANCE);
        }
    }
}

/* Where products are in bf16, matrices of f32 are kept in bf16, which loses nothing that the product would not round
 * off: these weights are bf16 numbers, so that nothing is lost at all. What is trained stays f32. */
static void test_bf16(void)
{
    g_autoptr(GError) error = NULL;
    size_t n, trained;
    g_autoptr(Changed) whole = changed_open("families/phi3", "reference", false, HONE_F32);
    g_autoptr(Changed) half = changed_open("families/phi3", "reference", false, HONE_BF16);
    g_autofree float *one = logits_of(whole->model, &n), *two = logits_of(half->model, &n);
    g_assert_cmpmem(one, n * sizeof(float), two, n * sizeof(float));
    g_assert_cmpuint(half->backend->allocated, <, whole->backend->allocated);
    hone_model_train_weights(half->model, &error);
    g_assert_no_error(error);
    const HoneTrainable *t = hone_model_trainables(half->model, &trained);
    for (size_t i = 0; i < trained; i++)
        g_assert_true(t[i].value.type == HONE_F32 && t[i].gradient.type == HONE_F32);
    g_autofree float *three = logits_of(half->model, &n);
    g_assert_cmpmem(one, n * sizeof(float), three, n * sizeof(float));
}

static void test_names(void)
{
    static const struct {
        const char *file, *names[24];
    } cases[] = {
        /* As transformers names the parameters of these models: fused maps are one, a tied head is none. */
        {"families/phi3-tied",
         {"model.embed_tokens.weight", "model.layers.0.self_attn.qkv_proj.weight",
          "model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.gate_up_proj.weight",
          "model.layers.0.mlp.down_proj.weight", "model.layers.0.input_layernorm.weight",
          "model.layers.0.post_attention_layernorm.weight", "model.norm.weight"}},
        {"families/mistral-full",
         {"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
          "model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.v_proj.weight",
          "model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.gate_proj.weight",
          "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight",
          "model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight",
          "model.norm.weight", "lm_head.weight"}},
        {"families/qwen2-yarn",
         {"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.bias",
          "model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.k_proj.bias",
          "model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.v_proj.bias",
          "model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.gate_proj.weight",
          "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight",
          "model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight",
          "model.norm.weight", "lm_head.weight"}},
    };
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Changed) c = changed_open(cases[i].file, "reference", true, HONE_F32);
        hone_model_train_weights(c->model, &error);
        g_assert_no_error(error);
        size_t n;
        const HoneTrainable *t = hone_model_trainables(c->model, &n);
        for (size_t k = 0; k < n; k++)
            g_assert_cmpstr(t[k].name, ==, cases[i].names[k]);
        g_assert_null(cases[i].names[n]);
    }
}

static double loss_of(HoneModel *model, const HoneForward *options)
{
    g_autoptr(GError) error = NULL;
    float logprob[G_N_ELEMENTS(derivative)];
    hone_model_forward(model, &batch, options, logprob, &error);
    g_assert_no_error(error);
    double loss = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(derivative); i++)
        loss += (double)derivative[i] * logprob[i];
    return loss;
}

static float *download(const Changed *c, HoneTensor tensor)
{
    g_autoptr(GError) error = NULL;
    float *values = g_new(float, hone_tensor_count(tensor));
    hone_backend_download(c->backend, values, tensor, &error);
    g_assert_no_error(error);
    return values;
}

/* A step along the whole gradient changes the loss by the step times the gradient's square. */
static void check_descent(Changed *c, HoneForward options)
{
    g_autoptr(GError) error = NULL;
    float logprob[G_N_ELEMENTS(derivative)];
    size_t n;
    options.size = sizeof(options);
    options.keep = true;
    hone_model_zero_gradients(c->model, &error);
    g_assert_no_error(error);
    hone_model_forward(c->model, &batch, &options, logprob, &error);
    g_assert_no_error(error);
    hone_model_backward(c->model, derivative, &error);
    g_assert_no_error(error);
    options.keep = false;

    const HoneTrainable *t = hone_model_trainables(c->model, &n);
    double square = 0, losses[2];
    for (size_t i = 0; i < n; i++) {
        g_autofree float *gradient = download(c, t[i].gradient);
        for (size_t e = 0; e < hone_tensor_count(t[i].gradient); e++)
            square += (double)gradient[e] * gradient[e];
    }
    /* The whole step moves the loss by 0.1: far above the 1e-6 of f32, and small against the loss's curvature, whose
     * odd part is left: below a thousandth. */
    float size = (float)(0.05 / square);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            c->ops.add(c->backend->stream, t[i].value, t[i].gradient, side == 0 ? size : -2 * size);
        losses[side] = loss_of(c->model, &options);
    }
    double got = (losses[0] - losses[1]) / 0.1;
    g_test_message("the loss moves by %g of what the gradient says", got);
    g_assert_true(fabs(got - 1) <= 2e-3);
}

static void test_descent(void)
{
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; files[i] != NULL; i++) {
        g_autoptr(Changed) c = changed_open(files[i], "cpu", true, HONE_F32);
        hone_model_train_weights(c->model, &error);
        g_assert_no_error(error);
        check_descent(c, (HoneForward){.checkpointing = i % 2});
    }
}

/* The adapter of a fused tensor: one mask, one A, rows of one B. */
static void test_fused_dropout(void)
{
    g_autoptr(GError) error = NULL;
    static const char *const qkv[] = {"qkv_proj", "down_proj", NULL}, *const all[] = {"all-linear", NULL};
    static const char *const *const targets_of[] = {qkv, all};
    for (size_t i = 0; i < G_N_ELEMENTS(targets_of); i++) {
        g_autoptr(Changed) c = changed_open("families/phi3", "cpu", true, HONE_F32);
        HoneLora lora = {
            .size = sizeof(lora), .rank = 3, .alpha = 6, .dropout = 0.25, .targets = targets_of[i], .seed = 5};
        hone_model_add_lora(c->model, &lora, &error);
        g_assert_no_error(error);
        size_t n;
        const HoneTrainable *t = hone_model_trainables(c->model, &n);
        g_assert_cmpuint(n, ==, hone_model_config(c->model)->layers * (i == 0 ? 2 : 4) * 2);
        g_assert_cmpstr(t[0].name, ==, "base_model.model.model.layers.0.self_attn.qkv_proj.lora_A.weight");
        const HoneModelConfig *config = hone_model_config(c->model);
        g_assert_cmpuint(t[1].value.shape[0], ==, (config->heads + 2 * config->kv_heads) * config->head_dim);
        for (size_t k = 1; k < n; k += 2)
            c->ops.fill(c->backend->stream, t[k].value, 0.05f);
        check_descent(c, (HoneForward){.dropout_seed = 9});
    }
    g_autoptr(Changed) c = changed_open("families/phi3", "cpu", true, HONE_F32);
    static const char *const wrong[] = {"q_proj", NULL};
    HoneLora lora = {.size = sizeof(lora), .rank = 3, .alpha = 6, .targets = wrong};
    g_assert_false(hone_model_add_lora(c->model, &lora, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "qkv_proj, o_proj, gate_up_proj, down_proj"));
}

static void test_refused(void)
{
    g_autoptr(GError) error = NULL;
    static const char *const targets_all[] = {"all-linear", NULL};
    HoneLora lora = {.size = sizeof(lora), .rank = 2, .alpha = 2, .targets = targets_all};
    g_autofree char *adapter = tiny_data("tiny-adapter");
    float logprob[G_N_ELEMENTS(derivative)];

    g_autoptr(Changed) c = changed_open("tiny.gguf", "cpu", true, HONE_F32);
    size_t n;
    g_autofree float *before = logits_of(c->model, &n);
    /* Too little memory: said so, and nothing has changed. */
    c->backend->limit = c->backend->allocated + 200000;
    g_assert_false(hone_model_train_weights(c->model, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_MEMORY);
    g_clear_error(&error);
    c->backend->limit = 0;
    g_autofree float *after = logits_of(c->model, &n);
    g_assert_cmpmem(before, n * sizeof(float), after, n * sizeof(float));
    hone_model_trainables(c->model, &n);
    g_assert_cmpuint(n, ==, 0);

    hone_model_train_weights(c->model, &error);
    g_assert_no_error(error);
    g_assert_false(hone_model_train_weights(c->model, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_false(hone_model_add_lora(c->model, &lora, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_false(hone_model_load_adapter(c->model, adapter, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_false(hone_model_has_adapter(c->model));
    /* There is no model without what was trained. */
    HoneForward off = {.size = sizeof(off), .adapter_off = true};
    g_assert_false(hone_model_forward(c->model, &batch, &off, logprob, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    g_clear_error(&error);

    g_autoptr(Changed) tuned = changed_open("tiny.gguf", "cpu", true, HONE_F32);
    hone_model_load_adapter(tuned->model, adapter, &error);
    g_assert_no_error(error);
    g_assert_false(hone_model_train_weights(tuned->model, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
}

static void remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_assert_cmpint(g_unlink(file), ==, 0);
    }
    g_assert_cmpint(g_rmdir(path), ==, 0);
}

/* What was trained, written and opened again, is the same model: to the bit in f32; in a base's own bf16 it is the
 * trained one rounded, and none of it the base. */
static void test_saved(void)
{
    g_autoptr(GError) error = NULL;
    static const char *const bases[] = {"tinyq.gguf",          "families/phi3",   "families/llama.gguf",
                                        "families/gemma.gguf", "families/gemma2", "families/qwen2"};
    for (size_t i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autoptr(Changed) c = changed_open(bases[i], "reference", true, HONE_F32);
        g_autofree char *folder = g_dir_make_tmp("hone-saved-XXXXXX", &error);
        g_assert_no_error(error);
        size_t n, trained;
        g_assert_false(hone_model_save_weights(c->model, folder, HONE_F32, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
        g_clear_error(&error);
        g_autofree float *base = logits_of(c->model, &n);
        hone_model_train_weights(c->model, &error);
        g_assert_no_error(error);
        const HoneTrainable *t = hone_model_trainables(c->model, &trained);
        for (size_t k = 0; k < trained; k++)
            c->ops.scale(c->backend->stream, t[k].value, 1.0625f);
        g_autofree float *want = logits_of(c->model, &n);
        hone_model_save_weights(c->model, folder, HONE_F32, &error);
        g_assert_no_error(error);
        {
            g_autoptr(Changed) other = changed_open(folder, "reference", true, HONE_F32);
            g_autofree float *got = logits_of(other->model, &n);
            /* A norm's weight is w in a folder and 1 + w in a GGUF of these families: the difference rounds. */
            if (strstr(bases[i], "gemma") != NULL)
                tiny_assert_close(got, want, n, TOLERANCE);
            else
                g_assert_cmpmem(got, n * sizeof(float), want, n * sizeof(float));
            g_assert_true(tiny_error(got, base, n) > 1e-3);
        }
        hone_model_save_weights(c->model, folder, 0, &error);
        g_assert_no_error(error);
        {
            g_autoptr(Changed) other = changed_open(folder, "reference", true, HONE_F32);
            g_autofree float *got = logits_of(other->model, &n);
            double off = tiny_error(got, want, n);
            g_assert_true(off < 0.05); /* eight bits of each weight, through all layers */
        }
        g_assert_false(hone_model_save_weights(c->model, folder, HONE_Q8_0, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
        g_clear_error(&error);
        remove_folder(folder);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/weights/mapped", test_mapped);
    g_test_add_func("/weights/types", test_types);
    g_test_add_func("/weights/bf16", test_bf16);
    g_test_add_func("/weights/names", test_names);
    g_test_add_func("/weights/descent", test_descent);
    g_test_add_func("/weights/fused-dropout", test_fused_dropout);
    g_test_add_func("/weights/refused", test_refused);
    g_test_add_func("/weights/saved", test_saved);
    return g_test_run();
}
