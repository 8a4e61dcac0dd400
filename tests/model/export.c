/* SPDX-License-Identifier: Apache-2.0
 * export.c: what is exported is opened again and held to what transformers made of the model it came from: every
 * family, folder to GGUF and GGUF to folder, with and without an adapter folded in; quantised types within the error
 * that their steps allow; what a format cannot say is refused.
 */
#include "tiny.h"

#include <glib/gstdio.h>
#include <hone/export.h>
#include <math.h>
#include <string.h>

/* As tests/model/families.c: the same weights in f32, sums in another order. A GGUF's rotary factors and multipliers
 * are rounded to f32 (6e-8), far below. */
#define TOLERANCE 1e-5

static char *root;
static guint made;

/* ---- Places. ---- */

static char *new_place(const char *suffix)
{
    g_autofree char *name = g_strdup_printf("export-%u%s", made++, suffix);
    return g_build_filename(root, name, NULL);
}

static char *new_folder(void)
{
    char *path = new_place("");
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    return path;
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

static char *family_path(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat("families/", name, suffix, NULL);
    return tiny_data(file);
}

/* ---- Exporting. ---- */

static HoneExport *open_source(const char *model, const char *adapter)
{
    g_autoptr(GError) error = NULL;
    HoneExport *source = hone_export_open(model, adapter, &error);
    g_assert_no_error(error);
    return source;
}

/* Writes into a new place, whose path is returned; NULL with the error where it is refused. */
static char *write_model(HoneExport *source, bool gguf, HoneType type, uint64_t shard, HoneExportFacts *facts,
                         GError **error)
{
    HoneExportOptions options = {.size = sizeof options, .type = type, .shard = shard};
    g_autofree char *path = gguf ? new_place(".gguf") : new_folder();
    bool ok = gguf ? hone_export_gguf(source, path, &options, facts, error)
                   : hone_export_folder(source, path, &options, facts, error);
    return ok ? g_steal_pointer(&path) : NULL;
}

static char *must_write(HoneExport *source, bool gguf, HoneType type, HoneExportFacts *facts)
{
    g_autoptr(GError) error = NULL;
    char *path = write_model(source, gguf, type, 0, facts, &error);
    g_assert_no_error(error);
    return path;
}

/* ---- Holding to the oracle. ---- */

/* Relative error of the logits of a model's files against the oracle's under that name. */
static double logits_error(const char *path, const char *expect_path, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = g_new0(Tiny, 1);
    tiny->backend = test_open_backend("cpu", NULL, 2, &error);
    g_assert_no_error(error);
    tiny->model = hone_model_open(path, tiny->backend, NULL, &error);
    g_assert_no_error(error);
    tiny->expect = hone_safetensors_open(expect_path, &error);
    g_assert_no_error(error);
    tiny_read_batch(tiny);
    const HoneBatch *b = &tiny->batch;
    size_t n;
    const float *want = tiny_floats(tiny, name, &n);
    g_autofree int32_t *rows = g_new(int32_t, b->n_tokens);
    for (size_t i = 0; i < b->n_tokens; i++)
        rows[i] = (int32_t)i;
    HoneBatch all = *b;
    /* The oracles of tests/oracle/tiny_llama.py have the targets' rows, those of families.py all. */
    if (n == b->n_tokens * hone_model_config(tiny->model)->vocab) {
        all.n_targets = all.n_tokens;
        all.target_rows = rows;
        all.targets = NULL;
    }
    g_autofree float *logits = g_new0(float, n);
    hone_model_logits(tiny->model, &all, logits, &error);
    g_assert_no_error(error);
    return tiny_error(logits, want, n);
}

static void assert_logits(const char *path, const char *expect, const char *name, double tolerance)
{
    double error = logits_error(path, expect, name);
    g_test_message("%s: logits differ by %g of the largest", path, error);
    if (!(error <= tolerance))
        g_error("%s: relative error %g above %g", path, error, tolerance);
}

/* ---- Every family, both ways. ---- */

typedef struct Case {
    char *name;
    bool gguf; /* the base is */
} Case;

/* What a GGUF cannot say of these. */
static const struct {
    const char *name, *message;
} refused[] = {
    {"llama-dynamic", "scale with the length"},     {"llama-mscale", "settings of its own"},
    {"llama-yarn", "settings of its own"},          {"qwen2-yarn", "settings of its own"},
    {"gemma2-scalar", "with biases of attention"},  {"gemma3-types", "settings of its own"},
    {"olmo2-grouped", "with a tied head"},          {"qwen3-window", "with biases of attention"},
    {"smollm3-window", "with biases of attention"},
};

static bool is_refused(const char *name, const char **message)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
        if (strcmp(refused[i].name, name) == 0) {
            *message = refused[i].message;
            return true;
        }
    return false;
}

