/* SPDX-License-Identifier: Apache-2.0
 * filters_text.c: filters of text. Most take anything, as its text.
 */
#include "lex.h"
#include "methods.h"

#include <string.h>

static Value text_of(Vm *vm, Value v)
{
    return value_str(value_text(vm, v));
}

static Value do_upper(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, value_text(vm, self), CASE_UPPER));
}

static Value do_lower(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, value_text(vm, self), CASE_LOWER));
}

static Value do_capitalize(Vm *vm, Value self, const Value *args)
{
    return value_str(str_case(vm, value_text(vm, self), CASE_CAPITAL));
}

static bool begins_word(gunichar c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || char_is_space(c);
}

/* Unlike the method: a word begins at white space or one of -({[< only. */
static Value do_title(Vm *vm, Value self, const Value *args)
{
    const Str *s = value_text(vm, self);
    Buffer *out = buffer_new(vm, s->length);
    for (size_t at = 0; at < s->length;) {
        size_t end = at;
        bool separates = begins_word(g_utf8_get_char(s->bytes + at));
        while (end < s->length && begins_word(g_utf8_get_char(s->bytes + end)) == separates)
            end += (size_t)(g_utf8_next_char(s->bytes + end) - (s->bytes + end));
        size_t first = (size_t)(g_utf8_next_char(s->bytes + at) - s->bytes);
        buffer_str(vm, out, str_case(vm, str_part(vm, s, at, first), CASE_UPPER));
        buffer_str(vm, out, str_case(vm, str_part(vm, s, first, end), CASE_LOWER));
        at = end;
    }
    return value_str(buffer_finish(vm, out));
}

static Value do_trim(Vm *vm, Value self, const Value *args)
{
    return str_strip(vm, text_of(vm, self), args);
}

static Value do_replace(Vm *vm, Value self, const Value *args)
{
    Value texts[MOST_PARAMS] = {text_of(vm, args[0]), text_of(vm, args[1]), args[2]};
    return str_replace(vm, text_of(vm, self), texts);
}

static Value do_string(Vm *vm, Value self, const Value *args)
{
    return text_of(vm, self);
}

static Value do_escape(Vm *vm, Value self, const Value *args)
{
    static const char *const entities[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['\''] = "&#39;", ['"'] = "&#34;"};
    const Str *s = value_text(vm, self);
    Buffer *out = buffer_new(vm, s->length);
    size_t plain = 0;
    for (size_t at = 0; at < s->length; at++) {
        uint8_t c = (uint8_t)s->bytes[at];
        if (c >= G_N_ELEMENTS(entities) || !entities[c])
            continue;
        buffer_part(vm, out, s, plain, at);
        buffer_bytes(vm, out, entities[c], strlen(entities[c]), str_owner(s, at));
        plain = at + 1;
    }
    buffer_part(vm, out, s, plain, s->length);
    return value_str(buffer_finish(vm, out));
}

static Value do_indent(Vm *vm, Value self, const Value *args)
{
    const Str *s = arg_str(vm, self, "what is indented"), *by = NULL;
    bool first = arg_true(vm, args[1], false), blank = arg_true(vm, args[2], false);
    if (args[0].kind == STRING) {
        by = args[0].s;
    } else {
        Buffer *spaces = buffer_new(vm, 16);
        buffer_spaces(vm, spaces, (size_t)CLAMP(arg_int(vm, args[0], 4, "a width"), 0, G_MAXINT32));
        by = buffer_finish(vm, spaces);
    }
    List *lines = list_new(vm, 0);
    split_lines(vm, str_concat(vm, s, str_literal(vm, "\n")), false, lines);
    Buffer *out = buffer_new(vm, s->length + 32);
    for (size_t i = 0; i < lines->n; i++) {
        if (i > 0)
            buffer_text(vm, out, "\n");
        if (i == 0 ? first : blank || lines->items[i].s->length > 0)
            buffer_str(vm, out, by);
        buffer_str(vm, out, lines->items[i].s);
    }
    return value_str(buffer_finish(vm, out));
}

