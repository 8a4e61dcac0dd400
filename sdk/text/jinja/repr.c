/* SPDX-License-Identifier: Apache-2.0
 * repr.c: values as Python prints them.
 */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Numbers. ---- */

/* The fewest digits that read back as the same number, in Python's way of writing them. */
char *float_repr(double f, char text[40])
{
    if (isnan(f) || isinf(f))
        return strcpy(text, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    for (int precision = 0; precision < 17; precision++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%de", precision);
        g_ascii_formatd(digits, sizeof digits, format, f);
        if (g_ascii_strtod(digits, NULL) == f)
            break;
    }
    /* d.ddde+xx */
    char *e = strchr(digits, 'e');
    int exponent = (int)g_ascii_strtoll(e + 1, NULL, 10);
    char *out = text, plain[24] = "";
    size_t n = 0;
    for (char *d = digits; d < e; d++) {
        if (*d == '-')
            *out++ = '-';
        else if (*d != '.')
            plain[n++] = *d;
    }
    if (exponent < -4 || exponent >= 16) {
        *out++ = plain[0];
        if (n > 1)
            *out++ = '.';
        for (size_t i = 1; i < n; i++)
            *out++ = plain[i];
        snprintf(out, 16, "e%c%02d", exponent < 0 ? '-' : '+', ABS(exponent));
        return text;
    }
    int point = exponent + 1; /* digits before it */
    if (point <= 0)
        *out++ = '0';
    for (int i = 0; i < point; i++)
        *out++ = (size_t)i < n ? plain[i] : '0';
    *out++ = '.';
    for (int i = point; i < 0; i++)
        *out++ = '0';
    for (size_t i = (size_t)MAX(point, 0); i < n; i++)
        *out++ = plain[i];
    if (out[-1] == '.')
        *out++ = '0';
    *out = 0;
    return text;
}

/* ---- Text. ---- */

static bool is_printable(gunichar c)
{
    if (c < 0x7F)
        return c >= 0x20;
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SPACE_SEPARATOR:
        return false;
    default:
        return true;
    }
}

