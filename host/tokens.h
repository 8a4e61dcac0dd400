/* SPDX-License-Identifier: Apache-2.0
 * tokens.h: rows as the model sees them: each token, and whether it bears loss (`hone show --tokens`).
 */
#ifndef HONE_HOST_TOKENS_H
#define HONE_HOST_TOKENS_H

#include <glib.h>
#include <stdbool.h>

typedef struct HoneTokensView {
    const char *rows;  /* a JSON lines file, or a node whose result is a dataset */
    const char *model; /* a GGUF file, a folder, or a node whose result is a model or an adapter */
    const char *store; /* as hone_store_open */
    int first;         /* the only row to show, from 1; 0: the first `count` */
    int count;
    bool as_json;
    bool colour; /* tokens by colour; else what bears loss stands between « and » */
} HoneTokensView;

/* Prints to stdout. */
bool hone_tokens_show(const HoneTokensView *view, GError **error);

#endif