static bool is_windowless(const char *path)
{
    g_autoptr(HoneExport) source = open_source(path, NULL);
    return hone_export_config(source)->window == 0;
}

/* A family whose window GGUF has no key for: the context ends with the window. */
static void assert_cut(const char *path, const HoneModelConfig *base)
{
    g_autoptr(HoneExport) source = open_source(path, NULL);
    g_assert_cmpuint(hone_export_config(source)->context, ==, base->window);
}

static void test_family(const void *data)
{
    const Case *c = data;
    g_autofree char *base = family_path(c->name, c->gguf ? ".gguf" : "");
    g_autofree char *expect = family_path(c->name, ".expect.safetensors");
    g_autofree char *adapter = family_path(c->name, "-adapter");
    g_autoptr(HoneExport) source = open_source(base, NULL);
    g_assert_false(hone_export_has_adapter(source));
    g_autofree char *folder = must_write(source, false, HONE_F32, NULL);
    assert_logits(folder, expect, "logits", TOLERANCE);
    g_autoptr(GError) error = NULL;
    const char *message = NULL;
    g_autofree char *gguf = write_model(source, true, HONE_F32, 0, NULL, &error);
    if (!c->gguf && is_refused(c->name, &message)) {
        g_assert_null(gguf);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, message));
    } else {
        g_assert_no_error(error);
        if (is_windowless(gguf) && hone_export_config(source)->window > 0)
            assert_cut(gguf, hone_export_config(source));
        else
            assert_logits(gguf, expect, "logits", TOLERANCE);
    }
    if (!g_file_test(adapter, G_FILE_TEST_EXISTS))
        return;
    g_autoptr(HoneExport) tuned = open_source(base, adapter);
    HoneExportFacts facts;
    g_autofree char *merged = must_write(tuned, false, HONE_F32, &facts);
    assert_logits(merged, expect, "adapter.logits", TOLERANCE);
    g_assert_cmpfloat(facts.change, >, 0);
    g_assert_cmpuint(facts.adapted, >, 0);
    g_autofree char *merged_gguf = must_write(tuned, true, HONE_F32, &facts);
    assert_logits(merged_gguf, expect, "adapter.logits", TOLERANCE);
}

