/* SPDX-License-Identifier: Apache-2.0
 * licence.c: see licence.h. The front matter of a model card is YAML, of which two plain "key: value" lines at the
 * outer level are read.
 */
#include "licence.h"
#include <stdio.h>
#include <string.h>

#define CARD_LIMIT 65536 /* bytes looked at; the front matter comes first */

/* The value where `line` is "key: value"; quotes and white space off. */
static char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0 || line[length] != ':')
        return NULL;
    char *value = g_strstrip(g_strdup(line + length + 1));
    size_t n = strlen(value);
    if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
        value[n - 1] = '\0';
        memmove(value, value + 1, n - 1);
    }
    if (!*value || !g_utf8_validate(value, -1, NULL))
        g_clear_pointer(&value, g_free);
    return value;
}

static char *of_card(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "README.md", NULL), *text = g_malloc(CARD_LIMIT + 1);
    FILE *file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? fopen(path, "rb") : NULL;
    if (!file)
        return NULL;
    text[fread(text, 1, CARD_LIMIT, file)] = '\0';
    fclose(file);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *licence = NULL, *name = NULL;
    if (!lines[0] || strcmp(g_strchomp(lines[0]), "---") != 0)
        return NULL;
    for (size_t i = 1; lines[i] && strcmp(g_strchomp(lines[i]), "---") != 0; i++) {
        if (!licence)
            licence = value_of(lines[i], "license");
        if (!name)
            name = value_of(lines[i], "license_name");
    }
    return licence && strcmp(licence, "other") == 0 && name ? g_steal_pointer(&name) : g_steal_pointer(&licence);
}

char *licence_of(const HoneCheckpoint *checkpoint)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(checkpoint);
    if (!gguf)
        return of_card(hone_checkpoint_path(checkpoint));
    const char *licence = hone_gguf_string(gguf, "general.license");
    return licence && *licence ? g_strdup(licence) : NULL;
}
