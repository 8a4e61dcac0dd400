/* SPDX-License-Identifier: Apache-2.0
 * generate.c: completes prompts in rows that share a key/value cache; a row that ends gives its slot to the next
 * prompt.
 *
 * New prompts are read packed, then every row in work advances by one token a step. Tokens are chosen on the host, from
 * the rows' logits.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

#define PREFILL_TOKENS 2048 /* prompts read at once, but one of any length */

typedef struct Row {
    size_t index, slot, prompt; /* of the prompt; in the cache; tokens of the prompt */
    GArray *history;            /* int32_t: prompt and output */
    GString *text;
    size_t sent; /* bytes given to the callback */
    HoneTokenStream *stream;
} Row;

typedef struct Generator {
    HoneModel *model;
    const HoneSampling *sampling;
    HonePieceFunc piece;
    void *data;
    HoneCompletion **out;
    Cache cache;
    Sampler *sampler;
    float *logits;   /* [slots,V] */
    GPtrArray *rows; /* of Row *, in work */
    bool *taken;     /* [slots] */
    bool stopped;    /* the callback said so */
} Generator;

void hone_completion_free(HoneCompletion *completion)
{
    if (completion == NULL)
        return;
    g_free(completion->text);
    if (completion->ids != NULL)
        g_array_unref(completion->ids);
    g_free(completion);
}

static void row_free(void *pointer)
{
    Row *row = pointer;
    g_array_unref(row->history);
    g_string_free(row->text, TRUE);
    hone_token_stream_free(row->stream);
    g_free(row);
}

static HoneCompletion *completion_new(const int32_t *ids, size_t n, char *text, bool finished, int32_t end)
{
    HoneCompletion *completion = g_new0(HoneCompletion, 1);
    completion->ids = g_array_sized_new(FALSE, FALSE, sizeof(int32_t), (guint)n);
    if (n > 0)
        g_array_append_vals(completion->ids, ids, (guint)n);
    completion->text = text;
    completion->finished = finished;
    completion->end = end;
    return completion;
}

/* ---- Text and stop strings. ---- */

/* Where the first stop string begins in text, looking from `from`; -1: nowhere. */
static gssize find_stop(const char *text, size_t from, const char *const *stop)
{
    gssize first = -1;
    for (; stop != NULL && *stop != NULL; stop++) {
        const char *at = strstr(text + from, *stop);
        if (at != NULL && (first < 0 || at - text < first))
            first = at - text;
    }
    return first;
}

/* Bytes at the end of text that may be the beginning of a stop string. */
static size_t held_back(const GString *text, const char *const *stop)
{
    size_t held = 0;
    for (; stop != NULL && *stop != NULL; stop++) {
        size_t n = MIN(strlen(*stop), text->len + 1) - 1;
        for (; n > held; n--)
            if (memcmp(text->str + text->len - n, *stop, n) == 0)
                held = n;
    }
    return held;
}

static void send(Generator *g, Row *row, size_t end)
{
    if (end <= row->sent)
        return;
    if (g->piece != NULL && !g->stopped) {
        g_autofree char *piece = g_strndup(row->text->str + row->sent, end - row->sent);
        if (!g->piece(row->index, piece, g->data))
            g->stopped = true;
    }
    row->sent = end;
}

/* Takes new bytes of a row's text; true when a stop string ended it (and was cut off). */
static bool take_text(Generator *g, Row *row, const char *bytes)
{
    const char *const *stop = g->sampling->stop;
    size_t longest = 1;
    for (const char *const *s = stop; s != NULL && *s != NULL; s++)
        longest = MAX(longest, strlen(*s));
    size_t from = row->text->len - MIN(row->text->len, longest - 1);
    g_string_append(row->text, bytes);
    gssize at = find_stop(row->text->str, from, stop);
    if (at >= 0)
        g_string_truncate(row->text, (gsize)at);
    send(g, row, at >= 0 ? (size_t)at : row->text->len - held_back(row->text, stop));
    return at >= 0;
}

/* ---- Rows. ---- */

/* end: the ending token that came, or -1. */
static void finish(Generator *g, Row *row, int32_t end, bool stopped_by_text)
{
    if (!stopped_by_text)
        stopped_by_text = take_text(g, row, hone_token_stream_finish(row->stream));
    send(g, row, row->text->len);
    const int32_t *ids = (const int32_t *)(void *)row->history->data + row->prompt;
    g->out[row->index] = completion_new(ids, row->history->len - row->prompt, g_strdup(row->text->str),
                                        end >= 0 || stopped_by_text, end);
    g->taken[row->slot] = false;
    g_ptr_array_remove_fast(g->rows, row);
}