/* The f32 weights of the folder itself, so bit for bit those of the base. */
static void test_same_bytes(void)
{
    g_autofree char *base = family_path("llama", "");
    g_autoptr(HoneExport) source = open_source(base, NULL);
    g_autofree char *folder = must_write(source, false, 0, NULL), *gguf = must_write(source, true, 0, NULL);
    g_autoptr(HoneExport) second = open_source(gguf, NULL);
    g_autofree char *back = must_write(second, false, 0, NULL);
    g_autoptr(HoneCheckpoint) x = hone_checkpoint_open(base, NULL), y = hone_checkpoint_open(folder, NULL),
                              z = hone_checkpoint_open(back, NULL);
    g_assert_cmpuint(hone_checkpoint_n_tensors(x), ==, hone_checkpoint_n_tensors(y));
    for (size_t i = 0; i < hone_checkpoint_n_tensors(x); i++) {
        const HoneGgufTensor *a = hone_checkpoint_tensor(x, i), *b = hone_checkpoint_find(y, a->name),
                             *d = hone_checkpoint_find(z, a->name);
        g_assert_true(b != NULL && a->type == b->type);
        g_assert_cmpmem(a->data, a->bytes, b->data, b->bytes);
        /* Through a GGUF and back, vectors by way of f32: the same values. */
        size_t n = a->bytes / hone_type_block_bytes(a->type);
        g_autofree float *p = g_new(float, n), *q = g_new(float, n);
        hone_type_to_f32(a->type, a->data, p, n);
        hone_type_to_f32(d->type, d->data, q, n);
        g_assert_cmpmem(p, n * sizeof *p, q, n * sizeof *q);
    }
    /* The tokenizer's file is carried along. */
    g_autofree char *mine = g_build_filename(base, "tokenizer.json", NULL), *own = NULL, *its = NULL;
    g_autofree char *other = g_build_filename(folder, "tokenizer.json", NULL);
    gsize n_own, n_its;
    g_assert_true(g_file_get_contents(mine, &own, &n_own, NULL) && g_file_get_contents(other, &its, &n_its, NULL));
    g_assert_cmpmem(own, n_own, its, n_its);
}

/* ---- Adapters. ---- */

/* Rounded to 16 bits: every weight by at most 2^-9 (bf16) or 2^-12 (f16) of itself, at random. The logits of these
 * small models are sums over a few layers, so their relative error stays within a few times that. */
static void test_types(const void *data)
{
    const char *name = data;
    static const struct {
        HoneType type;
        double tolerance;
        bool gguf;
    } types[] = {{HONE_F32, TOLERANCE, false}, {HONE_F32, TOLERANCE, true}, {HONE_F16, 0x1p-6, true},
                 {HONE_F16, 0x1p-6, false},    {HONE_BF16, 0x1p-3, true},   {HONE_BF16, 0x1p-3, false}};
    g_autofree char *file = g_strconcat(name, ".gguf", NULL), *base = tiny_data(file);
    g_autofree char *folder = g_strconcat(name, "-adapter", NULL), *adapter = tiny_data(folder);
    g_autofree char *expected = g_strconcat(name, ".expect.safetensors", NULL), *expect = tiny_data(expected);
    g_autoptr(HoneExport) source = open_source(base, adapter);
    g_assert_true(hone_export_has_adapter(source));
    double change = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        HoneExportFacts facts;
        g_autofree char *path = must_write(source, types[i].gguf, types[i].type, &facts);
        assert_logits(path, expect, "adapter.logits", types[i].tolerance);
        g_assert_cmpint(facts.type, ==, types[i].type);
        /* Half a unit in the last place is the most that one rounding takes. */
        double unit = types[i].type == HONE_F32 ? 0 : types[i].type == HONE_F16 ? 0x1p-11 : 0x1p-8;
        g_assert_cmpfloat(facts.error, <=, unit);
        g_assert_true((facts.error > 0) == (unit > 0));
        g_assert_true(change == 0 || change == facts.change); /* whatever it is rounded to */
        change = facts.change;
    }
}

