/* SPDX-License-Identifier: Apache-2.0
 * model.h: a language model on a backend: log-probabilities out, their derivatives in; what is trained; generation.
 *
 * The one primitive for all objectives: forward gives log p(target | what precedes it) for each target token of a
 * packed batch, backward takes d(loss)/d(log p) for each and accumulates gradients of whatever is trained (an adapter,
 * or weights).
 */
#ifndef HONE_MODEL_H
#define HONE_MODEL_H

#include <hone/backend.h>
#include <hone/chat.h>
#include <hone/checkpoint.h>
#include <hone/progress.h>

typedef struct HoneModelConfig {
    char family[32]; /* row of the architecture table: "llama" */
    char name[128];
    size_t layers, width, ffn, heads, kv_heads, head_dim, vocab, context; /* L C F H G D V, longest position */
    double rope_base, norm_epsilon;
    bool tied_head; /* the output head is the embedding */
    /* What a family or a single model may change; zero where nothing is changed. */
    size_t window;          /* of the layers with local attention, in positions, itself included */
    double attention_scale; /* of q·k; 0: 1/sqrt(D) */
    double attention_cap;   /* scores become c·tanh(score/c) */
    double logit_cap;       /* logits become c·tanh(logit/c) */
    double embedding_scale; /* of the embedding's rows; 0: 1 */
    double residual_scale;  /* of what a block adds to the stream; 0: 1 */
    double logit_scale;     /* of the logits, before the cap; 0: 1 (Granite divides: 1/logits_scaling) */
    bool qkv_bias, o_bias, mlp_bias;
} HoneModelConfig;

typedef struct HoneModel HoneModel;

/* Opens a GGUF or a Hugging Face folder on a backend. Weights keep the type that they have in the file; where the
 * backend can read host memory and the layout allows, they are not copied but mapped. */
HONE_EXPORT HoneModel *hone_model_open(const char *path, HoneBackend *backend, HoneProgress *progress, GError **error);
/* Where the model lies that an artifact refers to (an adapter's base, a model itself), absolute. Caller frees. A
 * relative "path" in the metadata is one in the artifact's own folder: the artifact holds the model's files ("."), or
 * file. */
HONE_EXPORT char *hone_artifact_model_path(HoneArtifact *artifact, GError **error);
/* Opens those files, their content hash checked against the artifact's (remembered in hash_folder, which may be NULL).
 */
HONE_EXPORT HoneCheckpoint *hone_checkpoint_open_artifact(HoneArtifact *artifact, const char *hash_folder,
                                                          GError **error);
/* Opens what an artifact refers to: a model, or an adapter together with its base. The base's content hash is checked
 * (remembered in hash_folder, which may be NULL). */
HONE_EXPORT HoneModel *hone_model_open_artifact(HoneArtifact *artifact, HoneBackend *backend, const char *hash_folder,
                                                HoneProgress *progress, GError **error);
HONE_EXPORT void hone_model_free(HoneModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneModel, hone_model_free)

HONE_EXPORT const HoneModelConfig *hone_model_config(const HoneModel *model);
HONE_EXPORT const HoneTokenizer *hone_model_tokenizer(const HoneModel *model);
/* NULL with an error where the model has no template that Hone renders. */
HONE_EXPORT const HoneChat *hone_model_chat(const HoneModel *model, GError **error);
HONE_EXPORT HoneBackend *hone_model_backend(const HoneModel *model);
HONE_EXPORT const char *hone_model_path(const HoneModel *model);
/* Bytes of the weights that are views of the model's files: memory that the backend does not count as its own. */
HONE_EXPORT size_t hone_model_mapped_bytes(const HoneModel *model);

/* Gives the linear maps' weights (not embedding and head) a smaller type: HONE_NF4, with bitsandbytes' doubly quantised
 * scales. Not where they are quantised already; before anything is trained. On error the model is not to be used. */
HONE_EXPORT bool hone_model_quantize(HoneModel *model, HoneType type, HoneProgress *progress, GError **error);
/* The type of the linear maps' weights that most of them have. */
HONE_EXPORT HoneType hone_model_weights_type(const HoneModel *model);

/* ---- What is trained. ---- */

