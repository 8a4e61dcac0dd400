/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of the transformer share. Nothing here is visible outside libhone.
 *
 * The layer, once. What stands in brackets is there in some families only (family.c says in which):
 *     n = [norm](x);  q, k, v = n·Wqᵀ [+ b], n·Wkᵀ [+ b], n·Wvᵀ [+ b];  q, k = [rope]([norm](q)), [rope]([norm](k))
 *     o = attention(q, k, v);  h = x + [s·][norm](o·Woᵀ [+ b])
 *     m = [norm](h);  x' = h + [s·][norm]((act(m·Wgateᵀ [+ b])·(m·Wupᵀ [+ b]))·Wdownᵀ [+ b])
 */
#ifndef HONE_MODEL_INTERNAL_H
#define HONE_MODEL_INTERNAL_H

#include <hone/checkpoint.h>
#include <hone/model.h>
#include <hone/safetensors.h>

/* The linear maps of a layer, in the order in which trainables are listed. */
typedef enum {
    LINEAR_Q,
    LINEAR_K,
    LINEAR_V,
    LINEAR_O,
    LINEAR_GATE,
    LINEAR_UP,
    LINEAR_DOWN,
    N_LINEAR,
} Linear;

/* Linear maps that read the same input: their adapters share products. */
typedef enum {
    GROUP_QKV,
    GROUP_O,
    GROUP_GATE_UP,
    GROUP_DOWN,
    N_GROUP,
} Group;

#define MAX_GROUP 3   /* linear maps in one group */
#define PANEL_ROWS 64 /* of a weight that are in f32 at once */

/* The norms of a layer; which of them there are follows from NormPlace and QkNorm. */
typedef enum {
    NORM_ATTENTION,
    NORM_POST_ATTENTION,
    NORM_MLP,
    NORM_POST_MLP,
    NORM_Q,
    NORM_K,
    N_NORM,
} Norm;

typedef struct TensorName {
    const char *file;   /* in a GGUF: blk.N.FILE.weight */
    const char *module; /* in transformers: model.layers.N.MODULE.weight; PEFT's target is what follows the last dot */
} TensorName;

/* Where a block's norms stand. */
typedef enum {
    NORM_BEFORE,       /* x + f(norm(x)): Llama and most others */
    NORM_BEFORE_AFTER, /* x + norm(f(norm(x))): Gemma 2 and 3 */
    NORM_AFTER,        /* x + norm(f(x)): OLMo 2 */
} NormPlace;

/* Normalisation of queries and keys before they are rotated. */
typedef enum {
    QK_NORM_NONE,
    QK_NORM_HEAD, /* each head by itself, weight [D]: Qwen 3, Gemma 3 */
    QK_NORM_ALL,  /* all heads together, weight [H·D] and [G·D]: OLMo 2 */
} QkNorm;

/* How rotary frequencies follow from a position (rope.c says what each computes and where it is published). */
typedef enum {
    ROPE_PLAIN,
    ROPE_LINEAR,
    ROPE_DYNAMIC,
    ROPE_LLAMA3,
    ROPE_YARN,
    ROPE_LONGROPE,
} RopeKind;

typedef struct RopeForm {
    RopeKind kind;
    double base;
    size_t rotated; /* dimensions of a head that turn; the rest stays (partial rotary) */
    double factor, low_factor, high_factor, beta_fast, beta_slow;
    double attention_factor;            /* of cosine and sine; 0: 1 */
    bool no_truncate;                   /* yarn: the correction range is not rounded to whole dimensions */
    size_t original_context;            /* positions of the unscaled training */
    double *short_factor, *long_factor; /* [rotated/2], longrope; no long ones: the short hold everywhere */
} RopeForm;

#define MAX_ROPE 2 /* a model's global and local form */

/* What differs from layer to layer. */
typedef struct LayerForm {
    bool local; /* attends to config.window positions */
    int rope;   /* index of its form, or -1: no positions (SmolLM 3) */
} LayerForm;

/* A row of the architecture table. */
typedef struct Family {
    const char *name;         /* Hone's, and model_type in a folder's config.json */
    const char *architecture; /* general.architecture of a GGUF, and the prefix of its metadata keys */
    const char *class_name;   /* in "architectures" of config.json */
    /* The converter to GGUF stores the rows of q and k (and their biases) with the two members of a rotary pair side by
     * side; loading puts them back into halves, which is the model's own order and what `rope` works on. Folders hold
     * the model's own order. */
    bool paired_rows;
    HoneActivation activation; /* where the file does not say */
    float norm_offset;         /* the norm's weight is w + offset in a folder; a GGUF holds the sum */
    NormPlace place;
    QkNorm qk_norm;
    TensorName norms[N_NORM]; /* {NULL} where the family has no such norm */
    /* Maps of one group with the same name are one tensor in the file, fused: the maps one below the other. */
    TensorName linears[N_LINEAR];
} Family;

