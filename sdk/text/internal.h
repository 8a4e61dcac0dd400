/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of sdk/text share: the tokenizer's tables and the steps of encoding.
 *
 * Text goes through: added tokens cut out (added.c), the rest in its normal form (normalize.c), cut into words
 * (pretokenize.c), and each word to tokens by merges (bpe.c, merge.c) or by the best path (unigram.c). Back: decode.c.
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
/* The character at text, which is well-formed; *n: its bytes. */
gunichar text_char(const char *text, size_t *n);
/* GPT-2's printable stand-in for each byte: the character of a byte, and the byte of a character or -1. */
gunichar text_byte_to_char(uint8_t byte);
int text_char_to_byte(gunichar c);
/* Unicode's White_Space, as regular expressions mean it. */
bool text_is_space(gunichar c);
/* Letters, marks, decimal digits and connectors: \w. */
bool text_is_word(gunichar c);

/* ---- pattern.c, pattern_syntax.c ---- */

/* A regular expression in Oniguruma's notation, or a plain text to look for. */
typedef struct TextPattern TextPattern;

/* What matching needs while it runs: one for each encoding, never shared between threads. */
typedef struct TextMatcher TextMatcher;

/* from .. to of a text, which either matched or lies between matches. False stops. */
typedef bool (*TextRangeFunc)(size_t from, size_t to, bool matched, void *data);

/* An expression that cannot be run here is an error that quotes it. */
TextPattern *text_pattern_new(const char *expression, GError **error);
TextPattern *text_pattern_new_literal(const char *text);
void text_pattern_free(TextPattern *pattern);
/* What it was made from, and by which of the two. */
const char *text_pattern_source(const TextPattern *pattern);
bool text_pattern_is_literal(const TextPattern *pattern);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextPattern, text_pattern_free)
/* Calls range for each match and each stretch between, in order; together they are the text (well-formed UTF-8).
 * Empty matches are given too. False where range stopped, or (with *error set) where the expression took more steps
 * than any honest one does. */
bool text_pattern_each(const TextPattern *pattern, TextMatcher *matcher, const char *text, size_t length,
                       TextRangeFunc range, void *data, GError **error);
TextMatcher *text_matcher_new(void);
void text_matcher_free(TextMatcher *matcher);
/* The expression in PCRE2's notation, or NULL: *problem says what has no counterpart. Caller frees. */
char *text_pattern_translate(const char *expression, const char **problem);

/* ---- Text on its way. ---- */

/* A part of the text, in the form that the steps so far gave it. */
typedef struct TextPiece {
    const char *text; /* well-formed UTF-8 */
    size_t length;
    const size_t *origin; /* of each byte: the byte of the caller's text that it comes from; NULL: base + i */
    size_t base;
    bool first;     /* the caller's text begins with it */
    bool continues; /* it follows broken bytes, not a token: nothing is put before it */
    bool traced;    /* somebody asks where bytes come from */
} TextPiece;

/* The part from .. to of a piece. */
TextPiece text_piece_part(const TextPiece *piece, size_t from, size_t to);
size_t text_piece_origin(const TextPiece *piece, size_t i);

/* Text that a step wrote. */
typedef struct TextBuffer {
    GString *text;
    GArray *origin; /* size_t, as long as the text; NULL: nobody asks */
} TextBuffer;

void text_buffer_init(TextBuffer *buffer, bool with_origin);
void text_buffer_clear(TextBuffer *buffer);
void text_buffer_empty(TextBuffer *buffer);
/* Appends bytes that all come from one place. */
void text_buffer_add(TextBuffer *buffer, const char *text, size_t length, size_t origin);
/* Appends from .. to of a piece as it is. */
void text_buffer_keep(TextBuffer *buffer, const TextPiece *piece, size_t from, size_t to);
/* The buffer's whole text in place of the piece it was made from. */
TextPiece text_buffer_piece(const TextBuffer *buffer, const TextPiece *from);

/* ---- charsmap.c ---- */

/* SentencePiece's table of replacements ("precompiled"). */
typedef struct TextCharsmap TextCharsmap;
TextCharsmap *text_charsmap_new(const uint8_t *data, size_t size, GError **error);
void text_charsmap_free(TextCharsmap *map);
/* As Hugging Face's tokenizers do it, or as SentencePiece itself. */
void text_charsmap_apply(const TextCharsmap *map, const TextPiece *in, TextBuffer *out);
void text_charsmap_apply_longest(const TextCharsmap *map, const TextPiece *in, TextBuffer *out);

