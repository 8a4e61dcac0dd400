/* SPDX-License-Identifier: Apache-2.0
 * utf8.c: well-formed and broken UTF-8, and GPT-2's table of printable characters that stand for bytes.
 */
#include "internal.h"

#include <string.h>

/* Length of the character that starts at text, or 0; *need: what its first byte asks for (0: no first byte at all),
 * *good: how many bytes fit so far. Table 3-7 of the Unicode standard: no surrogates, no overlong forms. */
static size_t measure(const uint8_t *text, size_t length, size_t *need, size_t *good)
{
    uint8_t first = text[0], low = 0x80, high = 0xBF;
    *need = 0;
    *good = 1;
    if (first < 0x80) {
        *need = 1;
        return 1;
    }
    if (first < 0xC2 || first > 0xF4)
        return 0;
    *need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    while (*good < *need && *good < length && text[*good] >= low && text[*good] <= high) {
        (*good)++;
        low = 0x80;
        high = 0xBF;
    }
    return *good == *need ? *need : 0;
}

size_t text_valid_prefix(const char *text, size_t length)
{
    size_t at = 0, need, good;
    while (at < length) {
        uint64_t eight;
        while (length - at >= 8 && (memcpy(&eight, text + at, 8), (eight & 0x8080808080808080u) == 0))
            at += 8;
        if (at == length)
            break;
        size_t n = measure((const uint8_t *)text + at, length - at, &need, &good);
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

size_t text_broken_prefix(const char *text, size_t length)
{
    size_t need, good;
    measure((const uint8_t *)text, length, &need, &good);
    return good == length && good < need ? 0 : good;
}

/* Printable bytes stand for themselves; the other 68, in order, are the characters from U+0100 on. */
static bool stands_for_itself(gunichar c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

gunichar text_byte_to_char(uint8_t byte)
{
    if (stands_for_itself(byte))
        return byte;
    gunichar c = 0x100;
    for (unsigned b = 0; b < byte; b++)
        if (!stands_for_itself(b))
            c++;
    return c;
}

int text_char_to_byte(gunichar c)
{
    if (stands_for_itself(c))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    gunichar left = c - 0x100;
    for (unsigned b = 0; b < 256; b++)
        if (!stands_for_itself(b) && left-- == 0)
            return (int)b;
    return -1;
}

gunichar text_char(const char *text, size_t *n)
{
    const uint8_t *b = (const uint8_t *)text;
    if (b[0] < 0x80) {
        *n = 1;
        return b[0];
    }
    *n = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    gunichar c = b[0] & (0x7Fu >> *n);
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | (b[i] & 0x3Fu);
    return c;
}

bool text_is_space(gunichar c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool text_is_word(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_CONNECT_PUNCTUATION:
        return true;
    default: /* joiners, and letters in circles and squares */
        return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
               (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    }
}
