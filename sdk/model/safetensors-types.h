/* SPDX-License-Identifier: Apache-2.0
 * safetensors-types.h: the element types that are read and written, by the format's names.
 */
#ifndef HONE_SAFETENSORS_TYPES_H
#define HONE_SAFETENSORS_TYPES_H

#include <hone/tensor.h>

#define N_SAFETENSORS_TYPES 4

typedef struct SafetensorsType {
    const char *name;
    HoneType type;
} SafetensorsType;

extern const SafetensorsType safetensors_types[N_SAFETENSORS_TYPES];

#endif
