/* SPDX-License-Identifier: Apache-2.0
 * merge.c: byte-pair encoding of one word: the neighbours of lowest rank become one token, leftmost first, until none
 * has a rank (Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016).
 */
#include "internal.h"

#include <string.h>

#define NO_RANK UINT32_MAX
#define SHORT_WORD 32 /* up to here a scan over an array beats a heap */

void text_merges_init(TextMerges *merges, size_t n)
{
    merges->bits = 4;
    while (((size_t)1 << merges->bits) < n * 2)
        merges->bits++;
    size_t places = (size_t)1 << merges->bits;
    merges->table = g_new(TextMerge, places);
    memset(merges->table, 0xFF, places * sizeof(TextMerge));
}

void text_merges_clear(TextMerges *merges)
{
    g_clear_pointer(&merges->table, g_free);
}

static TextMerge *find_place(const TextMerges *merges, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = ((size_t)1 << merges->bits) - 1;
    size_t i = (size_t)((pair * 0x9E3779B97F4A7C15u) >> (64 - merges->bits));
    while (merges->table[i].pair != pair && merges->table[i].pair != UINT64_MAX)
        i = (i + 1) & mask;
    return &merges->table[i];
}

bool text_merges_add(TextMerges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id)
{
    TextMerge *place = find_place(merges, left, right);
    if (place->pair != UINT64_MAX)
        return false;
    *place = (TextMerge){(uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, id};
    return true;
}

static uint32_t rank_of(const TextMerges *merges, int32_t left, int32_t right)
{
    return find_place(merges, left, right)->rank; /* all ones in a free place: NO_RANK */
}

static void put(TextOutput *output, int32_t id, size_t start)
{
    g_array_append_val(output->ids, id);
    if (output->starts)
        g_array_append_val(output->starts, start);
}

/* n <= SHORT_WORD symbols, ids and starts in place. */
static void merge_short(const TextMerges *merges, int32_t *ids, size_t *starts, size_t n, TextOutput *output)
{
    uint32_t ranks[SHORT_WORD];
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(merges, ids[i], ids[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = find_place(merges, ids[best], ids[best + 1])->id;
        n--;
        for (size_t i = best + 1; i < n; i++) {
            ids[i] = ids[i + 1];
            starts[i] = starts[i + 1];
        }
        for (size_t i = best + 1; i + 1 < n; i++)
            ranks[i] = ranks[i + 1];
        if (best + 1 < n)
            ranks[best] = rank_of(merges, ids[best], ids[best + 1]);
        if (best > 0)
            ranks[best - 1] = rank_of(merges, ids[best - 1], ids[best]);
    }
    for (size_t i = 0; i < n; i++)
        put(output, ids[i], starts[i]);
}

/* ---- Long words: a list of symbols and a heap of the pairs that may merge, n log n. ---- */

#define NONE UINT32_MAX

typedef struct Symbol {
    int32_t id; /* -1: merged into the one before */
    uint32_t start, previous, next;
} Symbol;

/* A pair that may merge: its rank, then the index of its left symbol, so that the least number comes first. */
#define CANDIDATE(rank, at) ((uint64_t)(rank) << 32 | (at))

static void heap_push(GArray *heap, uint64_t candidate)
{
    g_array_append_val(heap, candidate);
    uint64_t *c = (uint64_t *)(void *)heap->data;
    size_t i = heap->len - 1;
    while (i > 0 && candidate < c[(i - 1) / 2]) {
        c[i] = c[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    c[i] = candidate;
}

static uint64_t heap_pop(GArray *heap)
{
    uint64_t *c = (uint64_t *)(void *)heap->data;
    uint64_t top = c[0], last = c[heap->len - 1];
    g_array_set_size(heap, heap->len - 1);
    size_t n = heap->len, i = 0;
    while (2 * i + 1 < n) {
        size_t child = 2 * i + 1;
        child += child + 1 < n && c[child + 1] < c[child];
        if (c[child] >= last)
            break;
        c[i] = c[child];
        i = child;
    }
    if (n > 0)
        c[i] = last;
    return top;
}

static void consider(const TextMerges *merges, const Symbol *symbols, uint32_t at, GArray *heap)
{
    if (at == NONE || symbols[at].next == NONE)
        return;
    uint32_t rank = rank_of(merges, symbols[at].id, symbols[symbols[at].next].id);
    if (rank != NO_RANK)
        heap_push(heap, CANDIDATE(rank, at));
}

static void merge_long(const TextMerges *merges, Symbol *symbols, uint32_t n, size_t at, TextOutput *output)
{
    g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (uint32_t i = 0; i < n; i++) {
        symbols[i].previous = i > 0 ? i - 1 : NONE;
        symbols[i].next = i + 1 < n ? i + 1 : NONE;
    }
    for (uint32_t i = 0; i < n; i++)
        consider(merges, symbols, i, heap);
    while (heap->len > 0) {
        uint64_t best = heap_pop(heap);
        uint32_t index = (uint32_t)best;
        Symbol *left = &symbols[index];
        if (left->id < 0 || left->next == NONE)
            continue;
        /* A rank belongs to one pair: another rank here means that the pair has changed since. */
        const TextMerge *merge = find_place(merges, left->id, symbols[left->next].id);
        if (merge->rank != best >> 32)
            continue;
        Symbol *right = &symbols[left->next];
        left->id = merge->id;
        right->id = -1;
        left->next = right->next;
        if (left->next != NONE)
            symbols[left->next].previous = index;
        consider(merges, symbols, left->previous, heap);
        consider(merges, symbols, index, heap);
    }
    for (uint32_t i = 0; i < n; i++)
        if (symbols[i].id >= 0)
            put(output, symbols[i].id, at + symbols[i].start);
}

/* A word that is a token of its own. */
static int32_t find_word(const HoneTokenizer *tokenizer, const char *word, size_t length)
{
    g_autoptr(GString) text = g_string_sized_new(length * 2);
    for (size_t i = 0; i < length; i++)
        g_string_append_unichar(text, text_byte_to_char((uint8_t)word[i]));
    int32_t id = hone_tokenizer_id(tokenizer, text->str);
    return id >= 0 && (tokenizer->flags[id] & TEXT_ADDED) ? -1 : id;
}

void text_merge_word(const HoneTokenizer *tokenizer, const char *word, size_t length, size_t at, TextOutput *output)
{
    if (length > 1 && text_splitter_keeps_words(tokenizer->splitter)) {
        int32_t whole = find_word(tokenizer, word, length);
        if (whole >= 0) {
            put(output, whole, at);
            return;
        }
    }
    size_t n = 0;
    if (length <= SHORT_WORD) {
        int32_t ids[SHORT_WORD];
        size_t starts[SHORT_WORD];
        for (size_t i = 0; i < length; i++) {
            int32_t id = tokenizer->byte_id[(uint8_t)word[i]];
            if (id >= 0) {
                ids[n] = id;
                starts[n++] = at + i;
            }
        }
        merge_short(&tokenizer->merges, ids, starts, n, output);
        return;
    }
    g_assert(length < NONE); /* an array of ids could not hold more */
    g_autofree Symbol *symbols = g_new(Symbol, length);
    for (size_t i = 0; i < length; i++) {
        int32_t id = tokenizer->byte_id[(uint8_t)word[i]];
        if (id >= 0)
            symbols[n++] = (Symbol){.id = id, .start = (uint32_t)i};
    }
    merge_long(&tokenizer->merges, symbols, (uint32_t)n, at, output);
}
