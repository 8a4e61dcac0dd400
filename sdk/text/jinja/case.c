/* SPDX-License-Identifier: Apache-2.0
 * case.c: upper, lower and title case of all scripts, as Python does them: in no one's locale, one character becoming
 * several where Unicode says so, and the Greek sigma by its place in the word.
 */
#include "filters.h"

#include <string.h>

static bool is_cased(gunichar c)
{
    return g_unichar_isupper(c) || g_unichar_islower(c) || g_unichar_istitle(c);
}

/* What the search for a word's end passes over. */
static bool is_ignorable(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_FORMAT:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_MODIFIER_SYMBOL:
        return true;
    default:
        return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019 || c == 0x2024 ||
               c == 0x2027 || c == 0xFE13 || c == 0xFE52 || c == 0xFE55 || c == 0xFF07 || c == 0xFF0E || c == 0xFF1A;
    }
}

/* The sigma at byte `at` ends its word. */
static bool is_final(const Str *s, size_t at)
{
    bool before = false;
    for (const char *c = s->bytes + at; c > s->bytes;) {
        c = g_utf8_prev_char(c);
        if (!is_ignorable(g_utf8_get_char(c))) {
            before = is_cased(g_utf8_get_char(c));
            break;
        }
    }
    if (!before)
        return false;
    const char *end = s->bytes + s->length;
    for (const char *c = g_utf8_next_char(s->bytes + at); c < end; c = g_utf8_next_char(c))
        if (!is_ignorable(g_utf8_get_char(c)))
            return !is_cased(g_utf8_get_char(c));
    return true;
}

/* ---- One character; room for three, each of up to 4 bytes. ---- */

static size_t put(char *out, gunichar c)
{
    return (size_t)g_unichar_to_utf8(c, out);
}

static size_t lower(const Str *s, size_t at, gunichar c, char *out)
{
    if (c < 0x80)
        return put(out, (gunichar)g_ascii_tolower((char)c));
    if (c == 0x130) {
        size_t n = put(out, 'i');
        return n + put(out + n, 0x307);
    }
    if (c == 0x3A3)
        return put(out, is_final(s, at) ? 0x3C2 : 0x3C3);
    return put(out, g_unichar_tolower(c));
}

static size_t upper(gunichar c, char *out)
{
    if (c < 0x80)
        return put(out, (gunichar)g_ascii_toupper((char)c));
    char one[7];
    g_autofree char *whole = g_utf8_strup(one, (gssize)put(one, c));
    size_t n = MIN(strlen(whole), 16);
    memcpy(out, whole, n);
    return n;
}

static size_t title(gunichar c, char *out)
{
    if (c == 0xDF) {
        memcpy(out, "Ss", 2);
        return 2;
    }
    gunichar t = g_unichar_totitle(c);
    /* A ligature or the like: its first letter is upper, the rest is lower. */
    size_t n = t == c ? upper(c, out) : put(out, t), first = n;
    if (t != c || g_utf8_get_char(out) == c)
        return n;
    first = (size_t)(g_utf8_next_char(out) - out);
    g_autofree char *rest = g_utf8_strdown(out + first, (gssize)(n - first));
    size_t length = MIN(strlen(rest), 12);
    memcpy(out + first, rest, length);
    return first + length;
}

/* ---- Texts. ---- */

const Str *str_case(Vm *vm, const Str *s, int how)
{
    Buffer *out = buffer_new(vm, s->length);
    bool start = true;
    vm_step(vm, s->length);
    for (size_t at = 0; at < s->length;) {
        char text[24];
        gunichar c = g_utf8_get_char(s->bytes + at);
        bool first = how == CASE_UPPER || (how != CASE_LOWER && start);
        size_t n = !first ? lower(s, at, c, text) : how == CASE_UPPER ? upper(c, text) : title(c, text);
        buffer_bytes(vm, out, text, n, str_owner(s, at));
        start = how == CASE_TITLE && !is_cased(c);
        at += (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
    }
    return buffer_finish(vm, out);
}

bool str_has_case(const Str *s, bool wanted)
{
    bool found = false;
    for (const char *c = s->bytes, *end = c + s->length; c < end; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);
        bool high = g_unichar_isupper(character), low = g_unichar_islower(character);
        if (g_unichar_istitle(character) || (wanted ? low : high))
            return false;
        found = found || (wanted ? high : low);
    }
    return found;
}
