/* SPDX-License-Identifier: Apache-2.0
 * hub_name.c: see hub.h.
 */
#include <hone/hub.h>
#include <string.h>

#define LONGEST_PART 96 /* of a repository's name, as the hub allows */
#define LONGEST_PATH 1024
#define COMMIT_DIGITS 40

void hone_hub_name_clear(HoneHubName *name)
{
    g_clear_pointer(&name->repository, g_free);
    g_clear_pointer(&name->revision, g_free);
    g_clear_pointer(&name->file, g_free);
}

bool hone_hub_is_commit(const char *revision)
{
    return strlen(revision) == COMMIT_DIGITS && strspn(revision, "0123456789abcdef") == COMMIT_DIGITS;
}

bool hone_hub_good_path(const char *path)
{
    if (strlen(path) > LONGEST_PATH || !g_utf8_validate(path, -1, NULL))
        return false;
    for (const char *c = path; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '\\')
            return false;
    }
    g_auto(GStrv) parts = g_strsplit(path, "/", 0);
    for (size_t i = 0; parts[i]; i++) {
        size_t length = strlen(parts[i]);
        if (length == 0 || length > 255 || g_str_equal(parts[i], ".") || g_str_equal(parts[i], ".."))
            return false;
    }
    return parts[0] != NULL;
}

/* "org" or "name": letters, digits and "-_.", none of the latter two at an end, no "--" and no "..". */
static bool good_part(const char *part)
{
    size_t length = strlen(part);
    if (length == 0 || length > LONGEST_PART || strstr(part, "--") || strstr(part, ".."))
        return false;
    if (strchr("-.", part[0]) || strchr("-.", part[length - 1]))
        return false;
    for (const char *c = part; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("-_.", *c))
            return false;
    }
    return true;
}

static bool refuse(GError **error, const char *text, const char *why)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "\"%s\": is no name on a hub (%s); write \"org/name\", \"org/name@revision\" or "
                "\"org/name@revision:file.gguf\"",
                text, why);
    return false;
}

bool hone_hub_name_parse(const char *text, HoneHubName *name, GError **error)
{
    *name = (HoneHubName){0};
    if (!g_utf8_validate(text, -1, NULL))
        return refuse(error, "?", "it is not UTF-8");
    g_autofree char *left = g_strdup(text);
    char *colon = strchr(left, ':');
    if (colon)
        *colon = '\0';
    char *at = strchr(left, '@');
    if (at)
        *at = '\0';
    g_auto(GStrv) parts = g_strsplit(left, "/", 0);
    if (g_strv_length(parts) != 2)
        return refuse(error, text, "it has not one \"/\" between owner and name");
    if (!good_part(parts[0]) || !good_part(parts[1]))
        return refuse(error, text, "a part of it is empty, too long, or holds a character that names cannot have");
    /* Rather a file that is not there. */
    if (!at && !colon &&
        (g_str_has_suffix(parts[1], ".gguf") || g_str_has_suffix(parts[1], ".safetensors") ||
         g_str_has_suffix(parts[1], ".json")))
        return refuse(error, text, "it ends like a file");
    const char *revision = at ? at + 1 : "main";
    if (!hone_hub_good_path(revision) || strpbrk(revision, " @~^?*[") || revision[0] == '-')
        return refuse(error, text, "its revision cannot be one");
    if (colon && !hone_hub_good_path(colon + 1))
        return refuse(error, text, "its file lies outside the repository");
    name->repository = g_strdup(left);
    name->revision = g_strdup(revision);
    name->file = colon ? g_strdup(colon + 1) : NULL;
    return true;
}

bool hone_hub_is_meant(const char *text, const char *path)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return false;
    g_auto(HoneHubName) name = {0};
    return hone_hub_name_parse(text, &name, NULL);
}
