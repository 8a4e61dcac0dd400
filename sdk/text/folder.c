/* SPDX-License-Identifier: Apache-2.0
 * folder.c: the tokenizer of a folder.
 */
#include <hone/tokenizer.h>

HoneTokenizer *hone_tokenizer_from_folder(const char *folder, const int32_t *more_ends, size_t n, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s/tokenizer.json: Hone does not read this format of tokenizer; use the model as a GGUF", folder);
    return NULL;
}
