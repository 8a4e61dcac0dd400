/* SPDX-License-Identifier: Apache-2.0
 * tokens.c: the body of `hone show --tokens`: a wrong loss mask is seen here, before it is trained on.
 *
 * Neighbouring tokens differ in shade, so that their borders show. A character of several tokens has one shade.
 */
#include "tokens.h"
#include "model_source.h"
#include "row_source.h"
#include <hone/checkpoint.h>
#include <hone/json.h>
#include <stdio.h>
#include <string.h>

static const char *const shades[2][2] = {{"\x1b[2m", "\x1b[2;4m"}, {"\x1b[30;42m", "\x1b[30;102m"}};
#define PLAIN "\x1b[0m"

/* Valid UTF-8 in which control characters show as their pictures, but for line breaks. */
static char *visible(const char *bytes, size_t length)
{
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)length);
    GString *out = g_string_new(NULL);
    for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);
        if (character < 0x20 && character != '\n' && character != '\t')
            character += 0x2400;
        else if (g_unichar_iscntrl(character) && character >= 0x7F)
            character = character == 0x7F ? 0x2421 : 0xFFFD;
        g_string_append_unichar(out, character);
    }
    return g_string_free(out, FALSE);
}

/* ---- One row. ---- */

typedef struct Painter {
    bool colour;
    bool inside; /* a « is open */
    unsigned shown;
} Painter;

static void paint(Painter *painter, const char *bytes, size_t length, bool bears)
{
    g_autofree char *text = visible(bytes, length);
    if (!painter->colour) {
        if (bears != painter->inside)
            fputs(bears ? "«" : "»", stdout);
        painter->inside = bears;
        fputs(text, stdout);
        return;
    }
    /* Background colour would run to the edge of the terminal at a line break: it ends before and begins after. */
    const char *shade = shades[bears][painter->shown++ % 2];
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        if (i > 0 && bears)
            printf("%s⏎" PLAIN, shade);
        if (i > 0)
            putchar('\n');
        if (*lines[i])
            printf("%s%s" PLAIN, shade, lines[i]);
    }
}

/* True where more bytes may complete the last character. */
static bool ends_within_character(const GString *text)
{
    const char *end = NULL;
    if (g_utf8_validate(text->str, (gssize)text->len, &end))
        return false;
    gssize left = (gssize)text->len - (end - text->str);
    return left < 4 && g_utf8_get_char_validated(end, left) == (gunichar)-2;
}

static void print_tokens(const HoneTokenizer *tokenizer, const HoneTokens *tokens, bool colour)
{
    Painter painter = {.colour = colour};
    g_autoptr(GString) unit = g_string_new(NULL); /* tokens up to the end of a character */
    for (guint i = 0; i < tokens->ids->len; i++) {
        size_t length;
        const char *piece = hone_tokenizer_piece(tokenizer, g_array_index(tokens->ids, int32_t, i), &length);
        bool bears = g_array_index(tokens->weights, float, i) > 0;
        bool last = i + 1 == tokens->ids->len || (g_array_index(tokens->weights, float, i + 1) > 0) != bears;
        g_string_append_len(unit, piece, (gssize)length);
        if (!last && ends_within_character(unit))
            continue;
        paint(&painter, unit->str, unit->len, bears);
        g_string_truncate(unit, 0);
    }
    if (painter.inside)
        fputs("»", stdout);
    putchar('\n');
}

static size_t count_trained(const HoneTokens *tokens)
{
    size_t n = 0;
    for (guint i = 0; i < tokens->weights->len; i++)
        n += g_array_index(tokens->weights, float, i) > 0;
    return n;
}

static void print_json(const HoneTokenizer *tokenizer, const HoneTokens *tokens, const HoneRow *row)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    JsonArray *list = json_array_new();
    json_node_take_object(node, object);
    json_object_set_string_member(object, "id", row->id);
    json_object_set_int_member(object, "trained", (gint64)count_trained(tokens));
    json_object_set_int_member(object, "prompt", (gint64)tokens->prompt);
    if (tokens->unlearned > 0)
        json_object_set_int_member(object, "unlearned", (gint64)tokens->unlearned);
    for (guint i = 0; i < tokens->ids->len; i++) {
        int32_t id = g_array_index(tokens->ids, int32_t, i);
        size_t length;
        const char *piece = hone_tokenizer_piece(tokenizer, id, &length);
        g_autofree char *text = visible(piece, length);
        JsonObject *token = json_object_new();
        json_object_set_int_member(token, "id", id);
        json_object_set_string_member(token, "text", text);
        json_object_set_double_member(token, "weight", g_array_index(tokens->weights, float, i));
        json_array_add_object_element(list, token);
    }
    json_object_set_array_member(object, "tokens", list);
    g_autofree char *text = hone_json_text(node);
    puts(text);
}

