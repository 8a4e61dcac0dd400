/* SPDX-License-Identifier: Apache-2.0
 * methods_text.c: the methods of Python's strings.
 */
#include "methods.h"

#include "lex.h"

#include <string.h>

/* ---- Stripping. ---- */

static bool in_set(const Str *set, const char *c, size_t n)
{
    if (!set) /* white space */
        return char_is_space(g_utf8_get_char(c));
    for (size_t at = 0; at < set->length;) {
        size_t length = (size_t)(g_utf8_next_char(set->bytes + at) - (set->bytes + at));
        if (length == n && memcmp(set->bytes + at, c, n) == 0)
            return true;
        at += length;
    }
    return false;
}

static Value strip(Vm *vm, const Str *s, Value chars, bool left, bool right)
{
    const Str *set = chars.kind == MISSING || chars.kind == NONE ? NULL : arg_str(vm, chars, "what is stripped");
    size_t from = 0, to = s->length;
    while (left && from < to) {
        size_t n = (size_t)(g_utf8_next_char(s->bytes + from) - (s->bytes + from));
        vm_step(vm, set ? 1 + set->length / 16 : 0);
        if (!in_set(set, s->bytes + from, n))
            break;
        from += n;
    }
    while (right && to > from) {
        size_t last = to - 1;
        while (last > from && (s->bytes[last] & 0xC0) == 0x80)
            last--;
        vm_step(vm, set ? 1 + set->length / 16 : 0);
        if (!in_set(set, s->bytes + last, to - last))
            break;
        to = last;
    }
    vm_step(vm, (s->length - (to - from)) / 16);
    return value_str(str_part(vm, s, from, to));
}

Value str_strip(Vm *vm, Value self, const Value *args)
{
    return strip(vm, self.s, args[0], true, true);
}

static Value text_lstrip(Vm *vm, Value self, const Value *args)
{
    return strip(vm, self.s, args[0], true, false);
}

static Value text_rstrip(Vm *vm, Value self, const Value *args)
{
    return strip(vm, self.s, args[0], false, true);
}

static Value remove_affix(Vm *vm, Value self, Value affix, bool prefix)
{
    const Str *s = self.s, *what = arg_str(vm, affix, "what is removed");
    size_t at = prefix ? 0 : s->length - what->length;
    if (what->length > s->length || memcmp(s->bytes + at, what->bytes, what->length) != 0)
        return self;
    return value_str(prefix ? str_part(vm, s, what->length, s->length) : str_part(vm, s, 0, at));
}

static Value text_removeprefix(Vm *vm, Value self, const Value *args)
{
    return remove_affix(vm, self, args[0], true);
}

static Value text_removesuffix(Vm *vm, Value self, const Value *args)
{
    return remove_affix(vm, self, args[0], false);
}

/* ---- Splitting and joining. ---- */

static void add_part(Vm *vm, List *parts, const Str *s, size_t from, size_t to)
{
    list_add(vm, parts, value_str(str_part(vm, s, from, to)));
}

/* At white space; what lies before the first and behind the last word is no part. */
static void split_words(Vm *vm, const Str *s, int64_t most, List *parts)
{
    size_t at = skip_space(s->bytes, 0, s->length);
    while (at < s->length) {
        size_t end = at;
        if (most >= 0 && (int64_t)parts->n == most)
            end = s->length; /* what is left, white space at its end and all */
        while (end < s->length && !char_is_space(g_utf8_get_char(s->bytes + end)))
            end += (size_t)(g_utf8_next_char(s->bytes + end) - (s->bytes + end));
        add_part(vm, parts, s, at, end);
        at = skip_space(s->bytes, end, s->length);
    }
}

static void reverse(List *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        Value v = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = v;
    }
}

static void rsplit_words(Vm *vm, const Str *s, int64_t most, List *parts)
{
    size_t end = trim_space(s->bytes, 0, s->length);
    while (end > 0) {
        size_t at = end;
        if (most >= 0 && (int64_t)parts->n == most)
            at = 0;
        while (at > 0) {
            size_t last = at - 1;
            while (last > 0 && (s->bytes[last] & 0xC0) == 0x80)
                last--;
            if (char_is_space(g_utf8_get_char(s->bytes + last)))
                break;
            at = last;
        }
        add_part(vm, parts, s, at, end);
        end = trim_space(s->bytes, 0, at);
    }
    reverse(parts);
}

