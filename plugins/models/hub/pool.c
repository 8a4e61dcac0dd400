/* SPDX-License-Identifier: Apache-2.0
 * pool.c: several downloads side by side, each in a thread with connections of its own, and one who watches them.
 *
 * A thread that waits for the network cannot watch the clock: the caller's thread does, and ends the wait through the
 * thread's cancellable. So every wait is bounded, whatever the other side does.
 */
#include "private.h"
#include <string.h>

#define SHOW_US (G_USEC_PER_SEC / 4)
/* Bytes within one timeout below which a connection counts as dead. */
#define LEAST_BYTES (16 << 10)
#define LONGEST_PAUSE 30.0
/* What a hub may ask for before its user had better come back later. */
#define LONGEST_WISH 300.0

typedef struct Pool {
    Hub *hub;
    HubWork work;
    void *const *items;
    size_t n;
    atomic_size_t next;
    GMutex lock; /* guards the next two */
    GCond ended;
    size_t running;
    GError *error; /* the first */
} Pool;

typedef struct Worker {
    Pool *pool;
    HubClient client;
    GThread *thread;
} Worker;

void hub_clear(Hub *hub)
{
    hub_place_clear(&hub->place);
    hone_hub_name_clear(&hub->name);
    g_clear_pointer(&hub->folder, g_free);
    g_clear_pointer(&hub->commit, g_free);
}

/* ---- From within a thread. ---- */

void hub_client_arm(HubClient *client)
{
    g_mutex_lock(&client->lock);
    g_clear_object(&client->cancellable);
    client->cancellable = g_cancellable_new();
    client->stalled = false;
    client->since = 0;
    client->deadline = g_get_monotonic_time() + (gint64)(client->hub->options.timeout * G_USEC_PER_SEC);
    /* The watch may have said so to the one before. */
    if (client->hub->stop)
        g_cancellable_cancel(client->cancellable);
    g_mutex_unlock(&client->lock);
}

void hub_client_mark(HubClient *client, uint64_t bytes)
{
    client->since += bytes;
    if (client->since < LEAST_BYTES)
        return;
    client->since = 0;
    g_mutex_lock(&client->lock);
    client->deadline = g_get_monotonic_time() + (gint64)(client->hub->options.timeout * G_USEC_PER_SEC);
    g_mutex_unlock(&client->lock);
}

void hub_client_disarm(HubClient *client)
{
    g_mutex_lock(&client->lock);
    client->deadline = 0;
    g_mutex_unlock(&client->lock);
}

bool hub_client_sleep(HubClient *client, double seconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)(seconds * G_USEC_PER_SEC);
    for (;;) {
        gint64 left = end - g_get_monotonic_time();
        if (client->hub->stop)
            return false;
        if (left <= 0)
            return true;
        g_usleep((gulong)MIN(left, 20000));
    }
}