/* The row for a GGUF's general.architecture, or a config.json's model_type; NULL with an error that lists them. */
const Family *family_of_architecture(const char *architecture, GError **error);
const Family *family_of_model_type(const char *model_type, GError **error);
/* Whether the maps of a group lie in one tensor (Phi-3's qkv_proj and gate_up_proj). */
bool family_fused(const Family *family, Group group);

bool family_has_norm(const Family *family, Norm norm);

/* Whose name of a tensor. */
typedef enum {
    NAME_FILE,      /* the model's files' */
    NAME_PARAMETER, /* transformers': of the model's parameters, of adapters, of a folder that Hone writes */
} NameKind;

/* names.c. Caller frees. The maps of a fused group have one name. */
char *name_embedding(const HoneModel *model, NameKind kind);
char *name_output_norm(const HoneModel *model, NameKind kind);
char *name_head(const HoneModel *model, NameKind kind);
char *name_norm(const HoneModel *model, NameKind kind, size_t layer, Norm norm);
char *name_linear(const HoneModel *model, NameKind kind, size_t layer, Linear linear, bool bias);
/* "model.layers.3.self_attn.q_proj" */
char *name_module(const HoneModel *model, size_t layer, Linear linear);

/* Elements of a norm's weight. */
size_t norm_size(const HoneModel *model, Norm norm);
/* Whether a map has a bias in this model. */
bool linear_bias(const HoneModelConfig *config, Linear linear);

/* Group of a linear map, and the maps of a group: first, first + 1, ... */
Group linear_group(Linear linear);
Linear group_first(Group group);
size_t group_size(Group group);
/* Columns of a map's input and output. */
size_t linear_in(const HoneModelConfig *config, Linear linear);
size_t linear_out(const HoneModelConfig *config, Linear linear);
/* "q_proj" */
const char *linear_target(const Family *family, Linear linear);

/* Finds the family and reads what the model is into the model's fields from `family` to `norm_offset`: every number
 * checked against the others and against the tensors' shapes, every tensor accounted for. */
bool config_read(HoneModel *model, GError **error);
void config_free(HoneModel *model);

/* The adapter's part in one linear map: y += scale·(x·aᵀ)·bᵀ. The maps of a fused tensor share one adapter: the same a,
 * and of b the map's own rows. */
typedef struct Adapter {
    HoneTensor a, da; /* [R, in]; no tensor: no adapter here */
    HoneTensor b, db; /* [out, R] */
    /* With PiSSA's start, what is taken off the weight: y -= scale·(x·start_aᵀ)·start_bᵀ. Else no tensors. */
    HoneTensor start_a, start_b;
    /* With DoRA (dora.c), else no tensors. */
    HoneTensor magnitude, d_magnitude; /* [out] */
    HoneTensor inverse, factor;        /* [out] */
    size_t rank, column;               /* its columns in the group's x·Aᵀ */
    float scale;
} Adapter;

/* The A matrices of a group's adapters, one below the other. */
typedef struct AdapterGroup {
    size_t n;                /* adapters in this group */
    Linear first[MAX_GROUP]; /* the first map of each */
    HoneTensor a, da;        /* [rows, in] */
    size_t rows;             /* of A: the sum of ranks */
} AdapterGroup;

typedef struct AdapterSettings {
    size_t rank;
    double alpha, dropout;
    bool rslora, dora, pissa;
    JsonObject *rank_pattern, *alpha_pattern; /* or NULL: regular expression -> number, as in PEFT */
} AdapterSettings;

/* One parameter of the model, or its rows in a fused one. */
typedef struct Weight {
    HoneTensor value;    /* no tensor: the family has none here */
    HoneTensor gradient; /* f32; no tensor: not trained */
} Weight;

typedef struct Layer {
    Weight norm[N_NORM];     /* [C]; [D], or [H·D] and [G·D], of queries and keys */
    Weight linear[N_LINEAR]; /* [out, in] */
    Weight bias[N_LINEAR];   /* [out] */
    Adapter adapter[N_LINEAR];
    AdapterGroup group[N_GROUP];
} Layer;