static Value split(Vm *vm, const Str *s, const Value *args, bool right)
{
    List *parts = list_new(vm, 0);
    int64_t most = arg_int(vm, args[1], -1, "the number of splits");
    vm_step(vm, 1 + s->length / 16);
    if (args[0].kind == MISSING || args[0].kind == NONE) {
        (right ? rsplit_words : split_words)(vm, s, most, parts);
        return value_list(parts);
    }
    const Str *by = arg_str(vm, args[0], "what separates");
    if (by->length == 0)
        vm_fail(vm, "a text cannot be split at an empty text");
    size_t from = 0, to = s->length, at;
    while ((most < 0 || (int64_t)parts->n < most) &&
           (at = right ? str_rfind(vm, s, by, from, to) : str_find(s, by, from, to)) != SIZE_MAX) {
        if (right)
            add_part(vm, parts, s, at + by->length, to);
        else
            add_part(vm, parts, s, from, at);
        if (right)
            to = at;
        else
            from = at + by->length;
    }
    add_part(vm, parts, s, from, to);
    if (right)
        reverse(parts);
    return value_list(parts);
}

static Value text_split(Vm *vm, Value self, const Value *args)
{
    return split(vm, self.s, args, false);
}

static Value text_rsplit(Vm *vm, Value self, const Value *args)
{
    return split(vm, self.s, args, true);
}

