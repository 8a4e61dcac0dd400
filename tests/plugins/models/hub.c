/* SPDX-License-Identifier: Apache-2.0
 * Models by name, from a hub that behaves: which files come, where they lie, what is found again without asking.
 */
#include "hub_server.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_layout(World *world, gconstpointer data)
{
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    g_assert_true(world_fetch(world, REPOSITORY, &model, &error));
    g_assert_no_error(error);
    g_autofree char *folder = g_build_filename(world->cache, "models--acme--tiny", "snapshots", COMMIT, NULL);
    g_assert_cmpstr(model.path, ==, folder);
    g_assert_cmpstr(model.commit, ==, COMMIT);
    g_assert_cmpstr(model.revision, ==, "main");
    world_check_files(world, COMMIT, USUAL);
    g_autofree char *ref = world_read(world, "refs/main", NULL);
    g_assert_cmpstr(ref, ==, COMMIT);
    /* The links, the lock and the tag are where Hugging Face's own tools have them. */
    g_autofree char *link = g_build_filename(folder, "tokenizer.json", NULL), *target = g_file_read_link(link, NULL);
    g_autofree char *wanted = g_strconcat("../../blobs/", server_etag(world->server, "tokenizer.json"), NULL);
    g_assert_cmpstr(target, ==, wanted);
    g_autofree char *lock = g_strdup_printf("%s/.locks/models--acme--tiny/%s.lock", world->cache,
                                            server_etag(world->server, "tokenizer.json"));
    g_assert_true(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_autofree char *tag = g_build_filename(world->cache, "CACHEDIR.TAG", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(tag, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "Signature: 8a477f597d28d172789f06886806bc55\n"));
    /* Nothing is left beside what is finished. */
    g_autofree char *blobs = g_build_filename(world->cache, "models--acme--tiny", "blobs", NULL);
    g_autoptr(GDir) dir = g_dir_open(blobs, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir))
        g_assert_null(strchr(name, '.'));
    gsize size;
    g_autofree char *index = world_read(world, "snapshots/" COMMIT "/model.safetensors.index.json", &size);
    g_assert_cmpuint(model.fetched, ==, 23 + 2 + 18 + 27 + size + 700000 + 1 + 150001);
    assert_holds(world->notes->str, "\"unit\":\"bytes\"");
}

static void test_again(World *world, gconstpointer data)
{
    world_usual_files(world);
    for (int i = 0; i < 2; i++) {
        g_auto(HubModel) model = {0};
        g_autoptr(GError) error = NULL;
        g_assert_true(world_fetch(world, REPOSITORY "@main", &model, &error));
        g_assert_no_error(error);
        g_assert_true((model.fetched == 0) == (i == 1));
    }
    /* One look at what main is; no file is asked for again. */
    unsigned gets = server_count(world->server, "GET", "/resolve/"), heads = server_count(world->server, "HEAD", "");
    g_assert_cmpuint(server_count(world->server, "GET", "/api/"), ==, 3);
    g_assert_cmpuint(heads, ==, 9);
    g_auto(HubModel) model = {0};
    g_assert_true(world_fetch(world, REPOSITORY "@" COMMIT, &model, NULL)); /* a commit never moves */
    g_assert_cmpuint(server_count(world->server, "GET", "/api/"), ==, 3);
    g_assert_cmpuint(server_count(world->server, "GET", "/resolve/"), ==, gets);
    g_assert_cmpuint(server_count(world->server, "HEAD", ""), ==, heads);
}

