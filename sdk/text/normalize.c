/* SPDX-License-Identifier: Apache-2.0
 * normalize.c: text to its normal form, step by step, each byte remembering where it comes from.
 */
#include "internal.h"

#include <string.h>

void text_normalizer_clear(TextNormalizer *step)
{
    g_free(step->content);
    text_pattern_free(step->pattern);
    text_charsmap_free(step->map);
}

/* ---- Unicode's forms. ---- */

/* The first character of c's full decomposition. */
static gunichar decomposed_first(gunichar c, GNormalizeMode form)
{
    gunichar all[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
    gboolean compatible = form == G_NORMALIZE_NFKC || form == G_NORMALIZE_NFKD;
    return g_unichar_fully_decompose(c, compatible, all, G_N_ELEMENTS(all)) > 0 ? all[0] : c;
}

/* True where c may compose with what comes before it, or be sorted among it. `last`: the last character of combining
 * class 0 before it in the form so far (0: none). */
static bool may_join(gunichar last, gunichar c, GNormalizeMode form)
{
    gunichar both, first;
    if (c < 0x300) /* the first combining mark */
        return false;
    first = decomposed_first(c, form);
    return g_unichar_combining_class(first) != 0 || (last && g_unichar_compose(last, first, &both));
}

/* The last character of combining class 0 of a normal form. */
static gunichar last_starter(const char *text, size_t length)
{
    for (const char *c = text + length; c > text;) {
        c = g_utf8_prev_char(c);
        gunichar character = g_utf8_get_char(c);
        if (g_unichar_combining_class(character) == 0)
            return character;
    }
    return 0;
}

/* The end of the ASCII without NUL that begins at `at`, but for its last character, which may compose with the next.
 */
static size_t skip_ascii(const TextPiece *in, size_t at)
{
    size_t end = at;
    while (end < in->length && (uint8_t)in->text[end] < 0x80)
        end++;
    return end > at && end < in->length ? end - 1 : end;
}

/* A cluster at a time: a character and all that may compose with it. What changes comes from the cluster's start. */
static void apply_form(GNormalizeMode form, const TextPiece *in, TextBuffer *out)
{
    size_t at = 0;
    while (at < in->length) {
        size_t end = skip_ascii(in, at), n;
        text_buffer_keep(out, in, at, end);
        if ((at = end) == in->length)
            break;
        g_autofree char *normal = NULL;
        gunichar c = text_char(in->text + at, &n);
        size_t normal_length = 1;
        end = at + n;
        if (c == 0) {
            text_buffer_keep(out, in, at, end);
            at = end;
            continue;
        }
        gunichar last = 0;
        do { /* GLib's function takes no NUL, which joins nothing */
            while (end < in->length) {
                c = text_char(in->text + end, &n);
                if (!may_join(last, c, form))
                    break;
                end += n;
            }
            g_free(normal);
            normal = g_utf8_normalize(in->text + at, (gssize)(end - at), form);
            normal_length = strlen(normal);
            last = last_starter(normal, normal_length);
        } while (end < in->length && may_join(last, text_char(in->text + end, &n), form));
        if (normal_length == end - at && memcmp(normal, in->text + at, normal_length) == 0)
            text_buffer_keep(out, in, at, end);
        else
            text_buffer_add(out, normal, normal_length, text_piece_origin(in, at));
        at = end;
    }
}

/* ---- Characters one by one. ---- */

static bool is_mark(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_NON_SPACING_MARK || type == G_UNICODE_SPACING_MARK || type == G_UNICODE_ENCLOSING_MARK;
}

static bool is_nmt_control(gunichar c)
{
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}

static bool is_nmt_space(gunichar c)
{
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

static void apply_chars(TextNormalizerKind kind, const TextPiece *in, TextBuffer *out)
{
    size_t n;
    for (size_t at = 0; at < in->length; at += n) {
        gunichar c = text_char(in->text + at, &n), changed = c;
        if (kind == TEXT_NORMAL_LOWERCASE)
            changed = g_unichar_tolower(c);
        else if (kind == TEXT_NORMAL_NMT && is_nmt_space(c))
            changed = ' ';
        if (kind == TEXT_NORMAL_LOWERCASE && c == 0x130) { /* the only one with two */
            text_buffer_add(out, "i\xCC\x87", 3, text_piece_origin(in, at));
            continue;
        }
        if ((kind == TEXT_NORMAL_STRIP_ACCENTS && is_mark(c)) || (kind == TEXT_NORMAL_NMT && is_nmt_control(c)))
            continue;
        if (changed == c) {
            text_buffer_keep(out, in, at, at + n);
        } else {
            char bytes[6];
            text_buffer_add(out, bytes, (size_t)g_unichar_to_utf8(changed, bytes), text_piece_origin(in, at));
        }
    }
}

static void apply_strip(const TextNormalizer *step, const TextPiece *in, TextBuffer *out)
{
    size_t from = 0, to = in->length, n;
    while (step->left && !in->continues && from < to && text_is_space(text_char(in->text + from, &n)))
        from += n;
    while (step->right && to > from) {
        const char *last = g_utf8_prev_char(in->text + to);
        if (!text_is_space(text_char(last, &n)))
            break;
        to = (size_t)(last - in->text);
    }
    text_buffer_keep(out, in, from, to);
}

/* ---- Texts. ---- */

typedef struct Replacing {
    const TextNormalizer *step;
    const TextPiece *in;
    TextBuffer *out;
} Replacing;

static bool replace_range(size_t from, size_t to, bool matched, void *data)
{
    Replacing *r = data;
    if (matched) {
        size_t origin = from < r->in->length ? text_piece_origin(r->in, from)
                        : from > 0           ? text_piece_origin(r->in, from - 1)
                                             : r->in->base;
        text_buffer_add(r->out, r->step->content, strlen(r->step->content), origin);
    } else {
        text_buffer_keep(r->out, r->in, from, to);
    }
    return true;
}

static bool apply(const TextNormalizer *step, TextMatcher *matcher, const TextPiece *in, TextBuffer *out,
                  GError **error)
{
    Replacing replacing = {step, in, out};
    switch (step->kind) {
    case TEXT_NORMAL_FORM:
        apply_form(step->form, in, out);
        return true;
    case TEXT_NORMAL_STRIP:
        apply_strip(step, in, out);
        return true;
    case TEXT_NORMAL_PREPEND:
        if (in->length > 0 && !in->continues)
            text_buffer_add(out, step->content, strlen(step->content), text_piece_origin(in, 0));
        text_buffer_keep(out, in, 0, in->length);
        return true;
    case TEXT_NORMAL_REPLACE:
        return text_pattern_each(step->pattern, matcher, in->text, in->length, replace_range, &replacing, error);
    case TEXT_NORMAL_CHARSMAP:
        text_charsmap_apply(step->map, in, out);
        return true;
    case TEXT_NORMAL_CHARSMAP_LONGEST:
        text_charsmap_apply_longest(step->map, in, out);
        return true;
    default:
        apply_chars(step->kind, in, out);
        return true;
    }
}

bool text_normalize_piece(const TextNormalizer *steps, size_t n, TextMatcher *matcher, TextPiece *piece,
                          TextBuffer *buffers, GError **error)
{
    for (size_t i = 0; i < n; i++) {
        TextBuffer *out = &buffers[i % 2];
        text_buffer_empty(out);
        if (!apply(&steps[i], matcher, piece, out, error))
            return false;
        *piece = text_buffer_piece(out, piece);
    }
    return true;
}