static void repr_str(Vm *vm, Buffer *out, const Str *s)
{
    bool single = memchr(s->bytes, '\'', s->length) != NULL, twice = memchr(s->bytes, '"', s->length) != NULL;
    char quote = single && !twice ? '"' : '\'';
    buffer_bytes(vm, out, &quote, 1, JINJA_TEMPLATE);
    size_t plain = 0, at = 0;
    vm_step(vm, s->length / 16);
    while (at < s->length) {
        size_t next = at + (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
        gunichar c = g_utf8_get_char(s->bytes + at);
        char escape[12];
        if (c == (gunichar)quote || c == '\\')
            snprintf(escape, sizeof escape, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (is_printable(c))
            *escape = 0;
        else
            snprintf(escape, sizeof escape, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        if (*escape) {
            buffer_part(vm, out, s, plain, at);
            buffer_bytes(vm, out, escape, strlen(escape), str_owner(s, at));
            plain = next;
        }
        at = next;
    }
    buffer_part(vm, out, s, plain, s->length);
    buffer_bytes(vm, out, &quote, 1, JINJA_TEMPLATE);
}

/* ---- Containers. ---- */

static void repr_items(Vm *vm, Buffer *out, const List *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buffer_text(vm, out, ", ");
        buffer_repr(vm, out, list->items[i]);
    }
}

static void repr_dict(Vm *vm, Buffer *out, const Dict *dict)
{
    buffer_text(vm, out, "{");
    for (size_t i = 0; i < dict->n; i++) {
        if (i > 0)
            buffer_text(vm, out, ", ");
        buffer_repr(vm, out, dict->entries[i].key);
        buffer_text(vm, out, ": ");
        buffer_repr(vm, out, dict->entries[i].value);
    }
    buffer_text(vm, out, "}");
}

static void repr_view(Vm *vm, Buffer *out, Value v)
{
    static const char *const names[] = {[KEYS] = "dict_keys([", [VALUES] = "dict_values([", [ITEMS] = "dict_items(["};
    buffer_text(vm, out, names[v.view->what]);
    repr_items(vm, out, value_to_list(vm, v));
    buffer_text(vm, out, "])");
}

static void repr_range(Vm *vm, Buffer *out, const Range *range)
{
    char text[80];
    int n = snprintf(text, sizeof text, "range(%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT, range->start, range->stop);
    if (range->step != 1)
        n += snprintf(text + n, sizeof text - (size_t)n, ", %" G_GINT64_FORMAT, range->step);
    buffer_text(vm, out, text);
    buffer_text(vm, out, ")");
}

static void repr_number(Vm *vm, Buffer *out, Value v)
{
    char text[40];
    if (v.kind == FLOAT)
        float_repr(v.f, text);
    else
        snprintf(text, sizeof text, "%" G_GINT64_FORMAT, v.i);
    buffer_text(vm, out, text);
}

static void repr_loop(Vm *vm, Buffer *out, Loop *loop)
{
    char text[80];
    snprintf(text, sizeof text, "<LoopContext %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT ">", loop->index0 + 1,
             loop_length(vm, loop));
    buffer_text(vm, out, text);
}

void buffer_repr(Vm *vm, Buffer *out, Value v)
{
    vm_step(vm, 1);
    vm_enter(vm);
    switch (v.kind) {
    case UNDEFINED:
        buffer_text(vm, out, "Undefined");
        break;
    case NONE:
        buffer_text(vm, out, "None");
        break;
    case BOOL:
        buffer_text(vm, out, v.b ? "True" : "False");
        break;
    case INT:
    case FLOAT:
        repr_number(vm, out, v);
        break;
    case STRING:
        repr_str(vm, out, v.s);
        break;
    case LIST:
        buffer_text(vm, out, "[");
        repr_items(vm, out, v.list);
        buffer_text(vm, out, "]");
        break;
    case TUPLE:
        buffer_text(vm, out, "(");
        repr_items(vm, out, v.list);
        buffer_text(vm, out, v.list->n == 1 ? ",)" : ")");
        break;
    case DICT:
        repr_dict(vm, out, v.dict);
        break;
    case VIEW:
        repr_view(vm, out, v);
        break;
    case RANGE:
        repr_range(vm, out, v.range);
        break;
    case NAMESPACE:
        buffer_text(vm, out, "<Namespace ");
        repr_dict(vm, out, v.dict);
        buffer_text(vm, out, ">");
        break;
    case LOOP:
        repr_loop(vm, out, v.loop);
        break;
    case MACRO:
        buffer_text(vm, out, "<Macro ");
        if (v.macro->spec->name)
            buffer_repr(vm, out, value_str(v.macro->spec->name));
        else
            buffer_text(vm, out, "anonymous");
        buffer_text(vm, out, ">");
        break;
    default:
        /* Python prints an address or the like, which is of no use in a conversation. */
        vm_fail(vm, "a %s cannot be written as text%s", value_type(v),
                v.kind == ITERATOR                       ? " (make it a list, or join it)"
                : v.kind == FUNCTION || v.kind == METHOD ? " (is it to be called?)"
                                                         : "");
    }
    vm_leave(vm);
}

void buffer_value(Vm *vm, Buffer *out, Value v)
{
    if (v.kind == STRING)
        buffer_str(vm, out, v.s);
    else if (v.kind != UNDEFINED)
        buffer_repr(vm, out, v);
}

const Str *value_text(Vm *vm, Value v)
{
    if (v.kind == STRING)
        return v.s;
    if (v.kind == UNDEFINED)
        return str_empty(vm);
    Buffer *out = buffer_new(vm, 32);
    buffer_value(vm, out, v);
    return buffer_finish(vm, out);
}