/* One buffer, cut into views; replaced by a larger one when a pass needs it. */
typedef struct Arena {
    HoneBuffer *buffer;
    size_t capacity;
} Arena;

typedef struct Carver {
    HoneBuffer *buffer; /* NULL while sizes are summed up */
    size_t used, peak;
} Carver;

HoneTensor carve(Carver *carver, HoneType type, size_t rows, size_t columns);
/* Makes room for `bytes`; what the arena held is lost. */
bool arena_reserve(HoneBackend *backend, Arena *arena, size_t bytes, const char *what, GError **error);
void arena_release(HoneBackend *backend, Arena *arena);

typedef struct Pass Pass;

struct HoneModel {
    HoneBackend *backend;
    char *path;
    HoneCheckpoint *checkpoint; /* its mapped files, as long as the model lives: weights are views of them */

    /* What the model is (config_read). */
    HoneCheckpointFormat format;
    const Family *family;
    HoneModelConfig config;
    const char *trunk, *file_trunk; /* what precedes "layers.": in transformers, in a folder's files; "model." */
    /* The text model of a larger one (Gemma 3 with images): the other tensors of its folder are no part of it. */
    bool text_part;
    LayerForm *forms; /* [L] */
    RopeForm ropes[MAX_ROPE];
    size_t n_ropes;
    HoneActivation activation;
    float norm_offset; /* a norm's weight is w + offset, w as the model's files have it */

    HoneTokenizer *tokenizer;
    HoneChat *chat;
    GError *chat_error; /* why there is no chat */

    Arena weights;
    Weight embedding, head, output_norm; /* [V,C], [V,C] (the same where tied), [C] */
    Layer *layers;                       /* [L] */
    GArray *parameters;                  /* of Parameter */
    GPtrArray *wrapped;                  /* of HoneBuffer *: views of the mapped files */
    size_t mapped_bytes;                 /* of them all */
    bool trains_weights;                 /* some or all of them are f32, with gradients */
    Arena trained_values, trained_gradients;
    HoneType quantized; /* type that the linear maps' weights are given on loading, or 0 */

    Arena rope_memory[MAX_ROPE];
    HoneTensor rope[MAX_ROPE]; /* [P, rotated/2, 2]; none where the form goes by length */

    /* The adapter. */
    bool has_adapter;
    AdapterSettings adapter;
    Arena adapter_values, adapter_gradients, adapter_fixed;
    HoneTensor all_fixed;                 /* what is neither trained nor the base's: Adapter.start_*, inverse, factor */
    HoneTensor ones;                      /* [widest input], with DoRA */
    HoneTensor all_values, all_gradients; /* every A and B, one after the other */
    HoneTrainable *trainables;
    size_t n_trainables;

    Arena kept, transient; /* memory of passes that wait for their backward, and of those that do not */
    Pass *pass;            /* the last forward with keep, or NULL */
};

/* ---- parameters.c ---- */

/* One tensor of the model's files. */
typedef struct Parameter {
    char *file, *name;       /* in the model's files; in transformers */
    size_t rows, columns;    /* columns 0: a vector */
    size_t heads;            /* > 0: its rows are paired (Family.paired_rows) */
    size_t n_parts;          /* what it holds, one below the other: more than one in a fused tensor */
    Weight *part[MAX_GROUP]; /* in the model */
    size_t part_rows[MAX_GROUP];
} Parameter;

/* Makes the list of the model's parameters, in the order in which they are trained. */
void parameters_list(HoneModel *model);
void parameters_free(HoneModel *model);
HoneTensor parameter_carve(const Parameter *parameter, Carver *carver, HoneType type);
/* Gives the parameter's parts their rows of value and gradient (or no tensor). */
void parameter_set(HoneModel *model, const Parameter *parameter, HoneTensor value, HoneTensor gradient);

/* ---- weights.c ---- */
bool weights_load(HoneModel *model, HoneProgress *progress, GError **error);
void weights_release(HoneModel *model);
/* values[i] = what the files hold of parameters[i], in the type that the tensor has. */
bool weights_read(HoneModel *model, const Parameter *const *parameters, const HoneTensor *values, size_t n,
                  GError **error);

/* ---- rope.c ---- */
/* Makes the table of each form reach `positions`, but for those that go by length. */
bool rope_reserve(HoneModel *model, size_t positions, GError **error);
/* Whether a token's angles depend on its sequence's length besides its position (dynamic, longrope). Such a form has no
 * table of positions: a pass makes one with a row for each of its tokens, and rotates by rows 0 .. N-1. */
