/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c: Hugging Face folders made here, whole and in every way broken. What a file's bytes mean is
 * tests/model/safetensors.c's matter; here it is what the files of a folder say about each other.
 */
#include <glib/gstdio.h>
#include <hone/checkpoint.h>
#include <hone/file.h>
#include <hone/safetensors.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *root;
static guint folders;

/* ---- Folders. ---- */

static char *new_folder(void)
{
    g_autofree char *name = g_strdup_printf("folder-%u", folders++);
    char *path = g_build_filename(root, name, NULL);
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    return path;
}

static void put_text(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

/* Tensors of one row of three values each: first, first + 1, ... in f32. names: ended by NULL. */
static void put_weights(const char *folder, const char *file, float first, const char *const *names)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_autoptr(GError) error = NULL;
    HoneSafetensor tensors[8];
    float values[8][3];
    size_t n = 0;
    for (; names[n]; n++) {
        for (int k = 0; k < 3; k++)
            values[n][k] = first++;
        tensors[n] = (HoneSafetensor){names[n], HONE_F32, 2, {1, 3}, values[n], sizeof values[n]};
    }
    hone_safetensors_write(path, tensors, n, NULL, &error);
    g_assert_no_error(error);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define INDEX "model.safetensors.index.json"

/* A whole model of two shards. */
static char *good_folder(void)
{
    char *folder = new_folder();
    put_text(folder, "config.json", "{\"model_type\": \"llama\", \"eos_token_id\": 7}");
    put_weights(folder, "one.safetensors", 0, NAMES("a", "b"));
    put_weights(folder, "two.safetensors", 100, NAMES("c"));
    put_text(folder, INDEX,
             "{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"one.safetensors\", \"c\": \"two.safetensors\"}}");
    return folder;
}

static HoneCheckpoint *open_good(const char *path)
{
    g_autoptr(GError) error = NULL;
    HoneCheckpoint *checkpoint = hone_checkpoint_open(path, &error);
    g_assert_no_error(error);
    g_assert_nonnull(checkpoint);
    return checkpoint;
}

/* The message must name each of the parts given. */
static void assert_refused(const char *path, HoneError code, const char *first, const char *second)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, &error);
    g_assert_null(checkpoint);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_error(error, HONE_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, first));
    g_assert_nonnull(strstr(error->message, second));
}

static float value_at(const HoneCheckpoint *checkpoint, const char *name, size_t i)
{
    const HoneGgufTensor *tensor = hone_checkpoint_find(checkpoint, name);
    float values[3];
    g_assert_nonnull(tensor);
    g_assert_true(tensor->type == HONE_F32 && tensor->rank == 2 && tensor->shape[0] == 1 && tensor->shape[1] == 3);
    g_assert_cmpuint(tensor->bytes, ==, sizeof values);
    memcpy(values, tensor->data, sizeof values);
    return values[i];
}

static void assert_files(const HoneCheckpoint *checkpoint, const char *wanted)
{
    g_autofree char *files = g_strjoinv(" ", (char **)(void *)hone_checkpoint_files(checkpoint));
    g_assert_cmpstr(files, ==, wanted);
}

/* ---- Whole ones. ---- */

static void test_shards(void)
{
    g_autofree char *folder = good_folder(), *config = g_build_filename(folder, "config.json", NULL);
    for (int i = 0; i < 2; i++) { /* by the folder, and by its config.json */
        g_autoptr(HoneCheckpoint) checkpoint = open_good(i ? config : folder);
        g_assert_cmpstr(hone_checkpoint_path(checkpoint), ==, folder);
        g_assert_true(hone_checkpoint_format(checkpoint) == HONE_CHECKPOINT_FOLDER);
        g_assert_null(hone_checkpoint_gguf(checkpoint));
        g_assert_cmpuint(hone_checkpoint_n_tensors(checkpoint), ==, 3);
        g_assert_cmpfloat(value_at(checkpoint, "a", 2), ==, 2);
        g_assert_cmpfloat(value_at(checkpoint, "b", 0), ==, 3);
        g_assert_cmpfloat(value_at(checkpoint, "c", 1), ==, 101);
        for (size_t k = 0; k < 3; k++) {
            const HoneGgufTensor *tensor = hone_checkpoint_tensor(checkpoint, k);
            g_assert_true(hone_checkpoint_find(checkpoint, tensor->name) == tensor);
            hone_checkpoint_drop(checkpoint, tensor);
        }
        g_assert_cmpfloat(value_at(checkpoint, "c", 1), ==, 101);
        g_assert_null(hone_checkpoint_find(checkpoint, "absent"));
        assert_files(checkpoint, "config.json " INDEX " one.safetensors two.safetensors");
        g_assert_cmpstr(json_object_get_string_member(hone_checkpoint_json(checkpoint, "config.json"), "model_type"),
                        ==, "llama");
        g_assert_null(hone_checkpoint_json(checkpoint, "generation_config.json"));
        g_assert_null(hone_checkpoint_template(checkpoint));
    }
}

