/* SPDX-License-Identifier: Apache-2.0
 * pattern_syntax.c: Oniguruma's notation of regular expressions in PCRE2's.
 *
 * The two agree on most; here are the differences that tokenizers can meet. Whatever is written here that has no
 * counterpart, or whose meaning the two do not share, is refused rather than guessed.
 *
 *   \s \w \d \b \h [:x:]  classes spelled out: PCRE2 takes U+180E for a space, and fewer characters for those of words
 *   \p{Han}               a script's own characters; PCRE2 also takes those that scripts share
 *   (?m: )                a dot that matches line breaks
 *   [a[bc]]               a union
 *   {,n}                  from none on
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "internal.h"

#include <pcre2.h>
#include <string.h>

#define SPACES "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define HEX "0-9a-fA-F"

typedef struct Translation {
    const char *at;
    GString *out;
    const char *problem;
    unsigned depth; /* of nested sets */
} Translation;

static bool refuse(Translation *t, const char *problem)
{
    if (!t->problem)
        t->problem = problem;
    return false;
}

/* A class as it stands within brackets, by its letter; NULL: no class. */
static const char *class_of(char letter)
{
    switch (letter) {
    case 's':
        return SPACES;
    case 'w':
        return WORD;
    case 'd':
        return "\\p{Nd}";
    case 'h':
        return HEX;
    default:
        return NULL;
    }
}

static bool compiles(const char *expression)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
    pcre2_code_free(compiled);
    return compiled != NULL;
}

/* \p{Name}, \P{Name} and \p{^Name}; `at` is at the p. */
static bool copy_property(Translation *t)
{
    const char *end = t->at[1] == '{' ? strchr(t->at, '}') : NULL;
    if (!end || end - t->at > 64)
        return refuse(t, "a property that is not in braces");
    bool negative = (t->at[0] == 'P') != (t->at[2] == '^');
    const char *start = t->at + 2 + (t->at[2] == '^');
    g_autofree char *name = g_strndup(start, (gsize)(end - start));
    g_autofree char *script = g_strdup_printf("\\p{sc:%s}", name);
    g_string_append_printf(t->out, "\\%c{%s%s}", negative ? 'P' : 'p', compiles(script) ? "sc:" : "", name);
    t->at = end + 1;
    return true;
}

/* \xHH, \x{H..}, \uHHHH; `at` is at the letter. */
static bool copy_number(Translation *t)
{
    char kind = *t->at++;
    bool braces = kind == 'x' && *t->at == '{';
    size_t most = braces ? 6 : kind == 'u' ? 4 : 2, n = 0;
    gunichar c = 0;
    t->at += braces;
    for (; n < most && g_ascii_isxdigit(*t->at); n++)
        c = c * 16 + (gunichar)g_ascii_xdigit_value(*t->at++);
    if (n == 0 || (kind == 'u' && n < 4) || (braces && *t->at++ != '}') || c > 0x10FFFF)
        return refuse(t, "a character's number that is not whole");
    if (!braces && kind == 'x' && c >= 0x80)
        return refuse(t, "a byte that is no character");
    g_string_append_printf(t->out, "\\x{%x}", c);
    return true;
}

/* What both notations write alike inside and outside of sets; `at` is behind the backslash. */
static bool copy_escape(Translation *t)
{
    static const char same[] = "tnrfae";
    char letter = *t->at;
    if (letter == 'p' || letter == 'P')
        return copy_property(t);
    if (letter == 'x' || letter == 'u')
        return copy_number(t);
    if (letter == '\0')
        return refuse(t, "a backslash at its end");
    if (letter == 'v')
        g_string_append(t->out, "\\x0b");
    else if (strchr(same, letter) || g_ascii_ispunct(letter) || letter == ' ')
        g_string_append_printf(t->out, "\\%c", letter);
    else if ((uint8_t)letter >= 0x80)
        return true; /* the character itself is copied next */
    else
        return refuse(t, "an escape that Hone does not know");
    t->at++;
    return true;
}

/* ---- Sets. ---- */