bool rope_by_length(const RopeForm *form);
/* frequency [rotated/2], in a sequence of that length; row [rotated/2, 2]: cosine and sine at a position. */
void rope_frequencies(const RopeForm *form, size_t length, float *frequency);
void rope_row(const RopeForm *form, const float *frequency, size_t position, float *row);
/* table [n, rotated/2, 2]: cosine and sine for n tokens, each at its position in a sequence of its length (what is
 * there of it, up to its last token: in decoding position + 1). */
void rope_rows(const RopeForm *form, const int32_t *positions, const int32_t *lengths, size_t n, float *table);

/* ---- lora.c ---- */
/* Which linear maps of which layers carry an adapter: mask[l] is a set of 1 << Linear. Values are undefined after. */
bool adapter_create(HoneModel *model, const uint32_t *mask, const AdapterSettings *settings, GError **error);
void adapter_remove(HoneModel *model);
/* Forgets what is trained, and the pass that waits for its backward. */
void trainables_free(HoneModel *model);
typedef enum {
    PART_A,
    PART_B,
    PART_MAGNITUDE,
    N_PART,
} AdapterPart;
/* PEFT's name of a part of a module's adapter, whose first map that is. Caller frees. */
char *adapter_name(const HoneModel *model, size_t layer, Linear first, AdapterPart part);
/* Rows of a module's B. */
size_t adapter_out(const HoneModel *model, Linear first);
/* ---- adapter_settings.c ---- */
/* Whether such an adapter is possible, but for the model's own. */
bool adapter_settings_check(const AdapterSettings *settings, GError **error);
AdapterSettings adapter_settings_copy(const AdapterSettings *settings);
void adapter_settings_clear(AdapterSettings *settings);
/* Rank of a module's adapter, and the scale of its B·A. */
size_t adapter_module(const AdapterSettings *settings, const char *module, double *scale);
bool adapter_pattern_matches(const char *pattern, const char *module);
/* ---- adapter_start.c: the values that a new adapter starts with. ---- */
bool adapter_start(HoneModel *model, uint64_t seed, GError **error);
/* ---- dora.c ---- */
/* inverse and factor of every adapter from what W, A, B and the magnitude are now. panel [rows, widest input]. */
void dora_update(HoneModel *model, HoneTensor panel);
/* The magnitudes become the norms of the rows of W + s·B·A. */
bool dora_start(HoneModel *model, GError **error);
/* y [N,out] = factor·y, in each column. */
void dora_scale(Pass *pass, const Adapter *adapter, HoneTensor y);
/* The magnitude's gradient from dy and z = x·(W + s·B·A)ᵀ [N,out]. */
void dora_backward(Pass *pass, const Adapter *adapter, HoneTensor dy, HoneTensor z);
/* ---- adapter_io.c ---- */
/* An adapter's files in PEFT's format, every tensor checked against the model; mask [L]: as for adapter_create. */
HoneSafetensors *adapter_open(const HoneModel *model, const char *folder, AdapterSettings *settings, uint32_t *mask,
                              GError **error);
/* Set of 1 << Linear from PEFT's target names. */
bool adapter_targets(const Family *family, const char *const *targets, uint32_t *mask, GError **error);

/* ---- cache.c ---- */
typedef struct Cache {
    size_t slots, positions; /* P of each slot */
    Arena memory;
    HoneTensor *keys, *values; /* [L] of [slots, P, G·D] */
} Cache;

bool cache_init(Cache *cache, HoneModel *model, size_t slots, size_t positions, GError **error);
void cache_clear(Cache *cache, HoneModel *model);

/* ---- pass.c: one run through the layers and the memory it needs. ---- */

/* What a layer keeps for its backward. M: rows that are computed after attention (N, but in the last layer only the
 * target rows). */
typedef struct LayerState {
    HoneTensor x;       /* [N,C] input */
    HoneTensor q, k, v; /* [N,H·D], [N,G·D], [N,G·D]; q and k as attention reads them, but raw where normalised */
    HoneTensor o, lse;  /* [N,H·D], [N,H] */
    HoneTensor o_rows;  /* [M,H·D]: o, or its target rows */
    HoneTensor attended, fed; /* [M,C] what the blocks give, where it is not added to the stream as it is */
    HoneTensor h;             /* [M,C] */
    HoneTensor gate, up;      /* [M,F]; bf16 where the pass is `narrow` */
    HoneTensor lora[N_GROUP]; /* x·Aᵀ of the group: [N or M, n·R] */
} LayerState;