/* ---- normalize.c ---- */

typedef enum {
    TEXT_NORMAL_FORM, /* one of Unicode's four */
    TEXT_NORMAL_LOWERCASE,
    TEXT_NORMAL_STRIP,
    TEXT_NORMAL_STRIP_ACCENTS,
    TEXT_NORMAL_PREPEND,
    TEXT_NORMAL_REPLACE,
    TEXT_NORMAL_CHARSMAP,
    TEXT_NORMAL_CHARSMAP_LONGEST,
    TEXT_NORMAL_NMT,
} TextNormalizerKind;

typedef struct TextNormalizer {
    TextNormalizerKind kind;
    GNormalizeMode form;  /* FORM */
    bool left, right;     /* STRIP */
    char *content;        /* PREPEND, REPLACE */
    TextPattern *pattern; /* REPLACE */
    TextCharsmap *map;    /* CHARSMAP */
} TextNormalizer;

void text_normalizer_clear(TextNormalizer *step);
/* Runs steps [n] over *piece, which then points into one of buffers [2] (or stays where it was). */
bool text_normalize_piece(const TextNormalizer *steps, size_t n, TextMatcher *matcher, TextPiece *piece,
                          TextBuffer *buffers, GError **error);

/* ---- pretokenize.c ---- */

typedef enum {
    TEXT_SPLIT_PATTERN,
    TEXT_SPLIT_CHARS, /* every character of a class is a match */
    TEXT_SPLIT_METASPACE,
    TEXT_SPLIT_BYTES, /* ByteLevel: what follows sees bytes. Always the last step. */
} TextSplitKind;

typedef enum {
    TEXT_REMOVED,
    TEXT_ISOLATED,
    TEXT_WITH_PREVIOUS,
    TEXT_WITH_NEXT,
    TEXT_CONTIGUOUS,
} TextBehaviour;

typedef enum { TEXT_PREPEND_NEVER, TEXT_PREPEND_FIRST, TEXT_PREPEND_ALWAYS } TextPrepend;

typedef struct TextSplit {
    TextSplitKind kind;
    TextPattern *pattern;         /* PATTERN; BYTES with its own expression; METASPACE that splits */
    bool (*is_match)(gunichar c); /* CHARS */
    TextBehaviour behaviour;
    bool invert;
    char *replacement;   /* METASPACE */
    TextPrepend prepend; /* METASPACE, BYTES: a space in front */
} TextSplit;

void text_split_clear(TextSplit *step);
bool text_is_digit(gunichar c);
bool text_is_punctuation(gunichar c);

typedef bool (*TextPieceFunc)(const TextPiece *piece, void *data);
/* Calls word for each piece that steps [n] leave, none of them empty. */
bool text_pretokenize(const TextSplit *steps, size_t n, TextMatcher *matcher, const TextPiece *piece,
                      TextPieceFunc word, void *data, GError **error);

/* ---- rules.c ---- */

#define TEXT_META "\xE2\x96\x81" /* SentencePiece's sign for a space */
/* ByteLevel's own expression. */
#define TEXT_PATTERN_GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* How a GGUF's byte-level tokenizer splits, by tokenizer.ggml.pre: appends to the tokenizer's steps. */
/* *begins: texts begin with BOS, where the file does not say. */
bool text_rule_apply(HoneTokenizer *tokenizer, const char *pre, bool *begins, GError **error);
/* The i-th value of tokenizer.ggml.pre that is known, or NULL past the last. */
const char *text_rule_name(size_t i);

/* ---- merge.c ---- */

typedef struct TextMerge {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX: free place */
    uint32_t rank; /* lower is merged first; pairs of one rank leftmost first */
    int32_t id;    /* the token of both together */
} TextMerge;

typedef struct TextMerges {
    TextMerge *table; /* open addressing */
    unsigned bits;    /* log2 of its places */
} TextMerges;

typedef struct TextSymbol {
    int32_t id;
    uint32_t start; /* its first byte in the piece */
} TextSymbol;

