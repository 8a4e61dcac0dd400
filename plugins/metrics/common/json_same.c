/* SPDX-License-Identifier: Apache-2.0
 * json_same.c: two values are equal when their canonical texts are.
 */
#include "json_same.h"
#include <hone/file.h>

bool json_same(JsonNode *a, JsonNode *b)
{
    g_autofree char *x = hone_json_canonical(a);
    g_autofree char *y = hone_json_canonical(b);

    return g_str_equal(x, y);
}