/* Chooses a row's next token from its logits. The row is gone afterwards when that ended it. */
static bool advance(Generator *g, Row *row, float *logits, GError **error)
{
    const HoneTokenizer *tokenizer = g->model->tokenizer;
    int32_t id = sampler_next(g->sampler, logits, (const int32_t *)(void *)row->history->data, row->history->len,
                              row->index, row->history->len);
    if (id < 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_DIVERGED,
                    "No logit is a finite number after %u tokens of prompt %zu: the model or its adapter is broken.",
                    row->history->len, row->index);
        return false;
    }
    if (hone_tokenizer_ends(tokenizer, id)) {
        finish(g, row, id, false);
        return true;
    }
    g_array_append_val(row->history, id);
    bool stop = take_text(g, row, hone_token_stream_feed(row->stream, id));
    size_t made = row->history->len - row->prompt;
    if (stop || made >= g->sampling->max_tokens || row->history->len >= g->model->config.context)
        finish(g, row, -1, stop);
    return true;
}

/* Runs a pass and lets each of its rows choose a token; rows [n] in the order of the batch's targets. */
static bool step(Generator *g, PassKind kind, const HoneBatch *batch, const CacheUse *use, Row *const *rows,
                 GError **error)
{
    HoneForward options = {.size = sizeof(options)};
    g_autoptr(Pass) p = pass_new(g->model, kind, batch, &options, use, error);
    if (p == NULL)
        return false;
    layers_forward(p);
    if (!head_logits(p, g->logits, error))
        return false;
    for (size_t i = 0; i < batch->n_targets; i++)
        if (!advance(g, rows[i], g->logits + i * g->model->config.vocab, error))
            return false;
    return true;
}

/* Reads the whole of some rows into their slots. */
static bool read_rows(Generator *g, Row *const *rows, size_t count, GError **error)
{
    size_t tokens = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        tokens += rows[i]->history->len;
    g_autofree int32_t *ids = g_new(int32_t, tokens), *cache_rows = g_new(int32_t, tokens);
    g_autofree int32_t *starts = g_new0(int32_t, count + 1), *last = g_new(int32_t, count);
    for (size_t i = 0; i < count; i++) {
        const GArray *history = rows[i]->history;
        memcpy(ids + at, history->data, history->len * sizeof(int32_t));
        for (size_t t = 0; t < history->len; t++)
            cache_rows[at + t] = (int32_t)(rows[i]->slot * g->cache.positions + t);
        at += history->len;
        starts[i + 1] = (int32_t)at;
        last[i] = (int32_t)at - 1;
    }
    HoneBatch batch = {.size = sizeof(batch),
                       .n_tokens = tokens,
                       .ids = ids,
                       .n_sequences = count,
                       .starts = starts,
                       .n_targets = count,
                       .target_rows = last};
    CacheUse use = {.cache = &g->cache, .rows = cache_rows};
    return step(g, PASS_PACKED, &batch, &use, rows, error);
}

/* Reads prompts [first, first + count) into free slots. */
static bool prefill(Generator *g, GArray *const *prompts, size_t first, size_t count, GError **error)
{
    size_t slot = 0;
    g_autofree Row **rows = g_new(Row *, count);
    for (size_t i = 0; i < count; i++) {
        const GArray *prompt = prompts[first + i];
        while (g->taken[slot])
            slot++;
        g->taken[slot] = true;
        Row *row = rows[i] = g_new0(Row, 1);
        row->index = first + i;
        row->slot = slot;
        row->prompt = prompt->len;
        row->history = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_array_append_vals(row->history, prompt->data, prompt->len);
        row->text = g_string_new(NULL);
        row->stream = hone_token_stream_new(g->model->tokenizer);
        g_ptr_array_add(g->rows, row);
    }
    return read_rows(g, rows, count, error);
}

/* One more token for each of n rows. */
static bool decode(Generator *g, Row *const *rows, size_t n, GError **error)
{
    g_autofree int32_t *memory = g_new(int32_t, 7 * n + 1);
    int32_t *ids = memory, *positions = ids + n, *cache_rows = positions + n, *slots = cache_rows + n;
    int32_t *lengths = slots + n, *targets = lengths + n, *starts = targets + n;
    for (size_t i = 0; i < n; i++) {
        const Row *row = rows[i];
        ids[i] = g_array_index(row->history, int32_t, row->history->len - 1);
        positions[i] = (int32_t)row->history->len - 1;
        cache_rows[i] = (int32_t)(row->slot * g->cache.positions) + positions[i];
        slots[i] = (int32_t)row->slot;
        lengths[i] = (int32_t)row->history->len;
        targets[i] = starts[i] = (int32_t)i;
    }
    starts[n] = (int32_t)n;
    HoneBatch batch = {.size = sizeof(batch),
                       .n_tokens = n,
                       .ids = ids,
                       .positions = positions,
                       .n_sequences = n,
                       .starts = starts,
                       .n_targets = n,
                       .target_rows = targets};
    CacheUse use = {.cache = &g->cache, .rows = cache_rows, .slots = slots, .lengths = lengths};
    return step(g, PASS_CACHED, &batch, &use, rows, error);
}

