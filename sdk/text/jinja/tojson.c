/* SPDX-License-Identifier: Apache-2.0
 * tojson.c: the filter tojson, as transformers has it: json.dumps, with nothing escaped for HTML.
 */
#include "filters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Writer {
    Vm *vm;
    Buffer *out;
    bool ascii, sorted;
    const Str *indent; /* NULL: all on one line */
    const Str *between, *colon;
    unsigned depth;
} Writer;

static void write_value(Writer *w, Value v);

static const char *escape_of(gunichar c, bool ascii, char text[16])
{
    static const char names[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    const char *found = c && c < 0x80 ? strchr(names, (int)c) : NULL;
    if (found) {
        snprintf(text, 16, "\\%c", letters[found - names]);
        return text;
    }
    if (c >= 0x20 && (c < 0x7F || !ascii))
        return NULL;
    if (c < 0x10000)
        snprintf(text, 16, "\\u%04x", c);
    else
        snprintf(text, 16, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
    return text;
}

static void write_string(Writer *w, const Str *s)
{
    size_t plain = 0;
    char text[16];
    buffer_text(w->vm, w->out, "\"");
    for (size_t at = 0; at < s->length;) {
        uint8_t byte = (uint8_t)s->bytes[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x7F || !w->ascii)) {
            at++;
            continue;
        }
        size_t next = at + (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
        const char *escape = escape_of(g_utf8_get_char(s->bytes + at), w->ascii, text);
        if (escape) {
            buffer_part(w->vm, w->out, s, plain, at);
            buffer_bytes(w->vm, w->out, escape, strlen(escape), str_owner(s, at));
            plain = next;
        }
        at = next;
    }
    buffer_part(w->vm, w->out, s, plain, s->length);
    buffer_text(w->vm, w->out, "\"");
}

static void write_float(Writer *w, double f)
{
    char text[40];
    float_repr(f, text);
    buffer_text(w->vm, w->out, isnan(f) ? "NaN" : isinf(f) ? (f < 0 ? "-Infinity" : "Infinity") : text);
}

static void write_break(Writer *w)
{
    if (!w->indent)
        return;
    buffer_text(w->vm, w->out, "\n");
    buffer_repeat(w->vm, w->out, w->indent, w->depth);
}

static void write_key(Writer *w, Value key)
{
    if (key.kind == STRING) {
        write_string(w, key.s);
        return;
    }
    if (key.kind != NONE && !value_is_number(key))
        vm_fail(w->vm, "a %s cannot be a name in JSON", value_type(key));
    buffer_text(w->vm, w->out, "\"");
    write_value(w, key);
    buffer_text(w->vm, w->out, "\"");
}

static void write_dict(Writer *w, const Dict *dict)
{
    const Entry *entries = dict->entries;
    List *order = NULL;
    if (w->sorted) {
        List *keys = list_new(w->vm, dict->n), *numbers = list_new(w->vm, dict->n);
        for (size_t i = 0; i < dict->n; i++) {
            list_add(w->vm, keys, entries[i].key);
            list_add(w->vm, numbers, value_int((int64_t)i));
        }
        order = sort_values(w->vm, keys, numbers, false);
    }
    buffer_text(w->vm, w->out, "{");
    w->depth++;
    for (size_t i = 0; i < dict->n; i++) {
        const Entry *entry = &entries[order ? (size_t)order->items[i].i : i];
        if (i > 0)
            buffer_str(w->vm, w->out, w->between);
        write_break(w);
        write_key(w, entry->key);
        buffer_str(w->vm, w->out, w->colon);
        write_value(w, entry->value);
    }
    w->depth--;
    if (dict->n > 0)
        write_break(w);
    buffer_text(w->vm, w->out, "}");
}

static void write_list(Writer *w, const List *list)
{
    buffer_text(w->vm, w->out, "[");
    w->depth++;
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buffer_str(w->vm, w->out, w->between);
        write_break(w);
        write_value(w, list->items[i]);
    }
    w->depth--;
    if (list->n > 0)
        write_break(w);
    buffer_text(w->vm, w->out, "]");
}

static void write_value(Writer *w, Value v)
{
    vm_step(w->vm, 1);
    vm_enter(w->vm);
    switch (v.kind) {
    case NONE:
        buffer_text(w->vm, w->out, "null");
        break;
    case BOOL:
        buffer_text(w->vm, w->out, v.b ? "true" : "false");
        break;
    case INT:
        buffer_value(w->vm, w->out, v);
        break;
    case FLOAT:
        write_float(w, v.f);
        break;
    case STRING:
        write_string(w, v.s);
        break;
    case LIST:
    case TUPLE:
        write_list(w, v.list);
        break;
    case DICT:
        write_dict(w, v.dict);
        break;
    case UNDEFINED:
        fail_undefined(w->vm, v);
    default:
        vm_fail(w->vm, "a %s cannot be written as JSON", value_type(v));
    }
    vm_leave(w->vm);
}

static const Str *indent_of(Vm *vm, Value v)
{
    if (v.kind == MISSING || v.kind == NONE)
        return NULL;
    if (v.kind == STRING)
        return v.s;
    int64_t n = value_index(vm, v, "the indent of tojson");
    if (n > 100)
        vm_fail(vm, "the indent of tojson is too wide");
    Buffer *out = buffer_new(vm, 16);
    buffer_spaces(vm, out, (size_t)MAX(n, 0));
    return buffer_finish(vm, out);
}

void buffer_json(Vm *vm, Buffer *out, const Args *args, Value v)
{
    Value values[MOST_PARAMS];
    args_bind(vm, "tojson", "ensure_ascii? indent? separators? sort_keys?", args, values);
    Writer w = {.vm = vm,
                .out = out,
                .ascii = arg_true(vm, values[0], false),
                .indent = indent_of(vm, values[1]),
                .sorted = arg_true(vm, values[3], false),
                .colon = str_literal(vm, ": ")};
    w.between = str_literal(vm, w.indent ? "," : ", ");
    if (values[2].kind != MISSING && values[2].kind != NONE) {
        const List *pair = value_to_list(vm, values[2]);
        if (pair->n != 2)
            vm_fail(vm, "the separators of tojson are two texts");
        w.between = arg_str(vm, pair->items[0], "a separator");
        w.colon = arg_str(vm, pair->items[1], "a separator");
    }
    write_value(&w, v);
}
