/* SPDX-License-Identifier: Apache-2.0
 * piece.c: parts of a text on their way through the steps, and where their bytes come from.
 */
#include "internal.h"

TextPiece text_piece_part(const TextPiece *piece, size_t from, size_t to)
{
    TextPiece part = *piece;
    part.text += from;
    part.length = to - from;
    part.base += from;
    if (part.origin)
        part.origin += from;
    part.first = piece->first && from == 0;
    part.continues = piece->continues && from == 0;
    return part;
}

size_t text_piece_origin(const TextPiece *piece, size_t i)
{
    return piece->origin ? piece->origin[i] : piece->base + i;
}

void text_buffer_init(TextBuffer *buffer, bool with_origin)
{
    buffer->text = g_string_new(NULL);
    buffer->origin = with_origin ? g_array_new(FALSE, FALSE, sizeof(size_t)) : NULL;
}

void text_buffer_clear(TextBuffer *buffer)
{
    if (buffer->text)
        g_string_free(buffer->text, TRUE);
    if (buffer->origin)
        g_array_unref(buffer->origin);
    *buffer = (TextBuffer){0};
}

void text_buffer_empty(TextBuffer *buffer)
{
    g_string_truncate(buffer->text, 0);
    if (buffer->origin)
        g_array_set_size(buffer->origin, 0);
}

void text_buffer_add(TextBuffer *buffer, const char *text, size_t length, size_t origin)
{
    g_string_append_len(buffer->text, text, (gssize)length);
    for (size_t i = 0; buffer->origin && i < length; i++)
        g_array_append_val(buffer->origin, origin);
}

void text_buffer_keep(TextBuffer *buffer, const TextPiece *piece, size_t from, size_t to)
{
    g_string_append_len(buffer->text, piece->text + from, (gssize)(to - from));
    for (size_t i = from; buffer->origin && i < to; i++) {
        size_t origin = text_piece_origin(piece, i);
        g_array_append_val(buffer->origin, origin);
    }
}

TextPiece text_buffer_piece(const TextBuffer *buffer, const TextPiece *from)
{
    TextPiece piece = *from;
    piece.text = buffer->text->str;
    piece.length = buffer->text->len;
    piece.origin = buffer->origin ? (const size_t *)(const void *)buffer->origin->data : NULL;
    return piece;
}
