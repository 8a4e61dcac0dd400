/* SPDX-License-Identifier: Apache-2.0
 * reference.h: the operators of the reference backend, one file for each theme.
 *
 * This backend is the definition of every operator: scalar loops over one value at a time, sums in double, no blocking
 * and no threads. Other backends are compared with it. Where a formula is not obvious it stands above the function.
 */
#ifndef HONE_REFERENCE_H
#define HONE_REFERENCE_H

#include <hone/backend.h>

struct HoneBuffer {
    unsigned char *data;
    size_t bytes;
    bool wrapped; /* memory of another owner, never written */
};

/* The values of a contiguous tensor; asserts type, rank (0: any) and that it lies inside its buffer. */
float *ref_f32(HoneTensor tensor, uint32_t rank);
int32_t *ref_i32(HoneTensor tensor, uint32_t rank);
/* The same for bytes of any type. */
void *ref_bytes(HoneTensor tensor);
/* A rank-2 operand that may have a row stride, which is given back in *stride (elements). */
float *ref_matrix(HoneTensor tensor, size_t *stride);
/* Row r of a rank-2 operand of any type but i32; f32 may have a row stride, the others have whole blocks in a row. */
void ref_row(HoneTensor tensor, size_t r, float *row);

/* memory.c */
HoneBuffer *ref_alloc(void *device, size_t bytes, GError **error);
void ref_free(void *device, HoneBuffer *buffer);
HoneBuffer *ref_wrap(void *device, const void *data, size_t bytes);
void ref_upload(HoneStream *s, HoneBuffer *dst, size_t offset, const void *src, size_t bytes);
void ref_download(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes);
void ref_copy(HoneStream *s, HoneTensor dst, HoneTensor src);
void ref_fill(HoneStream *s, HoneTensor dst, float value);
void ref_convert(HoneStream *s, HoneTensor dst, HoneTensor src);

/* gemm.c */
void ref_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta);

/* elementwise.c */
void ref_add(HoneStream *s, HoneTensor y, HoneTensor x, float alpha);
void ref_scale(HoneStream *s, HoneTensor y, float alpha);
void ref_add_bias(HoneStream *s, HoneTensor y, HoneTensor b);
void ref_scale_columns(HoneStream *s, HoneTensor y, HoneTensor g);
void ref_dot_columns(HoneStream *s, HoneTensor dg, HoneTensor x, HoneTensor y);
void ref_add_bias_bwd(HoneStream *s, HoneTensor db, HoneTensor dy);
void ref_soft_cap(HoneStream *s, HoneTensor y, float c);
void ref_glu(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act);
void ref_glu_bwd(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate, HoneTensor up,
                 HoneActivation act);
void ref_dropout(HoneStream *s, HoneTensor y, HoneTensor x, float p, uint64_t seed, uint64_t first);

/* rows.c */
void ref_gather_rows(HoneStream *s, HoneTensor y, HoneTensor table, HoneTensor index);
void ref_scatter_rows(HoneStream *s, HoneTensor table, HoneTensor x, HoneTensor index, bool accumulate);

/* norm.c */
void ref_rmsnorm(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                 float w_offset);
void ref_rmsnorm_bwd(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x, HoneTensor w,
                     HoneTensor rstd, float w_offset);

/* rope.c */
void ref_rope(HoneStream *s, HoneTensor x, HoneTensor table, HoneTensor positions, int sign);

/* attention.c */
void ref_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                   const HoneAttention *a);
void ref_attention_bwd(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o, HoneTensor o,
                       HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a);
void ref_attention_cached(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                          HoneTensor slots, HoneTensor lengths, const HoneAttention *a);

/* head.c */
void ref_logprob(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                 float soft_cap);
void ref_logprob_bwd(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor dlogprob,
                     float soft_cap);

/* optimizer.c */
void ref_sum_squares(HoneStream *s, HoneTensor out, HoneTensor x);
void ref_adamw(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args);
void ref_sgd(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneSgd *args);
void ref_lion(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneLion *args);

/* optimizer_small.c */
void ref_adamw_8bit(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, HoneTensor m_scale,
                    HoneTensor v_scale, const HoneAdamW *args);
void ref_adafactor(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor row, HoneTensor col,
                   const HoneAdafactor *args);

#endif
