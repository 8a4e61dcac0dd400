/* SPDX-License-Identifier: Apache-2.0
 * http.c: one request: redirections followed by hand, so that the token goes to the hub and to nobody else.
 */
#include "private.h"
#include <hone/json.h>
#include <math.h>
#include <string.h>

#define MOST_REDIRECTIONS 8
#define SHOWN_MESSAGE 200

/* ---- Errors. ---- */

void hub_explain(HubClient *client, GError *raw, GError **error)
{
    g_mutex_lock(&client->lock);
    bool stalled = client->stalled;
    g_mutex_unlock(&client->lock);
    client->wait = 0;
    client->again = true;
    if (client->hub->stop) {
        client->again = false;
        g_set_error(error, HONE_ERROR, HONE_ERROR_CANCELLED, "stopped");
    } else if (stalled) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "hardly any data came for %g s", client->hub->options.timeout);
    } else if (raw && raw->domain == G_TLS_ERROR) {
        /* Not the network's fault, and another attempt ends the same way. */
        client->again = false;
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                    "no secure connection (%s); check the clock and ca-certificates, or name your own authority's file "
                    "in SSL_CERT_FILE",
                    raw->message);
    } else {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s", raw ? raw->message : "the connection ended early");
    }
    g_clear_error(&raw);
}

