/* SPDX-License-Identifier: Apache-2.0
 * text.c: strings, and buffers that strings are written into; both know who owns each byte.
 */
#include "value.h"

#include <string.h>

/* ---- Strings. ---- */

const Str *str_new(Vm *vm, const char *bytes, size_t length, uint32_t owner)
{
    Str *s = vm_new(vm, Str, 1);
    *s = (Str){.bytes = bytes, .length = length, .chars = SIZE_MAX, .owner = owner};
    return s;
}

const Str *str_literal(Vm *vm, const char *text)
{
    return str_new(vm, text, strlen(text), JINJA_TEMPLATE);
}

const Str *str_copy(Vm *vm, const char *bytes, size_t length, uint32_t owner)
{
    char *copy = vm_alloc(vm, length + 1);
    memcpy(copy, bytes, length);
    return str_new(vm, copy, length, owner);
}

const Str *str_empty(Vm *vm)
{
    return str_new(vm, "", 0, JINJA_TEMPLATE);
}

const Str *str_part(Vm *vm, const Str *s, size_t from, size_t to)
{
    if (from == 0 && to == s->length)
        return s;
    Str *part = vm_new(vm, Str, 1);
    *part =
        (Str){.bytes = s->bytes + from, .length = to - from, .chars = SIZE_MAX, .buffer = s->buffer, .owner = s->owner};
    return part;
}

bool str_equal(const Str *a, const Str *b)
{
    return a == b || (a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0);
}

bool str_is(const Str *s, const char *text)
{
    return s->length == strlen(text) && memcmp(s->bytes, text, s->length) == 0;
}

