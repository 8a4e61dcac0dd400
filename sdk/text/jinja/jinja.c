/* SPDX-License-Identifier: Apache-2.0
 * jinja.c: a template parsed and rendered.
 */
#include "run.h"

#include <string.h>

#define PARSE_MEMORY ((size_t)512 << 20)
#define PARSE_STEPS 50000000u
#define MAX_DEPTH 500 /* of the parser, of what runs, and of data */

/* ---- Parsing. ---- */

Jinja *jinja_parse(const char *source, const char *place, GError **error)
{
    static const JinjaLimits limits = {.steps = PARSE_STEPS, .memory = PARSE_MEMORY, .depth = MAX_DEPTH};
    size_t length = strlen(source);
    if (length > JINJA_SOURCE_LIMIT || !g_utf8_validate(source, (gssize)length, NULL)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the template is %s", place,
                    length > JINJA_SOURCE_LIMIT ? "longer than 1 MiB" : "not valid UTF-8");
        return NULL;
    }
    Jinja *template = g_new0(Jinja, 1);
    template->place = g_strdup(place);
    vm_init(&template->vm, &limits);
    if (setjmp(template->vm.out) == 0) {
        jinja_parse_template(template, source, length);
        jinja_bind(template);
        return template;
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "%s, line %d of the template: %s", place, template->vm.line,
                template->vm.message);
    jinja_free(template);
    return NULL;
}

void jinja_free(Jinja *template)
{
    if (!template)
        return;
    vm_clear(&template->vm);
    g_free(template->place);
    g_free(template);
}

bool jinja_generates(const Jinja *template)
{
    return template->generates;
}

bool jinja_reads(const Jinja *template, const char *name)
{
    for (size_t i = 0; i < template->n_variables; i++)
        if (str_is(template->variables[i], name))
            return true;
    return false;
}

/* ---- Rendering. ---- */

JinjaLimits jinja_limits(size_t input)
{
    size_t scaled = MIN(input, SIZE_MAX / 256) * 64;
    return (JinjaLimits){.steps = 10000000 + scaled,
                         .memory = ((size_t)256 << 20) + scaled,
                         .output = ((size_t)16 << 20) + scaled,
                         .depth = MAX_DEPTH};
}

void jinja_set(JinjaVm *vm, const char *name, Value v)
{
    for (size_t i = 0; i < vm->template->n_variables; i++)
        if (str_is(vm->template->variables[i], name))
            vm->variables[i] = v;
}

static void set_functions(Vm *vm, const Jinja *template)
{
    vm->variables = vm_new(vm, Value, template->n_variables);
    for (size_t i = 0; i < template->n_variables; i++) {
        const Function *function = function_find(template->variables[i]);
        vm->variables[i] = function ? (Value){.kind = FUNCTION, .function = function} : MISSING_VALUE;
    }
}

static void copy_text(const Buffer *output, JinjaText *text)
{
    text->bytes = g_malloc(output->used + 1);
    memcpy(text->bytes, output->bytes, output->used);
    text->bytes[output->used] = 0;
    text->length = output->used;
    text->n_runs = output->runs ? output->runs->n : output->used > 0;
    text->runs = g_new(JinjaRun, text->n_runs);
    if (output->runs)
        memcpy(text->runs, output->runs->items, text->n_runs * sizeof *text->runs);
    else if (text->n_runs)
        text->runs[0] = (JinjaRun){output->used, output->owner};
}

static void render(Vm *vm, const Jinja *template, JinjaFill fill, const void *data)
{
    set_functions(vm, template);
    fill(vm, data);
    vm->activation = activation_new(vm, template->n_slots, NULL);
    run_scope(vm, &template->scope);
    vm->output = buffer_new(vm, 4096);
    run_body(vm, &template->body);
    if (memchr(vm->output->bytes, 0, vm->output->used))
        vm_fail(vm, "the template writes a NUL");
}

bool jinja_render(const Jinja *template, JinjaFill fill, const void *data, const struct tm *now,
                  const JinjaLimits *limits, JinjaText *text, GError **error)
{
    Vm vm;
    vm_init(&vm, limits);
    vm.template = template;
    vm.now = now;
    *text = (JinjaText){0};
    if (setjmp(vm.out) == 0) {
        render(&vm, template, fill, data);
        copy_text(vm.output, text);
    } else {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s, line %d of the template: %s", template->place, vm.line,
                    vm.message);
    }
    vm_clear(&vm);
    return text->bytes != NULL;
}

void jinja_text_clear(JinjaText *text)
{
    g_clear_pointer(&text->bytes, g_free);
    g_clear_pointer(&text->runs, g_free);
    text->length = text->n_runs = 0;
}

uint32_t jinja_text_owner(const JinjaText *text, size_t at)
{
    size_t low = 0, high = text->n_runs;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (at < text->runs[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    return low < text->n_runs ? text->runs[low].owner : JINJA_TEMPLATE;
}
