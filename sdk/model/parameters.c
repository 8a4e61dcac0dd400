/* SPDX-License-Identifier: Apache-2.0
 * parameters.c: every tensor of a model, once, in a fixed order: what is loaded, trained and written.
 *
 * The order: embedding; of each layer the linear maps, each with its bias, then the norms; last norm; head.
 */
#include "internal.h"

static Parameter *append(HoneModel *m, char *file, char *name, size_t columns)
{
    Parameter parameter = {.file = file, .name = name, .columns = columns};
    g_array_append_val(m->parameters, parameter);
    return &g_array_index(m->parameters, Parameter, m->parameters->len - 1);
}

static void add_part(Parameter *parameter, Weight *weight, size_t rows)
{
    parameter->part[parameter->n_parts] = weight;
    parameter->part_rows[parameter->n_parts++] = rows;
    parameter->rows += rows;
}

static void list_linears(HoneModel *m, size_t l)
{
    const HoneModelConfig *c = &m->config;
    for (Linear i = 0; i < N_LINEAR; i++) {
        size_t span = linear_span(m->family, i);
        for (int bias = 0; span > 0 && bias <= linear_bias(c, i); bias++) {
            Parameter *p = append(m, name_linear(m, NAME_FILE, l, i, bias), name_linear(m, NAME_PARAMETER, l, i, bias),
                                  bias ? 0 : linear_in(c, i));
            if (m->family->paired_rows && m->format == HONE_CHECKPOINT_GGUF)
                p->heads = i == LINEAR_Q ? c->heads : i == LINEAR_K ? c->kv_heads : 0;
            for (size_t j = 0; j < span; j++)
                add_part(p, bias ? &m->layers[l].bias[i + j] : &m->layers[l].linear[i + j], linear_out(c, i + j));
        }
    }
}

void parameters_list(HoneModel *m)
{
    const HoneModelConfig *c = &m->config;
    m->parameters = g_array_new(FALSE, FALSE, sizeof(Parameter));
    add_part(append(m, name_embedding(m, NAME_FILE), name_embedding(m, NAME_PARAMETER), c->width), &m->embedding,
             c->vocab);
    for (size_t l = 0; l < c->layers; l++) {
        list_linears(m, l);
        for (Norm i = 0; i < N_NORM; i++)
            if (family_has_norm(m->family, i))
                add_part(append(m, name_norm(m, NAME_FILE, l, i), name_norm(m, NAME_PARAMETER, l, i), 0),
                         &m->layers[l].norm[i], norm_size(m, i));
    }
    add_part(append(m, name_output_norm(m, NAME_FILE), name_output_norm(m, NAME_PARAMETER), 0), &m->output_norm,
             c->width);
    if (!c->tied_head)
        add_part(append(m, name_head(m, NAME_FILE), name_head(m, NAME_PARAMETER), c->width), &m->head, c->vocab);
}

void parameters_free(HoneModel *m)
{
    for (size_t i = 0; m->parameters != NULL && i < m->parameters->len; i++) {
        g_free(g_array_index(m->parameters, Parameter, i).file);
        g_free(g_array_index(m->parameters, Parameter, i).name);
    }
    g_clear_pointer(&m->parameters, g_array_unref);
}

HoneTensor parameter_carve(const Parameter *p, Carver *carver, HoneType type)
{
    HoneTensor t = carve(carver, type, p->rows, MAX(p->columns, 1));
    return p->columns > 0 ? t : hone_tensor_reshape(t, 1, &p->rows);
}

void parameter_set(HoneModel *m, const Parameter *p, HoneTensor value, HoneTensor gradient)
{
    size_t at = 0;
    for (size_t i = 0; i < p->n_parts; at += p->part_rows[i], i++)
        *p->part[i] = (Weight){
            .value = hone_tensor_rows(value, at, p->part_rows[i]),
            .gradient = gradient.buffer != NULL ? hone_tensor_rows(gradient, at, p->part_rows[i]) : gradient,
        };
    if (p->part[0] == &m->embedding && m->config.tied_head)
        m->head = m->embedding;
}
