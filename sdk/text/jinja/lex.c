/* SPDX-License-Identifier: Apache-2.0
 * lex.c: cuts a template into text and tags, with Jinja's white space control, and tags into tokens.
 *
 * As with trim_blocks and lstrip_blocks: a block or comment takes the line break behind it, and the white space between
 * it and its line's start; "-" takes all white space on its side, "+" none.
 */
#include "lex.h"

#include <string.h>

typedef struct Lexer {
    Vm *vm;
    const char *text;
    size_t at, length;
    bool line_start; /* what was read last ends in a line break */
    Dict *names;
    Tokens tokens;
    size_t room;
    char *open; /* brackets not yet closed, by what closes them */
    size_t n_open, open_room;
} Lexer;

/* ---- Characters. ---- */

bool char_is_space(gunichar c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t skip_space(const char *bytes, size_t at, size_t to)
{
    while (at < to && char_is_space(g_utf8_get_char(bytes + at)))
        at += (size_t)(g_utf8_next_char(bytes + at) - (bytes + at));
    return at;
}

size_t trim_space(const char *bytes, size_t from, size_t to)
{
    while (to > from) {
        size_t last = to - 1;
        while (last > from && (bytes[last] & 0xC0) == 0x80)
            last--;
        if (!char_is_space(g_utf8_get_char(bytes + last)))
            break;
        to = last;
    }
    return to;
}

static bool starts(const Lexer *l, size_t at, const char *what)
{
    size_t n = strlen(what);
    return n <= l->length - at && memcmp(l->text + at, what, n) == 0;
}

/* ---- Tokens. ---- */

static void add(Lexer *l, TokenKind kind, Value value)
{
    if (l->tokens.n == l->room) {
        size_t room = l->room * 2 + 64;
        Token *items = vm_new(l->vm, Token, room);
        if (l->tokens.n > 0)
            memcpy(items, l->tokens.items, l->tokens.n * sizeof *items);
        l->tokens.items = items;
        l->room = room;
    }
    l->tokens.items[l->tokens.n++] = (Token){kind, l->vm->line, value};
}

/* Reads up to byte `to`. */
static void advance(Lexer *l, size_t to)
{
    for (size_t i = l->at; i < to; i++)
        l->vm->line += l->text[i] == '\n';
    if (to > l->at)
        l->line_start = l->text[to - 1] == '\n';
    l->at = to;
}

static void add_data(Lexer *l, size_t from, size_t to)
{
    if (to > from)
        add(l, T_DATA, value_str(str_new(l->vm, l->text + from, to - from, JINJA_TEMPLATE)));
}

/* The text before a tag at `tag`, whose sign is '-', '+' or 0. */
static void take_text(Lexer *l, size_t tag, char sign, bool prints)
{
    size_t end = tag;
    if (sign == '-') {
        end = trim_space(l->text, l->at, tag);
    } else if (sign != '+' && !prints) {
        size_t line = tag;
        while (line > l->at && l->text[line - 1] != '\n')
            line--;
        if ((line > l->at || l->line_start) && skip_space(l->text, line, tag) == tag)
            end = line;
    }
    add_data(l, l->at, end);
    advance(l, tag);
}

static char sign_at(const Lexer *l, size_t at)
{
    return at < l->length && (l->text[at] == '-' || l->text[at] == '+') ? l->text[at] : 0;
}

/* Where the end of a tag at `at` ends; 0: none there. */
static size_t tag_end(const Lexer *l, size_t at, const char *close, bool plus, bool trims)
{
    size_t n = strlen(close);
    if (at < l->length && l->text[at] == '-' && starts(l, at + 1, close))
        return skip_space(l->text, at + 1 + n, l->length);
    if (plus && at < l->length && l->text[at] == '+' && starts(l, at + 1, close))
        return at + 1 + n;
    if (!starts(l, at, close))
        return 0;
    at += n;
    return trims && at < l->length && l->text[at] == '\n' ? at + 1 : at;
}

/* A block tag at `at` ("{%") that holds only this word; where its end ends, or 0. */
static size_t word_tag(const Lexer *l, size_t at, const char *word, bool ends_raw)
{
    size_t i = at + 2;
    i = skip_space(l->text, i + (sign_at(l, i) != 0), l->length);
    if (!starts(l, i, word))
        return 0;
    i = skip_space(l->text, i + strlen(word), l->length);
    return tag_end(l, i, "%}", ends_raw, ends_raw);
}

static void lex_raw(Lexer *l, size_t begin_end)
{
    advance(l, begin_end);
    for (size_t i = l->at; i + 1 < l->length; i++) {
        size_t end = starts(l, i, "{%") ? word_tag(l, i, "endraw", true) : 0;
        if (!end)
            continue;
        take_text(l, i, sign_at(l, i + 2), false);
        advance(l, end);
        return;
    }
    vm_fail(l->vm, "a raw block is not closed by endraw");
}

static void lex_comment(Lexer *l)
{
    for (size_t i = l->at; i < l->length; i++) {
        size_t end = tag_end(l, i, "#}", true, true);
        if (!end)
            continue;
        advance(l, end);
        return;
    }
    vm_fail(l->vm, "a comment is not closed by #}");
}

/* ---- Inside tags. ---- */

static const struct {
    const char *text;
    TokenKind kind;
} operators[] = {
    {"//", T_FLOORDIV}, {"**", T_POW},      {"==", T_EQ},    {"!=", T_NE},    {">=", T_GE},    {"<=", T_LE},
    {"+", T_ADD},       {"-", T_SUB},       {"/", T_DIV},    {"*", T_MUL},    {"%", T_MOD},    {"~", T_TILDE},
    {"[", T_LBRACKET},  {"]", T_RBRACKET},  {"(", T_LPAREN}, {")", T_RPAREN}, {"{", T_LBRACE}, {"}", T_RBRACE},
    {">", T_GT},        {"<", T_LT},        {"=", T_ASSIGN}, {".", T_DOT},    {":", T_COLON},  {"|", T_PIPE},
    {",", T_COMMA},     {";", T_SEMICOLON},
};

static bool is_name_char(gunichar c, bool first)
{
    if (c < 0x80)
        return c == '_' || g_ascii_isalpha((char)c) || (!first && g_ascii_isdigit((char)c));
    return g_unichar_isalpha(c) || (!first && (g_unichar_isalnum(c) || g_unichar_ismark(c)));
}

static void lex_name(Lexer *l)
{
    size_t end = l->at;
    while (end < l->length && is_name_char(g_utf8_get_char(l->text + end), end == l->at))
        end += (size_t)(g_utf8_next_char(l->text + end) - (l->text + end));
    Value name = value_str(str_new(l->vm, l->text + l->at, end - l->at, JINJA_TEMPLATE));
    const Value *known = dict_get(l->vm, l->names, name);
    if (!known)
        dict_set(l->vm, l->names, name, name);
    add(l, T_NAME, known ? *known : name);
    advance(l, end);
}

static size_t skip_digits(const Lexer *l, size_t at, unsigned base)
{
    /* Digits, between which an underscore may stand. */
    size_t end = at;
    for (size_t i = at; i < l->length; i++) {
        int digit = g_ascii_xdigit_value(l->text[i]);
        if (digit >= 0 && (unsigned)digit < base)
            end = i + 1;
        else if (l->text[i] != '_' || end != i || i == at)
            break;
    }
    return end;
}

static void lex_float(Lexer *l, size_t end)
{
    char *digits = vm_alloc(l->vm, end - l->at + 1), *to = digits;
    for (size_t i = l->at; i < end; i++)
        if (l->text[i] != '_')
            *to++ = l->text[i];
    add(l, T_NUMBER, value_float(g_ascii_strtod(digits, NULL)));
    advance(l, end);
}

static void lex_integer(Lexer *l)
{
    unsigned base = 10;
    size_t from = l->at;
    if (l->text[from] == '0' && from + 1 < l->length) {
        char c = g_ascii_tolower(l->text[from + 1]);
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        size_t start = from + 2 + (from + 2 < l->length && l->text[from + 2] == '_');
        if (base != 10 && skip_digits(l, start, base) > start)
            from = start;
        else
            base = 10;
    }
    size_t end = skip_digits(l, from, base);
    if (base == 10 && l->text[from] == '0') /* a zero, or several, and nothing else */
        for (end = from + 1; end < l->length && (l->text[end] == '0' || (l->text[end] == '_' && starts(l, end, "_0")));)
            end++;
    int64_t value = 0;
    for (size_t i = from; i < end; i++) {
        if (l->text[i] == '_')
            continue;
        if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
            __builtin_add_overflow(value, (int64_t)g_ascii_xdigit_value(l->text[i]), &value))
            vm_fail(l->vm, "a number is too large (beyond 64 bits)");
    }
    add(l, T_NUMBER, value_int(value));
    advance(l, end);
}