static bool ends_line(gunichar c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

size_t split_lines(Vm *vm, const Str *s, bool keep, List *lines)
{
    size_t from = 0, at = 0;
    vm_step(vm, 1 + s->length / 16);
    while (at < s->length) {
        gunichar c = g_utf8_get_char(s->bytes + at);
        size_t next = at + (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
        if (ends_line(c)) {
            if (c == '\r' && next < s->length && s->bytes[next] == '\n')
                next++;
            add_part(vm, lines, s, from, keep ? next : at);
            from = next;
        }
        at = next;
    }
    if (from < s->length)
        add_part(vm, lines, s, from, s->length);
    return lines->n;
}

static Value text_splitlines(Vm *vm, Value self, const Value *args)
{
    List *lines = list_new(vm, 0);
    split_lines(vm, self.s, arg_true(vm, args[0], false), lines);
    return value_list(lines);
}

static Value partition(Vm *vm, Value self, Value by, bool right)
{
    const Str *s = self.s, *separator = arg_str(vm, by, "what separates");
    if (separator->length == 0)
        vm_fail(vm, "a text cannot be split at an empty text");
    vm_step(vm, 1 + s->length / 16);
    size_t at = right ? str_rfind(vm, s, separator, 0, s->length) : str_find(s, separator, 0, s->length);
    List *parts = list_new(vm, 3);
    Value empty = value_str(str_empty(vm));
    bool found = at != SIZE_MAX;
    list_add(vm, parts, found ? value_str(str_part(vm, s, 0, at)) : right ? empty : self);
    list_add(vm, parts, found ? value_str(str_part(vm, s, at, at + separator->length)) : empty);
    list_add(vm, parts, found ? value_str(str_part(vm, s, at + separator->length, s->length)) : right ? self : empty);
    return value_tuple(parts);
}

static Value text_partition(Vm *vm, Value self, const Value *args)
{
    return partition(vm, self, args[0], false);
}

static Value text_rpartition(Vm *vm, Value self, const Value *args)
{
    return partition(vm, self, args[0], true);
}

static Value text_join(Vm *vm, Value self, const Value *args)
{
    const List *parts = value_to_list(vm, args[0]);
    Buffer *out = buffer_new(vm, 64);
    for (size_t i = 0; i < parts->n; i++) {
        if (i > 0)
            buffer_str(vm, out, self.s);
        buffer_str(vm, out, arg_str(vm, parts->items[i], "what is joined"));
    }
    return value_str(buffer_finish(vm, out));
}

/* ---- Searching. ---- */

/* A part of the text by characters, as [from:to] means it. Returns false where from lies behind the end. */
static bool search_range(Vm *vm, const Str *s, const Value *args, size_t *from, size_t *to)
{
    int64_t n = (int64_t)str_chars(s), bounds[2] = {0, n};
    vm_step(vm, 1 + s->length / 16);
    for (int i = 0; i < 2; i++) {
        if (args[i].kind == MISSING || args[i].kind == NONE)
            continue;
        int64_t at = value_index(vm, args[i], "a place in a text");
        bounds[i] = at < 0 ? MAX(at + n, 0) : at;
    }
    if (bounds[0] > n || bounds[0] > bounds[1])
        return false;
    *from = str_offset(s, (size_t)bounds[0]);
    *to = str_offset(s, (size_t)MIN(bounds[1], n));
    return true;
}

static int64_t find(Vm *vm, Value self, const Value *args, bool right)
{
    size_t from, to;
    const Str *s = self.s, *what = arg_str(vm, args[0], "what is looked for");
    if (!search_range(vm, s, args + 1, &from, &to))
        return -1;
    size_t at = right ? str_rfind(vm, s, what, from, to) : str_find(s, what, from, to);
    return at == SIZE_MAX ? -1 : (int64_t)str_chars(str_part(vm, s, 0, at));
}

static Value text_find(Vm *vm, Value self, const Value *args)
{
    return value_int(find(vm, self, args, false));
}

static Value text_rfind(Vm *vm, Value self, const Value *args)
{
    return value_int(find(vm, self, args, true));
}

static Value index_of(Vm *vm, int64_t at)
{
    if (at < 0)
        vm_fail(vm, "the text that is looked for is not there");
    return value_int(at);
}

static Value text_index(Vm *vm, Value self, const Value *args)
{
    return index_of(vm, find(vm, self, args, false));
}

static Value text_rindex(Vm *vm, Value self, const Value *args)
{
    return index_of(vm, find(vm, self, args, true));
}

static Value text_count(Vm *vm, Value self, const Value *args)
{
    size_t from, to, at;
    int64_t n = 0;
    const Str *what = arg_str(vm, args[0], "what is counted");
    if (!search_range(vm, self.s, args + 1, &from, &to))
        return value_int(0);
    if (what->length == 0)
        return value_int((int64_t)str_chars(str_part(vm, self.s, from, to)) + 1);
    for (; (at = str_find(self.s, what, from, to)) != SIZE_MAX; n++)
        from = at + what->length;
    return value_int(n);
}

static bool has_affix(Vm *vm, const Str *s, Value affix, bool start)
{
    const Str *what = arg_str(vm, affix, "what a text is to begin or end with");
    if (what->length > s->length)
        return false;
    return memcmp(s->bytes + (start ? 0 : s->length - what->length), what->bytes, what->length) == 0;
}

static Value affix_test(Vm *vm, Value self, const Value *args, bool start)
{
    size_t from, to;
    bool found = false, inside = search_range(vm, self.s, args + 1, &from, &to);
    const Str *s = inside ? str_part(vm, self.s, from, to) : NULL;
    if (args[0].kind != TUPLE) {
        arg_str(vm, args[0], "what a text is to begin or end with");
        return value_bool(inside && has_affix(vm, s, args[0], start));
    }
    for (size_t i = 0; i < args[0].list->n && inside && !found; i++)
        found = has_affix(vm, s, args[0].list->items[i], start);
    return value_bool(found);
}

static Value text_startswith(Vm *vm, Value self, const Value *args)
{
    return affix_test(vm, self, args, true);
}

static Value text_endswith(Vm *vm, Value self, const Value *args)
{
    return affix_test(vm, self, args, false);
}

/* ---- Changing. ---- */

static const Str *replace_everywhere(Vm *vm, const Str *s, const Str *by, int64_t most)
{
    /* An empty text stands before each character and at the end. */
    Buffer *out = buffer_new(vm, s->length);
    for (size_t at = 0; most != 0; most--) {
        buffer_str(vm, out, by);
        if (at >= s->length)
            return buffer_finish(vm, out);
        size_t next = at + (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
        buffer_part(vm, out, s, at, next);
        at = next;
        if (most == 1)
            buffer_part(vm, out, s, at, s->length);
    }
    return buffer_finish(vm, out);
}

Value str_replace(Vm *vm, Value self, const Value *args)
{
    const Str *s = self.s, *what = arg_str(vm, args[0], "what is replaced"),
              *by = arg_str(vm, args[1], "what takes its place");
    int64_t most = args[2].kind == NONE ? -1 : arg_int(vm, args[2], -1, "the number of replacements");
    vm_step(vm, 1 + s->length / 16);
    if (most == 0)
        return self;
    if (what->length == 0)
        return value_str(replace_everywhere(vm, s, by, most));
    size_t from = 0, at = str_find(s, what, 0, s->length);
    if (at == SIZE_MAX)
        return self;
    Buffer *out = buffer_new(vm, s->length);
    for (; at != SIZE_MAX && most != 0; most--) {
        buffer_part(vm, out, s, from, at);
        buffer_str(vm, out, by);
        from = at + what->length;
        at = str_find(s, what, from, s->length);
    }
    buffer_part(vm, out, s, from, s->length);
    return value_str(buffer_finish(vm, out));
}

static Value text_upper(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, self.s, CASE_UPPER));
}

static Value text_lower(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, self.s, CASE_LOWER));
}

