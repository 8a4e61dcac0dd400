/* SPDX-License-Identifier: Apache-2.0
 * cpu.h: what the files of the cpu backend share: the device, its threads, its BLAS, access to tensors.
 *
 * An operator's file checks shapes and cuts the work into items; threads take items; a kernel (kernels/) does one. How
 * work is cut depends on shapes and on the number of threads only, and no item adds to what another one writes: the
 * same call gives the same bytes.
 */
#ifndef HONE_CPU_H
#define HONE_CPU_H

#include "kernels/kernels.h"

#include <hone/backend.h>

struct HoneBuffer {
    unsigned char *data;
    size_t bytes;
    size_t mapped; /* bytes of the mapping */
    bool wrapped;  /* memory of another owner, never written */
};

/* ---- Threads (pool.c). ---- */

typedef struct CpuPool CpuPool;
/* One item of the work; thread: which of the pool's threads runs it. */
typedef void (*CpuTask)(void *data, size_t item, uint32_t thread);

CpuPool *cpu_pool_new(uint32_t threads);
void cpu_pool_free(CpuPool *pool);
uint32_t cpu_pool_threads(const CpuPool *pool);
/* Runs task for items 0 .. n-1, each once, on whichever thread is free; returns when all are done. */
void cpu_pool_run(CpuPool *pool, size_t n, CpuTask task, void *data);

/* ---- BLAS (blas.c). ---- */

typedef struct CpuBlas {
    void *library;
    char core[32]; /* the kernels it runs: "SkylakeX" */
    void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                  const float *b, int ldb, float beta, float *c, int ldc);
} CpuBlas;

/* core: kernels to ask for, NULL for those that suit the processor. */
bool cpu_blas_open(CpuBlas *blas, const char *core, GError **error);
void cpu_blas_close(CpuBlas *blas);

/* ---- Time by operator (profile.c), where HONE_PROFILE is set. ---- */

typedef struct CpuProfile CpuProfile;
CpuProfile *cpu_profile_new(void);          /* NULL: not wanted */
void cpu_profile_free(CpuProfile *profile); /* prints first */
void cpu_profile_add(CpuProfile *profile, const char *what, double seconds, double work);

typedef struct CpuTimer {
    CpuProfile *profile;
    const char *what;
    double work; /* floating-point operations or bytes */
    int64_t start;
} CpuTimer;
int64_t cpu_nanoseconds(void);
static inline void cpu_timer_end(CpuTimer *timer)
{
    if (timer->profile != NULL)
        cpu_profile_add(timer->profile, timer->what, (double)(cpu_nanoseconds() - timer->start) * 1e-9, timer->work);
}
/* Counts the time to the end of the enclosing block under `name`. */
#define CPU_TIMED(stream, name, work_done)                                                                             \
    __attribute__((cleanup(cpu_timer_end), unused))                                                                    \
    CpuTimer timer_ = {(stream)->device->profile, (name), (double)(work_done),                                         \
                       (stream)->device->profile != NULL ? cpu_nanoseconds() : 0}

/* ---- The device. ---- */

typedef struct CpuDevice {
    CpuPool *pool;
    CpuBlas blas;
    const CpuKernels *kernels;
    CpuProfile *profile;
    void *scratch; /* grows; for operators that need room beyond their operands */
    size_t scratch_bytes;
    char name[128];
} CpuDevice;

struct HoneStream {
    CpuDevice *device;
};

/* The kernels for `wanted` instructions ("auto": the widest), NULL where the processor cannot run them. */
const CpuKernels *cpu_choose_kernels(const char *wanted);
/* A device with threads, kernels and no BLAS; size: of the structure that begins with it. threads: 0 for all. */
CpuDevice *cpu_device_new(size_t size, const CpuKernels *kernels, uint32_t threads);
/* "2 threads, LIBRARY, avx512" */
void cpu_device_name(CpuDevice *device, const char *library);
void cpu_device_free(CpuDevice *device);
/* Fills in the memory of the machine. */
void cpu_device_memory(HoneBackendInfo *info);

/* Room shared by all threads of one operator, aligned to 64 bytes, until the next call. Aborts when memory is out: an
 * operator cannot fail. */
void *cpu_scratch(CpuDevice *device, size_t bytes);

/* The values of a contiguous tensor; asserts type, rank (0: any) and that it lies inside its buffer. */
float *cpu_f32(HoneTensor tensor, uint32_t rank);
int32_t *cpu_i32(HoneTensor tensor, uint32_t rank);
void *cpu_bytes(HoneTensor tensor);
/* A rank-2 operand that may have a row stride, which is given back in *stride (floats). */
float *cpu_matrix(HoneTensor tensor, size_t *stride);

/* Cuts n values into items of about `grain` and runs body(data, first, count) on each. Below two grains: on the caller.
 */
typedef void (*CpuRange)(void *data, size_t first, size_t count);
void cpu_split(CpuDevice *device, size_t n, size_t grain, CpuRange body, void *data);

