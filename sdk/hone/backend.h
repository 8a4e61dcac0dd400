/* SPDX-License-Identifier: Apache-2.0
 * backend.h: a table of tensor operators over opaque buffers.
 *
 * Rules that let one table serve a scalar loop and a GPU:
 *  - no operator takes a host pointer; data crosses only in upload and download;
 *  - every operator is queued on a stream and may run later; operators of one stream run in order; sync() waits and
 * reports;
 *  - operators cannot fail for a reason of the user's: shapes are the caller's contract, checked by assertions;
 *  - outputs never alias inputs unless the operator says so;
 *  - sums are done in an order that depends only on shapes, so that the same call gives the same bytes (with the same
 *    number of threads), run after run.
 * Activations and gradients are HONE_F32 unless an operator says otherwise; index tensors are HONE_I32. Weights keep
 * the type of their file where an operator takes any type ("typed"): it computes with the very values that
 * hone_type_to_f32 gives, rounded to the backend's compute_type. `reference` (plugins/backends/reference) is the
 * definition; tests/backends compares every other backend with it.
 */
#ifndef HONE_BACKEND_H
#define HONE_BACKEND_H

#include <hone/plugin.h>
#include <hone/tensor.h>

typedef struct HoneStream HoneStream; /* the backend's own */

typedef struct HoneBackendOptions {
    uint32_t size;
    uint32_t threads;      /* 0: all the processor's */
    int32_t device;        /* index of the accelerator */
    uint64_t memory_limit; /* bytes; 0: no limit */
} HoneBackendOptions;

typedef struct HoneBackendInfo {
    uint32_t size;
    char numerics[32]; /* class of results, part of cache keys: backends of one class may replace each other ("f32") */
    char device_name[128];              /* "AMD EPYC, 2 threads, OpenBLAS SkylakeX" */
    HoneType compute_type;              /* of products */
    uint64_t memory_total, memory_free; /* bytes, 0 where unknown */
    double speed;                       /* rough rank for `auto`: reference 1, cpu 100, gpu 10000 */
} HoneBackendInfo;

typedef enum {
    HONE_TRANS_A = 1 << 0,
    HONE_TRANS_B = 1 << 1,
} HoneGemmFlags;

typedef struct HoneAttention {
    uint32_t size;
    uint32_t n_sequences;
    HoneTensor starts;   /* i32 [S+1]: sequence s is rows starts[s] .. starts[s+1]-1; starts[0] = 0, starts[S] = N */
    uint32_t max_length; /* longest sequence */
    uint32_t heads, kv_heads, head_dim;
    float scale;     /* of q·k, usually 1/sqrt(D) */
    uint32_t window; /* 0: all earlier positions; w: the last w, itself included */
    float soft_cap;  /* 0: none; c: scores become c·tanh(score/c) */
} HoneAttention;

typedef struct HoneAdamW {
    uint32_t size;
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    double gradient_scale; /* the gradient is multiplied by this first (clipping) */
    uint64_t step;         /* from 1, for bias correction */
} HoneAdamW;

typedef struct HoneSgd {
    uint32_t size;
    double learning_rate, momentum, weight_decay;
    double gradient_scale;
    bool nesterov;
} HoneSgd;

typedef struct HoneLion {
    uint32_t size;
    double learning_rate, beta1, beta2, weight_decay;
    double gradient_scale;
} HoneLion;

typedef struct HoneAdafactor {
    uint32_t size;
    double learning_rate, beta2, weight_decay; /* beta2 of this step: 1 - t^-0.8 */
    double epsilon;                            /* added to each squared gradient */
    double clip;                               /* the largest root mean square of an update */
    double gradient_scale;
} HoneAdafactor;

#define HONE_STATE_BLOCK 256 /* values of an 8-bit state that share a scale */

typedef enum {
    HONE_SILU = 1,
    HONE_GELU_TANH,
} HoneActivation;

