/* SPDX-License-Identifier: Apache-2.0
 * hub_world.c: a test's hub, cache folder and environment.
 */
#include "hub_server.h"
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No test may take longer for one download, whatever the hub does: attempts, pauses and timeouts of the options below
 * add up to less than a tenth of it, the rest is for a busy machine under a sanitizer. */
#define BOUND_SECONDS 30

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void world_set_up(World *world, gconstpointer data)
{
    static const char *const unset[] = {"HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_HUB_OFFLINE",
                                        "HF_HUB_CACHE",
                                        "HUGGINGFACE_HUB_CACHE",
                                        "SSL_CERT_FILE",
                                        "TRANSFORMERS_OFFLINE",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                        "http_proxy",
                                        "https_proxy",
                                        "all_proxy"};
    for (size_t i = 0; i < G_N_ELEMENTS(unset); i++)
        g_unsetenv(unset[i]);
    /* In memory where that is to be had: most of the time goes into syncing files to a disk otherwise. */
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();
    world->folder = g_mkdtemp(g_build_filename(parent, "hone-hub-XXXXXX", NULL));
    g_assert_nonnull(world->folder);
    g_setenv("HF_HOME", world->folder, TRUE);
    world->cache = g_build_filename(world->folder, "hub", NULL);
    world->server = server_new(NULL);
    g_setenv("HF_ENDPOINT", server_url(world->server), TRUE);
    world->options = (HubOptions){.connections = 4, .attempts = 3, .timeout = 0.25, .retry_delay = 0.01};
    world->notes = g_string_new(NULL);
}

void world_tear_down(World *world, gconstpointer data)
{
    server_free(world->server);
    remove_tree(world->folder);
    g_free(world->folder);
    g_free(world->cache);
    g_string_free(world->notes, TRUE);
}

/* Bytes that look like nothing, the same each time. */
static guint8 *noise(gsize size, guint32 seed)
{
    guint8 *data = g_malloc(size);
    for (gsize i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (guint8)(seed >> 24);
    }
    return data;
}

void world_usual_files(World *world)
{
    static const char index[] =
        "{\"metadata\": {\"total_size\": 3}, \"weight_map\": {\"a\": \"model-00001-of-00003.safetensors\", "
        "\"b\": \"model-00002-of-00003.safetensors\", \"c\": \"model-00003-of-00003.safetensors\", "
        "\"d\": \"model-00003-of-00003.safetensors\"}}";
    static const gsize sizes[] = {700000, 1, 150001};
    Server *server = world->server;
    server_file(server, "config.json", "{\"model_type\": \"llama\"}", 23, false);
    server_file(server, "generation_config.json", "{}", 2, false);
    server_file(server, "tokenizer.json", "{\"version\": \"1.0\"}", 18, true);
    server_file(server, "tokenizer_config.json", "", 0, false);
    server_file(server, "README.md", "---\nlicense: apache-2.0\n---\n", 27, false);
    server_file(server, "model.safetensors.index.json", index, strlen(index), false);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("model-%05u-of-00003.safetensors", i + 1);
        g_autofree guint8 *data = noise(sizes[i], i);
        server_file(server, name, data, sizes[i], true);
    }
    /* Not needed. */
    server_file(server, ".gitattributes", "x", 1, false);
    server_file(server, "pytorch_model.bin", "pickle", 6, true);
    server_file(server, "onnx/model.onnx", "onnx", 4, true);
    server_file(server, "onnx/config.json", "{}", 2, false);
    server_file(server, "consolidated.safetensors", "again", 5, true);
    server_file(server, "tokenizer.py", "evil", 4, false);
}

/* ---- The check. ---- */

static char *checksum_like(const char *name, const char *path)
{
    g_autofree char *content = NULL;
    gsize size;
    if (!g_file_get_contents(path, &content, &size, NULL))
        return NULL;
    if (strlen(name) == 64)
        return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, size);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_autofree char *header = g_strdup_printf("blob %" G_GSIZE_FORMAT, size);
    g_checksum_update(sum, (const guchar *)header, (gssize)strlen(header) + 1);
    g_checksum_update(sum, (const guchar *)content, (gssize)size);
    return g_strdup(g_checksum_get_string(sum));
}

