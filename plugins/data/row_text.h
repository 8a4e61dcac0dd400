/* SPDX-License-Identifier: Apache-2.0
 * row_text.h: what of a row is the question, what the answer, and when two texts count as the same. Shared by the
 * stages of this folder.
 */
#ifndef ROW_TEXT_H
#define ROW_TEXT_H

#include <hone/dataset.h>

/* The turns before the last assistant message (all turns where there is none), one a line, without the system's: rows
 * that differ in the system message alone ask the same. Caller frees. */
char *row_prompt(const HoneRow *row);
/* The last assistant message's content; of a document, its text; of preferences, the chosen one's, or that of the only
 * one. NULL where there is none. */
const char *row_answer(const HoneRow *row);
/* Letters, digits and marks of the text in compatibility form and folded case, all else as single spaces: equal for
 * texts that differ in case, punctuation, width or white space only. Caller frees. */
char *text_normal(const char *text);
/* 64 bits of its SHA-256: nobody can make two texts collide on purpose. */
uint64_t text_hash(const char *text);
/* What makes two rows the same question: the normal form of the prompt; of the answer where there is no prompt. Of
 * texts without a letter or digit, the text itself. Caller frees. */
char *row_question_key(const HoneRow *row);
/* A field of a row as text: a column kept in extra, or, named "answer.NAME", a member of the answer when that is a JSON
 * object. NULL where it is not there. Caller frees. */
char *row_field(const HoneRow *row, const char *name);

#endif
