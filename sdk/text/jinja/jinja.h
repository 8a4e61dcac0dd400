/* SPDX-License-Identifier: Apache-2.0
 * jinja.h: the chat templates' language: parse once, render often.
 *
 * It is the part of Jinja 3.1 that templates are written in, run as transformers runs it: a sandbox that changes no
 * list and no dict, blocks trimmed, with break and continue, the generation tag, tojson without HTML escapes,
 * raise_exception and strftime_now. What is left out (include, import, extends, block, recursive loops, a few filters)
 * is refused by name. A template is a stranger's program: its steps, depth, memory and output are bounded.
 *
 * Every character of the output has an owner: JINJA_TEMPLATE where the template wrote it, else the number under which
 * the caller gave the text it comes from. Owners pass through concatenation, slices, string methods, filters, tojson,
 * repr and macros; what is computed (numbers, lengths, dates) belongs to the template.
 */
#ifndef HONE_TEXT_JINJA_H
#define HONE_TEXT_JINJA_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define JINJA_TEMPLATE 0u             /* owner of what the template writes */
#define JINJA_GENERATED (1u << 31)    /* set in the owner of what stands inside {% generation %} */
#define JINJA_SOURCE_LIMIT (1u << 20) /* bytes of a template: published ones have at most some 30,000 */

typedef struct Jinja Jinja;
typedef struct JinjaVm JinjaVm;

/* NULL with an error that begins with `place` and the line. */
Jinja *jinja_parse(const char *source, const char *place, GError **error);
void jinja_free(Jinja *template);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Jinja, jinja_free)
/* The template holds a generation tag. */
bool jinja_generates(const Jinja *template);
/* The template reads a variable of this name that it was to be given. */
bool jinja_reads(const Jinja *template, const char *name);

/* ---- Rendering. ---- */

typedef struct JinjaRun {
    size_t end; /* byte after the run's last */
    uint32_t owner;
} JinjaRun;

typedef struct JinjaText {
    char *bytes; /* NUL-terminated, and without NUL before that */
    size_t length;
    JinjaRun *runs; /* their ends ascend; the last is `length` */
    size_t n_runs;
} JinjaText;

void jinja_text_clear(JinjaText *text);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JinjaText, jinja_text_clear)
/* The owner of byte `at`. */
uint32_t jinja_text_owner(const JinjaText *text, size_t at);

typedef struct JinjaLimits {
    uint64_t steps; /* nodes evaluated, and one for each 64 bytes that an operation handles */
    size_t memory;  /* bytes of all values made */
    size_t output;  /* bytes */
    unsigned depth; /* calls, nested expressions and nested data */
} JinjaLimits;

/* Far above what a template needs for `input` bytes of conversation, and over in a second or two. */
JinjaLimits jinja_limits(size_t input);

/* Gives the variables (jinja_set); values are made with the functions of value.h. */
typedef void (*JinjaFill)(JinjaVm *vm, const void *data);

/* `now`: what strftime_now tells. False with an error that begins with the place and line in the template. */
bool jinja_render(const Jinja *template, JinjaFill fill, const void *data, const struct tm *now,
                  const JinjaLimits *limits, JinjaText *text, GError **error);

#endif
