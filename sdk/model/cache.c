/* SPDX-License-Identifier: Apache-2.0
 * cache.c: keys and values of what was read so far, for decoding: [slots, P, G·D] for each layer.
 */
#include "internal.h"

bool cache_init(Cache *cache, HoneModel *model, size_t slots, size_t positions, GError **error)
{
    const HoneModelConfig *c = &model->config;
    size_t width = c->kv_heads * c->head_dim;
    *cache = (Cache){.slots = slots, .positions = positions};
    cache->keys = g_new0(HoneTensor, c->layers);
    cache->values = g_new0(HoneTensor, c->layers);
    for (int round = 0; round < 2; round++) {
        Carver carver = {.buffer = cache->memory.buffer};
        for (size_t l = 0; l < c->layers; l++) {
            const size_t shape[] = {slots, positions, width};
            cache->keys[l] = hone_tensor_reshape(carve(&carver, HONE_F32, slots * positions, width), 3, shape);
            cache->values[l] = hone_tensor_reshape(carve(&carver, HONE_F32, slots * positions, width), 3, shape);
        }
        if (round == 0 && !arena_reserve(model->backend, &cache->memory, carver.peak, "the key/value cache", error)) {
            cache_clear(cache, model);
            return false;
        }
    }
    return true;
}

void cache_clear(Cache *cache, HoneModel *model)
{
    g_clear_pointer(&cache->keys, g_free);
    g_clear_pointer(&cache->values, g_free);
    arena_release(model->backend, &cache->memory);
}
