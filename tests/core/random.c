/* SPDX-License-Identifier: Apache-2.0
 * random: against Random123's known answers and vectors from an independent implementation
 * (tests/oracle/random_vectors.py), and against what a uniform and a normal distribution must look like.
 */
#include <hone/random.h>
#include <math.h>
#include <string.h>

static char **vectors;

static double double_of_bits(const char *hex)
{
    uint64_t bits = g_ascii_strtoull(hex, NULL, 16);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void check_block(char **words)
{
    uint32_t in[10];
    for (size_t i = 0; i < 10; i++)
        in[i] = (uint32_t)g_ascii_strtoull(words[1 + i], NULL, 16);
    uint32_t out[4];
    hone_philox4x32(in, in + 4, out);
    for (size_t i = 0; i < 4; i++)
        g_assert_cmphex(out[i], ==, in[6 + i]);
}

static void check_draw(char **words)
{
    uint64_t v[7];
    for (size_t i = 0; i < 7; i++)
        v[i] = g_ascii_strtoull(words[1 + i], NULL, 16);
    g_assert_cmphex(hone_random_u64(v[0], v[1], v[2]), ==, v[3]);
    g_assert_true(hone_random_unit(v[0], v[1], v[2]) == double_of_bits(words[5]));
    g_assert_cmphex(hone_random_below(v[0], v[1], v[2], v[5]), ==, v[6]);
    /* Two libraries' logarithm and cosine may differ in the last place; the values are below 9. */
    double difference = fabs(hone_random_normal(v[0], v[1], v[2]) - double_of_bits(words[8]));
    g_assert_true(difference <= 1e-14);
}

static void check_order(char **words)
{
    size_t n = g_ascii_strtoull(words[4], NULL, 10);
    g_autofree uint32_t *order = g_new(uint32_t, n + 1);
    hone_random_permutation(g_ascii_strtoull(words[1], NULL, 10), g_ascii_strtoull(words[2], NULL, 10),
                            g_ascii_strtoull(words[3], NULL, 10), order, n);
    g_auto(GStrv) wanted = g_strsplit(words[5], ",", -1);
    for (size_t i = 0; i < n; i++)
        g_assert_cmpuint(order[i], ==, g_ascii_strtoull(wanted[i], NULL, 10));
}

static void test_vectors(void)
{
    size_t seen[3] = {0};
    for (char **line = vectors; *line != NULL; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        if (g_strcmp0(words[0], "block") == 0)
            check_block(words), seen[0]++;
        else if (g_strcmp0(words[0], "draw") == 0)
            check_draw(words), seen[1]++;
        else if (g_strcmp0(words[0], "order") == 0)
            check_order(words), seen[2]++;
    }
    g_assert_cmpuint(seen[0], ==, 43);
    g_assert_cmpuint(seen[1], ==, 60);
    g_assert_cmpuint(seen[2], ==, 5);
}

/* Means of n independent draws stay within 5 standard errors: chance of a false alarm below 1e-6, and the draws are
 * fixed, so it cannot come and go. */
static void test_moments(void)
{
    enum { N = 200000 };
    double unit = 0, normal = 0, square = 0, fourth = 0, pair = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = hone_random_unit(1, HONE_STREAM_USER, i), z = hone_random_normal(1, HONE_STREAM_USER + 1, i);
        g_assert_true(u >= 0 && u < 1);
        unit += u;
        normal += z;
        square += z * z;
        fourth += z * z * z * z;
        pair += z * hone_random_normal(1, HONE_STREAM_USER + 1, i + 1);
    }
    double error = 5 / sqrt(N);
    g_assert_true(fabs(unit / N - 0.5) <= error * sqrt(1. / 12));
    g_assert_true(fabs(normal / N) <= error);
    g_assert_true(fabs(square / N - 1) <= error * sqrt(2));
    g_assert_true(fabs(fourth / N - 3) <= error * sqrt(96)); /* variance of z^4: 105 - 9 */
    g_assert_true(fabs(pair / N) <= error);
}

/* Every one of the 24 orders of 4 things is about as frequent as the others: chi-squared with 23 degrees of freedom
 * exceeds 60 with a chance below 5e-5. */
static void test_permutation_uniform(void)
{
    enum { DRAWS = 24000 };
    size_t count[256] = {0};
    for (uint64_t epoch = 0; epoch < DRAWS; epoch++) {
        uint32_t order[4];
        hone_random_permutation(11, HONE_STREAM_SHUFFLE, epoch, order, 4);
        count[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    size_t kinds = 0;
    double chi = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(count); i++) {
        if (count[i] > 0) {
            kinds++;
            chi += ((double)count[i] - DRAWS / 24.) * ((double)count[i] - DRAWS / 24.) / (DRAWS / 24.);
        }
    }
    g_assert_cmpuint(kinds, ==, 24);
    g_assert_true(chi <= 60);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests/core/data/random.txt", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    vectors = g_strsplit(text, "\n", -1);
    g_test_add_func("/random/vectors", test_vectors);
    g_test_add_func("/random/moments", test_moments);
    g_test_add_func("/random/permutation-uniform", test_permutation_uniform);
    int status = g_test_run();
    g_strfreev(vectors);
    return status;
}
