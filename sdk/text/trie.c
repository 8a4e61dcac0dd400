/* SPDX-License-Identifier: Apache-2.0
 * trie.c: texts by their bytes. Edges are in one hash table, keyed by node and byte; the root's in an array.
 */
#include "internal.h"

#include <string.h>

typedef struct Edge {
    uint64_t key;  /* node << 8 | byte; UINT64_MAX: free place */
    uint32_t node; /* where it leads; never 0 */
    int32_t value; /* of the text that ends there, or -1 */
} Edge;

struct TextTrie {
    Edge *table;
    unsigned bits;
    size_t n;
    uint32_t nodes;
    Edge root[256];
};

static void make_table(TextTrie *trie, unsigned bits)
{
    trie->bits = bits;
    trie->table = g_new(Edge, (size_t)1 << bits);
    memset(trie->table, 0xFF, sizeof(Edge) << bits);
}

TextTrie *text_trie_new(void)
{
    TextTrie *trie = g_new0(TextTrie, 1);
    for (unsigned b = 0; b < 256; b++)
        trie->root[b].value = -1;
    trie->nodes = 1;
    make_table(trie, 8);
    return trie;
}

void text_trie_free(TextTrie *trie)
{
    if (!trie)
        return;
    g_free(trie->table);
    g_free(trie);
}

static Edge *find_place(const TextTrie *trie, uint64_t key)
{
    size_t mask = ((size_t)1 << trie->bits) - 1;
    size_t i = (size_t)((key * 0x9E3779B97F4A7C15u) >> (64 - trie->bits));
    while (trie->table[i].key != key && trie->table[i].key != UINT64_MAX)
        i = (i + 1) & mask;
    return &trie->table[i];
}

static void grow(TextTrie *trie)
{
    Edge *old = trie->table;
    size_t places = (size_t)1 << trie->bits;
    make_table(trie, trie->bits + 1);
    for (size_t i = 0; i < places; i++)
        if (old[i].key != UINT64_MAX)
            *find_place(trie, old[i].key) = old[i];
    g_free(old);
}

/* The edge from a node, made where there is none. */
static Edge *edge_at(TextTrie *trie, uint32_t node, uint8_t byte)
{
    if (node == 0) {
        Edge *edge = &trie->root[byte];
        if (edge->node == 0)
            edge->node = trie->nodes++;
        return edge;
    }
    if (2 * (trie->n + 1) > (size_t)1 << trie->bits)
        grow(trie);
    Edge *edge = find_place(trie, (uint64_t)node << 8 | byte);
    if (edge->key == UINT64_MAX) {
        *edge = (Edge){(uint64_t)node << 8 | byte, trie->nodes++, -1};
        trie->n++;
    }
    return edge;
}

bool text_trie_add(TextTrie *trie, const char *text, size_t length, int32_t value)
{
    uint32_t node = 0;
    Edge *edge = NULL;
    for (size_t i = 0; i < length; i++) {
        edge = edge_at(trie, node, (uint8_t)text[i]);
        node = edge->node;
    }
    if (!edge || edge->value >= 0)
        return false;
    edge->value = value;
    return true;
}

uint32_t text_trie_step(const TextTrie *trie, uint32_t node, uint8_t byte, int32_t *value)
{
    const Edge *edge = node == 0 ? &trie->root[byte] : find_place(trie, (uint64_t)node << 8 | byte);
    *value = edge->value;
    return edge->node == UINT32_MAX ? 0 : edge->node;
}
