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

const TextMerge *text_merges_find(const TextMerges *merges, int32_t left, int32_t right)
{
    const TextMerge *place = find_place(merges, left, right);
    return place->pair == UINT64_MAX ? NULL : place;
}

static uint32_t rank_of(const TextMerges *merges, int32_t left, int32_t right)
{
    return find_place(merges, left, right)->rank; /* all ones in a free place: NO_RANK */
}

/* n <= SHORT_WORD symbols. */
static size_t merge_short(const TextMerges *merges, TextSymbol *symbols, size_t n)
{
    uint32_t ranks[SHORT_WORD];
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(merges, symbols[i].id, symbols[i + 1].id);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == NO_RANK)
            break;
        symbols[best].id = find_place(merges, symbols[best].id, symbols[best + 1].id)->id;
        n--;
        for (size_t i = best + 1; i < n; i++)
            symbols[i] = symbols[i + 1];
        for (size_t i = best + 1; i + 1 < n; i++)
            ranks[i] = ranks[i + 1];
        if (best + 1 < n)
            ranks[best] = rank_of(merges, symbols[best].id, symbols[best + 1].id);
        if (best > 0)
            ranks[best - 1] = rank_of(merges, symbols[best - 1].id, symbols[best].id);
    }
    return n;
}

/* ---- Long words: a list of symbols and a heap of the pairs that may merge, n log n. ---- */

#define NONE UINT32_MAX

typedef struct Link {
    uint32_t previous, next;
} Link;

typedef struct LongWord {
    const TextMerges *merges;
    TextSymbol *symbols; /* id -1: merged into the one before */
    Link *links;
    GArray *heap; /* uint64_t */
} LongWord;

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

static void consider(const LongWord *word, uint32_t at)
{
    if (at == NONE || word->links[at].next == NONE)
        return;
    uint32_t rank = rank_of(word->merges, word->symbols[at].id, word->symbols[word->links[at].next].id);
    if (rank != NO_RANK)
        heap_push(word->heap, CANDIDATE(rank, at));
}

static void merge_best(const LongWord *word)
{
    uint64_t best = heap_pop(word->heap);
    uint32_t index = (uint32_t)best;
    TextSymbol *left = &word->symbols[index];
    Link *link = &word->links[index];
    if (left->id < 0 || link->next == NONE)
        return;
    /* Another rank here means that the pair has changed since. */
    const TextMerge *merge = find_place(word->merges, left->id, word->symbols[link->next].id);
    if (merge->rank != best >> 32)
        return;
    left->id = merge->id;
    word->symbols[link->next].id = -1;
    link->next = word->links[link->next].next;
    if (link->next != NONE)
        word->links[link->next].previous = index;
    consider(word, link->previous);
    consider(word, index);
}

static size_t merge_long(const TextMerges *merges, TextSymbol *symbols, uint32_t n)
{
    g_autofree Link *links = g_new(Link, n);
    g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    LongWord word = {merges, symbols, links, heap};
    for (uint32_t i = 0; i < n; i++)
        links[i] = (Link){i > 0 ? i - 1 : NONE, i + 1 < n ? i + 1 : NONE};
    for (uint32_t i = 0; i < n; i++)
        consider(&word, i);
    while (heap->len > 0)
        merge_best(&word);
    size_t left = 0;
    for (uint32_t i = 0; i < n; i++)
        if (symbols[i].id >= 0)
            symbols[left++] = symbols[i];
    return left;
}

size_t text_merge_symbols(const TextMerges *merges, TextSymbol *symbols, size_t n)
{
    g_assert(n < NONE); /* an array of ids could not hold more */
    return n <= SHORT_WORD ? merge_short(merges, symbols, n) : merge_long(merges, symbols, (uint32_t)n);
}

void text_output_add(TextOutput *output, int32_t id, size_t start)
{
    g_array_append_val(output->ids, id);
    if (output->starts)
        g_array_append_val(output->starts, start);
}
