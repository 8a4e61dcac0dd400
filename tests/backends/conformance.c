/* SPDX-License-Identifier: Apache-2.0
 * conformance: every check of conformance.h, on `reference` against itself (its gradients against finite differences)
 * and on `cpu` with each set of instructions that this processor has and on `onednn`, with one thread and with several;
 * and that the comparer can fail.
 */
#include "plugin.h"

#include <hone/conformance.h>
#include <math.h>
#include <string.h>

typedef struct Case {
    const char *plugin, *instructions;
    uint32_t threads;
    size_t check;
} Case;

static void test_check(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) reference = test_open_backend("reference", NULL, 1, &error);
    g_assert_no_error(error);
    g_autoptr(HoneBackend) backend = test_open_backend(c->plugin, c->instructions, c->threads, &error);
    if (g_error_matches(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED) ||
        g_error_matches(error, HONE_ERROR, HONE_ERROR_NOT_FOUND)) {
        g_test_skip(error->message);
        return;
    }
    g_assert_no_error(error);
    hone_conformance_run(c->check, backend, reference, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(backend->allocated, ==, 0);
}

static void test_comparer_fails(void)
{
    const float want[] = {1, 2, 3, -4}, bound[] = {0.1f, 0.1f, 0.1f, 0.1f};
    const float close[] = {1.05f, 2, 2.95f, -4}, far[] = {1, 2.2f, 3, -4}, swapped[] = {2, 3, -4, 1};
    const float nan[] = {1, NAN, 3, -4}, infinite[] = {1, 2, INFINITY, -4}, with_nan[] = {1, NAN, 3, -4};
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_conformance_compare("x", close, 4, want, 4, bound, &error));
    g_assert_no_error(error);
    g_assert_true(hone_conformance_compare("x", nan, 4, with_nan, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", want, 4, with_nan, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", nan, 4, want, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", infinite, 4, want, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", swapped, 4, want, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", want, 3, want, 4, bound, NULL));
    g_assert_false(hone_conformance_compare("x", far, 4, want, 4, bound, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "value 1 of 4 is 2.2"));
}

/* A backend that is the reference, with one operator broken in a way that is easy to miss. */
static HoneBackendOps broken;
static const HoneBackendOps *right;

static void gemm_forgets_last(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha,
                              float beta)
{
    if (flags == 0 && b.shape[0] > 1) {
        HoneTensor shorter = b;
        shorter.shape[0]--;
        a.row_stride = a.row_stride > 0 ? a.row_stride : a.shape[1];
        a.shape[1]--;
        right->gemm(s, y, a, shorter, flags, alpha, beta);
    } else {
        right->gemm(s, y, a, b, flags, alpha, beta);
    }
}

static void attention_looks_ahead(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                                  const HoneAttention *a)
{
    HoneAttention wider = *a;
    wider.window = a->window > 0 ? a->window + 1 : 0;
    right->attention(s, o, lse, q, k, v, &wider);
}

static void rmsnorm_bwd_overwrites(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x,
                                   HoneTensor w, HoneTensor rstd, float w_offset)
{
    right->fill(s, dx, 0);
    right->rmsnorm_bwd(s, dx, dw, dy, x, w, rstd, w_offset);
}

static void add_writes_past_end(HoneStream *s, HoneTensor y, HoneTensor x, float alpha)
{
    right->add(s, y, x, alpha);
    y.offset += hone_tensor_bytes(y);
    right->fill(s, hone_tensor_1d(y.buffer, y.offset, HONE_F32, 1), 0);
}

static void glu_bwd_forgets_sigmoid(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate,
                                    HoneTensor up, HoneActivation act)
{
    right->glu_bwd(s, dgate, dup, dy, gate, up, HONE_SILU);
}

static void test_finds_broken(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) reference = test_open_backend("reference", NULL, 1, &error);
    g_assert_no_error(error);
    right = reference->ops;
    static const char *const names[] = {"gemm", "attention", "rmsnorm", "elementwise", "glu_gradient"};
    for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
        broken = *right;
        broken.gemm = gemm_forgets_last;
        broken.attention = attention_looks_ahead;
        broken.rmsnorm_bwd = rmsnorm_bwd_overwrites;
        broken.add = add_writes_past_end;
        broken.glu_bwd = glu_bwd_forgets_sigmoid;
        HoneBackend wrong = *reference;
        wrong.ops = &broken;
        for (size_t i = 0; hone_conformance_name(i) != NULL; i++) {
            if (!g_str_equal(hone_conformance_name(i), names[k]))
                continue;
            g_clear_error(&error);
            bool passed = hone_conformance_run(i, &wrong, reference, &error);
            g_assert_false(passed);
            g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conformance/comparer-fails", test_comparer_fails);
    g_test_add_func("/conformance/finds-broken", test_finds_broken);
    static const Case kinds[] = {
        {"reference", NULL, 1}, {"cpu", "portable", 1}, {"cpu", "avx2", 2},
        {"cpu", "avx512", 1},   {"cpu", "avx512", 3},
#ifdef HAVE_ONEDNN
        {"onednn", NULL, 1},    {"onednn", NULL, 2},    {"onednn", NULL, 13},
#endif
    };
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (size_t i = 0; hone_conformance_name(i) != NULL; i++) {
            Case *c = g_memdup2(&kinds[k], sizeof(Case));
            c->check = i;
            g_autofree char *path = g_strdup_printf("/conformance/%s-%s-%u/%s", c->plugin,
                                                    c->instructions != NULL ? c->instructions : "scalar", c->threads,
                                                    hone_conformance_name(i));
            g_test_add_data_func_full(path, c, test_check, g_free);
        }
    }
    return g_test_run();
}