static Value text_capitalize(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, self.s, CASE_CAPITAL));
}

static Value text_title(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, self.s, CASE_TITLE));
}

static Value pad(Vm *vm, Value self, const Value *args, int where)
{
    int64_t width = value_index(vm, args[0], "a width"), n = (int64_t)str_chars(self.s);
    const Str *fill = args[1].kind == MISSING ? str_literal(vm, " ") : arg_str(vm, args[1], "what fills");
    if (str_chars(fill) != 1)
        vm_fail(vm, "what fills must be one character");
    if (width <= n)
        return self;
    size_t more = (size_t)(width - n);
    size_t left = where == PAD_LEFT ? more : where == PAD_RIGHT ? 0 : more / 2 + (more & (size_t)width & 1);
    Buffer *out = buffer_new(vm, self.s->length);
    buffer_repeat(vm, out, fill, left);
    buffer_str(vm, out, self.s);
    buffer_repeat(vm, out, fill, more - left);
    return value_str(buffer_finish(vm, out));
}

Value str_center(Vm *vm, Value self, const Value *args)
{
    return pad(vm, self, args, PAD_BOTH);
}

static Value text_ljust(Vm *vm, Value self, const Value *args)
{
    return pad(vm, self, args, PAD_RIGHT);
}

static Value text_rjust(Vm *vm, Value self, const Value *args)
{
    return pad(vm, self, args, PAD_LEFT);
}

static Value text_zfill(Vm *vm, Value self, const Value *args)
{
    int64_t width = value_index(vm, args[0], "a width"), n = (int64_t)str_chars(self.s);
    const Str *s = self.s;
    if (width <= n)
        return self;
    size_t sign = s->length > 0 && (s->bytes[0] == '-' || s->bytes[0] == '+');
    Buffer *out = buffer_new(vm, 32);
    buffer_part(vm, out, s, 0, sign);
    buffer_repeat(vm, out, str_literal(vm, "0"), (size_t)(width - n));
    buffer_part(vm, out, s, sign, s->length);
    return value_str(buffer_finish(vm, out));
}

/* ---- Kinds of characters. ---- */

typedef bool (*CharTest)(gunichar c);

static Value all_chars(const Str *s, CharTest test)
{
    for (const char *c = s->bytes, *end = c + s->length; c < end; c = g_utf8_next_char(c))
        if (!test(g_utf8_get_char(c)))
            return value_bool(false);
    return value_bool(s->length > 0);
}

static bool is_alpha(gunichar c)
{
    return g_unichar_isalpha(c);
}

static bool is_decimal(gunichar c)
{
    return g_unichar_type(c) == G_UNICODE_DECIMAL_NUMBER;
}

static bool is_digit(gunichar c)
{
    return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0x2070 && c <= 0x2089 && c != 0x2071);
}