/* The length up to which a longrope model turns by its short factors, or 0. */
static size_t short_length(const HoneModel *m)
{
    for (size_t i = 0; i < m->n_ropes; i++)
        if (m->ropes[i].kind == ROPE_LONGROPE && m->ropes[i].long_factor != NULL)
            return m->ropes[i].original_context;
    return 0;
}

/* One more token for each row in work. A row that outgrows the short factors is read anew: its keys in the cache were
 * turned by them, and none of the long ones' sequences was. */
static bool advance_all(Generator *g, GError **error)
{
    size_t n = 0, total = g->rows->len, limit = short_length(g->model);
    g_autofree Row **rows = g_memdup2(g->rows->pdata, total * sizeof(Row *));
    for (size_t i = 0; i < total; i++) {
        if (limit == 0 || rows[i]->history->len != limit + 1)
            rows[n++] = rows[i];
        else if (!read_rows(g, &rows[i], 1, error))
            return false;
    }
    return n == 0 || decode(g, rows, n, error);
}

/* ---- All prompts. ---- */

static bool check(const HoneModel *m, GArray *const *prompts, size_t n, const HoneSampling *s, GError **error)
{
    if (!(s->temperature == 0 || (s->temperature >= 0.001 && s->temperature <= 1000)) ||
        !(s->top_p > 0 && s->top_p <= 1) || !(s->repetition_penalty > 0 && s->repetition_penalty <= 1000) ||
        s->max_tokens < 1) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "Sampling with temperature %g, top_p %g, repetition penalty %g, %u tokens is not possible: the "
                    "temperature is 0 or from 0.001 to 1000, top_p above 0 and at most 1, the penalty above 0 and at "
                    "most 1000, and there is at least one token.",
                    s->temperature, s->top_p, s->repetition_penalty, s->max_tokens);
        return false;
    }
    for (const char *const *stop = s->stop; stop != NULL && *stop != NULL; stop++) {
        if (**stop == '\0') {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "An empty stop string would end every text at once.");
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (prompts[i]->len < 1 || prompts[i]->len >= m->config.context) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "Prompt %zu has %u tokens; the model's context of %zu holds 1 to %zu and an answer. Shorten it "
                        "or leave it out.",
                        i, prompts[i]->len, m->config.context, m->config.context - 1);
            return false;
        }
    }
    return true;
}

static bool run(Generator *g, GArray *const *prompts, size_t n, GError **error)
{
    size_t next = 0;
    while (!g->stopped && (next < n || g->rows->len > 0)) {
        size_t room = g->cache.slots - g->rows->len, count = 0, tokens = 0;
        while (count < room && next + count < n) {
            tokens += prompts[next + count]->len;
            if (count > 0 && tokens > PREFILL_TOKENS)
                break;
            count++;
        }
        if (count > 0) {
            if (!prefill(g, prompts, next, count, error))
                return false;
            next += count;
        } else if (!advance_all(g, error))
            return false;
    }
    while (g->rows->len > 0) /* stopped by the callback */
        finish(g, g->rows->pdata[0], -1, false);
    for (; next < n; next++)
        g->out[next] = completion_new(NULL, 0, g_strdup(""), false, -1);
    return true;
}

bool hone_model_generate(HoneModel *m, GArray *const *prompts, size_t n, size_t batch, const HoneSampling *sampling,
                         HonePieceFunc piece, void *data, HoneCompletion **out, GError **error)
{
    g_return_val_if_fail(m != NULL && (n == 0 || (prompts != NULL && out != NULL)) && sampling != NULL, false);
    g_return_val_if_fail(batch > 0, false);
    if (n == 0)
        return true;
    if (!check(m, prompts, n, sampling, error))
        return false;
    memset(out, 0, n * sizeof(*out));
    size_t positions = 0, slots = MIN(batch, n);
    for (size_t i = 0; i < n; i++)
        positions = MAX(positions, MIN(prompts[i]->len + (size_t)sampling->max_tokens, m->config.context));
    if (slots > INT32_MAX / positions) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY,
                    "A cache of %zu rows of %zu tokens is too large; lower the batch or the number of new tokens.",
                    slots, positions);
        return false;
    }

    Generator g = {.model = m, .sampling = sampling, .piece = piece, .data = data, .out = out};
    bool ok = cache_init(&g.cache, m, slots, positions, error);
    if (ok) {
        g.sampler = sampler_new(sampling, hone_tokenizer_size(m->tokenizer));
        g.logits = g_new(float, slots * m->config.vocab);
        g.taken = g_new0(bool, slots);
        g.rows = g_ptr_array_new_with_free_func(row_free);
        ok = run(&g, prompts, n, error);
        g_ptr_array_unref(g.rows);
        g_free(g.taken);
        g_free(g.logits);
        sampler_free(g.sampler);
        cache_clear(&g.cache, m);
    }
    for (size_t i = 0; !ok && i < n; i++)
        g_clear_pointer(&out[i], hone_completion_free);
    return ok;
}