/* As the hub's cache keeps a model: each file a link to a blob elsewhere. */
static void test_links(void)
{
    g_autofree char *blobs = good_folder(), *folder = new_folder(), *base = g_path_get_basename(blobs);
    const char *const names[] = {"config.json", INDEX, "one.safetensors", "two.safetensors"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *to = g_build_filename("..", base, names[i], NULL);
        g_autofree char *from = g_build_filename(folder, names[i], NULL);
        g_assert_cmpint(symlink(to, from), ==, 0);
    }
    g_autoptr(HoneCheckpoint) checkpoint = open_good(folder), other = open_good(blobs);
    g_assert_cmpfloat(value_at(checkpoint, "b", 0), ==, 3);
    g_autofree char *hash = hone_checkpoint_hash(checkpoint, NULL, NULL);
    g_autofree char *same = hone_checkpoint_hash(other, NULL, NULL);
    g_assert_cmpstr(hash, ==, same);
}

/* model.safetensors holds where an index is there too. */
static void test_single(void)
{
    g_autofree char *folder = good_folder();
    put_weights(folder, "model.safetensors", 40, NAMES("a"));
    put_text(folder, "tokenizer.json", "{}");
    put_text(folder, "README.md", "not hashed");
    g_autoptr(HoneCheckpoint) checkpoint = open_good(folder);
    g_assert_cmpuint(hone_checkpoint_n_tensors(checkpoint), ==, 1);
    g_assert_cmpfloat(value_at(checkpoint, "a", 0), ==, 40);
    assert_files(checkpoint, "config.json model.safetensors tokenizer.json");
}

static void test_hash(void)
{
    g_autofree char *folder = good_folder(), *before = NULL, *after = NULL, *again = NULL;
    g_autoptr(HoneCheckpoint) checkpoint = open_good(folder);
    g_autoptr(GChecksum) own = g_checksum_new(G_CHECKSUM_SHA256);
    before = hone_checkpoint_hash(checkpoint, NULL, NULL);
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name; name++) {
        g_autofree char *path = g_build_filename(folder, *name, NULL), *content = NULL;
        gsize size;
        g_assert_true(g_file_get_contents(path, &content, &size, NULL));
        g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)content, size);
        g_autofree char *line = g_strconcat(hash, "\n", NULL);
        g_checksum_update(own, (const guchar *)*name, (gssize)strlen(*name) + 1);
        g_checksum_update(own, (const guchar *)line, -1);
    }
    g_assert_cmpstr(before, ==, g_checksum_get_string(own));
    put_text(folder, "README.md", "says nothing of the model");
    again = hone_checkpoint_hash(checkpoint, NULL, NULL);
    g_assert_cmpstr(before, ==, again);
    put_weights(folder, "two.safetensors", 101, NAMES("c"));
    after = hone_checkpoint_hash(checkpoint, NULL, NULL);
    g_assert_cmpstr(before, !=, after);
}

