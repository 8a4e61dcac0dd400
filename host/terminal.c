/* SPDX-License-Identifier: Apache-2.0
 * terminal.c: bars redrawn in place with a few ANSI sequences.
 */
#include "terminal.h"
#include "table.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS 20

struct HoneTerminal {
    int fd;
    bool live, colour, hushed;
    unsigned drawn; /* lines of bars below the cursor's home */
    GString *last;  /* what is drawn, so that an unchanged picture is not sent again */
};

HoneTerminal *hone_terminal_new(int fd)
{
    HoneTerminal *terminal = g_new0(HoneTerminal, 1);
    const char *kind = g_getenv("TERM"), *no_colour = g_getenv("NO_COLOR");
    terminal->fd = fd;
    terminal->live = isatty(fd) && kind && kind[0] && !g_str_equal(kind, "dumb");
    terminal->colour = terminal->live && !(no_colour && no_colour[0]);
    terminal->last = g_string_new(NULL);
    return terminal;
}

bool hone_terminal_live(const HoneTerminal *terminal)
{
    return terminal->live;
}

void hone_terminal_hush(HoneTerminal *terminal)
{
    terminal->hushed = true;
}

/* A terminal that went away is no reason to stop working. */
static void send_text(HoneTerminal *terminal, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(terminal->fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

static void append_erase(HoneTerminal *terminal, GString *out)
{
    if (terminal->drawn > 0)
        g_string_append_printf(out, "\r\033[%uA\033[J", terminal->drawn);
    terminal->drawn = 0;
    g_string_truncate(terminal->last, 0);
}

void hone_terminal_free(HoneTerminal *terminal)
{
    if (!terminal)
        return;
    g_autoptr(GString) out = g_string_new(NULL);
    append_erase(terminal, out);
    send_text(terminal, out->str, out->len);
    g_string_free(terminal->last, TRUE);
    g_free(terminal);
}

void hone_terminal_print(HoneTerminal *terminal, HoneTone tone, const char *format, ...)
{
    static const char *const tones[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    if (terminal->hushed && tone != HONE_TONE_PLAIN && tone != HONE_TONE_WARNING)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = hone_text_clean(raw);
    bool coloured = terminal->colour && tones[tone][0];
    g_autoptr(GString) out = g_string_new(NULL);
    append_erase(terminal, out);
    g_string_append_printf(out, "%s%s%s\n", coloured ? tones[tone] : "", text, coloured ? "\033[0m" : "");
    send_text(terminal, out->str, out->len);
}

/* Cuts text to `width` columns. */
static char *cut(const char *text, unsigned width)
{
    unsigned used = 0;
    const char *p = text;
    while (*p) {
        gunichar c = g_utf8_get_char(p);
        unsigned w = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        if (used + w > width)
            break;
        used += w;
        p = g_utf8_next_char(p);
    }
    return g_strndup(text, (gsize)(p - text));
}

static void append_drawn(GString *out, const HoneBar *bar)
{
    /* Eighths of a cell, so that a slow bar is seen to move. */
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    guint64 eighths = 0;
    if (bar->total > 0)
        eighths = (guint64)((double)MIN(bar->step, bar->total) / (double)bar->total * BAR_CELLS * 8);
    unsigned cells = 0;
    g_string_append(out, "▕");
    for (; cells < eighths / 8; cells++)
        g_string_append(out, "█");
    if (eighths % 8 > 0) {
        g_string_append(out, parts[eighths % 8]);
        cells++;
    }
    g_string_append_printf(out, "%*s▏", (int)(BAR_CELLS - cells), "");
}

static void append_steps(GString *out, const HoneBar *bar)
{
    if (g_strcmp0(bar->unit, "bytes") == 0) {
        g_autofree char *step = hone_text_bytes(bar->step), *total = hone_text_bytes(bar->total);
        g_string_append_printf(out, " %s%s%s", step, bar->total > 0 ? " of " : "", bar->total > 0 ? total : "");
        return;
    }
    g_string_append_printf(out, " %" G_GUINT64_FORMAT, bar->step);
    if (bar->total > 0)
        g_string_append_printf(out, "/%" G_GUINT64_FORMAT, bar->total);
    if (bar->unit && bar->unit[0])
        g_string_append_printf(out, " %s", bar->unit);
}

char *hone_bar_text(const HoneBar *bar, unsigned width)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append(out, bar->name);
    if (!g_str_equal(bar->name, bar->stage))
        g_string_append_printf(out, " (%s)", bar->stage);
    if (width > 0) {
        unsigned used = hone_text_width(out->str);
        g_string_append_printf(out, "%*s ", (int)(used < 18 ? 18 - used : 0), "");
        append_drawn(out, bar);
    } else {
        g_string_append(out, ":");
    }
    if (bar->state) {
        g_string_append_printf(out, " %s", bar->state);
    } else if (bar->step > 0 || bar->total > 0) {
        append_steps(out, bar);
        if (bar->figures && bar->figures[0])
            g_string_append_printf(out, ", %s", bar->figures);
    } else {
        g_string_append(out, " at work");
    }
    g_autofree char *spent = hone_text_seconds(bar->seconds);
    g_string_append_printf(out, ", %s", spent);
    if (bar->eta >= 0) {
        g_autofree char *left = hone_text_seconds(bar->eta);
        g_string_append_printf(out, ", %s left", left);
    }
    if (bar->memory > 0) {
        g_autofree char *memory = hone_text_bytes(bar->memory);
        g_string_append_printf(out, ", %s", memory);
    }
    g_autofree char *clean = hone_text_clean(out->str);
    g_strdelimit(clean, "\n", ' ');
    return width > 0 ? cut(clean, width) : g_steal_pointer(&clean);
}

void hone_terminal_bars(HoneTerminal *terminal, const HoneBar *bars, size_t n)
{
    if (!terminal->live)
        return;
    struct winsize size;
    unsigned columns = 80, rows = 24;
    if (ioctl(terminal->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        columns = size.ws_col;
        rows = size.ws_row;
    }
    /* Bars above the top edge could not be erased again. */
    if (n > rows - 1)
        n = rows - 1;
    g_autoptr(GString) picture = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *text = hone_bar_text(&bars[i], columns - 1);
        g_string_append_printf(picture, "%s\n", text);
    }
    if (g_string_equal(picture, terminal->last))
        return;
    g_autoptr(GString) out = g_string_new(NULL);
    append_erase(terminal, out);
    g_string_append(out, picture->str);
    send_text(terminal, out->str, out->len);
    terminal->drawn = (unsigned)n;
    g_string_assign(terminal->last, picture->str);
}
