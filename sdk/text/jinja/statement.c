/* SPDX-License-Identifier: Apache-2.0
 * statement.c: parses text, print tags and statements.
 */
#include "parse.h"

#include <string.h>

static Body parse_body(Parser *p, const char *const *ends);

/* ---- The parser's steps. ---- */

Node *node_new(Parser *p, NodeKind kind)
{
    Node *node = vm_new(p->vm, Node, 1);
    node->kind = (uint8_t)kind;
    node->line = p->token->line;
    return node;
}

void parse_next(Parser *p)
{
    if (p->token->kind != T_END)
        p->token++;
    p->vm->line = p->token->line;
}

bool parse_skip(Parser *p, TokenKind kind)
{
    if (p->token->kind != kind)
        return false;
    parse_next(p);
    return true;
}

bool parse_skip_name(Parser *p, const char *name)
{
    if (!token_is(p->token, name))
        return false;
    parse_next(p);
    return true;
}

void parse_unexpected(Parser *p, const char *expected)
{
    p->vm->line = p->token->line;
    vm_fail(p->vm, "%s was expected, not %s", expected, token_name(p->vm, p->token));
}

void parse_expect(Parser *p, TokenKind kind, const char *name)
{
    if (!parse_skip(p, kind))
        parse_unexpected(p, name);
}

void nodes_add(Parser *p, Nodes *nodes, Node *node)
{
    if (nodes->n == nodes->room) {
        size_t room = nodes->room * 2 + 4;
        Node **items = vm_new(p->vm, Node *, room);
        if (nodes->n > 0)
            memcpy(items, nodes->items, nodes->n * sizeof *items);
        nodes->items = items;
        nodes->room = room;
    }
    nodes->items[nodes->n++] = node;
}

/* A statement's body, from behind its opening tag; the current token is then the name that ends it. */
static Body parse_block(Parser *p, const char *const *ends)
{
    parse_skip(p, T_COLON);
    parse_expect(p, T_BLOCK_END, "%}");
    return parse_body(p, ends);
}

static Body parse_whole_block(Parser *p, const char *end)
{
    const char *const ends[] = {end, NULL};
    Body body = parse_block(p, ends);
    parse_next(p);
    return body;
}

/* ---- Statements. Each is entered at its name. ---- */

static Node *parse_if(Parser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    Node *node = node_new(p, N_IF);
    Nodes conditions = {0};
    size_t room = 0;
    Node *condition = NULL;
    bool other = false;
    parse_next(p);
    condition = parse_tuple(p, false, NULL);
    for (;;) {
        nodes_add(p, &conditions, condition);
        if (conditions.n > room) {
            Body *bodies = vm_new(p->vm, Body, conditions.n * 2);
            if (room > 0)
                memcpy(bodies, node->bodies, room * sizeof *bodies);
            node->bodies = bodies;
            room = conditions.n * 2;
        }
        if (other) {
            node->bodies[conditions.n - 1] = parse_whole_block(p, "endif");
            break;
        }
        node->bodies[conditions.n - 1] = parse_block(p, ends);
        if (parse_skip_name(p, "endif"))
            break;
        other = parse_skip_name(p, "else");
        if (!other)
            parse_next(p); /* elif */
        condition = other ? NULL : parse_tuple(p, false, NULL);
    }
    node->items = conditions.items;
    node->n = conditions.n;
    return node;
}

static Node *parse_for(Parser *p)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    Node *node = node_new(p, N_FOR);
    parse_next(p);
    node->a = parse_target(p, "in", false);
    if (!parse_skip_name(p, "in"))
        parse_unexpected(p, "in");
    node->b = parse_tuple(p, false, "recursive");
    if (parse_skip_name(p, "if"))
        node->c = parse_expression(p);
    if (token_is(p->token, "recursive"))
        vm_fail(p->vm, "recursive loops are not among what Hone renders; a macro that calls itself does the same");
    p->loops++;
    node->body = parse_block(p, ends);
    p->loops--;
    if (!parse_skip_name(p, "endfor")) {
        parse_next(p);
        node->other = parse_whole_block(p, "endfor");
    }
    return node;
}

