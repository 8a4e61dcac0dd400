/* SPDX-License-Identifier: Apache-2.0
 * replay.c: runs a fuzz target without libFuzzer: over each file of a folder, and over mutations of it.
 *
 *     fuzz-gguf-replay FOLDER [MUTATIONS]
 *
 * Mutations are a function of their number, so a crash is found again by running again. With clang, `fuzz-gguf FOLDER`
 * is the real fuzzer.
 */
#include "fuzz.h"
#include <hone/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers on which readers stumble. */
static const uint64_t sharp[] = {0,          1,          0x7f,       0x80,       0xff,           0x7fffffff,
                                 0x80000000, 0xffffffff, 1ull << 62, 1ull << 63, UINT64_MAX - 7, UINT64_MAX};

typedef struct Draws {
    uint64_t number, counter;
} Draws;

static size_t below(Draws *draws, size_t n)
{
    return hone_random_below(draws->number, HONE_STREAM_USER, draws->counter++, n);
}

static void mutate_at(uint8_t *data, size_t size, size_t at, Draws *draws)
{
    size_t room = size - at, from = below(draws, size), length = 1 + below(draws, 40);
    const uint64_t *value = &sharp[below(draws, G_N_ELEMENTS(sharp))];
    switch (below(draws, 5)) {
    case 0:
        data[at] ^= (uint8_t)(1 << below(draws, 8));
        break;
    case 1:
        data[at] = (uint8_t)below(draws, 256);
        break;
    case 2:
        memcpy(data + at, value, MIN(room, 4));
        break;
    case 3:
        memcpy(data + at, value, MIN(room, 8));
        break;
    default:
        memmove(data + at, data + from, MIN(MIN(room, size - from), length));
    }
}

/* Changes a few places of data [size]; returns the new size, which is at most the old one. */
static size_t mutate(uint8_t *data, size_t size, uint64_t number)
{
    Draws draws = {.number = number};
    for (size_t changes = 1 + below(&draws, 4); changes > 0 && size > 0; changes--)
        mutate_at(data, size, below(&draws, size), &draws);
    return below(&draws, 8) == 0 ? below(&draws, size + 1) : size;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", argv[0]);
        return 2;
    }
    uint64_t mutations = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    g_autoptr(GDir) folder = g_dir_open(argv[1], 0, NULL);
    const char *name;
    size_t files = 0;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL), *content = NULL;
        gsize size;
        if (!g_file_get_contents(path, &content, &size, NULL))
            continue;
        LLVMFuzzerTestOneInput((const uint8_t *)content, size);
        for (uint64_t i = 0; i < mutations; i++) {
            g_autofree uint8_t *changed = g_memdup2(content, size);
            LLVMFuzzerTestOneInput(changed, mutate(changed, size, i));
        }
        files++;
    }
    printf("%zu files, %" G_GUINT64_FORMAT " mutations of each\n", files, mutations);
    return files > 0 ? 0 : 1;
}
