/* SPDX-License-Identifier: Apache-2.0
 * stream.c: tokens to text while they come. A token may end in the middle of a character, so bytes wait until theirs is
 * whole; what can never become a character is shown as U+FFFD, and so is NUL, which a C string cannot hold.
 */
#include "internal.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

struct HoneTokenStream {
    const HoneTokenizer *tokenizer;
    TextDecodeState state;
    GString *waiting; /* bytes that are not yet a character: at most 3 between calls */
    GString *out;
};

HoneTokenStream *hone_token_stream_new(const HoneTokenizer *tokenizer)
{
    HoneTokenStream *stream = g_new0(HoneTokenStream, 1);
    stream->tokenizer = tokenizer;
    stream->waiting = g_string_new(NULL);
    text_decode_start(tokenizer, &stream->state);
    stream->out = g_string_new(NULL);
    return stream;
}

/* Moves what is certain from waiting to out. */
static void release(HoneTokenStream *stream)
{
    const char *text = stream->waiting->str;
    size_t length = stream->waiting->len;
    while (length > 0) {
        size_t n = text_valid_prefix(text, length);
        for (size_t i = 0; i < n; i++) {
            if (text[i])
                g_string_append_c(stream->out, text[i]);
            else
                g_string_append(stream->out, REPLACEMENT);
        }
        if (n == 0) {
            n = text_broken_prefix(text, length);
            if (n == 0)
                break;
            g_string_append(stream->out, REPLACEMENT);
        }
        text += n;
        length -= n;
    }
    g_string_erase(stream->waiting, 0, (gssize)(stream->waiting->len - length));
}

const char *hone_token_stream_feed(HoneTokenStream *stream, int32_t id)
{
    g_string_truncate(stream->out, 0);
    if (!hone_tokenizer_is_special(stream->tokenizer, id)) {
        text_decode_next(stream->tokenizer, &stream->state, id, stream->waiting);
        release(stream);
    }
    return stream->out->str;
}

const char *hone_token_stream_finish(HoneTokenStream *stream)
{
    g_string_assign(stream->out, stream->waiting->len > 0 ? REPLACEMENT : "");
    g_string_truncate(stream->waiting, 0);
    return stream->out->str;
}

void hone_token_stream_free(HoneTokenStream *stream)
{
    if (!stream)
        return;
    g_string_free(stream->waiting, TRUE);
    g_string_free(stream->out, TRUE);
    g_free(stream);
}