static Value do_center(Vm *vm, Value self, const Value *args)
{
    Value width[MOST_PARAMS] = {args[0].kind == MISSING ? value_int(80) : args[0]};
    return str_center(vm, text_of(vm, self), width);
}

static Value do_truncate(Vm *vm, Value self, const Value *args)
{
    const Str *end = args[2].kind == MISSING ? str_literal(vm, "...") : arg_str(vm, args[2], "the mark of the cut");
    int64_t length = arg_int(vm, args[0], 255, "a length"), mark = (int64_t)str_chars(end);
    int64_t leeway = args[3].kind == NONE ? 5 : arg_int(vm, args[3], 5, "the leeway");
    if (length < mark || leeway < 0)
        vm_fail(vm, "truncate wants a length of %zu or more and a leeway of 0 or more", (size_t)mark);
    int64_t has = value_length(vm, self);
    if (has >= 0 && (length >= G_MAXINT32 || has <= length + leeway))
        return self;
    const Str *s = arg_str(vm, self, "what is cut");
    const Str *kept = str_part(vm, s, 0, str_offset(s, (size_t)(length - mark)));
    size_t space = str_rfind(vm, kept, str_literal(vm, " "), 0, kept->length);
    if (!arg_true(vm, args[1], false) && space != SIZE_MAX)
        kept = str_part(vm, kept, 0, space);
    return value_str(str_concat(vm, kept, end));
}

static Value do_wordcount(Vm *vm, Value self, const Value *args)
{
    const Str *s = value_text(vm, self);
    int64_t n = 0;
    bool inside = false;
    vm_step(vm, 1 + s->length / 16);
    for (const char *c = s->bytes, *end = c + s->length; c < end; c = g_utf8_next_char(c)) {
        bool word = g_unichar_isalnum(g_utf8_get_char(c)) || *c == '_';
        n += word && !inside;
        inside = word;
    }
    return value_int(n);
}

static Value do_format(Vm *vm, Value self, const Args *args)
{
    if (args->n > 0 && args->n_named > 0)
        vm_fail(vm, "format takes values or names and values, not both");
    Dict *named = dict_new(vm, args->n_named);
    for (size_t i = 0; i < args->n_named; i++)
        dict_set(vm, named, value_str(args->names[i]), args->named[i]);
    List *values = list_new(vm, args->n);
    for (size_t i = 0; i < args->n; i++)
        list_add(vm, values, args->values[i]);
    return value_str(
        percent_format(vm, value_text(vm, self), args->n_named > 0 ? value_dict(named) : value_tuple(values)));
}

static Value do_tojson(Vm *vm, Value self, const Args *args)
{
    Buffer *out = buffer_new(vm, 128);
    buffer_json(vm, out, args, self);
    return value_str(buffer_finish(vm, out));
}

const FilterRow filters_text[] = {
    {"capitalize", do_capitalize, NULL, ""},
    {"center", do_center, NULL, "width?"},
    {"e", do_escape, NULL, ""},
    {"escape", do_escape, NULL, ""},
    {"forceescape", do_escape, NULL, ""},
    {"format", NULL, do_format, ""},
    {"indent", do_indent, NULL, "width? first? blank?"},
    {"lower", do_lower, NULL, ""},
    {"replace", do_replace, NULL, "old new count?"},
    {"safe", do_string, NULL, ""},
    {"string", do_string, NULL, ""},
    {"title", do_title, NULL, ""},
    {"tojson", NULL, do_tojson, ""},
    {"trim", do_trim, NULL, "chars?"},
    {"truncate", do_truncate, NULL, "length? killwords? end? leeway?"},
    {"upper", do_upper, NULL, ""},
    {"wordcount", do_wordcount, NULL, ""},
    /* For web pages, or different each time. */
    {"filesizeformat", NULL, NULL, NULL},
    {"pprint", NULL, NULL, NULL},
    {"random", NULL, NULL, NULL},
    {"striptags", NULL, NULL, NULL},
    {"urlencode", NULL, NULL, NULL},
    {"urlize", NULL, NULL, NULL},
    {"wordwrap", NULL, NULL, NULL},
    {"xmlattr", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
