/* SPDX-License-Identifier: Apache-2.0
 * What `auto` takes: bf16 products where the processor has them, the cpu backend where it has not or oneDNN is told
 * not to use them. Each question is a process of its own, as for a run.
 */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* The answer's name and numerics; or NULL with what was said. */
static char *ask(const char *backend, const char *isa, char **numerics, char **said)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL), *out = NULL;
    const char *argv[] = {program, "node", "--backend-info", backend, NULL};
    g_auto(GStrv) environment = g_get_environ();
    if (isa != NULL)
        environment = g_environ_setenv(environment, "DNNL_MAX_CPU_ISA", isa, TRUE);
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, environment, 0, NULL, NULL, &out, said, &status, &error);
    g_assert_no_error(error);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        g_assert_true(WIFEXITED(status));
        return NULL;
    }
    g_autoptr(JsonNode) node = json_from_string(out, &error);
    g_assert_no_error(error);
    JsonObject *object = json_node_get_object(node);
    if (numerics != NULL)
        *numerics = g_strdup(json_object_get_string_member(object, "numerics"));
    return g_strdup(json_object_get_string_member(object, "name"));
}

static void test_takes_bf16(void)
{
    g_autofree char *said = NULL, *ignored = NULL, *numerics = NULL, *name = ask("onednn", NULL, &numerics, &said);
    if (name == NULL) {
        g_test_skip(said);
        return;
    }
    g_assert_cmpstr(name, ==, "onednn");
    g_assert_cmpstr(numerics, ==, "bf16");
    g_autofree char *chosen = ask("auto", NULL, NULL, &ignored);
    g_assert_cmpstr(chosen, ==, "onednn");
}

static void test_without_bf16(void)
{
    g_autofree char *said = NULL, *ignored = NULL, *numerics = NULL, *cpu = ask("cpu", NULL, NULL, &said);
    if (cpu == NULL) {
        g_test_skip(said);
        return;
    }
    g_autofree char *chosen = ask("auto", "AVX512_CORE", &numerics, &ignored);
    g_assert_cmpstr(chosen, ==, "cpu");
    g_assert_cmpstr(numerics, ==, "f32");
    g_autofree char *refusal = NULL, *none = ask("onednn", "AVX512_CORE", NULL, &refusal);
    g_assert_null(none);
    /* Where it was not built, or not installed, it says that; else what the processor lacks and what to do. */
    if (strstr(refusal, "AVX512-BF16") != NULL)
        g_assert_nonnull(strstr(refusal, "--backend cpu"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backend_auto/takes_bf16", test_takes_bf16);
    g_test_add_func("/backend_auto/without_bf16", test_without_bf16);
    return g_test_run();
}
