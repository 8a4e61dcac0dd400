/* SPDX-License-Identifier: Apache-2.0
 * tables: columns line up in every script; bars fit their line; nothing of a plugin's moves the cursor.
 */
#include "table.h"
#include "terminal.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void test_table(void)
{
    static const char *const columns[] = {"name", "value", NULL};
    static const char *const rows[][3] = {
        {"plain", "1.5 GB", NULL}, {"日本語", "12", NULL}, {"line\nbreak\033[2J", "-", NULL}, {"short", NULL, NULL}};
    g_autoptr(HoneTable) table = hone_table_new(columns);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        hone_table_add(table, rows[i]);
    g_autofree char *text = hone_table_text(table, 2);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    g_assert_cmpuint(g_strv_length(lines), ==, 6);
    /* Numbers end where the longest ends; names begin together. */
    g_assert_cmpuint(hone_text_width(lines[1]), ==, hone_text_width(lines[2]));
    g_assert_cmpuint(hone_text_width(lines[1]), ==, hone_text_width(lines[3]));
    for (int i = 0; i < 5; i++)
        g_assert_true(g_str_has_prefix(lines[i], "  ") && lines[i][2] != ' ');
    g_assert_null(strchr(text, '\033'));
}

static void test_clean(void)
{
    g_autofree char *text = hone_text_clean("a\tb\033[31m\x07\r\nc\xff\xc2\x9b"
                                            "d\x7f");
    g_assert_cmpstr(text, ==,
                    "a b[31m\nc\xef\xbf\xbd"
                    "d");
}

/* Three digits, and the unit that makes them readable: 1 kB is 1000 B. */
static void test_numbers(void)
{
    static const struct {
        guint64 bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},          {999, "999 B"},        {1000, "1.00 kB"},      {999499, "999 kB"},
                 {999500, "1.00 MB"}, {12345678, "12.3 MB"}, {5000000000, "5.00 GB"}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *text = hone_text_bytes(sizes[i].bytes);
        g_assert_cmpstr(text, ==, sizes[i].text);
    }
    static const struct {
        double seconds;
        const char *text;
    } times[] = {{0, "0.0 s"},          {9.94, "9.9 s"},      {9.96, "10 s"}, {59.6, "1 min 00 s"},
                 {3599, "59 min 59 s"}, {3600, "1 h 00 min"}, {-1, "?"},      {0.0 / 0.0, "?"}};
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *text = hone_text_seconds(times[i].seconds);
        g_assert_cmpstr(text, ==, times[i].text);
    }
}

static void test_bars(void)
{
    const HoneBar bars[] = {
        {.name = "tuned", .stage = "sft", .step = 0, .total = 0, .eta = -1},
        {.name = "tuned",
         .stage = "sft",
         .step = 40,
         .total = 300,
         .unit = "steps",
         .figures = "loss 1.71",
         .eta = 65,
         .seconds = 12.5,
         .memory = 1200000000},
        {.name = "x", .stage = "x", .step = 400, .total = 300, .eta = -1},
        {.name = "日本語日本語日本語", .stage = "sft", .step = G_MAXUINT64, .total = G_MAXUINT64, .eta = 1e300},
        {.name = "w", .stage = "w", .state = "waits", .eta = -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bars); i++) {
        for (unsigned width = 1; width < 200; width++) {
            g_autofree char *text = hone_bar_text(&bars[i], width);
            g_assert_true(g_utf8_validate(text, -1, NULL));
            g_assert_cmpuint(hone_text_width(text), <=, width);
            g_assert_null(strchr(text, '\n'));
        }
    }
    g_autofree char *line = hone_bar_text(&bars[1], 0);
    g_assert_cmpstr(line, ==, "tuned (sft): 40/300 steps, loss 1.71, 13 s, 1 min 05 s left, 1.20 GB");
    HoneBar bytes = {.name = "a", .stage = "a", .step = 1500000, .total = 3000000000, .unit = "bytes", .eta = -1};
    g_autofree char *sizes = hone_bar_text(&bytes, 0);
    g_assert_cmpstr(sizes, ==, "a: 1.50 MB of 3.00 GB, 0.0 s");
}