void text_merges_init(TextMerges *merges, size_t n);
/* False where the pair has a rank already, which stays. */
bool text_merges_add(TextMerges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id);
/* NULL where the two do not merge. */
const TextMerge *text_merges_find(const TextMerges *merges, int32_t left, int32_t right);
void text_merges_clear(TextMerges *merges);
/* All of a tokenizer's, of TextMerge *, lowest rank first (to_gguf.c). */
GPtrArray *text_merges_in_order(const HoneTokenizer *tokenizer);
/* Merges symbols [n] in place until none has a rank; returns how many are left. */
size_t text_merge_symbols(const TextMerges *merges, TextSymbol *symbols, size_t n);

/* Where encoded tokens go. */
typedef struct TextOutput {
    GArray *ids;    /* int32_t */
    GArray *starts; /* size_t: each token's first byte, counted from the text's start; NULL: not wanted */
} TextOutput;

void text_output_add(TextOutput *output, int32_t id, size_t start);

/* ---- trie.c ---- */

/* Texts by their bytes, each with a value. */
typedef struct TextTrie TextTrie;
TextTrie *text_trie_new(void);
void text_trie_free(TextTrie *trie);
/* A text that is there already keeps its value: false. */
bool text_trie_add(TextTrie *trie, const char *text, size_t length, int32_t value);
/* Walks one byte on from a node (the root is 0): the next node, or 0. *value: of the text that ends there, or -1. */
uint32_t text_trie_step(const TextTrie *trie, uint32_t node, uint8_t byte, int32_t *value);

/* ---- bpe.c, unigram.c: one word to tokens. ---- */

typedef struct TextEncoder {
    const HoneTokenizer *tokenizer;
    TextOutput *output;
    TextMatcher *matcher;
    TextBuffer buffers[2];
    GArray *symbols; /* TextSymbol */
    GArray *path;    /* unigram.c's */
    GError **error;
} TextEncoder;

void text_bpe_encode(TextEncoder *encoder, const TextPiece *word);
/* Which symbols may ever be joined across their border: cuts long texts into short ones. After the merges. */
void text_bpe_index(HoneTokenizer *tokenizer);
GArray *text_unigram_path_new(void);
void text_unigram_encode(TextEncoder *encoder, const TextPiece *word);
bool text_unigram_index(HoneTokenizer *tokenizer, const char *place, GError **error);

/* ---- added.c ---- */

typedef struct TextAdded {
    int32_t id;
    bool single_word, lstrip, rstrip, normalized;
} TextAdded;

/* A part of a text in which no special token is looked for. */
typedef struct TextRange {
    size_t from, to;
} TextRange;

/* Which added tokens are looked for in the text, and which in its normal form. After flags and normalizers. */
bool text_added_index(HoneTokenizer *tokenizer, const char *place, GError **error);
/* Encodes a whole text: the added tokens in it, and what lies between. */
bool text_added_encode(TextEncoder *encoder, const char *text, size_t length, const TextRange *plain, size_t n_plain);

/* ---- decode.c ---- */

typedef enum {
    TEXT_DECODE_REPLACE,   /* content for every `from` */
    TEXT_DECODE_BYTES,     /* GPT-2's characters are bytes */
    TEXT_DECODE_FALLBACK,  /* <0x0A> is a byte */
    TEXT_DECODE_STRIP,     /* of one character, at the ends of a token */
    TEXT_DECODE_METASPACE, /* `from` is a space; left out of the first token with `first` */
} TextDecodeKind;

typedef struct TextDecodeStep {
    TextDecodeKind kind;
    char *from, *content;
    size_t start, stop; /* STRIP: how many at most */
    bool first;
} TextDecodeStep;

typedef struct TextDecoder {
    GArray *steps;       /* TextDecodeStep, for each token */
    char *strip;         /* a character taken off the whole text's start ... */
    size_t strip_count;  /* ... this often at most */
    bool spaces_between; /* no decoder: tokens with a space between */
} TextDecoder;

void text_decoder_init(TextDecoder *decoder);
void text_decoder_clear(TextDecoder *decoder);
/* The bytes that each token stands for, into the tokenizer's table. */
void text_decode_index(HoneTokenizer *tokenizer);

typedef struct TextDecodeState {
    bool begun;
    size_t to_strip; /* 0 once the text has begun */
} TextDecodeState;

void text_decode_start(const HoneTokenizer *tokenizer, TextDecodeState *state);
/* Appends what one more token adds to the text. */
void text_decode_next(const HoneTokenizer *tokenizer, TextDecodeState *state, int32_t id, GString *out);