static Node *parse_set(Parser *p)
{
    Node *node = node_new(p, N_SET);
    parse_next(p);
    node->a = parse_target(p, NULL, true);
    if (parse_skip(p, T_ASSIGN)) {
        node->b = parse_tuple(p, true, NULL);
        return node;
    }
    node->kind = N_SET_BLOCK;
    node->b = parse_filters(p, NULL, false);
    node->body = parse_whole_block(p, "endset");
    return node;
}

static Node *parse_with(Parser *p)
{
    Node *node = node_new(p, N_WITH);
    Nodes targets = {0}, values = {0};
    parse_next(p);
    while (p->token->kind != T_BLOCK_END) {
        if (targets.n > 0)
            parse_expect(p, T_COMMA, ",");
        nodes_add(p, &targets, parse_target(p, NULL, false));
        parse_expect(p, T_ASSIGN, "=");
        nodes_add(p, &values, parse_expression(p));
    }
    node->n = targets.n;
    for (size_t i = 0; i < node->n; i++)
        nodes_add(p, &targets, values.items[i]);
    node->items = targets.items;
    node->body = parse_whole_block(p, "endwith");
    return node;
}

static void parse_parameters(Parser *p, MacroSpec *macro)
{
    Nodes params = {0}, defaults = {0};
    parse_expect(p, T_LPAREN, "(");
    while (p->token->kind != T_RPAREN) {
        if (params.n > 0)
            parse_expect(p, T_COMMA, ",");
        Node *name = parse_name(p);
        vm_step(p->vm, 1 + params.n / 8);
        for (size_t i = 0; i < params.n; i++)
            if (params.items[i]->name == name->name)
                vm_fail(p->vm, "the parameter '%s' is there twice", str_c(p->vm, name->name));
        if (parse_skip(p, T_ASSIGN))
            nodes_add(p, &defaults, parse_expression(p));
        else if (defaults.n > 0)
            vm_fail(p->vm, "a parameter without default follows one that has a default");
        nodes_add(p, &params, name);
    }
    parse_expect(p, T_RPAREN, ")");
    macro->params = params.items;
    macro->n_params = params.n;
    macro->defaults = defaults.items;
    macro->n_defaults = defaults.n;
}

/* A function's body: loops around it are not its own. */
static void parse_function(Parser *p, MacroSpec *macro, const char *end)
{
    unsigned loops = p->loops;
    p->loops = 0;
    macro->body = parse_whole_block(p, end);
    p->loops = loops;
}

static Node *parse_macro(Parser *p)
{
    Node *node = node_new(p, N_MACRO);
    node->macro = vm_new(p->vm, MacroSpec, 1);
    parse_next(p);
    node->name = node->macro->name = parse_name(p)->name;
    parse_parameters(p, node->macro);
    parse_function(p, node->macro, "endmacro");
    return node;
}

static Node *parse_call_block(Parser *p)
{
    Node *node = node_new(p, N_CALL_BLOCK);
    node->macro = vm_new(p->vm, MacroSpec, 1);
    parse_next(p);
    if (p->token->kind == T_LPAREN)
        parse_parameters(p, node->macro);
    node->a = parse_expression(p);
    if (node->a->kind != N_CALL)
        vm_fail(p->vm, "a call block must begin with the call of a macro");
    parse_function(p, node->macro, "endcall");
    return node;
}

static Node *parse_generation(Parser *p)
{
    Node *node = node_new(p, N_GENERATION);
    node->macro = vm_new(p->vm, MacroSpec, 1);
    parse_next(p);
    parse_function(p, node->macro, "endgeneration");
    p->template->generates = true;
    return node;
}

static Node *parse_filter_block(Parser *p)
{
    Node *node = node_new(p, N_FILTER_BLOCK);
    parse_next(p);
    node->a = parse_filters(p, NULL, true);
    node->body = parse_whole_block(p, "endfilter");
    return node;
}