typedef struct HoneBackendOps {
    uint32_t size;

    /* ---- Life. ---- */
    /* Fails politely where the hardware or a library is missing. */
    void *(*open)(const void *params, const HoneBackendOptions *options, GError **error);
    void (*close)(void *device);
    void (*describe)(void *device, HoneBackendInfo *info);
    HoneStream *(*stream_new)(void *device, GError **error);
    void (*stream_free)(HoneStream *s);
    /* Waits for all that was queued; errors of the device surface here. */
    bool (*sync)(HoneStream *s, GError **error);

    /* ---- Memory. Buffers are aligned to 64 bytes or more. ---- */
    HoneBuffer *(*alloc)(void *device, size_t bytes, GError **error);
    void (*free)(void *device, HoneBuffer *buffer);
    /* A read-only buffer over host memory that outlives it (a mapped file), or NULL where the device cannot read it;
     * data need not be aligned. The whole member may be NULL. */
    HoneBuffer *(*wrap)(void *device, const void *data, size_t bytes);
    /* src must stay valid until sync. */
    void (*upload)(HoneStream *s, HoneBuffer *dst, size_t offset, const void *src, size_t bytes);
    /* dst is valid after sync. */
    void (*download)(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes);
    /* dst = src, same type and count. */
    void (*copy)(HoneStream *s, HoneTensor dst, HoneTensor src);
    /* dst = value (f32 or i32). */
    void (*fill)(HoneStream *s, HoneTensor dst, float value);
    /* dst (f32) = src of any type but i32, exactly as hone_type_to_f32; also f32 to bf16 and f16 by rounding to nearest
     * even. */
    void (*convert)(HoneStream *s, HoneTensor dst, HoneTensor src);

    /* ---- Dense products. ---- */
    /* y [M,N] = alpha·op(a)·op(b) + beta·y. a [M,K], with HONE_TRANS_A [K,M]; b [K,N], with HONE_TRANS_B [N,K].
     * beta = 0 ignores y's old content, NaN included. b is typed: any type but i32, its rows whole (no row_stride, and
     * a row a multiple of the type's block) where it is not f32. */
    void (*gemm)(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta);

    /* ---- Elementwise. ---- */
    /* y += alpha·x, same count. */
    void (*add)(HoneStream *s, HoneTensor y, HoneTensor x, float alpha);
    /* y = alpha·y. */
    void (*scale)(HoneStream *s, HoneTensor y, float alpha);
    /* y [N,F] += b [F] in each row; y may have a row_stride. */
    void (*add_bias)(HoneStream *s, HoneTensor y, HoneTensor b);
    /* db [F] += Σ_n dy[n], in the order of n; dy [N,F] may have a row_stride. */
    void (*add_bias_bwd)(HoneStream *s, HoneTensor db, HoneTensor dy);
    /* y = c·tanh(y/c), c > 0. */
    void (*soft_cap)(HoneStream *s, HoneTensor y, float c);
    /* y [N,F] = act(gate)·up. */
    void (*glu)(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act);
    /* dgate, dup (overwritten) from dy. dgate may alias gate, dup may alias up. */
    void (*glu_bwd)(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate, HoneTensor up,
                    HoneActivation act);
    /* y[i] = x[i]/(1-p) where u_i >= p, else 0. u_i is word j % 4 of hone_philox4x32 (counter: j / 4 in two words,
     * HONE_STREAM_DROPOUT, 0; key: seed in two words), times 2^-32, with j = first + i. y may alias x. Its own
     * backward. */
    void (*dropout)(HoneStream *s, HoneTensor y, HoneTensor x, float p, uint64_t seed, uint64_t first);

    /* ---- Rows. ---- */
    /* y [N,C] = table[index[n]] ; table [V,C], typed ; index i32 [N]. */
    void (*gather_rows)(HoneStream *s, HoneTensor y, HoneTensor table, HoneTensor index);
    /* table[index[n]] = x[n], or += with `accumulate` (in the order of n: deterministic). Index may repeat. Negative
     * index: the row is skipped. */
    void (*scatter_rows)(HoneStream *s, HoneTensor table, HoneTensor x, HoneTensor index, bool accumulate);

    /* ---- Normalisation: y = x·rstd·(w + w_offset), rstd = 1/sqrt(mean(x²) + epsilon), over the last axis. ---- */
    /* x [N,C], w [C], y [N,C], rstd [N] (may be no tensor). y may alias x. */
    void (*rmsnorm)(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                    float w_offset);
    /* dx [N,C] += gradient; dw [C] += gradient (may be no tensor). */
    void (*rmsnorm_bwd)(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x, HoneTensor w,
                        HoneTensor rstd, float w_offset);

    /* ---- Rotary positions, in place. ---- */
    /* x [N,H,D]; table f32 [P,rot/2,2] (cos, sin); positions i32 [N]. Pairs are (i, i + rot/2) for i < rot/2;
     * dimensions from rot on are left alone. sign +1 forward, -1 backward (sin negated). */
    void (*rope)(HoneStream *s, HoneTensor x, HoneTensor table, HoneTensor positions, int sign);

    /* ---- Attention: causal within each sequence, grouped heads (query head h reads key head h / (H/G)). ---- */
    /* o, q [N,H,D]; k, v [N,G,D]; lse [N,H] log-sum-exp of the scaled scores, kept for the backward (may be no tensor).
     */
    void (*attention)(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                      const HoneAttention *a);
    /* dq, dk, dv are overwritten. */
    void (*attention_bwd)(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o, HoneTensor o,
                          HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a);
    /* Decoding: o, q [B,H,D]; k_cache, v_cache [slots,P,G·D]; row b reads positions 0 .. lengths[b]-1 of slot slots[b]
     * (i32 [B] both), itself included (its key and value are in the cache already). a->starts is not used. */
    void (*attention_cached)(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                             HoneTensor slots, HoneTensor lengths, const HoneAttention *a);

    /* ---- Head. ---- */
    /* logits [K,V] (soft cap c applied first where c > 0; logits then hold the capped values); targets i32 [K];
     * logprob [K] = logits[targets] - lse; lse [K]. */
    void (*logprob)(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                    float soft_cap);
    /* In place: logits (as logprob left them) become d(loss)/d(uncapped logits) = dlogprob·(onehot - softmax)·cap'. */
    void (*logprob_bwd)(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor dlogprob,
                        float soft_cap);

    /* ---- Optimisation. ---- */
    /* out f32 [1] += sum of squares, accumulated in double. */
    void (*sum_squares)(HoneStream *s, HoneTensor out, HoneTensor x);
    /* Decoupled weight decay (Loshchilov, Hutter 2019), as torch.optim.AdamW orders it. p, g, m, v: same count. */
    void (*adamw)(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args);
    /* The same with 8-bit states (Dettmers and others 2022). m, v: bytes in i32 words (the last one padded), each a
     * place in hone_state_map(true) and (false); m_scale, v_scale [ceil(n/256)] what 256 values in a row are multiplied
     * with. The step is taken with the new moments as they are in f32; then each block is divided by its largest size
     * and every value becomes the nearest of the map, of two equally near the lower. A block of zeros keeps its codes'
     * value zero. */
    void (*adamw_8bit)(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, HoneTensor m_scale,
                       HoneTensor v_scale, const HoneAdamW *args);
    /* As torch.optim.SGD: weight decay is added to the gradient. m: p's count; may be no tensor where momentum is 0. */
    void (*sgd)(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneSgd *args);
    /* Chen and others, "Symbolic Discovery of Optimization Algorithms", 2023. */
    void (*lion)(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneLion *args);
    /* Shazeer, Stern, "Adafactor", 2018, without a first moment. p, g [R,C], row [R], col [C]; or p, g of any shape,
     * row of their count and col no tensor. */
    void (*adafactor)(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor row, HoneTensor col,
                      const HoneAdafactor *args);

    /* ---- Since ABI 1.3. ---- */
    /* y [M,N] = a·op(b) + beta·y + scale·u·op(v): gemm, and what an adapter adds to it, in one walk over y. u [M,R],
     * may have a row_stride; v [R,N], with HONE_TRANS_B [N,R]; both f32 and R small. b is typed, as gemm's. The member
     * may be NULL: callers then do two gemms. */
    void (*gemm_low_rank)(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, HoneTensor u, HoneTensor v,
                          uint32_t flags, float scale, float beta);

    /* ---- Columns, since ABI 1.4. ---- */
    /* y [N,F] *= g [F] in each row. */
    void (*scale_columns)(HoneStream *s, HoneTensor y, HoneTensor g);
    /* dg [F] += Σ_n x[n]·y[n], column by column, in the order of n; x, y [N,F]. */
    void (*dot_columns)(HoneStream *s, HoneTensor dg, HoneTensor x, HoneTensor y);
} HoneBackendOps;

