/* SPDX-License-Identifier: Apache-2.0
 * library.c: see library.h.
 */
#include "library.h"

#include <dlfcn.h>

#define LIBRARY "libdnnl.so.2"

static DnnlApi api;

static bool load(GError **error)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
                    "The onednn backend needs oneDNN 2, which does not load (%s). Install it (Debian: apt install "
                    "libdnnl2) or choose --backend cpu.",
                    dlerror());
        return false;
    }
    const char *missing = NULL;
    /* A handle finds the symbols of what it depends on too: OpenMP's. */
#define DNNL_LOOK_UP(member, symbol)                                                                                   \
    if ((api.member = (__typeof__(api.member))dlsym(handle, symbol)) == NULL)                                          \
        missing = symbol;
#define DNNL_OWN(name) DNNL_LOOK_UP(name, "dnnl_" #name)
    DNNL_FUNCTIONS(DNNL_OWN)
    DNNL_LOOK_UP(omp_set_num_threads, "omp_set_num_threads")
    DNNL_LOOK_UP(omp_get_max_threads, "omp_get_max_threads")
    if (missing == NULL)
        return true;
    dlclose(handle);
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s has no function %s: it is no oneDNN 2 on OpenMP. Install Debian's libdnnl2, or choose --backend "
                "cpu.",
                LIBRARY, missing);
    return false;
}

const DnnlApi *dnnl_api(GError **error)
{
    static GMutex lock;
    static bool loaded;
    g_mutex_lock(&lock);
    if (!loaded)
        loaded = load(error);
    bool ok = loaded;
    g_mutex_unlock(&lock);
    return ok ? &api : NULL;
}