static Node *parse_jump(Parser *p)
{
    bool leaves = token_is(p->token, "break");
    Node *node = node_new(p, leaves ? N_BREAK : N_CONTINUE);
    if (p->loops == 0)
        vm_fail(p->vm, "%s stands outside of a loop", leaves ? "break" : "continue");
    parse_next(p);
    return node;
}

static Node *parse_print(Parser *p)
{
    Node *node = node_new(p, N_PRINT);
    Nodes values = {0};
    parse_next(p);
    while (p->token->kind != T_BLOCK_END) {
        if (values.n > 0)
            parse_expect(p, T_COMMA, ",");
        nodes_add(p, &values, parse_expression(p));
    }
    node->items = values.items;
    node->n = values.n;
    return node;
}

static Node *parse_statement(Parser *p)
{
    static const struct {
        const char *name;
        Node *(*parse)(Parser *p);
    } statements[] = {
        {"if", parse_if},           {"for", parse_for},
        {"set", parse_set},         {"macro", parse_macro},
        {"call", parse_call_block}, {"generation", parse_generation},
        {"break", parse_jump},      {"continue", parse_jump},
        {"with", parse_with},       {"filter", parse_filter_block},
        {"print", parse_print},
    };
    static const char *const refused[] = {"include", "import", "from", "extends", "block", "autoescape"};
    if (p->token->kind != T_NAME)
        parse_unexpected(p, "a tag's name");
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++)
        if (token_is(p->token, statements[i].name))
            return statements[i].parse(p);
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
        if (token_is(p->token, refused[i]))
            vm_fail(
                p->vm,
                "the tag '%s' is not among what Hone renders: a chat template stands in one file and writes plain text",
                refused[i]);
    vm_fail(p->vm, "'%s' is no tag that is known here", token_name(p->vm, p->token));
}

/* ---- Bodies. ---- */

static bool ends_here(const Parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (token_is(p->token, *ends))
            return true;
    return false;
}

static Node *parse_output(Parser *p)
{
    Node *node = node_new(p, p->token->kind == T_DATA ? N_DATA : N_PRINT);
    if (node->kind == N_DATA) {
        node->value = p->token->value;
        parse_next(p);
        return node;
    }
    parse_next(p);
    Nodes value = {0};
    nodes_add(p, &value, parse_tuple(p, true, NULL));
    node->items = value.items;
    node->n = 1;
    parse_expect(p, T_PRINT_END, "}}");
    return node;
}

/* Up to the tag that ends it (ends NULL: the template's end). */
static Body parse_body(Parser *p, const char *const *ends)
{
    Nodes nodes = {0};
    int line = ends ? p->token[-1].line : 0; /* of the tag that begins it */
    vm_enter(p->vm);
    for (;;) {
        if (p->token->kind == T_END && ends) {
            p->vm->line = line;
            while (!g_str_has_prefix(*ends, "end"))
                ends++;
            vm_fail(p->vm, "the template ends before %s, which closes what begins here", *ends);
        }
        if (p->token->kind == T_END)
            break;
        if (p->token->kind != T_BLOCK_BEGIN) {
            nodes_add(p, &nodes, parse_output(p));
            continue;
        }
        parse_next(p);
        if (ends_here(p, ends))
            break;
        nodes_add(p, &nodes, parse_statement(p));
        parse_expect(p, T_BLOCK_END, "%}");
    }
    vm_leave(p->vm);
    return (Body){nodes.items, nodes.n};
}

void jinja_parse_template(Jinja *template, const char *source, size_t length)
{
    static const char *const names[] = {"loop", "caller", "kwargs", "varargs"};
    const Str *interned[G_N_ELEMENTS(names)];
    Tokens tokens = jinja_lex(&template->vm, source, length, names, interned, G_N_ELEMENTS(names));
    template->names = (Names){interned[0], interned[1], interned[2], interned[3]};
    Parser p = {.vm = &template->vm, .template = template, .token = tokens.items};
    p.vm->line = p.token->line;
    template->body = parse_body(&p, NULL);
}
