/* SPDX-License-Identifier: Apache-2.0
 * Names on a hub: what is one, what is a path, and what a hostile text must not reach.
 */
#include <glib/gstdio.h>
#include <hone/hub.h>
#include <string.h>

typedef struct {
    const char *text, *repository, *revision, *file;
} Good;

static const Good good[] = {
    {"org/name", "org/name", "main", NULL},
    {"HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "main", NULL},
    {"org/name@v1.0", "org/name", "v1.0", NULL},
    {"org/name@refs/pr/3", "org/name", "refs/pr/3", NULL},
    {"org/name@main:a.gguf", "org/name", "main", "a.gguf"},
    {"org/name:sub/a.gguf", "org/name", "main", "sub/a.gguf"},
    {"org/name@0123456789abcdef0123456789abcdef01234567", "org/name", "0123456789abcdef0123456789abcdef01234567", NULL},
    {"o_1/n.2-x", "o_1/n.2-x", "main", NULL},
    {"org/name.gguf@main", "org/name.gguf", "main", NULL},
};

static const char *const bad[] = {
    "",
    "name",
    "/org/name",
    "org/",
    "/name",
    "a/b/c",
    "./name",
    "../name",
    "~/name",
    "org/..",
    "org/a..b",
    "org/a--b",
    "-org/name",
    "org/-name",
    ".org/name",
    "org/name.",
    "or g/name",
    "org/na\nme",
    "models/x.gguf",
    "out/config.json",
    "org/x.safetensors",
    "org/name@",
    "org/name@../x",
    "org/name@/etc",
    "org/name@a//b",
    "org/name@a b",
    "org/name@-x",
    "org/name@a\x01",
    "org/name:",
    "org/name:../x",
    "org/name:/etc/passwd",
    "org/name@main:a/../../b",
    "org/name@main:a\\b",
    "org/name@a@b",
    "org/\xff",
    "https://org/name",
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_auto(HoneHubName) name = {0};
        g_autoptr(GError) error = NULL;
        g_assert_true(hone_hub_name_parse(good[i].text, &name, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(name.repository, ==, good[i].repository);
        g_assert_cmpstr(name.revision, ==, good[i].revision);
        g_assert_cmpstr(name.file, ==, good[i].file);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(HoneHubName) name = {0};
        g_autoptr(GError) error = NULL;
        if (hone_hub_name_parse(bad[i], &name, &error))
            g_error("\"%s\" was taken for a name", bad[i]);
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_null(name.repository);
    }
    g_autofree char *long_part = g_strnfill(97, 'a'), *text = g_strconcat("org/", long_part, NULL);
    g_auto(HoneHubName) name = {0};
    g_assert_false(hone_hub_name_parse(text, &name, NULL));
    text[strlen(text) - 1] = '\0';
    g_assert_true(hone_hub_name_parse(text, &name, NULL));
}

static void test_commit(void)
{
    g_assert_true(hone_hub_is_commit("0123456789abcdef0123456789abcdef01234567"));
    g_assert_false(hone_hub_is_commit("0123456789abcdef0123456789abcdef0123456"));
    g_assert_false(hone_hub_is_commit("0123456789abcdef0123456789abcdef012345678"));
    g_assert_false(hone_hub_is_commit("0123456789ABCDEF0123456789ABCDEF01234567"));
    g_assert_false(hone_hub_is_commit("main"));
}

static void test_meant(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-hub-name-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "there", NULL);
    g_assert_true(hone_hub_is_meant("org/name", path));
    g_assert_false(hone_hub_is_meant("a/b/c", path));
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_false(hone_hub_is_meant("org/name", path));
    g_unlink(path);
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub-name/good", test_good);
    g_test_add_func("/hub-name/bad", test_bad);
    g_test_add_func("/hub-name/commit", test_commit);
    g_test_add_func("/hub-name/meant", test_meant);
    return g_test_run();
}
