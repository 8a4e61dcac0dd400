/* SPDX-License-Identifier: Apache-2.0
 * place.c: where the hub is, where its cache is and who asks: Hugging Face's own environment variables.
 */
#include "private.h"
#include <string.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define LONGEST_TOKEN 4096

const HoneParam hub_params[] = {
    HONE_BOOL(HubOptions, offline, "false", "take what is in the hub's cache, and never ask the hub",
              .flags = HONE_PARAM_NO_KEY),
    HONE_INT(HubOptions, connections, "4", 1, 32, "files fetched at once", .flags = HONE_PARAM_NO_KEY),
    HONE_INT(HubOptions, attempts, "6", 1, 100, "attempts at a request that brings nothing new",
             .flags = HONE_PARAM_NO_KEY),
    HONE_NUMBER(HubOptions, timeout, "30", 0.05, 3600, "give a connection up after so long without data", .unit = "s",
                .flags = HONE_PARAM_NO_KEY),
    HONE_NUMBER(HubOptions, retry_delay, "1", 0, 60, "wait before the second attempt, doubled for each further one",
                .unit = "s", .flags = HONE_PARAM_NO_KEY),
    {0},
};

static const char *variable(const char *name)
{
    const char *value = g_getenv(name);
    return value && *value ? value : NULL;
}

static bool is_on(const char *value)
{
    static const char *const words[] = {"1", "ON", "YES", "TRUE"};
    for (size_t i = 0; value && i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

/* The variable's value as an absolute path, or NULL where it is not set. */
static bool path_of(const char *name, char **path, GError **error)
{
    const char *value = variable(name);
    *path = NULL;
    if (!value)
        return true;
    /* Python's tools would put other variables in; a folder that is named "$HOME" would be found by none of them. */
    if (strchr(value, '$')) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s is \"%s\": write the path out, without \"$\"", name,
                    value);
        return false;
    }
    *path = g_str_has_prefix(value, "~/") ? g_build_filename(g_get_home_dir(), value + 2, NULL)
                                          : g_canonicalize_filename(value, NULL);
    return true;
}

static bool find_folders(HubPlace *place, char **token_path, GError **error)
{
    g_autofree char *home = NULL, *legacy = NULL;
    if (!path_of("HF_HOME", &home, error) || !path_of("HUGGINGFACE_HUB_CACHE", &legacy, error) ||
        !path_of("HF_HUB_CACHE", &place->cache, error) || !path_of("HF_TOKEN_PATH", token_path, error))
        return false;
    /* GLib's answer for the cache folder is $XDG_CACHE_HOME, else ~/.cache. It is asked once only; the variable may
     * have been set since. */
    if (!home) {
        const char *xdg = variable("XDG_CACHE_HOME");
        home = g_build_filename(xdg && g_path_is_absolute(xdg) ? xdg : g_get_user_cache_dir(), "huggingface", NULL);
    }
    if (!place->cache)
        place->cache = legacy ? g_steal_pointer(&legacy) : g_build_filename(home, "hub", NULL);
    if (!*token_path)
        *token_path = g_build_filename(home, "token", NULL);
    return true;
}

static bool find_endpoint(HubPlace *place, GError **error)
{
    const char *text = variable("HF_ENDPOINT");
    place->endpoint = g_strdup(text ? text : DEFAULT_ENDPOINT);
    for (size_t n = strlen(place->endpoint); n > 0 && place->endpoint[n - 1] == '/'; n--)
        place->endpoint[n - 1] = '\0';
    place->uri = g_uri_parse(place->endpoint, G_URI_FLAGS_NONE, NULL);
    const char *scheme = place->uri ? g_uri_get_scheme(place->uri) : "";
    bool good = place->uri && (g_str_equal(scheme, "https") || g_str_equal(scheme, "http")) &&
                g_uri_get_host(place->uri) && *g_uri_get_host(place->uri) && !g_uri_get_userinfo(place->uri) &&
                !g_uri_get_query(place->uri) && !g_uri_get_fragment(place->uri);
    if (!good)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "HF_ENDPOINT is \"%s\", which is no address of a hub; write it like \"https://hub.example.org\"",
                    place->endpoint);
    return good;
}

static bool find_token(HubPlace *place, const char *path, GError **error)
{
    const char *source = "HF_TOKEN", *value = variable(source);
    if (!value)
        value = variable(source = "HUGGING_FACE_HUB_TOKEN");
    g_autofree char *text = g_strdup(value);
    gsize size = 0;
    if (!value) {
        source = path;
        if (is_on(g_getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
            return true;
        if (!g_file_get_contents(path, &text, &size, error))
            return false;
    }
    g_strstrip(text);
    /* It becomes a line of the request: a line break in it would begin another. */
    bool good = strlen(text) <= LONGEST_TOKEN;
    for (const char *c = text; good && *c; c++)
        good = g_ascii_isgraph(*c);
    if (!good) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: holds no token (one line of letters, digits and signs); write it anew", source);
        return false;
    }
    place->token = *text ? g_steal_pointer(&text) : NULL;
    return true;
}

bool hub_place_find(const HubOptions *options, HubPlace *place, GError **error)
{
    *place = (HubPlace){0};
    g_autofree char *token_path = NULL;
    const char *offline = variable("HF_HUB_OFFLINE");
    place->offline = options->offline || is_on(offline ? offline : variable("TRANSFORMERS_OFFLINE"));
    if (find_folders(place, &token_path, error) && path_of("SSL_CERT_FILE", &place->roots, error) &&
        find_endpoint(place, error) && find_token(place, token_path, error))
        return true;
    hub_place_clear(place);
    return false;
}

void hub_place_clear(HubPlace *place)
{
    g_clear_pointer(&place->cache, g_free);
    g_clear_pointer(&place->endpoint, g_free);
    g_clear_pointer(&place->uri, g_uri_unref);
    g_clear_pointer(&place->token, g_free);
    g_clear_pointer(&place->roots, g_free);
}