/* ‖ΔW‖ / ‖W‖ over the adapted tensors, computed here from the adapter's files in double. */
static void test_change(void)
{
    g_autofree char *base = family_path("phi3", ""), *adapter = family_path("phi3", "-adapter");
    g_autofree char *tensors = g_build_filename(adapter, "adapter_model.safetensors", NULL);
    g_autofree char *config = g_build_filename(adapter, "adapter_config.json", NULL), *text = NULL;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(tensors, NULL);
    g_autoptr(HoneCheckpoint) model = hone_checkpoint_open(base, NULL);
    g_assert_true(g_file_get_contents(config, &text, NULL, NULL));
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    JsonObject *settings = json_node_get_object(node);
    double scale = json_object_get_double_member(settings, "lora_alpha"), r = json_object_get_int_member(settings, "r");
    scale /= json_object_get_boolean_member_with_default(settings, "use_rslora", FALSE) ? sqrt(r) : r;
    double change = 0, size = 0;
    for (size_t i = 0; i < hone_safetensors_count(file); i++) {
        const HoneSafetensor *a = hone_safetensors_get(file, i);
        if (!g_str_has_suffix(a->name, ".lora_A.weight"))
            continue;
        g_autofree char *module = g_strndup(a->name, strlen(a->name) - strlen(".lora_A.weight"));
        g_autofree char *b_name = g_strconcat(module, ".lora_B.weight", NULL);
        g_autofree char *w_name = g_strconcat(module + strlen("base_model.model."), ".weight", NULL);
        const HoneSafetensor *b = hone_safetensors_find(file, b_name);
        const HoneGgufTensor *w = hone_checkpoint_find(model, w_name);
        const float *pa = a->data, *pb = b->data;
        size_t rows = b->shape[0], columns = a->shape[1];
        g_autofree float *pw = g_new(float, rows *columns);
        hone_type_to_f32(w->type, w->data, pw, rows * columns);
        for (size_t x = 0; x < rows; x++)
            for (size_t y = 0; y < columns; y++) {
                double sum = 0;
                for (size_t k = 0; k < a->shape[0]; k++)
                    sum += (double)pb[x * a->shape[0] + k] * pa[k * columns + y];
                change += scale * sum * scale * sum;
                size += (double)pw[x * columns + y] * pw[x * columns + y];
            }
    }
    g_autoptr(HoneExport) source = open_source(base, adapter);
    HoneExportFacts facts;
    g_autofree char *path = must_write(source, false, HONE_BF16, &facts);
    g_assert_cmpfloat_with_epsilon(facts.change, sqrt(change / size), 1e-5 * sqrt(change / size));
    g_assert_cmpuint(facts.adapted, ==, hone_safetensors_count(file) / 2);
}