typedef enum {
    PASS_PACKED, /* sequences one after the other, attention among themselves */
    PASS_CACHED, /* one token of each sequence, attention to a cache */
} PassKind;

struct Pass {
    HoneModel *model;
    PassKind kind;
    bool keep, adapter;
    bool narrow;           /* gate and up are kept in bf16, as the backend multiplies */
    size_t recomputed;     /* the first so many layers keep only their input */
    uint64_t dropout_seed; /* 0: none */
    const float *noise;    /* the caller's [N,C], or NULL */
    size_t n_candidates;   /* n */
    double temperature;
    size_t n, m, sequences, max_length;
    bool tail; /* the last layer computes fewer rows after attention than before: m < n */

    HoneTensor ids, positions, starts, rows, targets; /* i32 [N], [N], [S+1], [M], [M] */
    /* Of rotary forms that go by length: a table with a row for each token, and the numbers 0 .. N-1. */
    HoneTensor rope[MAX_ROPE], each_row;
    HoneTensor logprob, lse_head, d_logprob; /* [M] */
    /* Of the candidates, each row's target behind its own (candidates.c). */
    HoneTensor candidate_index, candidate_values; /* i32, f32 [M·(n+1)] */
    HoneTensor candidate_target, candidate_lse;   /* [M]: log p of the target, log-sum-exp, both at the temperature */

    Cache *cache;              /* or NULL; a packed pass fills it */
    HoneTensor cache_rows;     /* i32 [N]: row of the cache, slot·P + position */
    HoneTensor slots, lengths; /* i32 [N], PASS_CACHED */

    LayerState *layers; /* [L]; the same views in each where nothing is kept */
    HoneTensor final;   /* [M,C] output of the last layer */
    HoneTensor hidden;  /* [M,C] after the last norm */
    HoneTensor d_hidden;
    bool d_hidden_known; /* known_derivative was given */

    /* Scratch, shared by all layers. */
    HoneTensor normed;                /* [N,C] */
    HoneTensor output;                /* [N,C] what a block gives, where it is not kept */
    HoneTensor q_ready, k_ready;      /* [N,H·D], [N,G·D] normalised and rotated, where the layer keeps them raw */
    HoneTensor glu;                   /* [N,F] */
    HoneTensor gate, up;              /* [N,F], of the layer at hand where the pass is narrow */
    HoneTensor d_x, d_rows, d_normed; /* [N,C], [M,C], [N,C] */
    HoneTensor d_after;               /* [M,C] before a norm that stands after a block */
    HoneTensor rstd, rstd_q, rstd_k;  /* [N]; [N·H], [N·G] */
    HoneTensor d_glu;                 /* [N,F] */
    HoneTensor d_o, d_q, d_k, d_v;    /* [N,H·D], [N,H·D], [N,G·D] twice */
    HoneTensor d_o_rows;              /* [M,H·D] of the last layer */
    HoneTensor d_lora;                /* [N, largest sum of a group's ranks] */
    HoneTensor d_start;               /* [N, R]; only with PiSSA's start */
    HoneTensor product, column_sums;  /* [N, widest output], [widest output]; only with DoRA */
    HoneTensor panel;                 /* [PANEL_ROWS, widest input]; only with DoRA */
    HoneTensor dropped;               /* [N, widest input]; only with dropout */
    HoneTensor logits;                /* [chunk,V] */
    size_t chunk;

    /* The uploads read them until the stream is synchronised. */
    int32_t *host_positions, *host_rows, *host_index;
    float *host_values; /* [M·(n+1)]: the candidates' logits, then what is added to their derivatives */
    float *host_rope[MAX_ROPE];
};

/* How a pass uses a key/value cache. */
typedef struct CacheUse {
    Cache *cache;
    const int32_t *rows;            /* [N] where each token's key and value go: slot·P + position */
    const int32_t *slots, *lengths; /* [N], PASS_CACHED */
} CacheUse;

/* Checks every index of a batch. */
bool batch_check(const HoneModel *model, const HoneBatch *batch, GError **error);
/* Checks a batch, lays out the memory, queues the upload of its indices, which must stay valid until the stream is
 * synchronised. use: NULL without a cache. */
Pass *pass_new(HoneModel *model, PassKind kind, const HoneBatch *batch, const HoneForward *options, const CacheUse *use,
               GError **error);
