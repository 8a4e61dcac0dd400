/* SPDX-License-Identifier: Apache-2.0
 * scores.c: SentencePiece's BPE has no list of merges: two neighbours become one token where the vocabulary has their
 * text, that of the greatest score first, leftmost first among equals. Here that becomes a table of merges: each token
 * gives one for each way of cutting it into two tokens, ranked by its score.
 */
#include "internal.h"

#include <string.h>

typedef struct Candidate {
    double score;
    int32_t left, right, id;
} Candidate;

static int compare(gconstpointer a, gconstpointer b)
{
    const Candidate *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : (x->id > y->id) - (x->id < y->id);
}

/* A token that text can become by merging. */
static bool merges(const HoneTokenizer *t, size_t i)
{
    return t->texts[i] && (t->flags[i] & TEXT_MODEL) && !(t->flags[i] & TEXT_SPECIAL);
}

/* suffixes [n]: for each byte at which a token begins that reaches the text's end, that token. */
static void find_suffixes(const TextTrie *backwards, const char *text, size_t n, int32_t *suffixes)
{
    uint32_t node = 0;
    memset(suffixes, 0xFF, n * sizeof *suffixes);
    for (size_t i = n; i-- > 0;) {
        node = text_trie_step(backwards, node, (uint8_t)text[i], &suffixes[i]);
        if (node == 0)
            return;
    }
}

static void add_cuts(const HoneTokenizer *t, int32_t id, const TextTrie *forwards, const TextTrie *backwards,
                     GArray *candidates)
{
    const char *text = t->texts[id];
    size_t n = strlen(text);
    g_autofree int32_t *suffixes = g_new(int32_t, n);
    uint32_t node = 0;
    find_suffixes(backwards, text, n, suffixes);
    for (size_t i = 0; i + 1 < n; i++) {
        Candidate c = {.score = t->scores[id], .right = suffixes[i + 1], .id = id};
        node = text_trie_step(forwards, node, (uint8_t)text[i], &c.left);
        if (node == 0)
            return;
        if (c.left >= 0 && c.right >= 0)
            g_array_append_val(candidates, c);
    }
}

static void add_reversed(TextTrie *trie, const char *text, int32_t id)
{
    size_t n = strlen(text);
    g_autofree char *reversed = g_malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        reversed[i] = text[n - 1 - i];
    text_trie_add(trie, reversed, n, id);
}

void text_merges_from_scores(HoneTokenizer *t)
{
    TextTrie *forwards = text_trie_new(), *backwards = text_trie_new();
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
    for (size_t i = 0; i < t->size; i++)
        if (merges(t, i)) {
            text_trie_add(forwards, t->texts[i], strlen(t->texts[i]), (int32_t)i);
            add_reversed(backwards, t->texts[i], (int32_t)i);
        }
    for (size_t i = 0; i < t->size; i++)
        if (merges(t, i))
            add_cuts(t, (int32_t)i, forwards, backwards, candidates);
    g_array_sort(candidates, compare);
    text_merges_init(&t->merges, candidates->len);
    uint32_t rank = 0;
    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *c = &g_array_index(candidates, Candidate, i);
        rank += i > 0 && c->score != (c - 1)->score;
        text_merges_add(&t->merges, c->left, c->right, rank, c->id);
    }
    text_trie_free(forwards);
    text_trie_free(backwards);
}