/* Bytes of the conversation that its tokens do not give back. */
static size_t count_lost(const HoneTokenizer *tokenizer, const HoneChat *chat, const HoneRow *row,
                         const HoneTokens *tokens)
{
    g_autofree char *text = hone_chat_render_with(chat, row->messages, row->tools, false, NULL);
    g_autoptr(GString) back =
        hone_tokenizer_decode(tokenizer, (const int32_t *)(const void *)tokens->ids->data, tokens->ids->len, true);
    size_t length = text ? strlen(text) : 0;
    return length > back->len ? length - back->len : 0;
}

static void print_row(const HoneTokensView *view, const HoneTokenizer *tokenizer, const HoneChat *chat,
                      const HoneRow *row, const HoneTokens *tokens)
{
    if (view->as_json) {
        print_json(tokenizer, tokens, row);
        return;
    }
    g_autofree char *id = visible(row->id, strlen(row->id));
    size_t trained = count_trained(tokens), lost = count_lost(tokenizer, chat, row, tokens);
    printf("row %s: %u tokens, %zu bear loss%s\n", id, tokens->ids->len, trained,
           trained == 0 ? ": nothing is learned from it" : "");
    if (tokens->unlearned > 0)
        printf("  %zu answers bear none: the chat template writes them otherwise once other messages follow\n",
               tokens->unlearned);
    if (lost > 0)
        printf("  %zu bytes of its text are not among the tokens: the vocabulary lacks them, or composes them\n", lost);
    print_tokens(tokenizer, tokens, view->colour);
}

/* ---- All rows. ---- */

typedef struct Totals {
    size_t rows, tokens, trained, barren, longest;
} Totals;

static bool show_rows(const HoneTokensView *view, HoneRowSource *source, const HoneTokenizer *tokenizer,
                      const HoneChat *chat, Totals *totals, GError **error)
{
    g_autoptr(GError) problem = NULL;
    HoneRow *next;
    while ((next = hone_row_source_next(source, &problem)) != NULL) {
        g_autoptr(HoneRow) row = next;
        g_autoptr(HoneTokens) tokens = hone_chat_encode_with(chat, row->messages, row->tools, &problem);
        if (!tokens) {
            g_prefix_error(&problem, "row %s: ", row->id);
            break;
        }
        size_t trained = count_trained(tokens);
        totals->rows++;
        totals->tokens += tokens->ids->len;
        totals->trained += trained;
        totals->barren += trained == 0;
        totals->longest = MAX(totals->longest, tokens->ids->len);
        bool wanted =
            view->first > 0 ? totals->rows == (size_t)view->first : totals->rows <= (size_t)MAX(view->count, 0);
        if (wanted)
            print_row(view, tokenizer, chat, row, tokens);
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    if (view->first > 0 && totals->rows < (size_t)view->first) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "there is no row %d: %s has %zu", view->first, view->rows,
                    totals->rows);
        return false;
    }
    return true;
}

bool hone_tokens_show(const HoneTokensView *view, GError **error)
{
    g_auto(HoneModelSource) model = {0};
    if (!hone_model_source_find(&model, view->model, view->store, NULL, error))
        return false;
    g_autoptr(HoneRowSource) source = hone_row_source_open(view->rows, view->store, error);
    g_autoptr(HoneCheckpoint) files = source ? hone_checkpoint_open(model.path, error) : NULL;
    g_autoptr(HoneTokenizer) tokenizer = files ? hone_checkpoint_tokenizer(files, error) : NULL;
    g_autoptr(HoneChat) chat = tokenizer ? hone_checkpoint_chat(files, tokenizer, error) : NULL;
    Totals totals = {0};
    if (!chat || !show_rows(view, source, tokenizer, chat, &totals, error))
        return false;
    if (!view->as_json)
        printf("%zu rows: %zu tokens, %zu bear loss; the longest row has %zu; %zu rows bear none\n", totals.rows,
               totals.tokens, totals.trained, totals.longest, totals.barren);
    return true;
}