bool hub_client_retry(HubClient *client, int64_t *attempt)
{
    const HubOptions *options = &client->hub->options;
    if (!client->again || client->hub->stop || client->wait > LONGEST_WISH || *attempt + 1 >= options->attempts)
        return false;
    double pause = options->retry_delay;
    for (int64_t i = 0; i < *attempt && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    ++*attempt;
    return hub_client_sleep(client, MAX(MIN(pause, LONGEST_PAUSE), client->wait));
}

static SoupSession *open_session(const HubPlace *place, GError **error)
{
    SoupSession *session =
        soup_session_new_with_options("user-agent", "hone", "timeout", 0, "max-conns-per-host", 2, NULL);
    /* Checksums and sizes are of the bytes as they are sent. */
    soup_session_remove_feature_by_type(session, SOUP_TYPE_CONTENT_DECODER);
    if (!place->roots)
        return session;
    g_autoptr(GTlsDatabase) roots = g_tls_file_database_new(place->roots, error);
    if (!roots) {
        g_prefix_error(error, "SSL_CERT_FILE: %s: ", place->roots);
        g_object_unref(session);
        return NULL;
    }
    soup_session_set_tls_database(session, roots);
    return session;
}

static gpointer work_through(gpointer data)
{
    Worker *worker = data;
    Pool *pool = worker->pool;
    HubClient *client = &worker->client;
    /* A session belongs to the thread, and to its context, that made it. */
    g_autoptr(GMainContext) context = g_main_context_new();
    g_main_context_push_thread_default(context);
    GError *error = NULL;
    client->session = open_session(&pool->hub->place, &error);
    size_t i;
    while (!error && !pool->hub->stop && (i = atomic_fetch_add(&pool->next, 1)) < pool->n) {
        bool ok = pool->work(client, pool->items[i], &error);
        hub_client_disarm(client);
        if (!ok && !error)
            break; /* stopped */
    }
    if (client->session) {
        soup_session_abort(client->session);
        g_clear_object(&client->session);
    }
    while (g_main_context_iteration(context, FALSE))
        continue;
    g_main_context_pop_thread_default(context);
    g_mutex_lock(&pool->lock);
    if (error)
        pool->hub->stop = true;
    if (error && !pool->error)
        pool->error = g_steal_pointer(&error);
    pool->running--;
    g_cond_signal(&pool->ended);
    g_mutex_unlock(&pool->lock);
    g_clear_error(&error);
    return NULL;
}

/* ---- The watch. ---- */

static void watch(Hub *hub, Worker *workers, size_t n)
{
    gint64 now = g_get_monotonic_time();
    for (size_t i = 0; i < n; i++) {
        HubClient *client = &workers[i].client;
        g_autoptr(GCancellable) over = NULL;
        g_mutex_lock(&client->lock);
        bool late = client->deadline > 0 && now > client->deadline;
        client->stalled = client->stalled || late;
        if (client->cancellable && (late || hub->stop))
            over = g_object_ref(client->cancellable);
        g_mutex_unlock(&client->lock);
        /* Whoever listens to it may want the lock. */
        if (over)
            g_cancellable_cancel(over);
    }
}

static void show(Hub *hub, gint64 *shown, uint64_t *before)
{
    gint64 now = g_get_monotonic_time();
    if (hub->total == 0 || now - *shown < SHOW_US)
        return;
    uint64_t fetched = hub->fetched;
    double seconds = (double)(now - *shown) / G_USEC_PER_SEC;
    double rate = *shown > 0 && fetched >= *before ? (double)(fetched - *before) / seconds / 1e6 : 0;
    hone_progress_step(hub->caller.progress, MIN(hub->done, hub->total), hub->total, "bytes", "MB_per_s", rate, NULL);
    *shown = now;
    *before = fetched;
}

bool hub_run(Hub *hub, void *const *items, size_t n, HubWork work, GError **error)
{
    if (n == 0)
        return true;
    Pool pool = {.hub = hub, .work = work, .items = items, .n = n};
    g_mutex_init(&pool.lock);
    g_cond_init(&pool.ended);
    size_t threads = MIN(n, (size_t)hub->options.connections);
    g_autofree Worker *workers = g_new0(Worker, threads);
    pool.running = threads;
    for (size_t i = 0; i < threads; i++) {
        workers[i].pool = &pool;
        workers[i].client.hub = hub;
        g_mutex_init(&workers[i].client.lock);
        workers[i].thread = g_thread_new("hub", work_through, &workers[i]);
    }
    gint64 tick = (gint64)(CLAMP(hub->options.timeout / 5, 0.005, 0.1) * G_USEC_PER_SEC), shown = 0;
    uint64_t before = hub->fetched;
    bool cancelled = false;
    g_mutex_lock(&pool.lock);
    while (pool.running > 0) {
        g_cond_wait_until(&pool.ended, &pool.lock, g_get_monotonic_time() + tick);
        g_mutex_unlock(&pool.lock);
        cancelled = cancelled || (hub->caller.cancelled && hub->caller.cancelled(hub->caller.data));
        if (cancelled)
            hub->stop = true;
        watch(hub, workers, threads);
        show(hub, &shown, &before);
        g_mutex_lock(&pool.lock);
    }
    g_mutex_unlock(&pool.lock);
    for (size_t i = 0; i < threads; i++) {
        g_thread_join(workers[i].thread);
        g_clear_object(&workers[i].client.cancellable);
        g_mutex_clear(&workers[i].client.lock);
    }
    g_mutex_clear(&pool.lock);
    g_cond_clear(&pool.ended);
    if (cancelled) {
        g_clear_error(&pool.error);
        g_set_error(&pool.error, HONE_ERROR, HONE_ERROR_CANCELLED, "%s: stopped; run the same command again to go on",
                    hub->name.repository);
    }
    if (pool.error)
        g_propagate_error(error, pool.error);
    return pool.error == NULL;
}