static void test_moved(World *world, gconstpointer data)
{
    g_auto(HoneResolution) found = {.size = sizeof found};
    g_auto(HubModel) first = {0}, second = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_cmpstr(found.exact, ==, REPOSITORY "@" COMMIT);
    g_assert_true(found.absent);
    g_clear_pointer(&found.exact, g_free);
    g_assert_true(world_fetch(world, REPOSITORY, &first, &error));
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_false(found.absent);
    g_clear_pointer(&found.exact, g_free);
    server_set_commit(world->server, COMMIT2);
    server_file(world->server, "config.json", "{\"model_type\": \"qwen2\"}", 23, false);
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_cmpstr(found.exact, ==, REPOSITORY "@" COMMIT2);
    g_assert_true(found.absent);
    g_assert_true(world_fetch(world, REPOSITORY, &second, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(second.fetched, ==, 23); /* the rest is the same content */
    world_check_files(world, COMMIT2, USUAL);
    g_autofree char *ref = world_read(world, "refs/main", NULL);
    g_assert_cmpstr(ref, ==, COMMIT2);
    g_assert_true(g_file_test(first.path, G_FILE_TEST_IS_DIR));
    /* And back: a look is enough. */
    server_set_commit(world->server, COMMIT);
    g_clear_pointer(&found.exact, g_free);
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_false(found.absent);
    g_autofree char *back = world_read(world, "refs/main", NULL);
    g_assert_cmpstr(back, ==, COMMIT);
}

/* A cache that cannot be written is still one to read from. */
static void test_unwritable_ref(World *world, gconstpointer data)
{
    g_auto(HubModel) first = {0}, second = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    g_assert_true(world_fetch(world, REPOSITORY, &first, &error));
    g_autofree char *refs = g_build_filename(world->cache, "models--acme--tiny", "refs", NULL);
    remove_tree(refs);
    g_assert_true(g_file_set_contents(refs, "a file where a folder must be", -1, NULL));
    g_assert_true(world_fetch(world, REPOSITORY, &second, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(second.path, ==, first.path);
    assert_holds(world->notes->str, "is not remembered for offline use");
}

static void test_offline(World *world, gconstpointer data)
{
    g_auto(HoneResolution) found = {.size = sizeof found};
    g_auto(HubModel) online = {0}, offline = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    /* Nothing there: an error that says so, and no request. */
    g_setenv("HF_HUB_OFFLINE", "1", TRUE);
    g_assert_false(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    assert_holds(error->message, "HF_HUB_OFFLINE");
    assert_holds(error->message, world->cache);
    g_clear_error(&error);
    world_refuse(world, REPOSITORY, "not in the hub's cache");
    g_assert_cmpuint(server_count(world->server, "GET", ""), ==, 0);
    g_unsetenv("HF_HUB_OFFLINE");
    /* A check without the network says what a run would do. */
    g_assert_true(hub_resolve(REPOSITORY, &world->options, HONE_RESOLVE_LOCAL, &found, &error));
    g_assert_true(found.absent);
    g_assert_null(found.exact);
    assert_holds(found.remark, "a run downloads it");
    g_clear_pointer(&found.remark, g_free);
    g_assert_cmpuint(server_count(world->server, "GET", ""), ==, 0);
    g_assert_true(world_fetch(world, REPOSITORY, &online, &error));
    unsigned before = server_count(world->server, "GET", "");
    world->options.offline = true;
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_cmpstr(found.exact, ==, REPOSITORY "@" COMMIT);
    g_assert_false(found.absent);
    g_assert_true(world_fetch(world, REPOSITORY, &offline, &error));
    g_assert_cmpstr(offline.path, ==, online.path);
    world_refuse(world, REPOSITORY "@v2", "not in the hub's cache");
    g_assert_cmpuint(server_count(world->server, "GET", ""), ==, before);
}

/* The hub is away: what was downloaded goes on working, and says so; what was not is an error. */
static void test_unreachable(World *world, gconstpointer data)
{
    g_auto(HoneResolution) found = {.size = sizeof found};
    g_auto(HubModel) first = {0}, second = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    g_assert_true(world_fetch(world, REPOSITORY, &first, &error));
    g_clear_pointer(&world->server, server_free);
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_cmpstr(found.exact, ==, REPOSITORY "@" COMMIT);
    assert_holds(found.remark, "taken from the cache");
    assert_holds(found.remark, "Connection refused");
    g_assert_true(world_fetch(world, REPOSITORY, &second, &error));
    g_assert_no_error(error);
    assert_holds(world->notes->str, "taken from the cache");
    world_refuse(world, REPOSITORY "@v2", "Connection refused");
}

static void test_gguf(World *world, gconstpointer data)
{
    g_auto(HubModel) only = {0}, picked = {0}, nested = {0};
    g_auto(HoneResolution) found = {.size = sizeof found};
    g_autoptr(GError) error = NULL;
    server_file(world->server, "README.md", "x", 1, false);
    server_file(world->server, "a-Q4_K.gguf", "GGUF-a", 6, true);
    g_assert_true(world_fetch(world, REPOSITORY, &only, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(only.path, "/snapshots/" COMMIT "/a-Q4_K.gguf"));
    world_check_files(world, COMMIT, "a-Q4_K.gguf");
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_false(found.absent); /* the hub confirms that it is the only one */
    g_clear_pointer(&found.exact, g_free);
    /* Two: then a name without a file says too little, even where one of them is in the cache. */
    server_file(world->server, "b-Q8_0.gguf", "GGUF-b", 6, true);
    server_file(world->server, "q/c.gguf", "GGUF-c", 6, true);
    server_file(world->server, "big-00001-of-00002.gguf", "GGUF-d", 6, true);
    g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, &error));
    g_assert_true(found.absent);
    g_auto(HubModel) several = {0};
    g_assert_false(world_fetch(world, REPOSITORY, &several, &error));
    g_test_message("%s", error->message);
    assert_holds(error->message, "holds 4 GGUF files");
    assert_holds(error->message, "b-Q8_0.gguf");
    assert_holds(error->message, "q/c.gguf");
    g_clear_error(&error);
    g_assert_true(world_fetch(world, REPOSITORY "@main:b-Q8_0.gguf", &picked, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(picked.fetched, ==, 6);
    g_assert_true(world_fetch(world, REPOSITORY ":q/c.gguf", &nested, &error));
    g_assert_no_error(error);
    g_autofree char *target = g_file_read_link(nested.path, NULL);
    g_assert_true(g_str_has_prefix(target, "../../../blobs/"));
    world_refuse(world, REPOSITORY ":b-Q8_1.gguf", "did you mean \"b-Q8_0.gguf\"?");
    world_refuse(world, REPOSITORY ":big-00001-of-00002.gguf", "one part of a GGUF");
    world_refuse(world, REPOSITORY ":config.json", "only a .gguf file");
}

static void test_choices(World *world, gconstpointer data)
{
    Server *server = world->server;
    server_file(server, "README.md", "x", 1, false);
    world_refuse(world, REPOSITORY, "holds no weights");
    server_file(server, "config.json", "{}", 2, false);
    server_file(server, "pytorch_model.bin", "x", 1, true);
    world_refuse(world, REPOSITORY, "its weights are pickled");
    server_file(server, "adapter_config.json", "{}", 2, false);
    server_file(server, "adapter_model.safetensors", "x", 1, true);
    world_refuse(world, REPOSITORY, "holds an adapter");
    server_remove(server, "adapter_config.json");
    world_refuse(world, REPOSITORY, "not where a model's are");
    server_file(server, "model.safetensors", "weights", 7, true);
    server_remove(server, "config.json");
    world_refuse(world, REPOSITORY, "no config.json");
    server_file(server, "config.json", "{}", 2, false);
    server_file(server, "tokenizer.model", "sp", 2, true);
    server_file(server, "LICENSE", "free", 4, false);
    server_file(server, "x.gguf", "GGUF", 4, true);
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(world_fetch(world, REPOSITORY, &model, &error)); /* weights before GGUFs */
    g_assert_no_error(error);
    world_check_files(world, COMMIT, "LICENSE README.md config.json model.safetensors tokenizer.model");
}

static void test_broken_index(World *world, gconstpointer data)
{
    static const char *const texts[] = {"{\"weight_map\": {\"a\": \"../../x.safetensors\"}}",
                                        "{\"weight_map\": {}}",
                                        "{\"weight_map\": {\"a\": 1}}",
                                        "[]",
                                        "not JSON",
                                        "{\"weight_map\": {\"a\": \"nowhere.safetensors\"}}"};
    world_usual_files(world);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        server_file(world->server, "model.safetensors.index.json", texts[i], strlen(texts[i]), false);
        world_refuse(world, REPOSITORY, "model.safetensors.index.json");
    }
}

/* What another tool left half (config and tokenizer, or weights alone) is completed, not believed. */
static void test_partial(World *world, gconstpointer data)
{
    static const char *const missing[] = {"tokenizer.json", "model-00002-of-00003.safetensors", "config.json",
                                          "model.safetensors.index.json"};
    g_auto(HubModel) model = {0};
    world_usual_files(world);
    g_assert_true(world_fetch(world, REPOSITORY, &model, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
        g_auto(HoneResolution) found = {.size = sizeof found};
        g_auto(HubModel) again = {0};
        g_autofree char *path = g_build_filename(model.path, missing[i], NULL);
        g_assert_cmpint(g_unlink(path), ==, 0);
        g_assert_true(hub_resolve(REPOSITORY, &world->options, 0, &found, NULL));
        g_assert_true(found.absent);
        g_assert_true(world_fetch(world, REPOSITORY, &again, NULL));
        g_assert_cmpuint(again.fetched, ==, 0); /* its blob was there */
        world_check_files(world, COMMIT, USUAL);
    }
}

static void test_token(World *world, gconstpointer data)
{
    world_usual_files(world);
    g_autofree char *path = g_build_filename(world->folder, "token", NULL);
    g_assert_true(g_file_set_contents(path, "hf_fromfile\n", -1, NULL));
    g_auto(HubModel) first = {0}, second = {0};
    g_assert_true(world_fetch(world, REPOSITORY, &first, NULL));
    g_autofree char *hub = server_heard(world->server, false, "", "authorization");
    g_autofree char *cdn = server_heard(world->server, true, "", "authorization");
    assert_holds(hub, "Bearer hf_fromfile|");
    g_assert_cmpstr(cdn, ==, ""); /* another host never gets it */
    g_assert_cmpuint(server_count(world->server, "GET", "/cdn/"), ==, 4);
    g_setenv("HF_TOKEN", "hf_fromenvironment", TRUE);
    server_set_commit(world->server, COMMIT2);
    g_assert_true(world_fetch(world, REPOSITORY, &second, NULL));
    g_autofree char *later = server_heard(world->server, false, "", "authorization");
    assert_holds(later, "Bearer hf_fromenvironment");
    /* A line break in it would begin a header of its own. */
    g_setenv("HF_TOKEN", "hf_a\r\nX-Evil: 1", TRUE);
    g_auto(HubModel) third = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(world_fetch(world, REPOSITORY "@v3", &third, &error));
    assert_holds(error->message, "HF_TOKEN: holds no token");
    g_assert_null(strstr(error->message, "hf_a"));
}

static void test_environment(World *world, gconstpointer data)
{
    g_auto(HubModel) model = {0}, other = {0};
    g_autoptr(GError) error = NULL;
    world_usual_files(world);
    g_autofree char *moved = g_build_filename(world->folder, "elsewhere", NULL);
    g_setenv("HF_HUB_CACHE", moved, TRUE);
    g_autofree char *slash = g_strconcat(server_url(world->server), "//", NULL);
    g_setenv("HF_ENDPOINT", slash, TRUE);
    g_assert_true(hub_fetch(REPOSITORY, NULL, &world->options, NULL, &model, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(model.path, moved));
    g_setenv("HF_HUB_CACHE", "$HOME/x", TRUE);
    g_assert_false(hub_fetch(REPOSITORY, NULL, &world->options, NULL, &other, &error));
    assert_holds(error->message, "HF_HUB_CACHE");
    g_clear_error(&error);
    g_unsetenv("HF_HUB_CACHE");
    static const char *const bad[] = {"ftp://x", "no address", "http://user:pw@127.0.0.1", "http://127.0.0.1/?q=1",
                                      "http://"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_setenv("HF_ENDPOINT", bad[i], TRUE);
        g_assert_false(hub_fetch(REPOSITORY, NULL, &world->options, NULL, &other, &error));
        assert_holds(error->message, "HF_ENDPOINT");
        g_clear_error(&error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/hub/layout", test_layout);
    ADD("/hub/again", test_again);
    ADD("/hub/moved", test_moved);
    ADD("/hub/unwritable-ref", test_unwritable_ref);
    ADD("/hub/offline", test_offline);
    ADD("/hub/unreachable", test_unreachable);
    ADD("/hub/gguf", test_gguf);
    ADD("/hub/choices", test_choices);
    ADD("/hub/broken-index", test_broken_index);
    ADD("/hub/partial", test_partial);
    ADD("/hub/token", test_token);
    ADD("/hub/environment", test_environment);
    return g_test_run();
}
