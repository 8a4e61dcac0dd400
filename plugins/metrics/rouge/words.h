/* SPDX-License-Identifier: Apache-2.0
 * words.h: text to the words that ROUGE counts.
 */
#ifndef HONE_METRICS_WORDS_H
#define HONE_METRICS_WORDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Gives each distinct word a number, so that words are compared as integers. */
typedef struct Vocabulary Vocabulary;
Vocabulary *vocabulary_new(bool stem);
void vocabulary_free(Vocabulary *vocabulary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vocabulary, vocabulary_free)

/* The words of text [length] bytes, in order: uint32_t numbers. Caller unrefs. */
GArray *vocabulary_words(Vocabulary *vocabulary, const char *text, size_t length);
/* How many distinct words there are; all numbers are below it. */
uint32_t vocabulary_size(const Vocabulary *vocabulary);

#endif