/* The 256 values, rising, that the codes of 8-bit states stand for: bitsandbytes' dynamic map, signed or not. */
HONE_EXPORT const float *hone_state_map(bool with_sign);

/* An opened backend with its stream: what model code holds. */
typedef struct HoneBackend {
    const HoneComponent *component;
    const HoneBackendOps *ops;
    void *device;
    HoneStream *stream;
    HoneBackendInfo info;
    uint64_t allocated, peak; /* bytes handed out by hone_backend_alloc */
    uint64_t limit;           /* bytes; 0: none */
} HoneBackend;

HONE_EXPORT HoneBackend *hone_backend_open(const HoneComponent *component, JsonObject *params,
                                           const HoneBackendOptions *options, GError **error);
HONE_EXPORT void hone_backend_close(HoneBackend *backend);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneBackend, hone_backend_close)
/* Counted allocation; above the limit: HONE_ERROR_MEMORY with the sizes and advice. */
HONE_EXPORT HoneBuffer *hone_backend_alloc(HoneBackend *backend, size_t bytes, const char *what, GError **error);
HONE_EXPORT void hone_backend_release(HoneBackend *backend, HoneBuffer *buffer, size_t bytes);
/* Synchronous helpers for setting up and for tests. */
HONE_EXPORT bool hone_backend_upload(HoneBackend *backend, HoneTensor dst, const void *src, GError **error);
HONE_EXPORT bool hone_backend_download(HoneBackend *backend, void *dst, HoneTensor src, GError **error);

#endif