typedef struct HoneTrainable {
    const char *name;           /* PEFT's name for an adapter's tensor */
    HoneTensor value, gradient; /* f32, same shape */
    double rate_scale;          /* its learning rate is so many times the optimizer's; 0: 1 */
} HoneTrainable;

typedef struct HoneLora {
    uint32_t size;
    uint32_t rank;
    double alpha;
    double dropout;             /* on the adapter's input, [0, 1) */
    bool rslora;                /* scale alpha/sqrt(rank) in place of alpha/rank (Kalajdzievski 2023) */
    const char *const *targets; /* PEFT module names ("q_proj", ...) or {"all-linear"}; ends with NULL */
    uint64_t seed;
    /* Other ranks and alphas by module, or NULL: {"q_proj": 4, "layers.1.mlp.down_proj": 16}, regular expressions over
     * the end of a module's name, the first match holds, as PEFT's of these names. Not changed, not kept. */
    JsonObject *rank_pattern, *alpha_pattern;
    bool dora;        /* directions and magnitudes apart (Liu et al. 2024) */
    bool pissa;       /* start from the weight's largest singular vectors (Meng et al. 2024) */
    double plus_rate; /* B's learning rate is so many times A's (LoRA+, Hayou et al. 2024); 0: 1 */
} HoneLora;

/* Puts a new adapter on the model: A uniform in ±1/sqrt(in) (Kaiming-uniform with a = sqrt 5, as PEFT), B zero; or with
 * pissa as lora.c says. One adapter at a time. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
 */
HONE_EXPORT bool hone_model_add_lora(HoneModel *model, const HoneLora *lora, GError **error);
/* Reads a folder with adapter_model.safetensors and adapter_config.json in PEFT's format. */
HONE_EXPORT bool hone_model_load_adapter(HoneModel *model, const char *folder, GError **error);
/* Writes those two files (the folder exists). Same adapter, same bytes. */
HONE_EXPORT bool hone_model_save_adapter(HoneModel *model, const char *folder, GError **error);
/* Trains every weight of the model instead ("full"): each becomes f32 (a copy of its own), with a gradient; trainables
 * have transformers' names of the parameters. A tied head is one trainable, fused tensors (qkv_proj, gate_up_proj) are
 * one each. Not together with an adapter; forward's adapter_off then fails, as the model before training is gone. On
 * error the model is as it was. */
HONE_EXPORT bool hone_model_train_weights(HoneModel *model, GError **error);
/* Trains some of them ("partial"), all others stay as they are in the files: those whose names match one of `patterns`
 * ("model.layers.28.*", "*norm.weight"; * and ? as in file names; ends with NULL, or NULL), and all of the last
 * `last_layers` layers. A pattern that matches nothing is an error. */
HONE_EXPORT bool hone_model_train_parameters(HoneModel *model, const char *const *patterns, size_t last_layers,
                                             GError **error);
/* Writes the model with its trained weights as a Hugging Face folder (which exists and is empty): config and tokenizer
 * files carried along from the model's own folder, or made from its GGUF. type: F32, F16, BF16; 0: the type that the
 * model's files have where they hold one of these, else BF16. Checked by opening it again. */
HONE_EXPORT bool hone_model_save_weights(HoneModel *model, const char *folder, HoneType type, GError **error);
HONE_EXPORT bool hone_model_has_adapter(const HoneModel *model);
/* The trained tensors, in a fixed order: *n of them. */
HONE_EXPORT const HoneTrainable *hone_model_trainables(HoneModel *model, size_t *n);
HONE_EXPORT bool hone_model_zero_gradients(HoneModel *model, GError **error);

/* ---- The primitive. ---- */

/* Sequences one after the other, without padding; none attends to another. */
typedef struct HoneBatch {
    uint32_t size;
    size_t n_tokens;            /* N */
    const int32_t *ids;         /* [N] */
    const int32_t *positions;   /* [N], 0 at each sequence's start; NULL: derived from starts */
    size_t n_sequences;         /* S */
    const int32_t *starts;      /* [S+1] */
    size_t n_targets;           /* K */
    const int32_t *target_rows; /* [K] the token (0..N-1) whose hidden state predicts; each above the last */
    const int32_t *targets;     /* [K] the id to predict */
    /* Further ids at each target's row, whose log-probabilities are wanted too (a teacher's likeliest). */
    size_t n_candidates;       /* n; 0: none */
    const int32_t *candidates; /* [K,n] */
} HoneBatch;