static bool is_number(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_DECIMAL_NUMBER || type == G_UNICODE_LETTER_NUMBER || type == G_UNICODE_OTHER_NUMBER;
}

static bool is_alnum(gunichar c)
{
    return is_alpha(c) || is_number(c);
}

static Value text_isalpha(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, is_alpha);
}

static Value text_isalnum(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, is_alnum);
}

static Value text_isdigit(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, is_digit);
}

static Value text_isdecimal(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, is_decimal);
}

static Value text_isnumeric(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, is_number);
}

static Value text_isspace(Vm *vm, Value self, const Value *args)
{
    return all_chars(self.s, char_is_space);
}

static Value text_isascii(Vm *vm, Value self, const Value *args)
{
    return value_bool(str_chars(self.s) == self.s->length);
}

static Value text_islower(Vm *vm, Value self, const Value *args)
{
    return value_bool(str_has_case(self.s, false));
}

static Value text_isupper(Vm *vm, Value self, const Value *args)
{
    return value_bool(str_has_case(self.s, true));
}

static Value text_format(Vm *vm, Value self, const Args *args)
{
    return value_str(brace_format(vm, self.s, args));
}

const MethodRow methods_text[] = {
    {"capitalize", text_capitalize, NULL, "/"},
    {"center", str_center, NULL, "/width fill?"},
    {"count", text_count, NULL, "/text start? end?"},
    {"endswith", text_endswith, NULL, "/suffix start? end?"},
    {"find", text_find, NULL, "/text start? end?"},
    {"format", NULL, text_format, ""},
    {"index", text_index, NULL, "/text start? end?"},
    {"isalnum", text_isalnum, NULL, "/"},
    {"isalpha", text_isalpha, NULL, "/"},
    {"isascii", text_isascii, NULL, "/"},
    {"isdecimal", text_isdecimal, NULL, "/"},
    {"isdigit", text_isdigit, NULL, "/"},
    {"islower", text_islower, NULL, "/"},
    {"isnumeric", text_isnumeric, NULL, "/"},
    {"isspace", text_isspace, NULL, "/"},
    {"isupper", text_isupper, NULL, "/"},
    {"join", text_join, NULL, "/parts"},
    {"ljust", text_ljust, NULL, "/width fill?"},
    {"lower", text_lower, NULL, "/"},
    {"lstrip", text_lstrip, NULL, "/chars?"},
    {"partition", text_partition, NULL, "/separator"},
    {"removeprefix", text_removeprefix, NULL, "/prefix"},
    {"removesuffix", text_removesuffix, NULL, "/suffix"},
    {"replace", str_replace, NULL, "/old new count?"},
    {"rfind", text_rfind, NULL, "/text start? end?"},
    {"rindex", text_rindex, NULL, "/text start? end?"},
    {"rjust", text_rjust, NULL, "/width fill?"},
    {"rpartition", text_rpartition, NULL, "/separator"},
    {"rsplit", text_rsplit, NULL, "sep? maxsplit?"},
    {"rstrip", text_rstrip, NULL, "/chars?"},
    {"split", text_split, NULL, "sep? maxsplit?"},
    {"splitlines", text_splitlines, NULL, "keepends?"},
    {"startswith", text_startswith, NULL, "/prefix start? end?"},
    {"strip", str_strip, NULL, "/chars?"},
    {"title", text_title, NULL, "/"},
    {"upper", text_upper, NULL, "/"},
    {"zfill", text_zfill, NULL, "/width"},
    /* Those that no template uses. */
    {"casefold", NULL, NULL, "/"},
    {"encode", NULL, NULL, "/"},
    {"expandtabs", NULL, NULL, "/"},
    {"format_map", NULL, NULL, "/"},
    {"isidentifier", NULL, NULL, "/"},
    {"isprintable", NULL, NULL, "/"},
    {"istitle", NULL, NULL, "/"},
    {"maketrans", NULL, NULL, "/"},
    {"swapcase", NULL, NULL, "/"},
    {"translate", NULL, NULL, "/"},
    {NULL, NULL, NULL, NULL},
};
