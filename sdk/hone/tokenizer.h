/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.h: text to token ids and back, exactly as the model's own tokenizer does it.
 */
#ifndef HONE_TOKENIZER_H
#define HONE_TOKENIZER_H

#include <hone/gguf.h>

typedef struct HoneTokenizer HoneTokenizer;

/* From a GGUF's metadata (tokenizer.ggml.*): byte-level BPE ("gpt2", split by tokenizer.ggml.pre), SentencePiece's BPE
 * ("llama") and Unigram ("t5"). An unknown model or pre-tokenizer is an error that names it. */
HONE_EXPORT HoneTokenizer *hone_tokenizer_from_gguf(const HoneGguf *gguf, GError **error);
/* From a folder's tokenizer.json and tokenizer_config.json: BPE over bytes or characters, and Unigram, with the
 * normalizers, pre-tokenizers, post-processors and decoders that published models use. `more_ends` [n]: ids that end
 * generation beside those that the files name. A part of the file that Hone does not run is an error that names it.
 * The sections on truncation and padding are about batches and change no ids of a text: they are passed over. */
HONE_EXPORT HoneTokenizer *hone_tokenizer_from_folder(const char *folder, const int32_t *more_ends, size_t n,
                                                      GError **error);
HONE_EXPORT void hone_tokenizer_free(HoneTokenizer *tokenizer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneTokenizer, hone_tokenizer_free)

typedef enum {
    HONE_ENCODE_SPECIAL =
        1 << 0, /* text such as <|im_end|> becomes its special token; without it, it is split as plain text */
    HONE_ENCODE_ADDED = 1 << 1, /* with the tokens that the tokenizer itself puts around a text (BOS, EOS) */
} HoneEncodeFlags;

/* Appends ids (int32_t) of text [length] bytes to `ids`. Text need not be valid UTF-8: broken bytes are encoded as
 * bytes. No BOS or EOS is added unless asked for. Linear in memory, n log n in time. Fails, with no ids added, only
 * where a tokenizer.json's own regular expression takes more steps on the text than any honest one does. */
HONE_EXPORT bool hone_tokenizer_try_encode(const HoneTokenizer *tokenizer, const char *text, size_t length,
                                           uint32_t flags, GArray *ids, GError **error);
/* The same; where that fails, the process ends with its message. */
HONE_EXPORT void hone_tokenizer_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, uint32_t flags,
                                       GArray *ids);
/* The bytes of ids [n]; special tokens are left out unless `with_special`. Not always valid UTF-8. Caller frees. */
HONE_EXPORT GString *hone_tokenizer_decode(const HoneTokenizer *tokenizer, const int32_t *ids, size_t n,
                                           bool with_special);
/* The bytes of one token. */
HONE_EXPORT const char *hone_tokenizer_piece(const HoneTokenizer *tokenizer, int32_t id, size_t *length);

HONE_EXPORT size_t hone_tokenizer_size(const HoneTokenizer *tokenizer); /* V */
HONE_EXPORT bool hone_tokenizer_is_special(const HoneTokenizer *tokenizer, int32_t id);
/* Id of a token by its text, or -1. */
HONE_EXPORT int32_t hone_tokenizer_id(const HoneTokenizer *tokenizer, const char *piece);
HONE_EXPORT int32_t hone_tokenizer_bos(const HoneTokenizer *tokenizer); /* -1: none */
HONE_EXPORT int32_t hone_tokenizer_eos(const HoneTokenizer *tokenizer); /* ends a turn; -1: none */
/* True for every token at which generation ends (eos, end of turn, end of text). */
HONE_EXPORT bool hone_tokenizer_ends(const HoneTokenizer *tokenizer, int32_t id);
/* SHA-256 over vocabulary, merges and settings: recorded with adapters and in cache keys. */
HONE_EXPORT const char *hone_tokenizer_hash(const HoneTokenizer *tokenizer);

/* Streaming: feeds one token, returns the bytes that now form whole UTF-8 characters (maybe ""), valid until the next
 * call. */
typedef struct HoneTokenStream HoneTokenStream;
HONE_EXPORT HoneTokenStream *hone_token_stream_new(const HoneTokenizer *tokenizer);
HONE_EXPORT const char *hone_token_stream_feed(HoneTokenStream *stream, int32_t id);
/* What is left, broken bytes as U+FFFD. */
HONE_EXPORT const char *hone_token_stream_finish(HoneTokenStream *stream);
HONE_EXPORT void hone_token_stream_free(HoneTokenStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneTokenStream, hone_token_stream_free)

#endif
