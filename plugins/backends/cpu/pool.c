/* SPDX-License-Identifier: Apache-2.0
 * pool.c: threads that wait for work and share its items.
 *
 * A training step has thousands of operators of some microseconds to milliseconds, so waking must be cheap: a worker
 * watches the job counter for a while before it sleeps on it (futex), and the caller works too. Items are taken from a
 * shared counter: a thread that the system has put aside holds up at most the one item it is in.
 */
#include "cpu.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks at a counter before sleeping: some 30 µs, the length of a short operator on the calling thread. */
#define LOOKS 1500

struct CpuPool {
    uint32_t threads; /* with the caller */
    GThread **workers;
    /* The job. Read only by who has taken one of its items: the job cannot end before that item does. */
    CpuTask task;
    void *data;
    size_t n;
    _Alignas(64) atomic_uint job; /* raised for each job */
    _Alignas(64)
        atomic_uint_least64_t left;      /* job << 32 | items not yet taken: a late worker takes none of another job */
    _Alignas(64) atomic_uint unfinished; /* items */
    atomic_uint sleepers;
    atomic_bool stop;
};

typedef struct Worker {
    CpuPool *pool;
    uint32_t index;
} Worker;

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, G_MAXINT, NULL, NULL, 0);
}

static void breathe(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void take_items(CpuPool *pool, unsigned job, uint32_t thread)
{
    uint_least64_t left = atomic_load(&pool->left);
    while (left >> 32 == job && (uint32_t)left > 0) {
        if (!atomic_compare_exchange_weak(&pool->left, &left, left - 1))
            continue;
        pool->task(pool->data, pool->n - (uint32_t)left, thread);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->sleepers) > 0)
            futex_wake(&pool->unfinished);
        left = atomic_load(&pool->left);
    }
}

/* Waits until the word is no longer `seen`. */
static unsigned await_change(CpuPool *pool, atomic_uint *word, unsigned seen)
{
    unsigned now;
    for (unsigned look = 0; look < LOOKS; look++) {
        if ((now = atomic_load_explicit(word, memory_order_acquire)) != seen)
            return now;
        breathe();
    }
    atomic_fetch_add(&pool->sleepers, 1);
    while ((now = atomic_load(word)) == seen)
        futex_wait(word, seen);
    atomic_fetch_sub(&pool->sleepers, 1);
    return now;
}

static void *worker_main(void *data)
{
    Worker *worker = data;
    CpuPool *pool = worker->pool;
    uint32_t index = worker->index;
    g_free(worker);
    for (unsigned seen = 0;;) {
        seen = await_change(pool, &pool->job, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        take_items(pool, seen, index);
    }
}

CpuPool *cpu_pool_new(uint32_t threads)
{
    if (threads == 0) {
        cpu_set_t set;
        int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)g_get_num_processors();
        threads = (uint32_t)MAX(count, 1);
    }
    CpuPool *pool = g_aligned_alloc0(1, sizeof(CpuPool), 64);
    pool->threads = threads;
    pool->workers = g_new0(GThread *, threads);
    for (uint32_t i = 1; i < threads; i++) {
        Worker *worker = g_new(Worker, 1);
        *worker = (Worker){.pool = pool, .index = i};
        pool->workers[i] = g_thread_new("hone-cpu", worker_main, worker);
    }
    return pool;
}

void cpu_pool_free(CpuPool *pool)
{
    if (pool == NULL)
        return;
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->job, 1);
    futex_wake(&pool->job);
    for (uint32_t i = 1; i < pool->threads; i++)
        g_thread_join(pool->workers[i]);
    g_free(pool->workers);
    g_aligned_free(pool);
}

uint32_t cpu_pool_threads(const CpuPool *pool)
{
    return pool->threads;
}

void cpu_pool_run(CpuPool *pool, size_t n, CpuTask task, void *data)
{
    if (pool->threads == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++)
            task(data, i, 0);
        return;
    }
    g_assert(n <= UINT32_MAX);
    pool->task = task;
    pool->data = data;
    pool->n = n;
    unsigned job = atomic_load(&pool->job) + 1;
    atomic_store(&pool->unfinished, (unsigned)n);
    atomic_store(&pool->left, (uint_least64_t)job << 32 | n);
    atomic_store(&pool->job, job);
    if (atomic_load(&pool->sleepers) > 0)
        futex_wake(&pool->job);
    take_items(pool, job, 0);
    for (unsigned unfinished; (unfinished = atomic_load(&pool->unfinished)) != 0;)
        await_change(pool, &pool->unfinished, unfinished);
}