static void lex_number(Lexer *l)
{
    size_t end = skip_digits(l, l->at, 10);
    bool real = false, after_dot = l->at > 0 && l->text[l->at - 1] == '.';
    if (end + 1 < l->length && l->text[end] == '.' && g_ascii_isdigit(l->text[end + 1])) {
        end = skip_digits(l, end + 1, 10);
        real = true;
    }
    if (end < l->length && (l->text[end] == 'e' || l->text[end] == 'E')) {
        size_t e = end + 1 + (end + 1 < l->length && (l->text[end + 1] == '+' || l->text[end + 1] == '-'));
        if (e < l->length && g_ascii_isdigit(l->text[e])) {
            end = skip_digits(l, e, 10);
            real = true;
        }
    }
    if (real && !after_dot)
        lex_float(l, end);
    else
        lex_integer(l);
}

static gunichar read_hex(Lexer *l, size_t at, size_t end, unsigned digits)
{
    gunichar c = 0;
    if (end - at < digits)
        vm_fail(l->vm, "an escape in a string wants %u hexadecimal digits", digits);
    for (size_t i = at; i < at + digits; i++) {
        int digit = g_ascii_xdigit_value(l->text[i]);
        if (digit < 0)
            vm_fail(l->vm, "an escape in a string wants %u hexadecimal digits", digits);
        c = c * 16 + (gunichar)digit;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) || c == 0)
        vm_fail(l->vm, "an escape in a string stands for no character");
    return c;
}