static void test_gguf(void)
{
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "tiny.gguf", NULL);
    g_autoptr(HoneCheckpoint) checkpoint = open_good(path);
    g_assert_true(hone_checkpoint_format(checkpoint) == HONE_CHECKPOINT_GGUF);
    g_assert_cmpstr(hone_checkpoint_path(checkpoint), ==, path);
    const HoneGguf *gguf = hone_checkpoint_gguf(checkpoint);
    g_assert_cmpuint(hone_checkpoint_n_tensors(checkpoint), ==, hone_gguf_n_tensors(gguf));
    g_assert_true(hone_checkpoint_find(checkpoint, "token_embd.weight") == hone_gguf_find(gguf, "token_embd.weight"));
    g_assert_null(hone_checkpoint_json(checkpoint, "config.json"));
    assert_files(checkpoint, "tiny.gguf");
    g_autofree char *hash = hone_checkpoint_hash(checkpoint, NULL, NULL), *wanted = hone_file_hash(path, NULL);
    g_assert_cmpstr(hash, ==, wanted);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneTokenizer) tokenizer = hone_checkpoint_tokenizer(checkpoint, &error);
    g_assert_no_error(error);
    g_assert_nonnull(tokenizer);
}

/* ---- The template. ---- */

static void test_template(void)
{
    g_autofree char *folder = good_folder();
    put_text(folder, "tokenizer_config.json", "{\"chat_template\": \"from config\"}");
    g_autoptr(HoneCheckpoint) text = open_good(folder);
    g_assert_cmpstr(hone_checkpoint_template(text), ==, "from config");
    put_text(folder, "tokenizer_config.json",
             "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"tools\"},"
             " {\"name\": \"default\", \"template\": \"plain\"}]}");
    g_autoptr(HoneCheckpoint) list = open_good(folder);
    g_assert_cmpstr(hone_checkpoint_template(list), ==, "plain");
    put_text(folder, "chat_template.jinja", "from file\n");
    g_autoptr(HoneCheckpoint) file = open_good(folder);
    g_assert_cmpstr(hone_checkpoint_template(file), ==, "from file\n");
}

static void test_bad_templates(void)
{
    static const char *const bad[] = {
        "{\"chat_template\": 3}",
        "{\"chat_template\": {}}",
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"tools\"}]}",
        "{\"chat_template\": [{\"name\": \"default\"}]}",
        "{\"chat_template\": [\"default\"]}",
    };
    g_autofree char *folder = good_folder(), *path = g_build_filename(folder, "chat_template.jinja", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        put_text(folder, "tokenizer_config.json", bad[i]);
        assert_refused(folder, HONE_ERROR_INVALID, "tokenizer_config.json", "\"chat_template\" must be a text");
    }
    put_text(folder, "chat_template.jinja", "\xff\xfe");
    assert_refused(folder, HONE_ERROR_INVALID, "chat_template.jinja", "not valid UTF-8");
    g_autofree char *large = g_strnfill((5u << 20), 'x');
    put_text(folder, "chat_template.jinja", large);
    assert_refused(folder, HONE_ERROR_INVALID, "chat_template.jinja", "more than the");
}

static void test_bad_ends(void)
{
    static const char *const bad[] = {"-1", "2147483648", "1.5", "\"</s>\"", "[1, null]", "[[1]]", "{}", "true"};
    g_autofree char *folder = good_folder();
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup_printf("{\"eos_token_id\": %s}", bad[i]);
        put_text(folder, "generation_config.json", text);
        assert_refused(folder, HONE_ERROR_INVALID, "generation_config.json", "\"eos_token_id\"");
    }
}

/* ---- Broken folders. ---- */