/* An adapter whose B is zero changes nothing: an error, not a copy of the base. */
static void test_untrained(void)
{
    g_autofree char *base = tiny_data("tiny.gguf"), *folder = new_folder();
    g_autoptr(GError) error = NULL;
    HoneBackend *backend = test_open_backend("cpu", NULL, 1, &error);
    HoneModel *model = hone_model_open(base, backend, NULL, &error);
    g_assert_no_error(error);
    HoneLora lora = {
        .size = sizeof lora, .rank = 2, .alpha = 4, .targets = (const char *const[]){"all-linear", NULL}, .seed = 1};
    g_assert_true(hone_model_add_lora(model, &lora, &error));
    g_assert_true(hone_model_save_adapter(model, folder, &error));
    hone_model_free(model);
    hone_backend_close(backend);
    g_autoptr(HoneExport) source = open_source(base, folder);
    for (int gguf = 0; gguf < 2; gguf++) {
        g_autoptr(GError) said = NULL;
        g_autofree char *path = write_model(source, gguf, HONE_F32, 0, NULL, &said);
        g_assert_null(path);
        g_assert_error(said, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_nonnull(strstr(said->message, "the adapter changes nothing"));
        g_assert_nonnull(strstr(said->message, folder));
    }
}

/* llama.cpp's format: names, alpha, and rows of B in the base's order: W + alpha/R·B·A of the two GGUFs is the merged
 * GGUF. */
static void test_gguf_adapter(void)
{
    g_autofree char *base = tiny_data("tiny.gguf"), *adapter = tiny_data("tiny-adapter");
    g_autofree char *path = new_place("-adapter.gguf");
    g_autoptr(HoneExport) source = open_source(base, adapter);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_export_gguf_adapter(source, path, &error));
    g_assert_no_error(error);
    g_autofree char *merged = must_write(source, true, HONE_F32, NULL);
    g_autoptr(HoneGguf) file = hone_gguf_open(path, NULL), plain = hone_gguf_open(base, NULL),
                        whole = hone_gguf_open(merged, NULL);
    g_assert_cmpstr(hone_gguf_string(file, "general.type"), ==, "adapter");
    g_assert_cmpstr(hone_gguf_string(file, "adapter.type"), ==, "lora");
    g_assert_cmpstr(hone_gguf_string(file, "general.architecture"), ==, "llama");
    double alpha;
    g_assert_true(hone_gguf_f64(file, "adapter.lora.alpha", &alpha));
    size_t seen = 0;
    for (size_t i = 0; i < hone_gguf_n_tensors(file); i++) {
        const HoneGgufTensor *a = hone_gguf_tensor(file, i);
        if (!g_str_has_suffix(a->name, ".lora_a"))
            continue;
        g_autofree char *name = g_strndup(a->name, strlen(a->name) - strlen(".lora_a"));
        g_autofree char *b_name = g_strconcat(name, ".lora_b", NULL);
        const HoneGgufTensor *b = hone_gguf_find(file, b_name), *w = hone_gguf_find(plain, name),
                             *m = hone_gguf_find(whole, name);
        size_t rank = a->shape[0], rows = w->shape[0], columns = w->shape[1];
        g_assert_true(a->shape[1] == columns && b->shape[0] == rows && b->shape[1] == rank);
        const float *pa = a->data, *pb = b->data, *pm = m->data;
        g_autofree float *pw = g_new(float, rows *columns);
        hone_type_to_f32(w->type, w->data, pw, rows * columns);
        for (size_t x = 0; x < rows; x++)
            for (size_t y = 0; y < columns; y++) {
                double sum = 0;
                for (size_t k = 0; k < rank; k++)
                    sum += (double)pb[x * rank + k] * pa[k * columns + y];
                double want = pw[x * columns + y] + alpha / (double)rank * sum;
                g_assert_true(fabs(pm[x * columns + y] - want) <= 1e-6 * (1 + fabs(want)));
            }
        seen++;
    }
    g_assert_cmpuint(2 * seen, ==, hone_gguf_n_tensors(file));
    g_assert_cmpuint(seen, >, 0);
    g_autoptr(HoneExport) bare = open_source(base, NULL);
    g_assert_false(hone_export_gguf_adapter(bare, path, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
}

/* ---- Shapes of what is written. ---- */

static void test_shards(void)
{
    g_autofree char *base = family_path("qwen3", ""), *expect = family_path("qwen3", ".expect.safetensors");
    g_autoptr(HoneExport) source = open_source(base, NULL);
    g_autoptr(GError) error = NULL;
    const uint64_t limit = 4000;
    HoneExportFacts facts;
    g_autofree char *path = write_model(source, false, HONE_F32, limit, &facts, &error);
    g_assert_no_error(error);
    assert_logits(path, expect, "logits", TOLERANCE);
    g_autofree char *whole = g_build_filename(path, "model.safetensors", NULL);
    g_assert_false(g_file_test(whole, G_FILE_TEST_EXISTS));
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, &error);
    g_assert_no_error(error);
    size_t shards = 0;
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name != NULL; name++) {
        if (!g_str_has_suffix(*name, ".safetensors"))
            continue;
        g_autofree char *file = g_build_filename(path, *name, NULL);
        g_autoptr(HoneSafetensors) shard = hone_safetensors_open(file, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(hone_safetensors_meta(shard, "format"), ==, "pt");
        uint64_t bytes = 0;
        for (size_t i = 0; i < hone_safetensors_count(shard); i++)
            bytes += hone_safetensors_get(shard, i)->bytes;
        g_assert_true(bytes <= limit || hone_safetensors_count(shard) == 1);
        shards++;
    }
    g_assert_cmpuint(shards, >, 2);
}

/* 4-bit types: vectors stay f32, embedding and head take Q8_0, rows that do not fit take Q8_0 or F16. */
static void test_quantised(void)
{
    static const HoneType types[] = {HONE_Q8_0, HONE_Q4_0, HONE_Q4_K};
    g_autofree char *base = tiny_data("tinyq.gguf");
    g_autoptr(HoneExport) source = open_source(base, NULL);
    g_autoptr(HoneGguf) plain = hone_gguf_open(base, NULL);
    for (size_t t = 0; t < G_N_ELEMENTS(types); t++) {
        HoneExportFacts facts;
        g_autofree char *path = must_write(source, true, types[t], &facts);
        g_autoptr(HoneGguf) gguf = hone_gguf_open(path, NULL);
        size_t as_asked = 0, others = 0;
        for (size_t i = 0; i < hone_gguf_n_tensors(gguf); i++) {
            const HoneGgufTensor *tensor = hone_gguf_tensor(gguf, i), *own = hone_gguf_find(plain, tensor->name);
            size_t columns = tensor->shape[tensor->rank - 1], n = columns * (tensor->rank > 1 ? tensor->shape[0] : 1);
            bool outer = g_str_has_prefix(tensor->name, "token_embd") || g_str_has_prefix(tensor->name, "output.");
            HoneType want = tensor->rank == 1 ? HONE_F32 : outer ? HONE_Q8_0 : types[t];
            if (columns % hone_type_block(want) != 0)
                want = columns % 32 == 0 ? HONE_Q8_0 : HONE_F16;
            g_assert_cmpint(tensor->type, ==, want);
            as_asked += tensor->type == types[t];
            others += tensor->rank > 1 && tensor->type != types[t] && !(outer && tensor->type == HONE_Q8_0);
            /* A step is 1/127, 1/8 or about 1/15 of the range of a block; half a step is the most that one value loses,
             * and a whole one where the block's largest values have both signs (Q4_0 has no +8). */
            g_autofree float *x = g_new(float, n), *y = g_new(float, n);
            hone_type_to_f32(own->type, own->data, x, n);
            hone_type_to_f32(tensor->type, tensor->data, y, n);
            double most = 0, worst = 0;
            for (size_t k = 0; k < n; k++) {
                most = MAX(most, fabs(x[k]));
                worst = MAX(worst, fabs(x[k] - y[k]));
            }
            double steps = want == HONE_F32    ? 0
                           : want == HONE_F16  ? 0x1p-11
                           : want == HONE_Q8_0 ? 0.5 / 127 + 1e-3
                                               : 0.14;
            g_assert_true(worst <= steps * most);
        }
        g_assert_cmpuint(facts.other_types, ==, others);
        g_test_message("%s: %zu tensors of that type, %zu of another", hone_type_name(types[t]), as_asked, others);
    }
}

/* What f16 cannot hold is an error that names the tensor; nothing of the file is left. */
static void test_overflow(void)
{
    g_autofree char *base = family_path("llama", ""), *folder = new_folder(), *config = NULL, *tokens = NULL;
    static const char *const files[] = {"config.json", "tokenizer.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *from = g_build_filename(base, files[i], NULL), *to = g_build_filename(folder, files[i], NULL);
        g_autofree char *content = NULL;
        gsize size;
        g_assert_true(g_file_get_contents(from, &content, &size, NULL));
        g_assert_true(g_file_set_contents(to, content, (gssize)size, NULL));
    }
    g_autoptr(HoneCheckpoint) own = hone_checkpoint_open(base, NULL);
    size_t n = hone_checkpoint_n_tensors(own);
    g_autofree HoneSafetensor *tensors = g_new0(HoneSafetensor, n);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        const HoneGgufTensor *t = hone_checkpoint_tensor(own, i);
        size_t count = t->bytes / hone_type_block_bytes(t->type);
        float *copy = g_new(float, count);
        hone_type_to_f32(t->type, t->data, copy, count);
        if (strcmp(t->name, "model.layers.1.mlp.up_proj.weight") == 0)
            copy[7] = 1e6f;
        g_ptr_array_add(values, copy);
        tensors[i] = (HoneSafetensor){t->name, HONE_F32, t->rank, {t->shape[0], t->shape[1]}, copy, count * 4};
    }
    g_autofree char *weights = g_build_filename(folder, "model.safetensors", NULL);
    g_assert_true(hone_safetensors_write(weights, tensors, n, NULL, NULL));
    g_autoptr(HoneExport) source = open_source(folder, NULL);
    g_autofree char *fine = must_write(source, false, HONE_BF16, NULL);
    for (int gguf = 0; gguf < 2; gguf++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = write_model(source, gguf, HONE_F16, 0, NULL, &error);
        g_assert_null(path);
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "model.layers.1.mlp.up_proj.weight"));
        g_assert_nonnull(strstr(error->message, "f16 cannot hold"));
    }
    g_autofree char *last = g_strdup_printf("%s/export-%u.gguf", root, made - 1);
    g_assert_false(g_file_test(last, G_FILE_TEST_EXISTS));
}

