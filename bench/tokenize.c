/* SPDX-License-Identifier: Apache-2.0
 * tokenize.c: how fast a tokenizer encodes a text, on one core.
 *
 *     bench-tokenize MODEL TEXT [--repeat 3]
 *
 * MODEL: a GGUF or a folder. Prints one JSON line: MB/s of encoding (the best of the repeats) and of decoding, and how
 * long it took to load. bench/tokenizer.py compares it with `tokenizers`.
 */
#include <hone/tokenizer.h>

#include <stdio.h>
#include <time.h>

static int repeat = 3;

static const GOptionEntry options[] = {
    {"repeat", 0, 0, G_OPTION_ARG_INT, &repeat, "how often; the best time counts", "N"},
    {NULL},
};

static HoneTokenizer *load(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return hone_tokenizer_from_folder(path, NULL, 0, error);
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, error);
    return gguf ? hone_tokenizer_from_gguf(gguf, error) : NULL;
}

/* Seconds of this process on a core, so that others on the machine count for less. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool run(const char *model, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    double start = now();
    g_autoptr(HoneTokenizer) t = load(model, error);
    double loading = now() - start, encoding = G_MAXDOUBLE, decoding = G_MAXDOUBLE;
    if (!t || !g_file_get_contents(path, &text, &length, error))
        return false;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (int i = 0; i < MAX(repeat, 1); i++) {
        g_array_set_size(ids, 0);
        start = now();
        if (!hone_tokenizer_try_encode(t, text, length, HONE_ENCODE_SPECIAL, ids, error))
            return false;
        encoding = MIN(encoding, now() - start);
        start = now();
        g_autoptr(GString) back = hone_tokenizer_decode(t, (const int32_t *)(const void *)ids->data, ids->len, true);
        decoding = MIN(decoding, now() - start);
    }
    double megabytes = (double)length / 1e6;
    printf("{\"encode_mb_s\": %.2f, \"decode_mb_s\": %.2f, \"load_s\": %.3f, \"tokens\": %u, \"bytes\": %zu}\n",
           megabytes / encoding, megabytes / decoding, loading, ids->len, length);
    return true;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("MODEL TEXT");
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 3) {
        fprintf(stderr, "bench-tokenize: %s\n", error ? error->message : "a model and a text are needed");
        return 2;
    }
    if (!run(argv[1], argv[2], &error)) {
        fprintf(stderr, "bench-tokenize: %s\n", error->message);
        return 1;
    }
    return 0;
}
