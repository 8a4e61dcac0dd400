/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of sdk/text share: the tokenizer's tables and the steps of encoding.
 *
 * Text goes through: special tokens cut out (tokenizer.c), words by a regular expression (split.c), each word's bytes
 * joined by the merges (merge.c).
 */
#ifndef HONE_TEXT_INTERNAL_H
#define HONE_TEXT_INTERNAL_H

#include <hone/tokenizer.h>

/* ---- utf8.c ---- */

/* Bytes of well-formed UTF-8 at the start of text (NUL is a character like any other); 0 where the first byte is
 * broken. */
size_t text_valid_prefix(const char *text, size_t length);
/* Bytes at the start of text that can only be replaced as one U+FFFD (the Unicode standard's maximal subpart), or 0
 * where the text may yet become a character by more bytes. For text whose first character is not well-formed. */
size_t text_broken_prefix(const char *text, size_t length);
/* GPT-2's printable stand-in for each byte: the character of a byte, and the byte of a character or -1. */
gunichar text_byte_to_char(uint8_t byte);
int text_char_to_byte(gunichar c);

/* ---- split.c ---- */

typedef struct TextSplitter TextSplitter;
typedef void (*TextWordFunc)(const char *word, size_t length, void *data);

/* Which words a model sees, by tokenizer.ggml.pre. */
TextSplitter *text_splitter_new(const char *pre, GError **error);
void text_splitter_free(TextSplitter *splitter);
/* The model's own normal form (NFC) is applied before splitting. */
bool text_splitter_composes(const TextSplitter *splitter);
/* A word that is itself a token is taken whole, whatever the merges say. */
bool text_splitter_keeps_words(const TextSplitter *splitter);
/* Calls word for each word of text, which is well-formed UTF-8; the words in order are the text. */
void text_split(const TextSplitter *splitter, const char *text, size_t length, TextWordFunc word, void *data);

/* ---- merge.c ---- */

typedef struct TextMerge {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX: free place */
    uint32_t rank; /* lower is merged first */
    int32_t id;    /* the token of both together */
} TextMerge;

typedef struct TextMerges {
    TextMerge *table; /* open addressing */
    unsigned bits;    /* log2 of its places */
} TextMerges;

void text_merges_init(TextMerges *merges, size_t n);
/* False where the pair has a rank already. */
bool text_merges_add(TextMerges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id);
void text_merges_clear(TextMerges *merges);

/* Where encoded tokens go. */
typedef struct TextOutput {
    GArray *ids;    /* int32_t */
    GArray *starts; /* size_t: each token's first byte, counted from the text's start; NULL: not wanted */
} TextOutput;

/* Merges one word, whose first byte is byte `at` of the text. Bytes for which the vocabulary has no token are left
 * out, as the reference does. */
void text_merge_word(const HoneTokenizer *tokenizer, const char *word, size_t length, size_t at, TextOutput *output);

/* ---- tables.c, tokenizer.c ---- */

#define TEXT_MAX_PIECE 65536 /* bytes of one token's text; real ones stay below a few hundred */

typedef enum {
    TEXT_SPECIAL = 1 << 0, /* a control token: never made from plain text */
    TEXT_ADDED = 1 << 1,   /* found in text before words are */
    TEXT_ENDS = 1 << 2,    /* ends generation */
} TextTokenFlags;

struct HoneTokenizer {
    size_t size;          /* V */
    char **texts;         /* [V] as the vocabulary writes them */
    char *bytes;          /* the bytes of all tokens, one after the other, each with a NUL behind */
    size_t *starts;       /* [V+1] where token i's bytes start; its NUL is at starts[i+1] - 1 */
    uint8_t *flags;       /* [V] TextTokenFlags */
    GHashTable *ids;      /* text to id + 1 */
    int32_t byte_id[256]; /* the token of a single byte, or -1 */
    TextMerges merges;
    int32_t *added;           /* ids of added tokens, by first byte, then longest first */
    uint32_t added_from[257]; /* added[added_from[b]] .. added[added_from[b+1] - 1] start with byte b */
    TextSplitter *splitter;
    int32_t bos, eos;
    char *hash;
};

/* Sets an error: "PLACE: the tokenizer is broken: ..."; false. */
bool text_invalid(const char *place, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Tables from texts, ids and flags; the order is that of these declarations. A merge of two tokens, or of a line "left
 * right"; i is its rank. */
void text_mark_known_ends(HoneTokenizer *tokenizer);
bool text_make_bytes(HoneTokenizer *tokenizer, const char *place, GError **error);
bool text_add_merge(HoneTokenizer *tokenizer, size_t i, const char *left, const char *right, const char *place,
                    GError **error);
bool text_add_merge_line(HoneTokenizer *tokenizer, size_t i, const char *merge, const char *place, GError **error);
void text_index_added(HoneTokenizer *tokenizer);
void text_hash_tokens(const HoneTokenizer *tokenizer, const char *pre, GChecksum *sum);

/* Well-formed UTF-8 in, no special tokens looked for, starts recorded; the text must be in the normal form already. */
void text_encode_plain(const HoneTokenizer *tokenizer, const char *text, size_t length, TextOutput *output);
/* The text in the model's normal form, or NULL where that is the text itself. */
GString *text_normalize(const HoneTokenizer *tokenizer, const char *text, size_t length);

#endif
