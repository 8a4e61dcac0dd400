/* SPDX-License-Identifier: Apache-2.0
 * config.c: what a model is, from its files: the family, its numbers, its layers' forms. Each number is checked before
 * anything is sized by it.
 */
#include "config-read.h"

#include <string.h>

bool config_fail(const ConfigReader *r, HoneError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(r->error, HONE_ERROR, code, "%s: %s.", r->place, text);
    return false;
}

/* What must hold whatever the format. */
static bool check_numbers(const ConfigReader *r)
{
    const HoneModel *m = r->model;
    const HoneModelConfig *c = &m->config;
    if (c->heads % c->kv_heads != 0)
        return config_fail(r, HONE_ERROR_INVALID, "%zu query heads are no multiple of %zu key heads", c->heads,
                           c->kv_heads);
    if (c->heads * c->head_dim > MOST_WIDTH)
        return config_fail(r, HONE_ERROR_INVALID, "%zu heads of width %zu are too many", c->heads, c->head_dim);
    for (size_t i = 0; i < m->n_ropes; i++)
        if (!config_check_rope(r, &m->ropes[i]))
            return false;
    return true;
}

/* Local layers without a window, or the other way round, do not come this far: what is left is to leave out what no
 * layer uses. */
static void settle_forms(HoneModel *m)
{
    bool local = false;
    for (size_t l = 0; l < m->config.layers; l++)
        local = local || m->forms[l].local;
    if (!local)
        m->config.window = 0;
}

void config_free(HoneModel *m)
{
    for (size_t i = 0; i < MAX_ROPE; i++) {
        g_free(m->ropes[i].short_factor);
        g_free(m->ropes[i].long_factor);
    }
    g_free(m->forms);
}

/* These two are for texts past the length that the files call the model's. */
static void stretch_context(HoneModel *m)
{
    const RopeForm *f = &m->ropes[0];
    if (f->kind == ROPE_DYNAMIC || f->kind == ROPE_YARN) {
        double context = MIN(f->factor * (double)f->original_context, MOST_CONTEXT);
        m->config.context = MAX(m->config.context, (size_t)context);
    }
}

/* What the text part of a larger model hangs from in its folder: as it was published, or as transformers saves it. */
static void find_trunk(const ConfigReader *r)
{
    static const char *const trunks[] = {"model.language_model.", "language_model.model."};
    for (size_t i = 0; r->model->text_part && i < G_N_ELEMENTS(trunks); i++) {
        r->model->file_trunk = trunks[i];
        g_autofree char *embedding = name_embedding(r->model, NAME_FILE);
        if (config_has_tensor(r, embedding))
            return;
    }
}

static void set_name(HoneModelConfig *c, const char *name)
{
    g_strlcpy(c->name, name, sizeof(c->name));
    /* The copy may have cut a character in two. */
    const char *end;
    if (!g_utf8_validate(c->name, -1, &end))
        c->name[end - c->name] = '\0';
}

bool config_read(HoneModel *m, GError **error)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(m->checkpoint);
    g_autofree char *place =
        gguf != NULL ? g_strdup(m->path) : g_build_filename(hone_checkpoint_path(m->checkpoint), "config.json", NULL);
    ConfigReader reader = {.model = m, .place = place, .error = error};
    m->format = hone_checkpoint_format(m->checkpoint);
    m->trunk = m->file_trunk = "model.";
    if (gguf != NULL) {
        if (!config_read_gguf(&reader, gguf))
            return false;
        const char *name = hone_gguf_string(gguf, "general.name");
        if (name != NULL)
            set_name(&m->config, name);
    } else {
        if (!config_read_folder(&reader, hone_checkpoint_json(m->checkpoint, "config.json")))
            return false;
        find_trunk(&reader);
        m->config.tied_head = m->config.tied_head && !config_has_own_head(&reader);
        g_autofree char *name = g_path_get_basename(hone_checkpoint_path(m->checkpoint));
        set_name(&m->config, name);
    }
    g_strlcpy(m->config.family, m->family->name, sizeof(m->config.family));
    m->config.rope_base = m->ropes[0].base;
    settle_forms(m);
    stretch_context(m);
    return check_numbers(&reader) && config_check_tensors(&reader);
}