static bool copy_posix(Translation *t)
{
    static const struct {
        const char *name, *content;
    } classes[] = {{"[:space:]", SPACES},
                   {"[:digit:]", "\\p{Nd}"},
                   {"[:alpha:]", "\\p{Alphabetic}"},
                   {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
                   {"[:upper:]", "\\p{Uppercase}"},
                   {"[:lower:]", "\\p{Lowercase}"},
                   {"[:xdigit:]", HEX},
                   {"[:punct:]", "\\p{P}\\p{S}"},
                   {"[:word:]", WORD}};
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        if (g_str_has_prefix(t->at, classes[i].name)) {
            g_string_append(t->out, classes[i].content);
            t->at += strlen(classes[i].name);
            return true;
        }
    return refuse(t, "a class in [: :] that Hone does not know");
}

static bool copy_set(Translation *t);

/* One member of a set; *range: a hyphen after it may begin a range. */
static bool copy_member(Translation *t, bool *range)
{
    char c = t->at[0];
    *range = false;
    if (c == '[')
        return t->at[1] == ':'   ? copy_posix(t)
               : t->at[1] == '^' ? refuse(t, "a negated set within a set")
                                 : (t->at++, copy_set(t));
    if (c == '&' && t->at[1] == '&')
        return refuse(t, "an intersection of sets (&&)");
    if (c != '\\') {
        size_t n = (size_t)(g_utf8_next_char(t->at) - t->at);
        g_string_append_len(t->out, t->at, (gssize)n);
        t->at += n;
        *range = true;
        return true;
    }
    t->at++;
    char letter = *t->at;
    const char *content = class_of(letter);
    if (content)
        g_string_append(t->out, content);
    else if (letter == 'D')
        g_string_append(t->out, "\\P{Nd}");
    else if (letter == 'S')
        g_string_append(t->out, "\\S\\x{180e}");
    else if (letter == 'W' || letter == 'H')
        return refuse(t, "a negated class within a set");
    else if (letter == 'b')
        g_string_append(t->out, "\\x08");
    else {
        *range = letter != 'p' && letter != 'P';
        return copy_escape(t);
    }
    t->at++;
    return true;
}

/* The members up to the closing bracket, which is passed over. */
static bool copy_set(Translation *t)
{
    bool range = false, any = false;
    if (++t->depth > 16)
        return refuse(t, "sets too deep in each other");
    while (*t->at && (*t->at != ']' || !any)) {
        bool hyphen = *t->at == '-' && any;
        if (hyphen) {
            /* Part of a range only between two single characters; else itself. */
            char next = t->at[1];
            bool single = next == '\\' ? !strchr("swdhSWDHpP", t->at[2]) : next != '[' && next != ']' && next != '\0';
            g_string_append(t->out, range && single ? "-" : "\\-");
            t->at++;
            if (range && single && !copy_member(t, &range))
                return false;
            range = false;
            continue;
        }
        if (*t->at == ']' || *t->at == '-') { /* the first */
            g_string_append_printf(t->out, "\\%c", *t->at++);
            range = true;
        } else if (!copy_member(t, &range)) {
            return false;
        }
        any = true;
    }
    if (!*t->at)
        return refuse(t, "a set without its end");
    t->at++;
    t->depth--;
    return true;
}

static bool copy_brackets(Translation *t)
{
    g_string_append_c(t->out, '[');
    t->at++;
    if (*t->at == '^') {
        g_string_append_c(t->out, '^');
        t->at++;
    }
    if (!copy_set(t))
        return false;
    g_string_append_c(t->out, ']');
    return true;
}

/* ---- All else. ---- */

static bool copy_outer_escape(Translation *t)
{
    t->at++;
    char letter = *t->at;
    const char *lower = class_of(letter), *upper = class_of((char)g_ascii_tolower(letter));
    if (lower)
        g_string_append_printf(t->out, "[%s]", lower);
    else if (upper && g_ascii_isupper(letter))
        g_string_append_printf(t->out, "[^%s]", upper);
    else if (letter == 'b')
        g_string_append(t->out, "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))");
    else if (letter == 'B')
        g_string_append(t->out, "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))");
    else if (letter && strchr("AzZRX123456789", letter))
        g_string_append_printf(t->out, "\\%c", letter);
    else
        return copy_escape(t);
    t->at++;
    return true;
}

/* (, (?: (?= (?! (?<= (?<! (?> and groups of flags. */
static bool copy_group(Translation *t, bool at_start)
{
    static const char *const plain[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    if (t->at[1] == '*')
        return refuse(t, "a verb, (*...)");
    if (t->at[1] != '?') {
        g_string_append_c(t->out, *t->at++);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++)
        if (g_str_has_prefix(t->at, plain[i])) {
            g_string_append(t->out, plain[i]);
            t->at += strlen(plain[i]);
            return true;
        }
    t->at += 2;
    g_string_append(t->out, "(?");
    for (; *t->at == 'i' || *t->at == 'm' || *t->at == '-'; t->at++)
        g_string_append_c(t->out, *t->at == 'm' ? 's' : *t->at);
    /* (?i) alone holds up to its group's end, over alternatives too, which PCRE2 understands otherwise. */
    if (*t->at != ':' && !(*t->at == ')' && at_start))
        return refuse(t, "a kind of group that Hone does not know");
    g_string_append_c(t->out, *t->at++);
    return true;
}

/* {n}, {n,}, {n,m}, {,m}; a brace that is none of these stands for itself. */
static bool copy_interval(Translation *t)
{
    const char *at = t->at + 1, *first = at;
    while (g_ascii_isdigit(*at))
        at++;
    bool from = at > first, comma = *at == ',';
    const char *second = comma ? at + 1 : at;
    for (at = second; comma && g_ascii_isdigit(*at); at++)
        ;
    if (*at != '}' || (!from && at == second)) {
        g_string_append(t->out, "\\{");
        t->at++;
        return true;
    }
    if (at[1] == '+' || (at[1] == '?' && !comma))
        return refuse(t, "a sign behind {n} that the notations understand differently");
    g_string_append_printf(t->out, "{%s%.*s", from ? "" : "0", (int)(at + 1 - first), first);
    t->at = at + 1;
    return true;
}

char *text_pattern_translate(const char *expression, const char **problem)
{
    Translation t = {.at = expression, .out = g_string_new(NULL)};
    bool fine = true;
    while (fine && *t.at) {
        switch (*t.at) {
        case '\\':
            fine = copy_outer_escape(&t);
            break;
        case '[':
            fine = copy_brackets(&t);
            break;
        case '(':
            fine = copy_group(&t, t.at == expression);
            break;
        case '{':
            fine = copy_interval(&t);
            break;
        default:
            g_string_append_c(t.out, *t.at++);
        }
    }
    *problem = t.problem;
    return g_string_free(t.out, !fine);
}