/* ---- tables.c, scores.c, tokenizer.c ---- */

#define TEXT_MAX_PIECE 65536 /* bytes of one token's text; real ones stay below a few hundred */

typedef enum {
    TEXT_SPECIAL = 1 << 0, /* a control token: never made from plain text */
    TEXT_ADDED = 1 << 1,   /* found in text before words are */
    TEXT_ENDS = 1 << 2,    /* ends generation */
    TEXT_MODEL = 1 << 3,   /* the model's own: text can become it without being added */
    TEXT_BYTE = 1 << 4,    /* stands for a byte that has no other token */
} TextTokenFlags;

typedef enum { TEXT_MODEL_BPE, TEXT_MODEL_UNIGRAM } TextModelKind;

struct HoneTokenizer {
    size_t size;     /* V */
    char **texts;    /* [V] as the vocabulary writes them; NULL: no token has this id */
    char *bytes;     /* the bytes of all tokens, one after the other, each with a NUL behind */
    size_t *starts;  /* [V+1] where token i's bytes start; its NUL is at starts[i+1] - 1 */
    uint8_t *flags;  /* [V] TextTokenFlags */
    GHashTable *ids; /* text to id + 1 */
    int32_t bos, eos;
    GArray *before, *after; /* int32_t: what the tokenizer itself puts around a text */
    char *hash;

    GArray *normalizers; /* TextNormalizer */
    GArray *splits;      /* TextSplit */
    TextDecoder decoder;
    GArray *added;                      /* TextAdded */
    TextTrie *added_raw, *added_normal; /* values: indices into added */
    GHashTable *shown;                  /* id to the text that an added token is decoded to, where not its own */

    TextModelKind model;
    bool by_bytes;            /* the model sees bytes, written as GPT-2's characters */
    bool keeps_words;         /* a word that is itself a token is taken whole, whatever the merges say */
    bool falls_back;          /* characters without a token become their bytes' tokens */
    bool fuses_unknown;       /* neighbouring unknown characters are one token */
    int32_t unknown;          /* -1: unknown characters are left out */
    int32_t byte_id[256];     /* by_bytes: the token of a single byte, or -1 */
    int32_t fallback_id[256]; /* falls_back: <0x00> .. <0xFF>, or -1 */
    int32_t *char_id;         /* [65536]: the token of a single character below U+10000, or -1 */
    TextMerges merges;
    TextMerges joins; /* pairs of single symbols between which some merge joins; bits 0: not known */
    double *scores;   /* [V] UNIGRAM */
    double min_score;
    TextTrie *pieces; /* UNIGRAM */
};

HoneTokenizer *text_tokenizer_new(void);
/* Sets an error: "PLACE: the tokenizer is broken: ..."; false. */
bool text_invalid(const char *place, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Gives an id its text; both are checked. A token that is set again as it is stays so. */
bool text_set_token(HoneTokenizer *tokenizer, int32_t id, const char *text, const char *place, GError **error);
/* Makes a token special, found in text, and whatever `more` says. */
void text_mark_special(HoneTokenizer *tokenizer, int32_t id, TextTokenFlags more);
/* Tokens that end a turn in models whose files do not say so. */
void text_mark_known_ends(HoneTokenizer *tokenizer);
/* A merge of two tokens, or of a line "left right"; i is its rank. *twice: the pair has a rank already, which stays. */
bool text_add_merge(HoneTokenizer *tokenizer, size_t i, const char *left, const char *right, const char *place,
                    bool *twice, GError **error);
bool text_add_merge_line(HoneTokenizer *tokenizer, size_t i, const char *merge, const char *place, bool *twice,
                         GError **error);
/* Merges by the tokens' scores (scores.c). */
void text_merges_from_scores(HoneTokenizer *tokenizer);
/* All tables that follow from texts, flags, steps and merges. */
bool text_tables_finish(HoneTokenizer *tokenizer, const char *place, GError **error);
/* Everything that decides which ids a text gets; settings: what is not in the tables. */
void text_hash_tokens(HoneTokenizer *tokenizer, const char *settings, GChecksum *sum);

/* Encodes a text as the model's own tokenizer does, and says where each token begins in it. Special tokens are found
 * outside `plain` [n_plain], ranges in order; one that touches such a range is plain text. */
bool text_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, const TextRange *plain,
                 size_t n_plain, TextOutput *output, GError **error);

#endif