int str_compare(const Str *a, const Str *b)
{
    /* The order of UTF-8's bytes is that of code points. */
    int order = memcmp(a->bytes, b->bytes, MIN(a->length, b->length));
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

size_t str_chars(const Str *s)
{
    if (s->chars == SIZE_MAX) {
        size_t n = 0;
        for (size_t i = 0; i < s->length; i++)
            n += (s->bytes[i] & 0xC0) != 0x80;
        ((Str *)s)->chars = n;
    }
    return s->chars;
}

uint64_t str_hash(const Str *s)
{
    if (s->hash == 0) {
        uint64_t hash = 0xCBF29CE484222325u;
        for (size_t i = 0; i < s->length; i++)
            hash = (hash ^ (uint8_t)s->bytes[i]) * 0x100000001B3u;
        ((Str *)s)->hash = hash | 1;
    }
    return s->hash;
}

size_t str_offset(const Str *s, size_t character)
{
    if (character >= str_chars(s))
        return s->length;
    if (s->chars == s->length)
        return character;
    size_t at = 0;
    for (size_t i = 0; i < character; i++)
        at += (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
    return at;
}

size_t str_find(const Str *s, const Str *what, size_t from, size_t to)
{
    if (to > s->length || from > to || what->length > to - from)
        return SIZE_MAX;
    const char *found =
        what->length == 0 ? s->bytes + from : memmem(s->bytes + from, to - from, what->bytes, what->length);
    return found ? (size_t)(found - s->bytes) : SIZE_MAX;
}

size_t str_rfind(Vm *vm, const Str *s, const Str *what, size_t from, size_t to)
{
    if (to > s->length || from > to || what->length > to - from)
        return SIZE_MAX;
    vm_step(vm, 1 + (what->length / 64 + 1) * ((to - from - what->length) / 16));
    for (size_t at = to - what->length + 1; at > from; at--)
        if (memcmp(s->bytes + at - 1, what->bytes, what->length) == 0)
            return at - 1;
    return SIZE_MAX;
}

const char *str_c(Vm *vm, const Str *s)
{
    char *copy = vm_alloc(vm, s->length + 1);
    memcpy(copy, s->bytes, s->length);
    return copy;
}

/* ---- Owners. ---- */

/* Index of the run that byte `at` lies in; the last where it lies behind all. */
static size_t run_of(const Runs *runs, size_t at)
{
    size_t low = 0, high = runs->n - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (at < runs->items[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t str_owner(const Str *s, size_t at)
{
    if (!s->buffer || !s->buffer->runs)
        return s->owner;
    const Runs *runs = s->buffer->runs;
    return runs->items[run_of(runs, (size_t)(s->bytes - s->buffer->bytes) + at)].owner;
}

static void add_run(Vm *vm, Runs *runs, size_t end, uint32_t owner)
{
    if (runs->n > 0 && runs->items[runs->n - 1].owner == owner) {
        runs->items[runs->n - 1].end = end;
        return;
    }
    if (runs->n == runs->room) {
        size_t room = runs->room * 2 + 8;
        JinjaRun *items = vm_new(vm, JinjaRun, room);
        if (runs->n > 0)
            memcpy(items, runs->items, runs->n * sizeof *items);
        runs->items = items;
        runs->room = room;
    }
    runs->items[runs->n++] = (JinjaRun){end, owner};
}

/* What is written from `used` to `end` has this owner. */
static void own(Vm *vm, Buffer *out, size_t end, uint32_t owner)
{
    if (!out->runs && (out->used == 0 || out->owner == owner)) {
        out->owner = owner;
        return;
    }
    if (!out->runs) {
        Runs *runs = vm_new(vm, Runs, 1);
        add_run(vm, runs, out->used, out->owner);
        out->runs = runs;
    }
    add_run(vm, out->runs, end, owner);
}

/* ---- Buffers. ---- */

Buffer *buffer_new(Vm *vm, size_t room)
{
    Buffer *out = vm_new(vm, Buffer, 1);
    out->room = room;
    out->bytes = vm_alloc(vm, room);
    return out;
}

static void make_room(Vm *vm, Buffer *out, size_t length)
{
    if (length <= out->room - out->used)
        return;
    size_t room = MAX(out->room, length);
    if (room > SIZE_MAX / 8)
        vm_fail(vm, "a text is too long");
    room = room * 2 + 32;
    char *bytes = vm_alloc(vm, room);
    memcpy(bytes, out->bytes, out->used);
    g_assert(!out->shared);
    out->bytes = bytes;
    out->room = room;
}

void buffer_bytes(Vm *vm, Buffer *out, const char *bytes, size_t length, uint32_t owner)
{
    if (length == 0)
        return;
    vm_step(vm, 1 + length / 64);
    make_room(vm, out, length);
    own(vm, out, out->used + length, owner);
    memcpy(out->bytes + out->used, bytes, length);
    out->used += length;
}

void buffer_text(Vm *vm, Buffer *out, const char *text)
{
    buffer_bytes(vm, out, text, strlen(text), JINJA_TEMPLATE);
}

void buffer_part(Vm *vm, Buffer *out, const Str *s, size_t from, size_t to)
{
    if (!s->buffer || !s->buffer->runs) {
        buffer_bytes(vm, out, s->bytes + from, to - from, s->owner);
        return;
    }
    /* The buffer may be the one that is written to: its runs are looked up anew each time. */
    size_t base = (size_t)(s->bytes - s->buffer->bytes);
    for (size_t r = run_of(s->buffer->runs, base + from); from < to; r++) {
        const JinjaRun *run = &s->buffer->runs->items[r];
        size_t end = r + 1 == s->buffer->runs->n ? to : MIN(to, run->end - base);
        buffer_bytes(vm, out, s->bytes + from, end - from, run->owner);
        from = end;
    }
}

void buffer_str(Vm *vm, Buffer *out, const Str *s)
{
    buffer_part(vm, out, s, 0, s->length);
}

void buffer_char(Vm *vm, Buffer *out, gunichar c, uint32_t owner)
{
    char bytes[6];
    buffer_bytes(vm, out, bytes, (size_t)g_unichar_to_utf8(c, bytes), owner);
}

void buffer_repeat(Vm *vm, Buffer *out, const Str *s, size_t n)
{
    for (size_t i = 0; i < n && s->length > 0; i++)
        buffer_str(vm, out, s);
}

void buffer_spaces(Vm *vm, Buffer *out, size_t n)
{
    static const char spaces[] = "                                ";
    for (; n > 0; n -= MIN(n, sizeof spaces - 1))
        buffer_bytes(vm, out, spaces, MIN(n, sizeof spaces - 1), JINJA_TEMPLATE);
}

void buffer_mark(Vm *vm, Buffer *out, size_t from, uint32_t flag)
{
    if (from == out->used)
        return;
    if (!out->runs) {
        Runs *runs = vm_new(vm, Runs, 1);
        add_run(vm, runs, out->used, out->owner);
        out->runs = runs;
    }
    Runs *runs = out->runs;
    size_t first = run_of(runs, from), n = runs->n - first;
    size_t start = first > 0 ? runs->items[first - 1].end : 0;
    JinjaRun *tail = vm_new(vm, JinjaRun, n);
    memcpy(tail, runs->items + first, n * sizeof *tail);
    runs->n = first;
    if (start < from)
        add_run(vm, runs, from, tail[0].owner);
    for (size_t i = 0; i < n; i++)
        add_run(vm, runs, tail[i].end, tail[i].owner | flag);
}

const Str *buffer_finish(Vm *vm, Buffer *out)
{
    Str *s = vm_new(vm, Str, 1);
    *s = (Str){.bytes = out->bytes, .length = out->used, .chars = SIZE_MAX, .buffer = out, .owner = out->owner};
    out->shared = true;
    return s;
}

const Str *str_concat(Vm *vm, const Str *a, const Str *b)
{
    if (b->length == 0)
        return a;
    if (a->length == 0)
        return b;
    Buffer *out = (Buffer *)a->buffer;
    bool at_end = out && a->bytes + a->length == out->bytes + out->used && out->room - out->used >= b->length;
    if (!at_end) {
        if (a->length > SIZE_MAX / 8 || b->length > SIZE_MAX / 8)
            vm_fail(vm, "a text is too long");
        out = buffer_new(vm, a->length + b->length + (a->length + b->length) / 2 + 16);
        buffer_str(vm, out, a);
        a = buffer_finish(vm, out);
    }
    const char *start = a->bytes;
    buffer_str(vm, out, b);
    Str *s = vm_new(vm, Str, 1);
    *s = (Str){.bytes = start,
               .length = (size_t)(out->bytes + out->used - start),
               .chars = SIZE_MAX,
               .buffer = out,
               .owner = out->owner};
    return s;
}