static void test_absent(void)
{
    g_autofree char *nothing = g_build_filename(root, "nothing", NULL), *empty = new_folder();
    assert_refused(nothing, HONE_ERROR_NOT_FOUND, "cannot be opened", "check the path");
    assert_refused(empty, HONE_ERROR_NOT_FOUND, "no config.json", "safetensors");
    put_text(empty, "adapter_config.json", "{}");
    assert_refused(empty, HONE_ERROR_NOT_FOUND, "holds an adapter", "model");
    put_text(empty, "b.gguf", "GGUF");
    put_text(empty, "a.gguf", "GGUF");
    assert_refused(empty, HONE_ERROR_NOT_FOUND, "no config.json", "/a.gguf");

    g_autofree char *folder = new_folder(), *weights = g_build_filename(folder, "model.safetensors", NULL);
    put_text(folder, "config.json", "{}");
    assert_refused(folder, HONE_ERROR_NOT_FOUND, "neither model.safetensors nor", INDEX);
    put_text(folder, "pytorch_model.bin", "PK");
    assert_refused(folder, HONE_ERROR_UNSUPPORTED, "pytorch_model.bin", "convert to safetensors");
    put_weights(folder, "model.safetensors", 0, NAMES("a"));
    assert_refused(weights, HONE_ERROR_INVALID, "holds weights only", "the folder");
    put_text(folder, "config.json", "[]");
    assert_refused(folder, HONE_ERROR_INVALID, "config.json", "object");
    put_text(folder, "config.json", "{\"a\": 1, \"a\": 2}");
    assert_refused(folder, HONE_ERROR_INVALID, "config.json", "there already");
    g_autofree char *config = g_build_filename(folder, "config.json", NULL);
    g_assert_cmpint(g_remove(config), ==, 0);
    g_assert_cmpint(mkfifo(config, 0600), ==, 0); /* opening it must not wait */
    assert_refused(folder, HONE_ERROR_INVALID, "config.json", "not a file");
}

typedef struct Lie {
    const char *index, *first, *second; /* the index; two parts of the message */
    HoneError code;
} Lie;

static void test_index(void)
{
    static const Lie lies[] = {
        {"{}", INDEX, "\"weight_map\"", HONE_ERROR_INVALID},
        {"{\"weight_map\": []}", INDEX, "\"weight_map\"", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": 1}}", "'a'", "must be the name", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": null}}", "'a'", "must be the name", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"\"}}", "'a'", "must be the name", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"..\"}}", "'a'", "must be the name", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"../folder-0/one.safetensors\"}}", "'a'", "same folder", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"/etc/one.safetensors\"}}", "'a'", "same folder", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"config.json\"}}", "'a'", "\"config.json\"", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"three.safetensors\"}}", "three.safetensors", "not there", HONE_ERROR_NOT_FOUND},
        {"{\"weight_map\": {\"a\": \"one.safetensors\"}}", "one.safetensors: tensor 'b'", "different versions",
         HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\", \"c\": \"two.safetensors\"}}",
         "one.safetensors: has tensor 'b'", "into two.safetensors", HONE_ERROR_INVALID},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"one.safetensors\", \"d\": \"one.safetensors\"}}",
         "one.safetensors: lacks tensor 'd'", INDEX, HONE_ERROR_INVALID},
    };
    g_autofree char *folder = good_folder();
    for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
        put_text(folder, INDEX, lies[i].index);
        assert_refused(folder, lies[i].code, lies[i].first, lies[i].second);
    }
    g_autofree char *twice = good_folder();
    put_weights(twice, "two.safetensors", 0, NAMES("b", "c"));
    assert_refused(twice, HONE_ERROR_INVALID, "tensor 'b'", "another shard");
    g_autofree char *cut = good_folder(), *path = g_build_filename(cut, "two.safetensors", NULL);
    g_assert_cmpint(truncate(path, 70), ==, 0);
    assert_refused(cut, HONE_ERROR_INVALID, "two.safetensors", "cut short");
}

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_all(inner);
    }
    g_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    root = g_dir_make_tmp("hone-checkpoint-XXXXXX", NULL);
    g_test_add_func("/model/checkpoint/shards", test_shards);
    g_test_add_func("/model/checkpoint/links", test_links);
    g_test_add_func("/model/checkpoint/single", test_single);
    g_test_add_func("/model/checkpoint/hash", test_hash);
    g_test_add_func("/model/checkpoint/gguf", test_gguf);
    g_test_add_func("/model/checkpoint/template", test_template);
    g_test_add_func("/model/checkpoint/bad-templates", test_bad_templates);
    g_test_add_func("/model/checkpoint/bad-ends", test_bad_ends);
    g_test_add_func("/model/checkpoint/absent", test_absent);
    g_test_add_func("/model/checkpoint/index", test_index);
    int result = g_test_run();
    remove_all(root);
    g_free(root);
    return result;
}