/* In a pipe: plain lines, no bars, no colour. */
static void test_pipe(void)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    HoneTerminal *terminal = hone_terminal_new(ends[1]);
    g_assert_false(hone_terminal_live(terminal));
    HoneBar bar = {.name = "a", .stage = "b", .eta = -1};
    hone_terminal_bars(terminal, &bar, 1);
    hone_terminal_print(terminal, HONE_TONE_BAD, "one %d", 1);
    hone_terminal_free(terminal);
    close(ends[1]);
    char text[100] = "";
    g_assert_cmpint(read(ends[0], text, sizeof text - 1), ==, 6);
    g_assert_cmpstr(text, ==, "one 1\n");
    close(ends[0]);
}

/* What a terminal gets; NULL where there are no pseudo-terminals. Caller frees. */
static char *on_terminal(const char *kind, const char *no_colour)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return NULL;
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 3, .ws_col = 40};
    g_assert_cmpint(ioctl(slave, TIOCSWINSZ, &size), ==, 0);
    g_setenv("TERM", kind, TRUE);
    g_setenv("NO_COLOR", no_colour, TRUE);
    HoneTerminal *terminal = hone_terminal_new(slave);
    HoneBar bars[5];
    for (int i = 0; i < 5; i++)
        bars[i] = (HoneBar){.name = "tuned", .stage = "sft", .step = 1, .total = 2, .unit = "steps", .eta = 100};
    hone_terminal_bars(terminal, bars, 5);
    hone_terminal_bars(terminal, bars, 5);
    hone_terminal_print(terminal, HONE_TONE_BAD, "failed");
    hone_terminal_bars(terminal, bars, 1);
    hone_terminal_free(terminal);
    /* It arrives in pieces; this is the last. */
    g_assert_cmpint(write(slave, "END", 3), ==, 3);
    g_autoptr(GString) text = g_string_new(NULL);
    while (!strstr(text->str, "END")) {
        char piece[4096];
        ssize_t n = read(master, piece, sizeof piece);
        g_assert_cmpint(n, >, 0);
        g_string_append_len(text, piece, n);
    }
    close(slave);
    close(master);
    return g_strdup(text->str);
}

static guint count(const char *text, const char *part)
{
    guint n = 0;
    for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
        n++;
    return n;
}

static void test_terminal(void)
{
    g_autofree char *plain = on_terminal("xterm", "1");
    if (!plain) {
        g_test_skip("needs pseudo-terminals");
        return;
    }
    /* Three lines: two bars fit, drawn once although asked twice, taken away before what stays and at the end. */
    g_assert_cmpuint(count(plain, "tuned"), ==, 3);
    g_assert_cmpuint(count(plain, "\033[2A\033[J"), ==, 1);
    g_assert_cmpuint(count(plain, "\033[1A\033[J"), ==, 1);
    g_assert_cmpuint(count(plain, "\033[31m"), ==, 0);
    g_autofree char *coloured = on_terminal("xterm", "");
    g_assert_cmpuint(count(coloured, "\033[31m"), ==, 1);
    g_autofree char *dumb = on_terminal("dumb", "");
    g_assert_cmpuint(count(dumb, "\033"), ==, 0);
    g_assert_cmpuint(count(dumb, "tuned"), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tables/table", test_table);
    g_test_add_func("/tables/clean", test_clean);
    g_test_add_func("/tables/numbers", test_numbers);
    g_test_add_func("/tables/bars", test_bars);
    g_test_add_func("/tables/pipe", test_pipe);
    g_test_add_func("/tables/terminal", test_terminal);
    return g_test_run();
}
