/* SPDX-License-Identifier: Apache-2.0
 * words.c: Google's rouge-score tokenizer: lower case, then words are the runs of [a-z0-9]; everything else, every
 * letter outside ASCII included, separates them. So "café" is the word "caf", and a text in Greek has no words: ROUGE
 * as published is for English.
 */
#include "words.h"
#include "porter.h"
#include <string.h>

struct Vocabulary {
    bool stem;
    GHashTable *numbers; /* word -> number */
};

Vocabulary *vocabulary_new(bool stem)
{
    Vocabulary *vocabulary = g_new0(Vocabulary, 1);

    vocabulary->stem = stem;
    vocabulary->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return vocabulary;
}

void vocabulary_free(Vocabulary *vocabulary)
{
    if (vocabulary) {
        g_hash_table_unref(vocabulary->numbers);
        g_free(vocabulary);
    }
}

uint32_t vocabulary_size(const Vocabulary *vocabulary)
{
    return g_hash_table_size(vocabulary->numbers);
}

/* The lower-case ASCII letter or digit at text, or 0. *length: the bytes it takes. */
static char word_character(const char *text, size_t left, size_t *length)
{
    *length = 1;
    if (g_ascii_isalnum(text[0])) {
        return g_ascii_tolower(text[0]);
    }
    /* Unicode's lower case of two other characters begins with an ASCII letter: the Kelvin sign's is "k", that of the
     * capital I with a dot above is "i" and a combining dot. */
    if (left >= 3 && memcmp(text, "\xE2\x84\xAA", 3) == 0) {
        *length = 3;
        return 'k';
    }
    if (left >= 2 && memcmp(text, "\xC4\xB0", 2) == 0) {
        *length = 2;
        return 'i';
    }
    return 0;
}

static void finish_word(Vocabulary *vocabulary, GString *word, GArray *words)
{
    void *known;
    uint32_t number;

    if (word->len == 0) {
        return;
    }
    if (vocabulary->stem && word->len > 3) { /* as rouge-score: shorter words are left alone */
        porter_stem(word);
    }
    if (g_hash_table_lookup_extended(vocabulary->numbers, word->str, NULL, &known)) {
        number = GPOINTER_TO_UINT(known);
    } else {
        number = vocabulary_size(vocabulary);
        g_hash_table_insert(vocabulary->numbers, g_strdup(word->str), GUINT_TO_POINTER(number));
    }
    g_array_append_val(words, number);
    g_string_truncate(word, 0);
}

GArray *vocabulary_words(Vocabulary *vocabulary, const char *text, size_t length)
{
    GArray *words = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autoptr(GString) word = g_string_new(NULL);

    for (size_t i = 0, step; i < length; i += step) {
        char c = word_character(text + i, length - i, &step);

        if (c) {
            g_string_append_c(word, c);
        }
        /* The combining dot that follows a lowered capital I separates like any other character. */
        if (!c || step == 2) {
            finish_word(vocabulary, word, words);
        }
    }
    finish_word(vocabulary, word, words);
    return words;
}
