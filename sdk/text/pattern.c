/* SPDX-License-Identifier: Apache-2.0
 * pattern.c: finds a tokenizer's regular expressions in text, with PCRE2.
 *
 * An expression comes from a stranger's file, so each match has a limit on its steps and a whole text one on time: what
 * real tokenizers use stays orders of magnitude below both.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "internal.h"

#include <pcre2.h>
#include <string.h>

#define MAX_EXPRESSION 65536
#define STEPS 100000            /* of one match, and for each byte of the text ... */
#define STEPS_FOR_EACH_BYTE 64  /* ... as many more */
#define SECONDS 30              /* for one text, and for each MiB of it ... */
#define SECONDS_FOR_EACH_MIB 10 /* ... as many more: a hundredth of what real expressions reach */
#define STACK_MIN ((size_t)64 << 10)
#define STACK_MAX ((size_t)64 << 20)
#define HEAP_KIB (1u << 20) /* of the slow way */

struct TextPattern {
    char *expression;
    pcre2_code *code; /* NULL: a plain text */
    bool jit;
};

struct TextMatcher {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    gint64 started; /* microseconds; 0: not yet */
    unsigned matches;
};

TextPattern *text_pattern_new_literal(const char *text)
{
    TextPattern *pattern = g_new0(TextPattern, 1);
    pattern->expression = g_strdup(text);
    return pattern;
}

TextPattern *text_pattern_new(const char *expression, GError **error)
{
    const char *problem = NULL;
    g_autofree char *translated = NULL;
    if (strlen(expression) > MAX_EXPRESSION)
        problem = "it is too long";
    else
        translated = text_pattern_translate(expression, &problem);
    int code = 0;
    PCRE2_SIZE offset = 0;
    char message[256];
    pcre2_code *compiled = NULL;
    if (translated) {
        pcre2_compile_context *context = pcre2_compile_context_create(NULL);
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
        compiled =
            pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
        pcre2_compile_context_free(context);
        if (!compiled) {
            pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
            problem = message;
        }
    }
    if (!compiled) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "the regular expression \"%.200s\" cannot be run: %s",
                    expression, problem);
        return NULL;
    }
    TextPattern *pattern = g_new0(TextPattern, 1);
    pattern->expression = g_strdup(expression);
    pattern->code = compiled;
    pattern->jit = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0; /* a system may forbid it: only slower */
    return pattern;
}

const char *text_pattern_source(const TextPattern *pattern)
{
    return pattern->expression;
}

bool text_pattern_is_literal(const TextPattern *pattern)
{
    return pattern->code == NULL;
}

void text_pattern_free(TextPattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    g_free(pattern->expression);
    g_free(pattern);
}

TextMatcher *text_matcher_new(void)
{
    TextMatcher *matcher = g_new0(TextMatcher, 1);
    matcher->match = pcre2_match_data_create(1, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    pcre2_set_heap_limit(matcher->context, HEAP_KIB);
    return matcher;
}

void text_matcher_free(TextMatcher *matcher)
{
    if (!matcher)
        return;
    pcre2_match_data_free(matcher->match);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->stack);
    g_free(matcher);
}

static bool too_slow(const TextPattern *pattern, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "the tokenizer's regular expression \"%.200s\" needs too many steps on this text", pattern->expression);
    return false;
}

/* The next match at or after `at`: 1, 0 for none, or an error of PCRE2. The bounds are in the matcher. */
static int find(const TextPattern *pattern, TextMatcher *matcher, const char *text, size_t length, size_t at)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (pattern->jit)
        found =
            pcre2_jit_match(pattern->code, subject, length, at, PCRE2_NO_UTF_CHECK, matcher->match, matcher->context);
    if (pattern->jit && found == PCRE2_ERROR_JIT_STACKLIMIT && !matcher->stack) {
        matcher->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
        found =
            pcre2_jit_match(pattern->code, subject, length, at, PCRE2_NO_UTF_CHECK, matcher->match, matcher->context);
    }
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(pattern->code, subject, length, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, matcher->match,
                            matcher->context);
    return found == PCRE2_ERROR_NOMATCH ? 0 : found >= 0 ? 1 : found;
}

/* Looks at the clock once in a while. */
static bool in_time(TextMatcher *matcher, size_t length)
{
    if (matcher->matches++ % 64 != 0)
        return true;
    gint64 now = g_get_monotonic_time(), allowed = SECONDS + (gint64)(length >> 20) * SECONDS_FOR_EACH_MIB;
    if (matcher->started == 0)
        matcher->started = now;
    return now - matcher->started <= allowed * G_USEC_PER_SEC;
}

static bool each_literal(const TextPattern *pattern, const char *text, size_t length, TextRangeFunc range, void *data)
{
    size_t n = strlen(pattern->expression), at = 0;
    const char *found;
    while (n > 0 && at < length && (found = memmem(text + at, length - at, pattern->expression, n)) != NULL) {
        size_t start = (size_t)(found - text);
        if ((start > at && !range(at, start, false, data)) || !range(start, start + n, true, data))
            return false;
        at = start + n;
    }
    return at == length || range(at, length, false, data);
}

bool text_pattern_each(const TextPattern *pattern, TextMatcher *matcher, const char *text, size_t length,
                       TextRangeFunc range, void *data, GError **error)
{
    if (!pattern->code)
        return each_literal(pattern, text, length, range, data);
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(matcher->match);
    size_t from = 0, at = 0, last = SIZE_MAX;
    uint64_t steps = STEPS + (uint64_t)length * STEPS_FOR_EACH_BYTE;
    pcre2_set_match_limit(matcher->context, (uint32_t)MIN(steps, UINT32_MAX));
    while (at <= length) {
        int found = in_time(matcher, length) ? find(pattern, matcher, text, length, at) : PCRE2_ERROR_MATCHLIMIT;
        if (found < 0)
            return too_slow(pattern, error);
        if (found == 0)
            break;
        size_t start = bounds[0], end = bounds[1];
        /* An empty match right behind the last one is passed over. */
        if (start == end && end == last) {
            size_t n = 1;
            if (end < length)
                text_char(text + end, &n);
            at = end + n;
            continue;
        }
        if ((start > from && !range(from, start, false, data)) || !range(start, end, true, data))
            return false;
        /* The inner steps of range may have used the matcher on shorter texts. */
        pcre2_set_match_limit(matcher->context, (uint32_t)MIN(steps, UINT32_MAX));
        from = at = last = end;
    }
    return from == length || range(from, length, false, data);
}