/* The escape at `at` (behind its backslash); returns where it ends. */
static size_t unescape(Lexer *l, Buffer *out, size_t at, size_t end)
{
    static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    char c = l->text[at];
    const char *found = c ? strchr(names, c) : NULL;
    if (found) {
        buffer_bytes(l->vm, out, &values[found - names], 1, JINJA_TEMPLATE);
        return at + 1;
    }
    if (c == '\n')
        return at + 1;
    if (c == 'x' || c == 'u' || c == 'U') {
        unsigned digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        buffer_char(l->vm, out, read_hex(l, at + 1, end, digits), JINJA_TEMPLATE);
        return at + 1 + digits;
    }
    if (c >= '0' && c <= '7') {
        gunichar value = 0;
        size_t i = at;
        for (; i < end && i < at + 3 && l->text[i] >= '0' && l->text[i] <= '7'; i++)
            value = value * 8 + (gunichar)(l->text[i] - '0');
        if (value == 0)
            vm_fail(l->vm, "an escape in a string stands for no character");
        buffer_char(l->vm, out, value, JINJA_TEMPLATE);
        return i;
    }
    if (c == 'N')
        vm_fail(l->vm, "the escape \\N{...} in a string is not one that Hone reads; write \\uXXXX");
    buffer_bytes(l->vm, out, "\\", 1, JINJA_TEMPLATE);
    return at;
}

static void lex_string(Lexer *l)
{
    char quote = l->text[l->at];
    size_t from = l->at + 1, end = from;
    while (end < l->length && l->text[end] != quote)
        end += l->text[end] == '\\' ? 2 : 1;
    if (end >= l->length)
        vm_fail(l->vm, "a string is not closed");
    const Str *s = str_new(l->vm, l->text + from, end - from, JINJA_TEMPLATE);
    if (memchr(s->bytes, '\\', s->length)) {
        Buffer *out = buffer_new(l->vm, s->length);
        for (size_t i = from; i < end;) {
            const char *escape = memchr(l->text + i, '\\', end - i);
            size_t plain = escape ? (size_t)(escape - l->text) : end;
            buffer_bytes(l->vm, out, l->text + i, plain - i, JINJA_TEMPLATE);
            i = escape ? unescape(l, out, plain + 1, end) : end;
        }
        s = buffer_finish(l->vm, out);
    }
    add(l, T_STRING, value_str(s));
    advance(l, end + 1);
}

static void balance(Lexer *l, TokenKind kind, char c)
{
    char close = kind == T_LBRACKET ? ']' : kind == T_LPAREN ? ')' : kind == T_LBRACE ? '}' : 0;
    if (close) {
        if (l->n_open == l->open_room) {
            char *open = vm_alloc(l->vm, l->open_room * 2 + 16);
            if (l->n_open > 0)
                memcpy(open, l->open, l->n_open);
            l->open = open;
            l->open_room = l->open_room * 2 + 16;
        }
        l->open[l->n_open++] = close;
    } else if (kind == T_RBRACKET || kind == T_RPAREN || kind == T_RBRACE) {
        if (l->n_open == 0)
            vm_fail(l->vm, "unexpected '%c'", c);
        char wanted = l->open[--l->n_open];
        if (wanted != c)
            vm_fail(l->vm, "unexpected '%c', expected '%c'", c, wanted);
    }
}

