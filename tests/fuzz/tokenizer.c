/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.c: any bytes as a tokenizer: a GGUF, or a tokenizer.json, behind a NUL a tokenizer_config.json, behind
 * another NUL a text. What loads encodes the text and some others: ids are tokens, what comes back is what a stream
 * shows.
 */
#include "fuzz.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <hone/tokenizer.h>
#include <string.h>

static const char *const texts[] = {"Hello  world",
                                    " \xE2\x96\x81 1234\n\n'll <s>[INST] </s>x",
                                    "\xE6\xBC\xA2\xE5\xAD\x97 e\xCC\x81\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",
                                    "\xFF\xC3 a\x80",
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                    ""};

static void check_text(const HoneTokenizer *t, const char *text, size_t length, uint32_t flags)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    if (!hone_tokenizer_try_encode(t, text, length, flags, ids, NULL)) {
        g_assert_cmpuint(ids->len, ==, 0);
        return;
    }
    const int32_t *all = (const int32_t *)(const void *)ids->data;
    g_autoptr(HoneTokenStream) stream = hone_token_stream_new(t);
    g_autoptr(GString) back = hone_tokenizer_decode(t, all, ids->len, false);
    for (guint i = 0; i < ids->len; i++) {
        size_t n;
        g_assert_true(all[i] >= 0 && (size_t)all[i] < hone_tokenizer_size(t));
        g_assert_cmpuint(strlen(hone_tokenizer_piece(t, all[i], &n)), <=, n);
        g_assert_true(g_utf8_validate(hone_token_stream_feed(stream, all[i]), -1, NULL));
        if (flags == 0)
            g_assert_false(hone_tokenizer_is_special(t, all[i]) && hone_tokenizer_ends(t, all[i]) && length == 0);
    }
    g_assert_true(g_utf8_validate(hone_token_stream_finish(stream), -1, NULL));
    /* Characters can be composed of many, but never from nothing. */
    g_assert_true(length > 0 || back->len == 0 || (flags & HONE_ENCODE_ADDED));
}

static void check_tokenizer(const HoneTokenizer *t, const char *text, size_t length)
{
    for (uint32_t flags = 0; flags < 4; flags++) {
        check_text(t, text, length, flags);
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
            check_text(t, texts[i], strlen(texts[i]), flags);
    }
    g_assert_cmpuint(strlen(hone_tokenizer_hash(t)), ==, 64);
}

static void write_file(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    int fd = g_open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    g_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* The part up to a NUL, which is passed over. */
static size_t cut_part(const uint8_t **data, size_t *size)
{
    const uint8_t *nul = memchr(*data, 0, *size);
    size_t n = nul ? (size_t)(nul - *data) : *size;
    *data += n + (nul != NULL);
    *size -= n + (nul != NULL);
    return n;
}

static char *folder;

static void remove_folder(void)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
}

static HoneTokenizer *open_folder(const uint8_t **data, size_t *size, GError **error)
{
    if (!folder) {
        folder = g_dir_make_tmp("hone-fuzz-XXXXXX", NULL);
        g_assert(folder);
        atexit(remove_folder);
    }
    const uint8_t *json = *data;
    size_t json_size = cut_part(data, size);
    const uint8_t *config = *data;
    size_t config_size = cut_part(data, size);
    write_file(folder, "tokenizer.json", json, json_size);
    if (config_size > 0)
        write_file(folder, "tokenizer_config.json", config, config_size);
    else {
        g_autofree char *path = g_build_filename(folder, "tokenizer_config.json", NULL);
        g_unlink(path);
    }
    return hone_tokenizer_from_folder(folder, NULL, 0, error);
}

static HoneTokenizer *open_gguf(const uint8_t *data, size_t size, GError **error)
{
    int fd;
    g_autofree char *path = fuzz_file(data, size, &fd);
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, error);
    HoneTokenizer *t = gguf ? hone_tokenizer_from_gguf(gguf, error) : NULL;
    close(fd);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    bool is_gguf = size >= 4 && memcmp(data, "GGUF", 4) == 0;
    g_autoptr(HoneTokenizer) t = is_gguf ? open_gguf(data, size, &error) : open_folder(&data, &size, &error);
    g_assert((t == NULL) == (error != NULL));
    if (t)
        check_tokenizer(t, is_gguf ? "" : (const char *)data, is_gguf ? 0 : size);
    return 0;
}