static bool fail(HubClient *client, bool again, GError **error, HoneError code, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
static bool fail(HubClient *client, bool again, GError **error, HoneError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    client->again = again;
    client->wait = 0;
    g_set_error(error, HONE_ERROR, code, "%s", text);
    return false;
}

/* Text from outside, short and on one line. */
static char *shown(const char *text)
{
    g_autofree char *start = g_strndup(text, SHOWN_MESSAGE), *valid = g_utf8_make_valid(start, -1);
    for (char *c = valid; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    }
    return g_steal_pointer(&valid);
}

/* Seconds until the moment that the header names, or 0. */
static double wish(const char *retry_after)
{
    if (!retry_after)
        return 0;
    char *end;
    double seconds = g_ascii_strtod(retry_after, &end);
    if (end != retry_after && *end == '\0')
        return seconds > 0 ? MIN(seconds, 1e9) : 0;
    g_autoptr(GDateTime) then = soup_date_time_new_from_http_string(retry_after);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return then ? MAX((double)g_date_time_difference(then, now) / G_USEC_PER_SEC, 0) : 0;
}

static bool refuse_status(HubClient *client, const HubReply *reply, GError **error)
{
    const Hub *hub = client->hub;
    const char *said = hub_header(reply, "X-Error-Message"), *kind = hub_header(reply, "X-Error-Code");
    g_autofree char *message = said ? shown(said) : NULL;
    g_autofree char *because = message && *message ? g_strdup_printf(": \"%s\"", message) : g_strdup("");
    const char *token = hub->place.token ? "the token in use" : "no token is set";
    switch (reply->status) {
    case 401:
        return fail(
            client, false, error, HONE_ERROR_NOT_FOUND,
            "the hub answers 401 (not authorized)%s; check the name %s, or, for a model that is not public, set "
            "HF_TOKEN to a token that may read it (%s)",
            because, hub->name.repository, token);
    case 403:
        return fail(client, false, error, HONE_ERROR_NOT_FOUND,
                    "the hub answers 403 (forbidden)%s; accept the model's licence at %s/%s with the account whose "
                    "token is in HF_TOKEN (%s)",
                    because, hub->place.endpoint, hub->name.repository, token);
    case 404:
        if (g_strcmp0(kind, "RevisionNotFound") == 0)
            return fail(client, false, error, HONE_ERROR_NOT_FOUND,
                        "the hub answers 404 (not found)%s; there is no revision \"%s\"", because, hub->name.revision);
        return fail(client, false, error, HONE_ERROR_NOT_FOUND,
                    "the hub answers 404 (not found)%s; check the name %s and the revision \"%s\"", because,
                    hub->name.repository, hub->name.revision);
    default:
        break;
    }
    bool again = reply->status == 408 || reply->status == 425 || reply->status == 429 || reply->status >= 500;
    double wait = again ? wish(hub_header(reply, "Retry-After")) : 0;
    g_autofree char *later = wait > 0
                                 ? g_strdup_printf("; it asks to wait for %.0f s", ceil(wait))
                                 : g_strdup(again ? "; try again later" : "; is HF_ENDPOINT the address of a hub?");
    fail(client, again, error, HONE_ERROR_IO, "the hub answers %u (%s)%s%s", reply->status,
         reply->status == 429 ? "too many requests" : soup_status_get_phrase(reply->status), because, later);
    client->wait = wait;
    return false;
}

/* ---- One request. ---- */

static int port_of(GUri *uri)
{
    int port = g_uri_get_port(uri);
    return port >= 0 ? port : g_str_equal(g_uri_get_scheme(uri), "https") ? 443 : 80;
}

static bool same_origin(GUri *a, GUri *b)
{
    return g_str_equal(g_uri_get_scheme(a), g_uri_get_scheme(b)) &&
           g_ascii_strcasecmp(g_uri_get_host(a), g_uri_get_host(b)) == 0 && port_of(a) == port_of(b);
}

const char *hub_header(const HubReply *reply, const char *name)
{
    return soup_message_headers_get_one(soup_message_get_response_headers(reply->message), name);
}

void hub_reply_clear(HubReply *reply)
{
    g_clear_object(&reply->body);
    g_clear_object(&reply->message);
}

static bool send_once(HubClient *client, const HubAsk *ask, GUri *uri, HubReply *reply, GError **error)
{
    const HubPlace *place = &client->hub->place;
    hub_reply_clear(reply);
    reply->message = soup_message_new_from_uri(ask->method, uri);
    soup_message_add_flags(reply->message, SOUP_MESSAGE_NO_REDIRECT);
    SoupMessageHeaders *headers = soup_message_get_request_headers(reply->message);
    soup_message_headers_replace(headers, "Accept-Encoding", "identity");
    if (ask->from > 0) {
        g_autofree char *range = g_strdup_printf("bytes=%" G_GUINT64_FORMAT "-", ask->from);
        soup_message_headers_replace(headers, "Range", range);
        if (ask->if_range)
            soup_message_headers_replace(headers, "If-Range", ask->if_range);
    }
    if (place->token && same_origin(uri, place->uri)) {
        g_autofree char *value = g_strconcat("Bearer ", place->token, NULL);
        soup_message_headers_replace(headers, "Authorization", value);
    }
    GError *raw = NULL;
    reply->body = soup_session_send(client->session, reply->message, client->cancellable, &raw);
    if (!reply->body) {
        hub_explain(client, raw, error);
        return false;
    }
    reply->status = soup_message_get_status(reply->message);
    return true;
}

/* Where a redirection leads, or NULL with an error. */
static GUri *next_place(HubClient *client, GUri *uri, const HubReply *reply, GError **error)
{
    const char *location = hub_header(reply, "Location");
    g_autoptr(GUri) next = location ? g_uri_parse_relative(uri, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
    const char *scheme = next ? g_uri_get_scheme(next) : "";
    bool good = next && (g_str_equal(scheme, "https") || g_str_equal(scheme, "http")) && g_uri_get_host(next) &&
                *g_uri_get_host(next) && !g_uri_get_userinfo(next);
    if (!good) {
        fail(client, false, error, HONE_ERROR_IO, "the hub answers %u and sends nowhere that can be followed",
             reply->status);
        return NULL;
    }
    if (g_str_equal(g_uri_get_scheme(uri), "https") && g_str_equal(scheme, "http")) {
        fail(client, false, error, HONE_ERROR_IO, "%s sends on to %s without encryption; that is not followed",
             g_uri_get_host(uri), g_uri_get_host(next));
        return NULL;
    }
    return g_steal_pointer(&next);
}

bool hub_open(HubClient *client, const HubAsk *ask, HubReply *reply, GError **error)
{
    *reply = (HubReply){0};
    hub_client_arm(client);
    g_autoptr(GUri) uri = g_uri_parse(ask->url, SOUP_HTTP_URI_FLAGS, NULL);
    if (!uri)
        return fail(client, false, error, HONE_ERROR_INVALID, "\"%s\" is no address", ask->url);
    for (unsigned hops = 0;; hops++) {
        if (!send_once(client, ask, uri, reply, error))
            return false;
        bool redirected = reply->status == 301 || reply->status == 302 || reply->status == 303 ||
                          reply->status == 307 || reply->status == 308;
        if (!redirected)
            break;
        g_autoptr(GUri) next = next_place(client, uri, reply, error);
        if (!next) {
            hub_reply_clear(reply);
            return false;
        }
        /* Without the size, another answer of the hub itself may still have it. */
        if (ask->stay && hub_header(reply, "X-Linked-Etag") &&
            (hub_header(reply, "X-Linked-Size") || !same_origin(uri, next)))
            return true;
        if (hops == MOST_REDIRECTIONS) {
            fail(client, false, error, HONE_ERROR_IO, "redirected %d times without an end", MOST_REDIRECTIONS);
            hub_reply_clear(reply);
            return false;
        }
        g_uri_unref(uri);
        uri = g_steal_pointer(&next);
    }
    if (reply->status == 200 || (ask->from > 0 && (reply->status == 206 || reply->status == 416)))
        return true;
    refuse_status(client, reply, error);
    hub_reply_clear(reply);
    return false;
}

gssize hub_read(HubClient *client, HubReply *reply, void *buffer, size_t size, GError **error)
{
    GError *raw = NULL;
    gssize n = g_input_stream_read(reply->body, buffer, size, client->cancellable, &raw);
    if (n < 0)
        hub_explain(client, raw, error);
    else
        hub_client_mark(client, (uint64_t)n);
    return n;
}

/* ---- JSON. ---- */

static JsonObject *get_json_once(HubClient *client, const char *url, size_t limit, GError **error)
{
    const HubAsk ask = {.method = "GET", .url = url};
    g_auto(HubReply) reply = {0};
    if (!hub_open(client, &ask, &reply, error))
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *buffer = g_malloc(65536);
    gssize n;
    while ((n = hub_read(client, &reply, buffer, 65536, error)) > 0) {
        if (text->len + (size_t)n > limit) {
            fail(client, false, error, HONE_ERROR_INVALID, "the hub's answer is longer than %zu bytes", limit);
            return NULL;
        }
        g_string_append_len(text, buffer, n);
    }
    if (n < 0)
        return NULL;
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(text->str, text->len, NULL, &problem);
    if (node && JSON_NODE_HOLDS_OBJECT(node))
        return json_node_dup_object(node);
    const char *type = hub_header(&reply, "Content-Type");
    g_autofree char *kind = shown(type ? type : "of unknown type");
    fail(
        client, false, error, HONE_ERROR_INVALID,
        "the answer (%s) is not the JSON object that a hub gives%s%s; is HF_ENDPOINT right, and is there a page to log "
        "in to this network?",
        kind, problem ? ": " : "", problem ? problem->message : "");
    return NULL;
}

JsonObject *hub_get_json(HubClient *client, const char *url, size_t limit, GError **error)
{
    int64_t attempt = 0;
    for (;;) {
        g_autoptr(GError) problem = NULL;
        JsonObject *object = get_json_once(client, url, limit, &problem);
        hub_client_disarm(client);
        if (object)
            return object;
        if (!hub_client_retry(client, &attempt)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
}