/* ---- Operators, by file. ---- */

/* device.c */
HoneStream *cpu_stream_new(void *device, GError **error);
void cpu_stream_free(HoneStream *s);
bool cpu_sync(HoneStream *s, GError **error);

/* memory.c */
HoneBuffer *cpu_alloc(void *device, size_t bytes, GError **error);
void cpu_free(void *device, HoneBuffer *buffer);
HoneBuffer *cpu_wrap(void *device, const void *data, size_t bytes);
void cpu_upload(HoneStream *s, HoneBuffer *dst, size_t offset, const void *src, size_t bytes);
void cpu_download(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes);
void cpu_copy(HoneStream *s, HoneTensor dst, HoneTensor src);
void cpu_fill(HoneStream *s, HoneTensor dst, float value);
void cpu_convert(HoneStream *s, HoneTensor dst, HoneTensor src);

/* gemm.c */
void cpu_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta);

/* elementwise.c */
void cpu_add(HoneStream *s, HoneTensor y, HoneTensor x, float alpha);
void cpu_scale(HoneStream *s, HoneTensor y, float alpha);
void cpu_add_bias(HoneStream *s, HoneTensor y, HoneTensor b);
void cpu_scale_columns(HoneStream *s, HoneTensor y, HoneTensor g);
void cpu_dot_columns(HoneStream *s, HoneTensor dg, HoneTensor x, HoneTensor y);
void cpu_add_bias_bwd(HoneStream *s, HoneTensor db, HoneTensor dy);
void cpu_soft_cap(HoneStream *s, HoneTensor y, float c);
void cpu_glu(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act);
void cpu_glu_bwd(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate, HoneTensor up,
                 HoneActivation act);
void cpu_dropout(HoneStream *s, HoneTensor y, HoneTensor x, float p, uint64_t seed, uint64_t first);

/* rows.c */
void cpu_gather_rows(HoneStream *s, HoneTensor y, HoneTensor table, HoneTensor index);
void cpu_scatter_rows(HoneStream *s, HoneTensor table, HoneTensor x, HoneTensor index, bool accumulate);

/* norm.c */
void cpu_rmsnorm(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                 float w_offset);
void cpu_rmsnorm_bwd(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x, HoneTensor w,
                     HoneTensor rstd, float w_offset);

/* rope.c */
void cpu_rope(HoneStream *s, HoneTensor x, HoneTensor table, HoneTensor positions, int sign);

/* attention.c */
void cpu_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                   const HoneAttention *a);
void cpu_attention_bwd(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o, HoneTensor o,
                       HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a);
void cpu_attention_cached(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                          HoneTensor slots, HoneTensor lengths, const HoneAttention *a);

/* head.c */
void cpu_logprob(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                 float soft_cap);
void cpu_logprob_bwd(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor dlogprob,
                     float soft_cap);

/* optimizer.c */
void cpu_sum_squares(HoneStream *s, HoneTensor out, HoneTensor x);
void cpu_adamw(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args);
void cpu_sgd(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneSgd *args);
void cpu_lion(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneLion *args);

/* optimizer_small.c */
void cpu_adamw_8bit(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, HoneTensor m_scale,
                    HoneTensor v_scale, const HoneAdamW *args);
void cpu_adafactor(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor row, HoneTensor col,
                   const HoneAdafactor *args);

/* The operators that do not depend on what multiplies matrices. */
#define CPU_SHARED_OPS                                                                                                 \
    .size = sizeof(HoneBackendOps), .stream_new = cpu_stream_new, .stream_free = cpu_stream_free, .sync = cpu_sync,    \
    .alloc = cpu_alloc, .free = cpu_free, .wrap = cpu_wrap, .upload = cpu_upload, .download = cpu_download,            \
    .copy = cpu_copy, .fill = cpu_fill, .convert = cpu_convert, .add = cpu_add, .scale = cpu_scale,                    \
    .add_bias = cpu_add_bias, .add_bias_bwd = cpu_add_bias_bwd, .soft_cap = cpu_soft_cap, .glu = cpu_glu,              \
    .glu_bwd = cpu_glu_bwd, .dropout = cpu_dropout, .gather_rows = cpu_gather_rows, .scatter_rows = cpu_scatter_rows,  \
    .rmsnorm = cpu_rmsnorm, .rmsnorm_bwd = cpu_rmsnorm_bwd, .rope = cpu_rope, .attention = cpu_attention,              \
    .attention_bwd = cpu_attention_bwd, .attention_cached = cpu_attention_cached, .logprob = cpu_logprob,              \
    .logprob_bwd = cpu_logprob_bwd, .sum_squares = cpu_sum_squares, .adamw = cpu_adamw, .adamw_8bit = cpu_adamw_8bit,  \
    .sgd = cpu_sgd, .lion = cpu_lion, .adafactor = cpu_adafactor, .scale_columns = cpu_scale_columns,                  \
    .dot_columns = cpu_dot_columns

#endif