static const World *walked;

static int check_entry(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    const char *name = path + where->base;
    g_autofree char *parent = g_path_get_dirname(path), *kind = g_path_get_basename(parent);
    if (S_ISREG(st->st_mode) && g_str_equal(kind, "blobs") && !g_str_has_suffix(name, ".incomplete")) {
        g_autofree char *sum = checksum_like(name, path);
        g_assert_cmpstr(sum, ==, name);
    } else if (strstr(path, "/snapshots/") && !S_ISDIR(st->st_mode)) {
        g_autofree char *target = g_file_read_link(path, NULL);
        g_assert_nonnull(target);
        g_assert_true(g_str_has_prefix(target, "../../") && strstr(target, "blobs/"));
        if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
            g_error("%s leads nowhere", path);
    } else if (strstr(path, "/refs/") && S_ISREG(st->st_mode)) {
        g_autofree char *commit = NULL;
        g_assert_true(g_file_get_contents(path, &commit, NULL, NULL));
        g_autofree char *snapshot = g_build_filename(walked->cache, "models--acme--tiny", "snapshots", commit, NULL);
        g_assert_true(g_file_test(snapshot, G_FILE_TEST_IS_DIR));
    }
    return 0;
}

void world_check_sound(const World *world)
{
    walked = world;
    nftw(world->cache, check_entry, 16, FTW_PHYS);
}

/* ---- Downloads. ---- */

static bool fetch(World *world, const char *name, HubModel *model, GError **error)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    HoneProgress *progress = hone_progress_new(ends[1]);
    const HubCaller caller = {.progress = progress};
    gint64 began = g_get_monotonic_time();
    bool ok = hub_fetch(name, NULL, &world->options, &caller, model, error);
    g_assert_cmpint(g_get_monotonic_time() - began, <, BOUND_SECONDS * G_USEC_PER_SEC);
    hone_progress_free(progress);
    close(ends[1]);
    char buffer[4096];
    ssize_t n;
    while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
        g_string_append_len(world->notes, buffer, n);
    close(ends[0]);
    return ok;
}

bool world_fetch(World *world, const char *name, HubModel *model, GError **error)
{
    bool ok = fetch(world, name, model, error);
    world_check_sound(world);
    return ok;
}

void world_refuse(World *world, const char *name, const char *part)
{
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(world_fetch(world, name, &model, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    assert_holds(error->message, part);
    assert_holds(error->message, REPOSITORY);
    g_assert_null(model.path);
    g_autofree char *found = hub_find(name, &world->options);
    g_assert_null(found);
}

char *world_read(const World *world, const char *path, gsize *size)
{
    g_autofree char *full = g_build_filename(world->cache, "models--acme--tiny", path, NULL);
    char *content = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(full, &content, size, &error);
    g_assert_no_error(error);
    return content;
}

void world_check_files(World *world, const char *commit, const char *names)
{
    g_autofree char *snapshot = g_build_filename(world->cache, "models--acme--tiny", "snapshots", commit, NULL);
    g_auto(GStrv) wanted = g_strsplit(names, " ", 0);
    guint found = 0;
    g_autoptr(GDir) dir = g_dir_open(snapshot, 0, NULL);
    g_assert_nonnull(dir);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir), found++) {
        if (!g_strv_contains((const char *const *)wanted, name))
            g_error("%s was fetched", name);
        g_autofree char *relative = g_build_filename("snapshots", commit, name, NULL);
        g_autofree char *path = g_build_filename(snapshot, name, NULL), *content = world_read(world, relative, NULL);
        g_autofree char *sum = checksum_like(server_etag(world->server, name), path);
        g_assert_cmpstr(sum, ==, server_etag(world->server, name));
    }
    g_assert_cmpuint(found, ==, g_strv_length(wanted));
}
