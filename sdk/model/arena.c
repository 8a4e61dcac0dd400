/* SPDX-License-Identifier: Apache-2.0
 * arena.c: one buffer cut into views, so that a pass costs one allocation, and none where the last one is large enough.
 */
#include "internal.h"

#define ALIGNMENT 64

HoneTensor carve(Carver *carver, HoneType type, size_t rows, size_t columns)
{
    size_t count, bytes;
    g_assert(!__builtin_mul_overflow(rows, columns, &count) && hone_type_bytes(type, count, &bytes));
    HoneTensor tensor = hone_tensor_2d(carver->buffer, carver->used, type, rows, columns);
    g_assert(!__builtin_add_overflow(bytes, (size_t)ALIGNMENT - 1, &bytes));
    bytes &= ~(size_t)(ALIGNMENT - 1);
    g_assert(!__builtin_add_overflow(carver->used, bytes, &carver->used));
    carver->peak = MAX(carver->peak, carver->used);
    return tensor;
}

bool arena_reserve(HoneBackend *backend, Arena *arena, size_t bytes, const char *what, GError **error)
{
    if (bytes <= arena->capacity && arena->buffer != NULL)
        return true;
    /* The old buffer goes first: the two need not fit side by side. */
    arena_release(backend, arena);
    arena->buffer = hone_backend_alloc(backend, bytes, what, error);
    if (arena->buffer == NULL)
        return false;
    arena->capacity = bytes;
    return true;
}

void arena_release(HoneBackend *backend, Arena *arena)
{
    if (arena->buffer != NULL)
        hone_backend_release(backend, arena->buffer, arena->capacity);
    *arena = (Arena){0};
}