static bool stop(void *data)
{
    return ++*(int *)data > 3;
}

static void test_cancelled(void)
{
    g_autofree char *base = family_path("llama", ""), *path = new_place(".gguf");
    g_autoptr(HoneExport) source = open_source(base, NULL);
    int asked = 0;
    HoneExportOptions options = {.size = sizeof options, .cancelled = stop, .data = &asked};
    g_autoptr(GError) error = NULL;
    g_assert_false(hone_export_gguf(source, path, &options, NULL, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_CANCELLED);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_families(GPtrArray *cases)
{
    g_autofree char *folder = tiny_data("families");
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (g_str_has_suffix(name, ".expect.safetensors"))
            g_ptr_array_add(names, g_strndup(name, strlen(name) - strlen(".expect.safetensors")));
    g_assert_cmpuint(names->len, >, 10);
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++)
        for (int gguf = 0; gguf < 2; gguf++) {
            g_autofree char *path = family_path(names->pdata[i], gguf ? ".gguf" : "");
            if (!g_file_test(path, G_FILE_TEST_EXISTS))
                continue;
            Case *c = g_new0(Case, 1);
            *c = (Case){g_strdup(names->pdata[i]), gguf};
            g_ptr_array_add(cases, c);
            g_autofree char *test = g_strdup_printf("/model/export/%s/%s", c->name, gguf ? "gguf" : "folder");
            g_test_add_data_func(test, c, test_family);
        }
}

static void free_case(gpointer data)
{
    g_free(((Case *)data)->name);
    g_free(data);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    root = g_dir_make_tmp("hone-export-XXXXXX", NULL);
    g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func(free_case);
    add_families(cases);
    for (size_t i = 0; tiny_names[i] != NULL; i++) {
        g_autofree char *test = g_strdup_printf("/model/export/types/%s", tiny_names[i]);
        g_test_add_data_func(test, tiny_names[i], test_types);
    }
    g_test_add_func("/model/export/same-bytes", test_same_bytes);
    g_test_add_func("/model/export/change", test_change);
    g_test_add_func("/model/export/untrained", test_untrained);
    g_test_add_func("/model/export/gguf-adapter", test_gguf_adapter);
    g_test_add_func("/model/export/shards", test_shards);
    g_test_add_func("/model/export/quantised", test_quantised);
    g_test_add_func("/model/export/overflow", test_overflow);
    g_test_add_func("/model/export/cancelled", test_cancelled);
    int status = g_test_run();
    remove_all(root);
    g_free(root);
    return status;
}