static void lex_operator(Lexer *l)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (!starts(l, l->at, operators[i].text))
            continue;
        balance(l, operators[i].kind, operators[i].text[0]);
        add(l, operators[i].kind, MISSING_VALUE);
        advance(l, l->at + strlen(operators[i].text));
        return;
    }
    char c[7] = "";
    g_unichar_to_utf8(g_utf8_get_char(l->text + l->at), c);
    vm_fail(l->vm, "unexpected character '%s'", c);
}

/* Up to the tag's end, or the template's. */
static void lex_tag(Lexer *l, bool prints)
{
    const char *close = prints ? "}}" : "%}";
    l->n_open = 0;
    while (l->at < l->length) {
        size_t end = l->n_open == 0 ? tag_end(l, l->at, close, !prints, !prints) : 0;
        if (end) {
            add(l, prints ? T_PRINT_END : T_BLOCK_END, MISSING_VALUE);
            advance(l, end);
            return;
        }
        size_t next = skip_space(l->text, l->at, l->length);
        gunichar c = g_utf8_get_char(l->text + l->at);
        if (next > l->at)
            advance(l, next);
        else if (c < 0x80 && g_ascii_isdigit((char)c))
            lex_number(l);
        else if (is_name_char(c, true))
            lex_name(l);
        else if (c == '\'' || c == '"')
            lex_string(l);
        else
            lex_operator(l);
    }
}

/* ---- The template. ---- */

static size_t find_tag(const Lexer *l)
{
    for (size_t i = l->at; i + 1 < l->length; i++)
        if (l->text[i] == '{' && (l->text[i + 1] == '{' || l->text[i + 1] == '%' || l->text[i + 1] == '#'))
            return i;
    return l->length;
}

static void lex_next(Lexer *l)
{
    size_t tag = find_tag(l);
    if (tag == l->length) {
        add_data(l, l->at, tag);
        advance(l, tag);
        return;
    }
    char kind = l->text[tag + 1], sign = sign_at(l, tag + 2);
    size_t raw = kind == '%' ? word_tag(l, tag, "raw", false) : 0;
    take_text(l, tag, sign, kind == '{');
    if (raw) {
        lex_raw(l, raw);
        return;
    }
    if (kind != '#')
        add(l, kind == '{' ? T_PRINT_BEGIN : T_BLOCK_BEGIN, MISSING_VALUE);
    advance(l, tag + 2 + (sign != 0));
    if (kind == '#')
        lex_comment(l);
    else
        lex_tag(l, kind == '{');
}

/* Line breaks as \n; the last one is not part of the template. */
static size_t normalize(char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' && i + 1 < length && text[i + 1] == '\n')
            continue;
        text[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    return n > 0 && text[n - 1] == '\n' ? n - 1 : n;
}

Tokens jinja_lex(Vm *vm, const char *source, size_t length, const char *const *names, const Str **interned, size_t n)
{
    char *text = vm_alloc(vm, length + 1);
    memcpy(text, source, length);
    Lexer l = {.vm = vm, .text = text, .length = normalize(text, length), .line_start = true, .names = dict_new(vm, 0)};
    text[l.length] = 0;
    vm->line = 1;
    for (size_t i = 0; i < n; i++) {
        interned[i] = str_literal(vm, names[i]);
        dict_set(vm, l.names, value_str(interned[i]), value_str(interned[i]));
    }
    while (l.at < l.length)
        lex_next(&l);
    add(&l, T_END, MISSING_VALUE);
    return l.tokens;
}

bool token_is(const Token *token, const char *name)
{
    return token->kind == T_NAME && str_is(token->value.s, name);
}

const char *token_name(Vm *vm, const Token *token)
{
    static const char *const names[] = {
        [T_END] = "the template's end", [T_DATA] = "text",    [T_PRINT_BEGIN] = "{{",  [T_PRINT_END] = "}}",
        [T_BLOCK_BEGIN] = "{%",         [T_BLOCK_END] = "%}", [T_STRING] = "a string", [T_NUMBER] = "a number"};
    if (token->kind == T_NAME)
        return str_c(vm, str_part(vm, token->value.s, 0, MIN(token->value.s->length, 40)));
    if (token->kind < T_ADD)
        return names[token->kind];
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++)
        if (operators[i].kind == token->kind)
            return operators[i].text;
    return "?";
}
