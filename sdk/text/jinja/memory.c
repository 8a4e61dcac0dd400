/* SPDX-License-Identifier: Apache-2.0
 * memory.c: the arena of a rendering, its errors and its limits.
 */
#include "value.h"

#include <stdarg.h>
#include <string.h>

#define CHUNK ((size_t)32 << 10)

struct Chunk {
    Chunk *next;
    max_align_t data[];
};

void vm_init(Vm *vm, const JinjaLimits *limits)
{
    memset(vm, 0, sizeof *vm);
    vm->memory_left = limits->memory;
    vm->steps_left = limits->steps;
    vm->depth_limit = limits->depth;
    vm->output_limit = limits->output;
}

void vm_clear(Vm *vm)
{
    while (vm->chunks) {
        Chunk *next = vm->chunks->next;
        g_free(vm->chunks);
        vm->chunks = next;
    }
    g_clear_pointer(&vm->message, g_free);
}

void vm_fail(Vm *vm, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(vm->message);
    vm->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    longjmp(vm->out, 1);
}

static void add_chunk(Vm *vm, size_t size)
{
    if (size > vm->memory_left)
        vm_fail(vm, "the template makes more values than a conversation of this size can need (its memory is limited)");
    Chunk *chunk = g_try_malloc(sizeof(Chunk) + size);
    if (!chunk)
        vm_fail(vm, "out of memory");
    vm->memory_left -= size;
    chunk->next = vm->chunks;
    vm->chunks = chunk;
    vm->top = (char *)chunk->data;
    vm->end = vm->top + size;
}

void *vm_alloc(Vm *vm, size_t size)
{
    if (size > (SIZE_MAX >> 1))
        vm_fail(vm, "a value is too large");
    size = (MAX(size, 1) + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (size > CHUNK / 4) {
        /* A chunk of its own, behind the one that still has room. */
        char *top = vm->top, *end = vm->end;
        add_chunk(vm, size);
        char *data = vm->top;
        if (top) {
            vm->top = top;
            vm->end = end;
        } else {
            vm->top = vm->end;
        }
        return memset(data, 0, size);
    }
    if ((size_t)(vm->end - vm->top) < size)
        add_chunk(vm, CHUNK);
    char *data = vm->top;
    vm->top += size;
    return memset(data, 0, size);
}

void *vm_array(Vm *vm, size_t size, size_t n)
{
    if (n > SIZE_MAX / size)
        vm_fail(vm, "a value is too large");
    return vm_alloc(vm, size * n);
}

void vm_step(Vm *vm, size_t n)
{
    if (n > vm->steps_left)
        vm_fail(vm, "the template runs on and on: more steps than a conversation of this size can need");
    vm->steps_left -= n;
}

void vm_enter(Vm *vm)
{
    if (vm->depth >= vm->depth_limit)
        vm_fail(vm, "nested too deep (calls, expressions or data, more than %u levels)", vm->depth_limit);
    vm->depth++;
}
