/* SPDX-License-Identifier: Apache-2.0
 * lines: every end of line and file, and what is refused, with its number; lines across the reader's chunks.
 */
#include <glib/gstdio.h>
#include <hone/dataset.h>
#include <string.h>

static char *folder;

static HoneLines *open_text(const char *text, size_t length, size_t limit)
{
    g_autofree char *path = g_build_filename(folder, "t.txt", NULL);
    g_assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
    g_autoptr(GError) error = NULL;
    HoneLines *lines = hone_lines_open(path, limit, &error);
    g_assert_no_error(error);
    return lines;
}

/* The file as one string: lines between <>, errors as !, each with its number. */
static char *walk(const char *text, size_t length, size_t limit)
{
    g_autoptr(HoneLines) lines = open_text(text, length, limit);
    GString *out = g_string_new(NULL);
    for (;;) {
        size_t n = 12345;
        g_autoptr(GError) error = NULL;
        const char *line = hone_lines_next(lines, &n, &error);
        if (line == NULL && error == NULL)
            return g_string_free(out, FALSE);
        if (line != NULL) {
            g_assert_cmpuint(n, ==, strlen(line));
            g_string_append_printf(out, "%zu<%s>", hone_lines_number(lines), line);
        } else {
            g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
            g_autofree char *place = g_strdup_printf("t.txt:%zu: ", hone_lines_number(lines));
            g_assert_nonnull(strstr(error->message, place));
            g_string_append_printf(out, "%zu!", hone_lines_number(lines));
        }
    }
}

static void test_lines(void)
{
#define TEXT(literal) literal, sizeof literal - 1
    const struct {
        const char *text;
        size_t length, limit;
        const char *wanted;
    } cases[] = {
        {TEXT(""), 10, ""},
        {TEXT("\n"), 10, "1<>"},
        {TEXT("a"), 10, "1<a>"},
        {TEXT("a\nb"), 10, "1<a>2<b>"},
        {TEXT("a\nb\n"), 10, "1<a>2<b>"},
        {TEXT("a\n\nb\n\n"), 10, "1<a>2<>3<b>4<>"},
        {TEXT("a\r\nb\r\n"), 10, "1<a>2<b>"},
        {TEXT("a\r"), 10, "1<a>"},
        {TEXT("a\rb\n"), 10, "1<a\rb>"},
        {TEXT("\xEF\xBB\xBF"), 10, "1<>"},
        {TEXT("\xEF\xBB\xBFhi\n\xEF\xBB\xBFyo\n"), 10, "1<hi>2<\xEF\xBB\xBFyo>"},
        {TEXT("\xEF\xBB\xBF"
              "1234567890\r\n"),
         10, "1<1234567890>"},
        {TEXT("1234567890\r\nb"), 10, "1<1234567890>2<b>"},
        {TEXT("12345678901\nb"), 10, "1!2<b>"},
        {TEXT("1234567890123456789012345678901234567890\r\nb\n"), 10, "1!2<b>"},
        {TEXT("a\0b\nc"), 10, "1!2<c>"},
        {TEXT("\xFF\nc"), 10, "1!2<c>"},
        {TEXT("c\n\xC3\n\xA9\nd"), 10, "1<c>2!3!4<d>"},
        {TEXT("\xFF\xFEh\0i\0\n\0"), 10, "1!2!"},
        {TEXT("é\n日本\n😀"), 10, "1<é>2<日本>3<😀>"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = walk(cases[i].text, cases[i].length, cases[i].limit);
        g_assert_cmpstr(got, ==, cases[i].wanted);
    }
}

/* Lines of every length around the size of a chunk come back whole. */
static void test_chunks(void)
{
    GString *text = g_string_new(NULL);
    const size_t lengths[] = {0, 65535, 65536, 65537, 1, 131071, 131072, 131073, 3};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        for (size_t c = 0; c < lengths[i]; c++)
            g_string_append_c(text, (char)('a' + (c * 7 + i) % 26));
        g_string_append(text, i % 2 == 0 ? "\n" : "\r\n");
    }
    g_autoptr(HoneLines) lines = open_text(text->str, text->len, 131073);
    const char *at = text->str;
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        size_t n;
        const char *line = hone_lines_next(lines, &n, NULL);
        g_assert_nonnull(line);
        g_assert_cmpmem(line, n, at, lengths[i]);
        at += lengths[i] + (i % 2 == 0 ? 1 : 2);
    }
    g_assert_null(hone_lines_next(lines, NULL, NULL));
    g_string_free(text, TRUE);
}

static void test_not_there(void)
{
    g_autofree char *path = g_build_filename(folder, "none.txt", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_lines_open(path, 10, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(hone_lines_open(folder, 10, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "folder"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-lines-XXXXXX", NULL);
    g_test_add_func("/lines/ends", test_lines);
    g_test_add_func("/lines/chunks", test_chunks);
    g_test_add_func("/lines/not-there", test_not_there);
    int status = g_test_run();
    g_autofree char *path = g_build_filename(folder, "t.txt", NULL);
    g_remove(path);
    g_rmdir(folder);
    g_free(folder);
    return status;
}
