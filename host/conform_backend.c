/* SPDX-License-Identifier: Apache-2.0
 * conform_backend.c: a backend's operators against `reference`, by the SDK's own checks. Operators that are missing are
 * named, and the checks that need them left out: a backend can be written one operator at a time.
 */
#include "conform.h"
#include <hone/conformance.h>
#include <string.h>

#define OPERATOR(name)                                                                                                 \
    {                                                                                                                  \
#name, offsetof(HoneBackendOps, name)                                                                          \
    }

static const struct {
    const char *name;
    size_t offset;
} operators[] = {
    OPERATOR(copy),
    OPERATOR(fill),
    OPERATOR(convert),
    OPERATOR(gemm),
    OPERATOR(add),
    OPERATOR(scale),
    OPERATOR(glu),
    OPERATOR(glu_bwd),
    OPERATOR(dropout),
    OPERATOR(gather_rows),
    OPERATOR(scatter_rows),
    OPERATOR(rmsnorm),
    OPERATOR(rmsnorm_bwd),
    OPERATOR(rope),
    OPERATOR(attention),
    OPERATOR(attention_bwd),
    OPERATOR(attention_cached),
    OPERATOR(logprob),
    OPERATOR(logprob_bwd),
    OPERATOR(sum_squares),
    OPERATOR(adamw),
    OPERATOR(adamw_8bit),
    OPERATOR(sgd),
    OPERATOR(lion),
    OPERATOR(adafactor),
};

/* The operators that a check of conformance.h calls. A check that is not here needs all of them. */
static const struct {
    const char *check, *needs;
} needs[] = {
    {"memory", "copy fill"},
    {"convert", "convert"},
    {"gemm", "gemm"},
    {"gemm_strided", "gemm"},
    {"gemm_low_rank", "gemm"},
    {"elementwise", "add scale"},
    {"glu", "glu"},
    {"glu_gradient", "glu glu_bwd"},
    {"dropout", "dropout"},
    {"rows", "gather_rows scatter_rows"},
    {"rmsnorm", "rmsnorm rmsnorm_bwd"},
    {"rmsnorm_gradient", "rmsnorm rmsnorm_bwd"},
    {"rope", "rope"},
    {"attention", "attention"},
    {"attention_bwd", "attention attention_bwd"},
    {"attention_gradient", "attention attention_bwd"},
    {"attention_packed", "attention attention_bwd"},
    {"attention_cached", "attention attention_cached"},
    {"logprob", "logprob logprob_bwd"},
    {"logprob_gradient", "logprob logprob_bwd"},
    {"optimizer", "sum_squares adamw"},
    {"optimizers", "sgd lion"},
    {"adamw_8bit", "adamw_8bit"},
    {"adafactor", "adafactor"},
};

static bool has_operator(const HoneBackendOps *ops, size_t i)
{
    void (*function)(void) = NULL;
    if (ops->size < operators[i].offset + sizeof function)
        return false;
    memcpy(&function, (const char *)ops + operators[i].offset, sizeof function);
    return function != NULL;
}

/* " a, b" of the operators that the check needs and the backend lacks, or "". Caller frees. */
static char *missing_for(const HoneBackendOps *ops, const char *check)
{
    const char *wanted = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (check != NULL && strcmp(needs[i].check, check) == 0)
            wanted = needs[i].needs;
    }
    g_auto(GStrv) words = wanted != NULL ? g_strsplit(wanted, " ", -1) : NULL;
    GString *list = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        bool needed = words == NULL || g_strv_contains((const char *const *)words, operators[i].name);
        if (needed && !has_operator(ops, i))
            g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", operators[i].name);
    }
    return g_string_free(list, FALSE);
}

/* Bytes that went up come down again, at any offset. Needs no operator. */
static bool check_transfer(HoneConform *conform, HoneBackend *backend)
{
    hone_conform_begin(conform, "transfer");
    g_autoptr(GError) error = NULL;
    const size_t size = 1000, offset = 12;
    unsigned char sent[200], got[200] = {0};
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (unsigned char)(i * 37 + 11);
    HoneBuffer *buffer = hone_backend_alloc(backend, size, "a check", &error);
    if (buffer == NULL) {
        hone_conform_result(conform, "transfer", HONE_CONFORM_FAILED, "%s", error->message);
        return false;
    }
    backend->ops->upload(backend->stream, buffer, offset, sent, sizeof sent);
    backend->ops->download(backend->stream, got, buffer, offset, sizeof got);
    bool good = backend->ops->sync(backend->stream, &error);
    hone_backend_release(backend, buffer, size);
    if (good && memcmp(sent, got, sizeof sent) == 0) {
        hone_conform_result(conform, "transfer", HONE_CONFORM_PASSED, "memory, upload and download work");
        return true;
    }
    hone_conform_result(conform, "transfer", HONE_CONFORM_FAILED, "%s",
                        good ? "what was uploaded does not come down again" : error->message);
    return false;
}

static void compare(HoneConform *conform, HoneBackend *backend, HoneBackend *reference)
{
    const char *check;
    for (size_t i = 0; (check = hone_conformance_name(i)) != NULL; i++) {
        if (conform->quick && strcmp(check, "memory") != 0)
            continue;
        hone_conform_begin(conform, check);
        g_autofree char *missing = missing_for(backend->ops, check);
        g_autoptr(GError) error = NULL;
        if (*missing != 0)
            hone_conform_result(conform, check, HONE_CONFORM_SKIPPED, "not there: %s", missing);
        else if (hone_conformance_run(i, backend, reference, &error))
            hone_conform_result(conform, check, HONE_CONFORM_PASSED, "equals the reference");
        else
            hone_conform_result(conform, check, HONE_CONFORM_FAILED, "%s", error->message);
    }
}

void hone_conform_backend(HoneConform *conform)
{
    hone_conform_begin(conform, "open");
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) params = hone_conform_params(conform->component, "/");
    g_autoptr(HoneBackend) backend = hone_backend_open(conform->component, params, NULL, &error);
    if (backend == NULL) {
        /* A machine without the hardware is no fault of the plugin. */
        bool absent = error == NULL || g_error_matches(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED) ||
                      g_error_matches(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
        hone_conform_result(conform, "open", error != NULL && absent ? HONE_CONFORM_SKIPPED : HONE_CONFORM_FAILED, "%s",
                            error != NULL ? error->message : "fails without an error");
        return;
    }
    hone_conform_result(conform, "open", HONE_CONFORM_PASSED, "%s", backend->info.device_name);
    g_autofree char *missing = missing_for(backend->ops, NULL);
    if (*missing != 0)
        hone_conform_result(conform, "operators", HONE_CONFORM_NOTE, "no model runs on it yet, these are missing: %s",
                            missing);
    if (!check_transfer(conform, backend))
        return;
    const HoneEntry *entry = hone_registry_find(conform->registry, HONE_BACKEND, "reference", &error);
    if (entry == NULL) {
        hone_conform_result(conform, "operators", HONE_CONFORM_SKIPPED,
                            "not compared: %s (add the folder of reference.so with --plugin-path)", error->message);
        return;
    }
    g_autoptr(HoneBackend) reference = hone_backend_open(entry->component, NULL, NULL, &error);
    if (reference == NULL) {
        hone_conform_result(conform, "operators", HONE_CONFORM_SKIPPED, "not compared: %s", error->message);
        return;
    }
    compare(conform, backend, reference);
}
