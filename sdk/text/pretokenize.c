/* SPDX-License-Identifier: Apache-2.0
 * pretokenize.c: text to words. Each step cuts the pieces that the one before it left; a piece goes through all steps
 * before the next one is cut.
 */
#include "internal.h"

#include <string.h>

void text_split_clear(TextSplit *step)
{
    text_pattern_free(step->pattern);
    g_free(step->replacement);
}

bool text_is_digit(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_DECIMAL_NUMBER || type == G_UNICODE_LETTER_NUMBER || type == G_UNICODE_OTHER_NUMBER;
}

/* What the reference's table, of Unicode 8, does not know as punctuation, and what it takes for it. */
static const struct {
    gunichar from, to;
} newer[] = {{0x61D, 0x61D},     {0x9FD, 0x9FD},     {0xA76, 0xA76},     {0xC77, 0xC77},     {0xC84, 0xC84},
             {0x1B7D, 0x1B7E},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},   {0x10EAD, 0x10EAD}, {0x10F55, 0x10F59},
             {0x10F86, 0x10F89}, {0x1144B, 0x1144F}, {0x1145A, 0x1145B}, {0x1145D, 0x1145D}, {0x11660, 0x1166C},
             {0x116B9, 0x116B9}, {0x1183B, 0x1183B}, {0x11944, 0x11946}, {0x119E2, 0x119E2}, {0x11A3F, 0x11A46},
             {0x11A9A, 0x11A9C}, {0x11A9E, 0x11AA2}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8},
             {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2}, {0x16E97, 0x16E9A}, {0x16FE2, 0x16FE2}, {0x1E95E, 0x1E95F}};

bool text_is_punctuation(gunichar c)
{
    if (c == 0x166D || c == 0x111C9)
        return true;
    for (size_t i = 0; c >= newer[0].from && i < G_N_ELEMENTS(newer); i++)
        if (c >= newer[i].from && c <= newer[i].to)
            return false;
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONNECT_PUNCTUATION:
    case G_UNICODE_DASH_PUNCTUATION:
    case G_UNICODE_CLOSE_PUNCTUATION:
    case G_UNICODE_FINAL_PUNCTUATION:
    case G_UNICODE_INITIAL_PUNCTUATION:
    case G_UNICODE_OTHER_PUNCTUATION:
    case G_UNICODE_OPEN_PUNCTUATION:
        return true;
    default:
        return c < 0x80 && g_ascii_ispunct((char)c);
    }
}

typedef struct Run {
    const TextSplit *steps;
    size_t n;
    TextMatcher *matcher;
    TextPieceFunc word;
    void *data;
    GError **error;
} Run;

static bool run_step(const Run *run, size_t i, const TextPiece *piece);

/* ---- Matches and what lies between them to pieces. ---- */

typedef struct Cutter {
    const Run *run;
    size_t step;
    const TextPiece *piece;
    bool pending; /* from .. to waits for what comes next */
    bool pending_matched;
    size_t from, to;
} Cutter;

static bool emit(const Cutter *cutter, size_t from, size_t to)
{
    if (from == to)
        return true;
    TextPiece part = text_piece_part(cutter->piece, from, to);
    return run_step(cutter->run, cutter->step + 1, &part);
}

static bool flush(Cutter *cutter)
{
    bool pending = cutter->pending;
    cutter->pending = false;
    return !pending || emit(cutter, cutter->from, cutter->to);
}

static bool cut_range(size_t from, size_t to, bool matched, void *data)
{
    Cutter *cutter = data;
    const TextSplit *step = &cutter->run->steps[cutter->step];
    matched = matched != step->invert;
    bool joins = false;
    switch (step->behaviour) {
    case TEXT_ISOLATED:
        return emit(cutter, from, to);
    case TEXT_REMOVED:
        return matched || emit(cutter, from, to);
    case TEXT_CONTIGUOUS:
        joins = matched == cutter->pending_matched;
        break;
    case TEXT_WITH_PREVIOUS:
        joins = matched && !cutter->pending_matched;
        break;
    case TEXT_WITH_NEXT:
        joins = !matched && cutter->pending_matched;
        break;
    }
    if (cutter->pending && joins) {
        cutter->to = to;
        cutter->pending_matched = matched;
        return true;
    }
    if (!flush(cutter))
        return false;
    cutter->pending = true;
    cutter->pending_matched = matched;
    cutter->from = from;
    cutter->to = to;
    return true;
}