typedef struct HoneForward {
    uint32_t size;
    bool keep;             /* keep what backward needs */
    bool checkpointing;    /* keep only each layer's input, compute the rest again in backward; without it, that is
                              done for as many layers as the backend's memory limit asks for. Same bits either way */
    bool adapter_off;      /* the base alone: the reference model of preference objectives */
    uint64_t dropout_seed; /* same seed, same mask; 0: no dropout */
    /* Where the derivative does not depend on the log-probabilities (SFT), giving it here saves the head's second
     * product. [K] or NULL; backward is then called with NULL. Where all weights are trained, the head's gradient is
     * added by the forward. */
    const float *known_derivative;
    /* [N,C] in host memory, added to what the first layer reads (NEFTune's noise); NULL: nothing. */
    const float *embedding_noise;
    double temperature;       /* of the candidates alone: log softmax(logits/T); 0: 1 */
    float *candidate_logprob; /* [K,n] in host memory, written by the forward */
} HoneForward;

/* logprob [K] in host memory. NaN or infinity: HONE_ERROR_DIVERGED naming the first layer where it is seen. */
HONE_EXPORT bool hone_model_forward(HoneModel *model, const HoneBatch *batch, const HoneForward *options,
                                    float *logprob, GError **error);
/* After a forward with keep: adds to the trainables' gradients. derivative [K]: d(loss)/d(logprob). */
HONE_EXPORT bool hone_model_backward(HoneModel *model, const float *derivative, GError **error);
/* The same with the candidates' derivatives [K,n]; derivative is not NULL. */
HONE_EXPORT bool hone_model_backward_candidates(HoneModel *model, const float *derivative,
                                                const float *candidate_derivative, GError **error);
/* Called with raw logits [count,V] of targets first .. first + count - 1; false stops. */
typedef bool (*HoneLogitsFunc)(size_t first, size_t count, const float *logits, void *data);
/* Raw logits of the targets' rows, some at a time: those of a long batch need not fit in memory. */
HONE_EXPORT bool hone_model_logits_each(HoneModel *model, const HoneBatch *batch, HoneLogitsFunc func, void *data,
                                        GError **error);
/* Raw logits [K,V] of the targets' rows in host memory: for tests and for sampling. */
HONE_EXPORT bool hone_model_logits(HoneModel *model, const HoneBatch *batch, float *logits, GError **error);

/* ---- Generation. ---- */

typedef struct HoneSampling {
    uint32_t size;
    double temperature;        /* 0: greedy */
    uint32_t top_k;            /* 0: all */
    double top_p;              /* 1: all */
    double repetition_penalty; /* 1: none; as transformers: logit/penalty where positive, ·penalty where negative, over
                                  prompt and output */
    uint32_t max_tokens;
    uint64_t seed;           /* with the prompt's index and the position: no other state */
    const char *const *stop; /* strings that end the text (not part of it), or NULL */
} HoneSampling;

typedef struct HoneCompletion {
    char *text;    /* valid UTF-8 */
    GArray *ids;   /* int32_t, without the ending token; with a stop string: its tokens too */
    bool finished; /* an ending token or a stop string came before max_tokens */
    int32_t end;   /* the ending token, or -1 */
} HoneCompletion;
HONE_EXPORT void hone_completion_free(HoneCompletion *completion);

/* Called for each new piece of text of prompt `index`, in order; false stops all: what is there by then
 * is the result, and nothing of it counts as finished. */
typedef bool (*HonePieceFunc)(size_t index, const char *piece, void *data);

/* Completes n prompts (int32_t arrays) in batches of at most `batch` rows that share a key/value cache; rows that end
 * make room for the next. out [n] is filled with HoneCompletion *. The text of a row does not depend on which rows
 * share its batch, beyond rounding. */
HONE_EXPORT bool hone_model_generate(HoneModel *model, GArray *const *prompts, size_t n, size_t batch,
                                     const HoneSampling *sampling, HonePieceFunc piece, void *data,
                                     HoneCompletion **out, GError **error);

#endif
