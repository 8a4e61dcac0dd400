/* SPDX-License-Identifier: Apache-2.0
 * terminal.h: what a person sees while nodes run: on a terminal one live bar for each, in a pipe plain lines.
 */
#ifndef HONE_HOST_TERMINAL_H
#define HONE_HOST_TERMINAL_H

#include <glib.h>
#include <stdbool.h>

typedef struct HoneTerminal HoneTerminal;

/* What one bar shows. */
typedef struct HoneBar {
    const char *name, *stage;
    const char *state; /* in place of figures: "waits for another run"; or NULL */
    guint64 step, total;
    const char *unit;
    const char *figures; /* "loss 1.71, 812 tokens/s" or "" */
    double seconds;      /* since its start */
    double eta;          /* seconds to go; negative: unknown */
    guint64 memory;      /* bytes; 0: unknown */
} HoneBar;

/* Colour and live bars only where fd is a terminal; no colour with $NO_COLOR or TERM=dumb. */
HoneTerminal *hone_terminal_new(int fd);
void hone_terminal_free(HoneTerminal *terminal); /* takes the bars away */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneTerminal, hone_terminal_free)
bool hone_terminal_live(const HoneTerminal *terminal);
/* From here on only bars, plain lines and warnings: the caller says itself how it ended. */
void hone_terminal_hush(HoneTerminal *terminal);

typedef enum {
    HONE_TONE_PLAIN,
    HONE_TONE_GOOD,
    HONE_TONE_WARNING,
    HONE_TONE_BAD,
    HONE_TONE_DIM,
} HoneTone;
/* Lines that stay, above the bars. Control characters are taken out. */
void hone_terminal_print(HoneTerminal *terminal, HoneTone tone, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Draws the bars anew (live), or nothing. */
void hone_terminal_bars(HoneTerminal *terminal, const HoneBar *bars, size_t n);

/* One bar as text of at most `width` columns, without colour; with width 0 a plain line without a drawn bar. */
char *hone_bar_text(const HoneBar *bar, unsigned width);

#endif
