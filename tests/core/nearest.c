/* SPDX-License-Identifier: Apache-2.0
 * The nearest name: its distance is compared with the definition written out as a recursion, on all short words.
 */
#include <hone/error.h>
#include <string.h>

/* Optimal string alignment, straight from its definition. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    if (n == 0 || m == 0)
        return (unsigned)(n + m);
    unsigned best = distance(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
    best = MIN(best, distance(a, n - 1, b, m) + 1);
    best = MIN(best, distance(a, n, b, m - 1) + 1);
    if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1])
        best = MIN(best, distance(a, n - 2, b, m - 2) + 1);
    return best;
}

/* Every word of length 1 to 5 over two letters, as name and as candidate. */
static void test_definition(void)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (size_t n = 1; n <= 5; n++) {
        for (unsigned bits = 0; bits < 1u << n; bits++) {
            char *word = g_malloc0(n + 1);
            for (size_t i = 0; i < n; i++)
                word[i] = (bits >> i & 1) != 0 ? 'b' : 'a';
            g_ptr_array_add(words, word);
        }
    }
    for (guint i = 0; i < words->len; i++) {
        for (guint k = 0; k < words->len; k++) {
            const char *name = words->pdata[i], *candidate = words->pdata[k];
            size_t n = strlen(name);
            unsigned limit = n < 3 ? 1 : (unsigned)(n / 3);
            const char *wanted = distance(name, n, candidate, strlen(candidate)) <= limit ? candidate : NULL;
            g_assert_true(hone_nearest(name, &candidate, 1) == wanted);
        }
        /* Of all, none is nearer than the one given. */
        const char *near = hone_nearest(words->pdata[i], (const char *const *)words->pdata, words->len);
        g_assert_true(near == words->pdata[i]);
    }
}

static void test_choice(void)
{
    const char *const names[] = {NULL, "epochs", "rank", "learning_rate", "rang", "", "metrics"};
    const size_t n = G_N_ELEMENTS(names);
    g_assert_cmpstr(hone_nearest("ranc", names, n), ==, "rank"); /* of equals the first */
    g_assert_cmpstr(hone_nearest("rang", names, n), ==, "rang"); /* the same is nearer */
    g_assert_cmpstr(hone_nearest("epohcs", names, n), ==, "epochs");
    g_assert_cmpstr(hone_nearest("lerning_rte", names, n), ==, "learning_rate");
    g_assert_null(hone_nearest("alpha", names, n));
    g_assert_null(hone_nearest("", names, n));
    g_assert_null(hone_nearest("x", NULL, 0));
    g_autofree char *huge = g_strnfill(100000, 'a');
    const char *const hostile[] = {huge};
    g_assert_null(hone_nearest(huge, names, n));
    g_assert_null(hone_nearest("rank", hostile, 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nearest/definition", test_definition);
    g_test_add_func("/nearest/choice", test_choice);
    return g_test_run();
}