void pass_free(Pass *pass);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pass, pass_free)

/* ---- linear.c: the linear maps of a group with their adapters. ---- */
/* y_i = x·W_iᵀ (+= with accumulate, for a group of one) + biases + adapters. lora: x·Aᵀ, kept. With `adapter_only`,
 * just lora is computed again. */
void group_forward(Pass *pass, size_t layer, Group group, HoneTensor x, const HoneTensor *y, HoneTensor lora,
                   bool accumulate, bool adapter_only);
/* dx = Σ dy_i·W_i + adapters (dx may be no tensor), and the gradients of what is trained. x: the group's input again.
 */
void group_backward(Pass *pass, size_t layer, Group group, HoneTensor dx, HoneTensor x, const HoneTensor *dy,
                    HoneTensor lora);

/* The widest input and output of all linear maps. */
size_t linear_widest(const HoneModelConfig *config);

/* How many maps the file's tensor of this one holds (PEFT's module too): 1, more for the first of a fused tensor, 0 for
 * its others. */
size_t linear_span(const Family *family, Linear linear);
/* Set of 1 << Linear: the maps of a tensor, whose first that is. */
uint32_t linear_mask(const Family *family, Linear first);

/* ---- forward.c, backward.c, head.c ---- */
void layers_forward(Pass *pass);
/* t [N, heads·D] as [N, heads, D]. */
HoneTensor pass_heads(const Pass *pass, HoneTensor t);
HoneAttention pass_attention(const Pass *pass, size_t layer);
/* Where kept values are worked with in f32: as they lie, or in `room`, which holds them after convert. */
HoneTensor pass_wide(HoneTensor kept, HoneTensor room);
/* x normalised, in the pass's scratch; where the block has no norm before it, x itself. rstd may be no tensor. */
HoneTensor pass_block_input(Pass *pass, HoneTensor rstd, HoneTensor x, const Weight *norm);
void pass_norm(Pass *pass, HoneTensor y, HoneTensor rstd, HoneTensor x, const Weight *norm);
/* The rows that a query or key norm works on: heads, or all heads of a token. */
HoneTensor pass_norm_rows(const Pass *pass, HoneTensor t);
/* The layer's rotary positions on t [N, heads·D], or back with sign -1. */
void pass_rotate(Pass *pass, size_t layer, HoneTensor t, int sign);
/* Normalises (into the pass's scratch, with rstd, where the pass keeps) and rotates the layer's queries and keys. */
void pass_ready(Pass *pass, size_t layer, HoneTensor *q, HoneTensor *k);
/* The parts of layers_forward, one by one. */
void embed(Pass *pass);
void layer_forward(Pass *pass, size_t layer);
/* From x of the layer to everything its backward reads. */
void layer_recompute(Pass *pass, size_t layer);
void layers_backward(Pass *pass);
/* The lowest layer that has something to train: L where none has, 0 where the embedding has. */
size_t lowest_trained(const HoneModel *model);
/* Final norm; log-probabilities of the targets into pass->logprob; with `known`, the hidden state's derivative too. */
void head_forward(Pass *pass, const float *known);
void head_backward(Pass *pass, const float *derivative);
/* Final norm and raw logits into host memory [M,V], synchronised. */
bool head_logits(Pass *pass, float *logits, GError **error);
bool head_logits_each(Pass *pass, HoneLogitsFunc func, void *data, GError **error);
/* The factor of the logits before any cap. */
float head_scale(const Pass *pass);
/* ---- candidates.c ---- */
/* Log-probabilities [M,n] of the candidates into host memory, after head_forward; synchronised. */
bool candidates_forward(Pass *pass, float *logprob, GError **error);
/* Adds their part to the derivative by the hidden state, after head_backward; synchronised. */
bool candidates_backward(Pass *pass, const float *derivative, GError **error);
/* Names the first layer whose output is not finite. Always sets the error. */
void diverged(HoneModel *model, const HoneBatch *batch, const HoneForward *options, GError **error);

/* ---- sample.c ---- */
typedef struct Sampler Sampler;
Sampler *sampler_new(const HoneSampling *sampling, size_t vocab);
void sampler_free(Sampler *sampler);
/* The next token from logits [V], which are changed. history [n]: prompt and output so far. index and position pick the
 * random number. -1 where no logit is finite. */
int32_t sampler_next(Sampler *sampler, float *logits, const int32_t *history, size_t n, uint64_t index,
                     uint64_t position);

#endif
