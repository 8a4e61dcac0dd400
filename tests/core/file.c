/* SPDX-License-Identifier: Apache-2.0
 * file: whole writes, bounded reads, content hashes and their memory.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHA-256 of "abc": FIPS 180-4, the standard's own example. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char *folder_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("hone-file-XXXXXX", &error);
    g_assert_no_error(error);
    return folder;
}

static guint count_entries(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;
    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void test_write(void)
{
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "x", NULL);
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 3; i++) {
        g_autofree char *content = g_strdup_printf("content %d", i), *read = NULL;
        g_assert_true(hone_file_write(path, content, strlen(content), &error));
        g_assert_true(g_file_get_contents(path, &read, NULL, NULL));
        g_assert_cmpstr(read, ==, content);
    }
    g_assert_true(hone_file_write(path, "", 0, &error));
    g_assert_cmpuint(count_entries(folder), ==, 1);
    g_unlink(path);
    g_rmdir(folder);
}

/* What was there stays as it was, and no temporary file is left. */
static void test_write_fails(void)
{
    g_autofree char *folder = folder_new(), *target = g_build_filename(folder, "x", NULL);
    g_autofree char *inside = g_build_filename(target, "y", NULL);
    g_autoptr(GError) error = NULL;
    g_mkdir(target, 0777);
    g_assert_true(g_file_set_contents(inside, "kept", -1, NULL));
    g_assert_false(hone_file_write(target, "abc", 3, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, target));
    g_assert_cmpuint(count_entries(folder), ==, 1);
    g_clear_error(&error);
    g_unlink(inside);
    g_rmdir(target);
    g_autofree char *nowhere = g_build_filename(folder, "no", "such", NULL);
    g_assert_false(hone_file_write(nowhere, "abc", 3, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_rmdir(folder);
}

static void test_read_json(void)
{
    static const struct {
        const char *text;
        const char *said; /* NULL: it reads */
    } cases[] = {
        {"{\"a\": [1, 2.5, \"x\"]}", NULL},
        {"  {}\n", NULL},
        {"", "j.json"},
        {"[1]", "expected a JSON object"},
        {"{\"a\": }", "j.json"},
        {"{\"a\": 1", "j.json"},
        {"{\"a\": 1} trailing", "j.json"},
        {"{\"a\": \"\xff\"}", "j.json"},
    };
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "j.json", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, cases[i].text, -1, NULL));
        g_autoptr(JsonObject) object = hone_file_read_json(path, 1000, &error);
        g_assert_true((object != NULL) == (cases[i].said == NULL));
        if (cases[i].said) {
            g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
            g_assert_nonnull(strstr(error->message, cases[i].said));
        }
    }
    /* Deep nesting must not reach a recursive parser's end; too large a file is not read at all. */
    g_autoptr(GString) deep = g_string_new("{\"a\":");
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(path, deep->str, -1, NULL));
    g_assert_null(hone_file_read_json(path, 1 << 20, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(hone_file_read_json(path, 1000, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(hone_file_read_json(folder, 1000, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_unlink(path);
    g_assert_null(hone_file_read_json(path, 1000, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_rmdir(folder);
}

static void test_hash(void)
{
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "x", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_file_write(path, "abc", 3, &error));
    g_autofree char *hash = hone_file_hash(path, &error);
    g_assert_cmpstr(hash, ==, ABC);
    g_unlink(path);
    g_assert_null(hone_file_hash(path, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(hone_file_hash(folder, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    /* Nobody writes to this: it must not wait for them. */
    g_assert_cmpint(mkfifo(path, 0666), ==, 0);
    g_assert_null(hone_file_hash(path, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_unlink(path);
    g_rmdir(folder);
}

/* A file that changed a moment ago is never answered from memory, whatever its times say. */
static void test_cache_of_young_file(void)
{
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "x", NULL);
    g_autofree char *cache = g_build_filename(folder, "hashes", NULL);
    g_autoptr(GError) error = NULL;
    struct stat before;
    g_assert_true(g_file_set_contents(path, "abd", -1, NULL));
    g_assert_cmpint(stat(path, &before), ==, 0);
    g_autofree char *first = hone_file_hash_cached(path, cache, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(first, !=, ABC);
    /* Same size, same inode, same modification time. */
    int fd = open(path, O_WRONLY);
    g_assert_cmpint(write(fd, "abc", 3), ==, 3);
    close(fd);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
    g_autofree char *second = hone_file_hash_cached(path, cache, &error);
    g_assert_cmpstr(second, ==, ABC);
    g_unlink(path);
    g_rmdir(cache);
    g_rmdir(folder);
}

static char *only_entry(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;
    return name ? g_build_filename(folder, name, NULL) : NULL;
}

/* An old file is remembered; what is remembered is used only while it is well-formed and about the same file. */
static void test_cache_of_old_file(void)
{
    const char *path = "/bin/sh";
    struct stat st;
    if (stat(path, &st) != 0 || g_get_real_time() / G_USEC_PER_SEC - st.st_ctim.tv_sec < 10) {
        g_test_skip("needs a file that has been there for some seconds");
        return;
    }
    g_autofree char *folder = folder_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *truth = hone_file_hash(path, &error);
    g_autofree char *first = hone_file_hash_cached(path, folder, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(first, ==, truth);
    g_autofree char *entry = only_entry(folder), *text = NULL;
    g_assert_nonnull(entry);
    g_assert_true(g_file_get_contents(entry, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    /* A planted answer is given: so it was not computed again. */
    g_autofree char *planted = g_strdup_printf("%s\n%s\n", lines[0], ABC);
    g_assert_true(g_file_set_contents(entry, planted, -1, NULL));
    g_autofree char *second = hone_file_hash_cached(path, folder, &error);
    g_assert_cmpstr(second, ==, ABC);
    g_autofree char *other = g_strdup_printf("1%s\n%s\n", lines[0], ABC);
    g_autofree char *odd = g_strdup_printf("%s\nXYZ\n", lines[0]);
    const char *const bad[] = {other, odd, "", "\n\n", "\xff\xfe"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_true(g_file_set_contents(entry, bad[i], -1, NULL));
        g_autofree char *again = hone_file_hash_cached(path, folder, &error);
        g_assert_cmpstr(again, ==, truth);
    }
    g_unlink(entry);
    g_rmdir(folder);
    /* Nowhere to remember: the answer is right all the same. */
    g_autofree char *nowhere = hone_file_hash_cached(path, "/proc/none", &error);
    g_assert_cmpstr(nowhere, ==, truth);
}

static char *canonical(const char *text)
{
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    g_assert_nonnull(node);
    return hone_json_canonical(node);
}

static void test_canonical(void)
{
    static const char *const same[][2] = {
        {"{\"b\":1,\"a\":{\"d\":[ 1 , 2 ],\"c\":null}}", "{\"a\":{\"c\":null,\"d\":[1,2]},\"b\":1}"},
        {"[2.0, 2, 2e0, -0.0, 1e16, 10000000000000000]", "[2,2,2,0,10000000000000000,10000000000000000]"},
        {"[0.1, 1e-7, 1.5, 1e300]", "[0.1,1e-07,1.5,1e+300]"},
        {"[true, false, null, \"\"]", "[true,false,null,\"\"]"},
        {"\"\\u00e9\\u20ac\\/ \\\" \\\\ \\n \\u0001\"", "\"é€/ \\\" \\\\ \\n \\u0001\""},
        {"{}", "{}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *text = canonical(same[i][0]), *again = canonical(text);
        g_assert_cmpstr(text, ==, same[i][1]);
        g_assert_cmpstr(again, ==, text);
    }
}

/* Every double reads back with the same bits, in no more digits than %.17g takes. */
static void test_canonical_doubles(void)
{
    for (int i = 0; i < 20000; i++) {
        union {
            double value;
            guint64 bits;
        } number = {.bits = (guint64)g_test_rand_int() << 32 ^ (guint32)g_test_rand_int()};
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_VALUE);
        json_node_set_double(node, number.value);
        g_autofree char *text = hone_json_canonical(node);
        if (!(number.value - number.value == 0)) {
            g_assert_cmpstr(text, ==, "null");
            continue;
        }
        char longest[G_ASCII_DTOSTR_BUF_SIZE];
        g_ascii_formatd(longest, sizeof longest, "%.17g", number.value);
        g_assert_true(g_ascii_strtod(text, NULL) == number.value);
        g_assert_cmpuint(strlen(text), <=, strlen(longest));
    }
}

/* What is written for people reads back to the same canonical text. */
/* More than one block, over what was there; a folder, a pipe (which must not be waited for) and nothing are no files,
 * and leave the target as it was. */
static void test_copy(void)
{
    g_autofree char *folder = folder_new(), *from = g_build_filename(folder, "from", NULL);
    g_autofree char *to = g_build_filename(folder, "to", NULL), *pipe = g_build_filename(folder, "pipe", NULL);
    g_autofree char *nowhere = g_build_filename(folder, "nowhere", NULL), *content = NULL, *got = NULL;
    const char *const refused[] = {folder, pipe, nowhere};
    g_autoptr(GError) error = NULL;
    gsize size = 0, length = 3 * 1000 * 1000 + 1;
    content = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        content[i] = (char)(i * 2654435761u >> 13);
    g_assert_true(g_file_set_contents(from, content, (gssize)length, NULL));
    g_assert_true(g_file_set_contents(to, "old", -1, NULL));
    g_assert_true(hone_file_copy(from, to, &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(to, &got, &size, NULL));
    g_assert_cmpmem(got, size, content, length);
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_assert_false(hone_file_copy(refused[i], to, &error));
        g_assert_nonnull(strstr(error->message, refused[i]));
        g_clear_error(&error);
        g_clear_pointer(&got, g_free);
        g_assert_true(g_file_get_contents(to, &got, &size, NULL));
        g_assert_cmpuint(size, ==, length);
    }
    g_assert_cmpuint(count_entries(folder), ==, 3);
    g_unlink(from);
    g_unlink(to);
    g_unlink(pipe);
    g_rmdir(folder);
}

static void test_write_json(void)
{
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "j.json", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node =
        json_from_string("{\"z\":[1,2.5,{\"x\":1e16,\"y\":\"\\u0007é\"},[],{}],\"a\":0.1,\"n\":null}", NULL);
    g_autofree char *before = hone_json_canonical(node);
    g_assert_true(hone_file_write_json(path, node, &error));
    g_autoptr(JsonObject) object = hone_file_read_json(path, 10000, &error);
    g_assert_no_error(error);
    g_autoptr(JsonNode) again = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(again, object);
    g_autofree char *after = hone_json_canonical(again);
    g_assert_cmpstr(after, ==, before);
    g_unlink(path);
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/file/write", test_write);
    g_test_add_func("/file/write-fails", test_write_fails);
    g_test_add_func("/file/copy", test_copy);
    g_test_add_func("/file/write-json", test_write_json);
    g_test_add_func("/file/read-json", test_read_json);
    g_test_add_func("/file/hash", test_hash);
    g_test_add_func("/file/cache-of-young-file", test_cache_of_young_file);
    g_test_add_func("/file/cache-of-old-file", test_cache_of_old_file);
    g_test_add_func("/canonical/same", test_canonical);
    g_test_add_func("/canonical/doubles", test_canonical_doubles);
    return g_test_run();
}
