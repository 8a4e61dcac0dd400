/* SPDX-License-Identifier: Apache-2.0
 * pipeline.c: fuzz target of the pipeline's notation: text to mistakes, or to a pipeline whose record can be written.
 *
 * Bytes changed at random end at the check of the encoding or of the JSON. So each input is used twice: as it is, and
 * as the source of random choices, by which single values and names of a good pipeline are exchanged for others of it.
 */
#include "pipeline.h"
#include "fuzz.h"
#include <hone/json.h>
#include <string.h>

static const char good[] =
    "{'hone': 1, 'name': 'all', 'vars': {'n': 3, 'file': '${dir}/x', 'dir': 'd', 'list': ['a', 'b'], 'l2': "
    "['${list}', '${n}']}, 'nodes': {'raw': {'stage': 'toy_source', 'params': {'path': '${file}', 'count': '${n}', "
    "'rate': 0.25, 'flag': true, 'text': 'n=${n} $${n}', 'mode': 'fancy', 'words': '${list}', 'any': {'k': [1, null, "
    "'${l2}']}}, 'timeout': 10, 'memory': '1.5 GiB', 'cpus': 2, 'gpus': 0}, 'parts': {'stage': 'toy_split', 'in': "
    "{'dataset': 'raw'}}, 'base': {'stage': 'toy_model'}, 'tuned': {'stage': 'toy_tune', 'in': {'model': 'base', "
    "'dataset': 'parts.train'}, 'matrix': {'rank': [4, 8], 'alpha': [1, 0.5]}}, 'after': {'stage': 'toy_score', 'in': "
    "{'model': 'tuned', 'dataset': 'parts.test'}, 'params': {'metrics': ['toy_length']}}, 'again': {'stage': "
    "'toy_tune', 'in': {'model': 'tuned', 'dataset': 'parts', 'hints': 'after'}, 'matrix': {'rank': [1, 2]}}, 'all': "
    "{'stage': 'toy_gather', 'in': {'any': ['after', 'again', 'base.model']}}}}";

/* The text cut into strings (with their quotes), words and numbers, and single other characters. */
static GPtrArray *cut(const char *text)
{
    GPtrArray *tokens = g_ptr_array_new_with_free_func(g_free);
    for (size_t n; *text != 0; text += n) {
        n = *text == '\'' ? 2 + strcspn(text + 1, "'") : strcspn(text, " ,:[]{}'");
        n = MAX(n, 1);
        char *token = g_strndup(text, n);
        g_strdelimit(token, "'", '"');
        g_ptr_array_add(tokens, token);
    }
    return tokens;
}

static bool is_value(const char *token)
{
    return *token == '"' || g_ascii_isalnum(*token);
}

/* The good pipeline with a few values exchanged, by the input's bytes. */
static char *exchange(const uint8_t *data, size_t size)
{
    static GPtrArray *tokens;
    if (tokens == NULL)
        tokens = cut(good);
    guint32 state = 2166136261u; /* FNV-1a, then a linear congruence: any spread will do */
    for (size_t i = 0; i < size; i++)
        state = (state ^ data[i]) * 16777619u;
    g_autofree const char **now = g_new(const char *, tokens->len + 1);
    memcpy(now, tokens->pdata, sizeof *now * tokens->len);
    now[tokens->len] = NULL;
    for (guint changes = 1 + state % 4; changes > 0;) {
        state = state * 1664525u + 1013904223u;
        guint to = (state >> 8) % tokens->len;
        state = state * 1664525u + 1013904223u;
        guint from = (state >> 8) % tokens->len;
        if (!is_value(now[to]) || !is_value(tokens->pdata[from]))
            continue;
        now[to] = tokens->pdata[from];
        changes--;
    }
    return g_strjoinv("", (char **)now);
}

static void try_text(const uint8_t *data, size_t size)
{
    static HoneRegistry *registry;
    if (registry == NULL) {
        const char *const path[] = {TOY_PLUGINS, NULL};
        registry = hone_registry_new(path);
    }
    int fd;
    g_autofree char *path = fuzz_file(data, size, &fd);
    const char *const sets[] = {"tuned.rank=2", NULL}, *const vars[] = {"n=4", NULL};
    bool plain = size % 2 == 0;
    HonePipelineOptions options = {
        .sets = plain ? NULL : sets, .vars = plain ? NULL : vars, .skip_hooks = true, .skip_files = true};
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    g_autoptr(HonePipeline) pipeline = hone_pipeline_load(path, &options, registry, mistakes);
    /* Nothing is refused without a reason, and nothing wrong gets through. */
    g_assert((pipeline == NULL) == (hone_mistakes_errors(mistakes) > 0));
    const HoneMistake *m;
    for (guint i = 0; (m = hone_mistakes_get(mistakes, i)) != NULL; i++)
        g_assert(m->message[0] != 0 && g_utf8_validate(m->message, -1, NULL) && (m->line == 0) == (m->column == 0));
    if (pipeline != NULL) {
        g_autoptr(JsonNode) record = hone_pipeline_to_json(pipeline);
        g_autofree char *written = hone_json_text(record);
        g_assert(g_utf8_validate(written, -1, NULL));
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_text(data, size);
    g_autofree char *exchanged = exchange(data, size);
    try_text((const uint8_t *)exchanged, strlen(exchanged));
    return 0;
}