static bool cut_by_pattern(const Run *run, size_t i, const TextPiece *piece)
{
    Cutter cutter = {.run = run, .step = i, .piece = piece};
    return text_pattern_each(run->steps[i].pattern, run->matcher, piece->text, piece->length, cut_range, &cutter,
                             run->error) &&
           flush(&cutter);
}

static bool cut_by_chars(const Run *run, size_t i, const TextPiece *piece)
{
    const TextSplit *step = &run->steps[i];
    Cutter cutter = {.run = run, .step = i, .piece = piece};
    size_t from = 0, n;
    for (size_t at = 0; at < piece->length; at += n) {
        if (!step->is_match(text_char(piece->text + at, &n)))
            continue;
        if ((at > from && !cut_range(from, at, false, &cutter)) || !cut_range(at, at + n, true, &cutter))
            return false;
        from = at + n;
    }
    return (from == piece->length || cut_range(from, piece->length, false, &cutter)) && flush(&cutter);
}

/* ---- Steps that write. ---- */

static bool wants_prefix(const TextSplit *step, const TextPiece *piece)
{
    return !piece->continues &&
           (step->prepend == TEXT_PREPEND_ALWAYS || (step->prepend == TEXT_PREPEND_FIRST && piece->first));
}

static bool cut_whole(const Run *run, size_t i, const TextPiece *piece)
{
    return run->steps[i].pattern ? cut_by_pattern(run, i, piece) : run_step(run, i + 1, piece);
}

/* Spaces to the replacement, one more in front. */
static bool cut_metaspace(const Run *run, size_t i, const TextPiece *piece)
{
    const TextSplit *step = &run->steps[i];
    size_t n = strlen(step->replacement);
    TextBuffer buffer;
    text_buffer_init(&buffer, piece->traced);
    bool has_one = piece->text[0] == ' ' || (piece->length >= n && memcmp(piece->text, step->replacement, n) == 0);
    if (wants_prefix(step, piece) && !has_one)
        text_buffer_add(&buffer, step->replacement, n, text_piece_origin(piece, 0));
    for (size_t at = 0; at < piece->length;) {
        const char *space = memchr(piece->text + at, ' ', piece->length - at);
        size_t end = space ? (size_t)(space - piece->text) : piece->length;
        text_buffer_keep(&buffer, piece, at, end);
        if (space)
            text_buffer_add(&buffer, step->replacement, n, text_piece_origin(piece, end));
        at = end + (space != NULL);
    }
    TextPiece written = text_buffer_piece(&buffer, piece);
    bool fine = cut_whole(run, i, &written);
    text_buffer_clear(&buffer);
    return fine;
}

static bool cut_bytes(const Run *run, size_t i, const TextPiece *piece)
{
    if (!wants_prefix(&run->steps[i], piece) || piece->text[0] == ' ')
        return cut_whole(run, i, piece);
    TextBuffer buffer;
    text_buffer_init(&buffer, piece->traced);
    text_buffer_add(&buffer, " ", 1, text_piece_origin(piece, 0));
    text_buffer_keep(&buffer, piece, 0, piece->length);
    TextPiece written = text_buffer_piece(&buffer, piece);
    bool fine = cut_whole(run, i, &written);
    text_buffer_clear(&buffer);
    return fine;
}

static bool run_step(const Run *run, size_t i, const TextPiece *piece)
{
    if (i == run->n)
        return run->word(piece, run->data);
    switch (run->steps[i].kind) {
    case TEXT_SPLIT_PATTERN:
        return cut_by_pattern(run, i, piece);
    case TEXT_SPLIT_CHARS:
        return cut_by_chars(run, i, piece);
    case TEXT_SPLIT_METASPACE:
        return cut_metaspace(run, i, piece);
    default:
        return cut_bytes(run, i, piece);
    }
}

bool text_pretokenize(const TextSplit *steps, size_t n, TextMatcher *matcher, const TextPiece *piece,
                      TextPieceFunc word, void *data, GError **error)
{
    Run run = {steps, n, matcher, word, data, error};
    return piece->length == 0 || run_step(&run, 0, piece);
}
