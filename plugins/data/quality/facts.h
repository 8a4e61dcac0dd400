/* SPDX-License-Identifier: Apache-2.0
 * facts.h: what the checks need to know of a row, without its whole text, so that a large dataset fits in memory.
 */
#ifndef QUALITY_FACTS_H
#define QUALITY_FACTS_H

#include "../row_text.h"

#define FACTS_ENDS 256      /* bytes kept of a prompt's beginning and end */
#define FACTS_ANSWER 1024   /* bytes up to which an answer is kept whole */
#define FACTS_SHINGLES 256u /* smallest hashes kept of a row's word triples */

typedef enum {
    ENCODING_FINE = 0,
    ENCODING_REPLACED, /* U+FFFD: bytes were lost when the text was read */
    ENCODING_MOJIBAKE, /* UTF-8 that was read as Latin-1 or Windows-1252 */
    ENCODING_CONTROL,  /* control characters that no text holds */
} Encoding;

typedef struct Facts {
    char *id;
    char *prompt_head, *prompt_tail; /* at most FACTS_ENDS bytes each, cut at characters */
    char *answer;                    /* NULL where there is none, or it is longer than FACTS_ANSWER */
    char *json_keys;    /* "category, urgency" in the order of bytes; NULL where the answer is no JSON object */
    uint64_t whole;     /* of all messages, roles included */
    uint64_t question;  /* of row_question_key */
    uint64_t reply;     /* of the answer: as JSON value where it is one, else in normal form */
    uint64_t numbers;   /* of the words that hold a digit, in order */
    uint32_t *shingles; /* [n_shingles] ascending: a bottom-k sketch of the row's word triples */
    uint32_t n_shingles;
    size_t prompt_words, answer_words, prompt_bytes, answer_bytes;
    Encoding encoding;
    bool empty; /* no assistant turn, or nothing in it but white space */
    bool equal; /* chosen and rejected say the same */
    bool dropped;
} Facts;

Facts *facts_new(const HoneRow *row);
void facts_free(Facts *facts);
/* Share of triples that two rows have in common (Jaccard), exact for rows of up to FACTS_SHINGLES different ones. */
double facts_similarity(const Facts *a, const Facts *b);
Encoding text_encoding(const char *text);

#endif
