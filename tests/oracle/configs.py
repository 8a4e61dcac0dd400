# SPDX-License-Identifier: Apache-2.0
"""What transformers makes of config.json: published models of each family in the keys that they were published with,
and each rotary scaling over a grid of settings.

    configs.py tests/model/data/configs.json

[{"name", "config", "expect"}]: "config" is the object that Hone is given, "expect" what transformers' own modules hold:
sizes, biases, scales, each layer's window and rotary form, and of each form the frequencies and the factor of cosine
and sine for a sequence of each of "lengths".
"""
import json, sys
import torch
from transformers import AutoConfig, AutoModelForCausalLM

TINY = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2)


def llama(**changes):
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **TINY, **changes}


PUBLISHED = {
    "llama-2": {"_name_or_path": "x", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
                "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 11008,
                "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 32,
                "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
                "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float16",
                "transformers_version": "4.31.0.dev0", "use_cache": True, "vocab_size": 32000},
    "llama-3.1": {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                  "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu",
                  "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
                  "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "llama",
                  "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
                  "rms_norm_eps": 1e-05,
                  "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                   "original_max_position_embeddings": 8192, "rope_type": "llama3"},
                  "rope_theta": 500000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
                  "transformers_version": "4.43.0.dev0", "use_cache": True, "vocab_size": 128256},
    "llama-3.2": {"architectures": ["LlamaForCausalLM"], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
                  "intermediate_size": 8192, "max_position_embeddings": 131072, "model_type": "llama",
                  "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
                  "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                                   "original_max_position_embeddings": 8192, "rope_type": "llama3"},
                  "rope_theta": 500000.0, "tie_word_embeddings": True, "vocab_size": 128256},
    "smollm2": {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
                "initializer_range": 0.041666666666666664, "intermediate_size": 1536, "is_llama_config": True,
                "max_position_embeddings": 8192, "mlp_bias": False, "model_type": "llama", "num_attention_heads": 9,
                "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1,
                "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000,
                "tie_word_embeddings": True, "torch_dtype": "bfloat16",
                "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
                "transformers_version": "4.42.3", "use_cache": True, "vocab_size": 49152},
    "smollm3": {"architectures": ["SmolLM3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                "bos_token_id": None, "eos_token_id": 128012, "hidden_act": "silu", "hidden_size": 2048,
                "initializer_range": 0.02, "intermediate_size": 11008,
                "layer_types": ["full_attention"] * 36, "max_position_embeddings": 65536, "max_window_layers": 28,
                "mlp_bias": False, "model_type": "smollm3", "no_rope_layer_interval": 4,
                "no_rope_layers": [1, 1, 1, 0] * 9, "num_attention_heads": 16, "num_hidden_layers": 36,
                "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2, "rms_norm_eps": 1e-06,
                "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None, "torch_dtype": "bfloat16",
                "transformers_version": "4.54.0.dev0", "use_cache": False, "use_sliding_window": False,
                "vocab_size": 128256},
    "mistral-0.1": {"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
                    "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
                    "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32,
                    "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
                    "sliding_window": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
                    "use_cache": True, "vocab_size": 32000},
    "mistral-nemo": {"architectures": ["MistralForCausalLM"], "attention_dropout": 0.0, "head_dim": 128,
                     "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 14336,
                     "max_position_embeddings": 1024000, "model_type": "mistral", "num_attention_heads": 32,
                     "num_hidden_layers": 40, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
                     "rope_theta": 1000000.0, "sliding_window": None, "tie_word_embeddings": False,
                     "vocab_size": 131072},
    "qwen2.5": {"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
                "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02,
                "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 28,
                "model_type": "qwen2", "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4,
                "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 131072,
                "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True,
                "use_sliding_window": False, "vocab_size": 152064},
    "qwen2.5-base": {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "intermediate_size": 4864,
                     "max_position_embeddings": 32768, "max_window_layers": 24, "model_type": "qwen2",
                     "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
                     "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
                     "tie_word_embeddings": True, "use_mrope": False, "use_sliding_window": False,
                     "vocab_size": 151936},
    "qwen2.5-long": {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 3584, "intermediate_size": 18944,
                     "max_position_embeddings": 32768, "model_type": "qwen2", "num_attention_heads": 28,
                     "num_hidden_layers": 28, "num_key_value_heads": 4, "rope_theta": 1000000.0,
                     "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"},
                     "vocab_size": 152064},
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
              "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
              "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072,
              "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
              "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
              "rope_scaling": None, "rope_theta": 1000000, "sliding_window": None, "tie_word_embeddings": True,
              "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936},
    "gemma-2b": {"architectures": ["GemmaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                 "bos_token_id": 2, "eos_token_id": 1, "head_dim": 256, "hidden_act": "gelu",
                 "hidden_activation": None, "hidden_size": 2048, "initializer_range": 0.02,
                 "intermediate_size": 16384, "max_position_embeddings": 8192, "model_type": "gemma",
                 "num_attention_heads": 8, "num_hidden_layers": 18, "num_key_value_heads": 1, "pad_token_id": 0,
                 "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 10000.0, "torch_dtype": "bfloat16",
                 "use_cache": True, "vocab_size": 256000},
    "gemma-2-27b": {"architectures": ["Gemma2ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                    "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid",
                    "eos_token_id": 1, "final_logit_softcapping": 30.0, "head_dim": 128,
                    "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 4608,
                    "initializer_range": 0.02, "intermediate_size": 36864, "max_position_embeddings": 8192,
                    "model_type": "gemma2", "num_attention_heads": 32, "num_hidden_layers": 46,
                    "num_key_value_heads": 16, "pad_token_id": 0, "query_pre_attn_scalar": 144,
                    "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096,
                    "sliding_window_size": 4096, "torch_dtype": "float32", "use_cache": True, "vocab_size": 256000},
    "gemma-2-bare": {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_size": 2304},
    "gemma-3-1b": {"architectures": ["Gemma3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
                   "attn_logit_softcapping": None, "bos_token_id": 2, "cache_implementation": "hybrid",
                   "eos_token_id": [1, 106], "final_logit_softcapping": None, "head_dim": 256,
                   "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "initializer_range": 0.02,
                   "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text",
                   "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0,
                   "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000,
                   "rope_scaling": None, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
                   "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": 262144},
    "gemma-3-270m": {"_sliding_window_pattern": 6, "architectures": ["Gemma3ForCausalLM"], "head_dim": 256,
                     "hidden_size": 640, "intermediate_size": 2048,
                     "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 3, "model_type": "gemma3_text",
                     "num_attention_heads": 4, "num_hidden_layers": 18, "num_key_value_heads": 1,
                     "max_position_embeddings": 32768, "rope_local_base_freq": 10000.0, "rope_theta": 1000000.0,
                     "sliding_window": 512, "use_bidirectional_attention": False, "vocab_size": 262144},
    "gemma-3-long": {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 2560,
                     "intermediate_size": 10240, "num_hidden_layers": 34,
                     "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
    "granite-3.1": {"architectures": ["GraniteForCausalLM"], "attention_bias": False, "attention_dropout": 0.1,
                    "attention_multiplier": 0.0078125, "bos_token_id": 0, "embedding_multiplier": 12.0,
                    "eos_token_id": 0, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
                    "intermediate_size": 12800, "logits_scaling": 16.0, "max_position_embeddings": 131072,
                    "mlp_bias": False, "model_type": "granite", "num_attention_heads": 32, "num_hidden_layers": 40,
                    "num_key_value_heads": 8, "pad_token_id": 0, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05,
                    "rope_scaling": None, "rope_theta": 10000000.0, "tie_word_embeddings": True,
                    "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": 49155},
    "granite-bare": {"architectures": ["GraniteForCausalLM"], "model_type": "granite"},
    "phi-3-mini-4k": {"_name_or_path": "x", "architectures": ["Phi3ForCausalLM"], "attention_bias": False,
                      "attention_dropout": 0.0, "auto_map": {"AutoConfig": "x"}, "bos_token_id": 1, "embd_pdrop": 0.0,
                      "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02,
                      "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3",
                      "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
                      "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0,
                      "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 10000.0, "sliding_window": 2047,
                      "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True,
                      "vocab_size": 32064},
    "phi-3-mini-128k": {"architectures": ["Phi3ForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192,
                        "max_position_embeddings": 131072, "model_type": "phi3", "num_attention_heads": 32,
                        "num_hidden_layers": 32, "num_key_value_heads": 32, "original_max_position_embeddings": 4096,
                        "rope_scaling": {"long_factor": [1.08 + 1.3 * i for i in range(48)],
                                         "short_factor": [1.0 + 0.04 * i for i in range(48)], "type": "longrope"},
                        "sliding_window": 262144, "rms_norm_eps": 1e-05, "vocab_size": 32064},
    "phi-4-mini": {"architectures": ["Phi3ForCausalLM"], "full_attn_mod": 1, "hidden_size": 3072,
                   "intermediate_size": 8192, "interpolate_factor": 1, "lm_head_bias": False,
                   "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "phi3",
                   "num_attention_heads": 24, "num_hidden_layers": 32, "num_key_value_heads": 8,
                   "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75,
                   "rope_scaling": {"long_factor": [1.0 + i for i in range(48)], "short_factor": [1.0] * 48,
                                    "type": "longrope"},
                   "rope_theta": 10000.0, "sliding_window": 262144, "tie_word_embeddings": True,
                   "vocab_size": 200064},
    "phi-4": {"architectures": ["Phi3ForCausalLM"], "hidden_size": 5120, "intermediate_size": 17920,
              "max_position_embeddings": 16384, "model_type": "phi3", "num_attention_heads": 40,
              "num_hidden_layers": 40, "num_key_value_heads": 10, "original_max_position_embeddings": 16384,
              "rope_theta": 250000, "sliding_window": None, "vocab_size": 100352},
    "olmo-2": {"architectures": ["Olmo2ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
               "eos_token_id": 100257, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
               "intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "olmo2",
               "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
               "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 500000,
               "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": False, "vocab_size": 100352},
    # Everything that a class has a default for.
    **{kind + "-default": {"model_type": kind} for kind in
       ("llama", "mistral", "smollm3", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "granite", "phi3", "olmo2")},
}

GRID = {
    "plain": llama(rope_theta=123456.0, head_dim=96),
    "linear": llama(rope_scaling={"type": "linear", "factor": 2.5}, head_dim=20),
    "dynamic": llama(rope_scaling={"type": "dynamic", "factor": 4.0}, max_position_embeddings=128, head_dim=64),
    "dynamic-new": llama(rope_parameters={"rope_type": "dynamic", "factor": 1.7, "rope_theta": 5e5},
                         max_position_embeddings=100, head_dim=10),
    "llama3": llama(rope_parameters={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "rope_theta": 5e5,
                                     "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}, head_dim=128),
    "llama3-own": llama(rope_scaling={"rope_type": "llama3", "factor": 3.0, "low_freq_factor": 0.7,
                                      "high_freq_factor": 9.0, "original_max_position_embeddings": 77},
                        original_max_position_embeddings=512, rope_theta=2000, head_dim=48),
    "yarn": llama(rope_scaling={"type": "yarn", "factor": 16.0, "original_max_position_embeddings": 4096,
                                "finetuned": True}, head_dim=128),
    "yarn-attention": llama(rope_parameters={"rope_type": "yarn", "factor": 40.0, "attention_factor": 1.25,
                                             "original_max_position_embeddings": 4096, "rope_theta": 1e6,
                                             "beta_fast": 20, "beta_slow": 2.5}, head_dim=64),
    "yarn-mscale": llama(rope_parameters={"rope_type": "yarn", "factor": 40.0, "mscale": 1.2, "mscale_all_dim": 0.7,
                                          "original_max_position_embeddings": 4096, "rope_theta": 1e4,
                                          "truncate": False}, head_dim=64),
    "yarn-factorless": llama(rope_parameters={"rope_type": "yarn", "factor": None, "rope_theta": 1e4,
                                              "original_max_position_embeddings": 1024},
                             max_position_embeddings=6144, head_dim=64),
    "yarn-shrinks": llama(rope_parameters={"rope_type": "yarn", "factor": 0.5, "rope_theta": 50.0,
                                           "original_max_position_embeddings": 16}, head_dim=8),
    "longrope": llama(rope_parameters={"rope_type": "longrope", "rope_theta": 1e4,
                                       "original_max_position_embeddings": 256,
                                       "short_factor": [1 + 0.01 * i for i in range(32)],
                                       "long_factor": [1 + 2 * i for i in range(32)]},
                      max_position_embeddings=4096, head_dim=64),
    "longrope-factor": llama(rope_parameters={"rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0,
                                              "original_max_position_embeddings": 256, "short_factor": [1, 2, 3],
                                              "long_factor": [4, 5, 6.5]}, head_dim=6),
    "longrope-attention": llama(rope_parameters={"rope_type": "longrope", "rope_theta": 1e4, "attention_factor": 1.19,
                                                 "original_max_position_embeddings": 256, "short_factor": [1, 2, 3],
                                                 "long_factor": [4, 5, 6.5]}, head_dim=6),
    "gemma3-nested": {"model_type": "gemma3_text", **TINY, "num_hidden_layers": 4, "head_dim": 32,
                      "num_key_value_heads": 1,
                      "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
                      "rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 8.0, "rope_theta": 2e5,
                                                             "original_max_position_embeddings": 64},
                                          "sliding_attention": {"rope_type": "linear", "factor": 1.5}}},
}


def rotary_of(net, config):
    """(layer type or None) -> rotary module's frequencies and factor for a length."""
    def at(kind, length):
        rotary = type(net.model.rotary_emb)(config)  # a new one: "dynamic" has a memory
        args = [torch.zeros(1, 1, 8), torch.arange(length)[None]] + ([kind] if kind else [])
        rotary(*args)
        name = f"{kind}_inv_freq" if kind else "inv_freq"
        scaling = getattr(rotary, f"{kind}_attention_scaling" if kind else "attention_scaling")
        return getattr(rotary, name).tolist(), float(scaling)
    return at


def expect(given):
    config = AutoConfig.for_model(**json.loads(json.dumps(given)))
    with torch.device("meta"):
        net = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    layers, c = net.model.layers, config
    attention, mlp = layers[0].self_attn, layers[0].mlp
    q = getattr(attention, "q_proj", None) or attention.qkv_proj
    gate = getattr(mlp, "gate_proj", None) or mlp.gate_up_proj
    everywhere = c.model_type in ("mistral", "phi3")
    windows = [(getattr(c, "sliding_window", None) if everywhere else getattr(l.self_attn, "sliding_window", None)) or 0
               for l in layers]
    gemma3 = c.model_type == "gemma3_text"
    kinds = ["full_attention", "sliding_attention"] if gemma3 else [None]
    at = rotary_of(net, c)
    rope = []
    for i, layer in enumerate(layers):
        used = getattr(layer.self_attn, "use_rope", 1)
        rope.append(-1 if not used else int(gemma3 and c.layer_types[i] == "sliding_attention"))
    forms = []
    for kind in kinds:
        if kind and kind not in c.layer_types:
            forms.append(None)
            continue
        parameters = c.rope_parameters[kind] if kind else c.rope_parameters
        lengths = [7]
        if parameters["rope_type"] in ("dynamic", "longrope"):
            trained = (c.max_position_embeddings if parameters["rope_type"] == "dynamic"
                       else parameters["original_max_position_embeddings"])
            lengths += [trained, trained + 1, 3 * trained + 5]
        forms.append([{"length": n, "frequencies": [float(f"{f:.9g}") for f in at(kind, n)[0]], "scale": at(kind, n)[1]}
                      for n in lengths])
    activation = {"SiLUActivation": "silu", "SiLU": "silu", "GELUTanh": "gelu_tanh"}[
        type(getattr(mlp, "act_fn", None) or mlp.activation_fn).__name__]
    norm = net.model.norm
    scale = (c.embedding_multiplier if c.model_type == "granite"
             else float(getattr(net.model.embed_tokens, "scalar_embed_scale", 1)))
    if c.model_type == "gemma":
        scale = c.hidden_size ** 0.5
    caps = c.model_type in ("gemma2", "gemma3_text")
    return {"layers": len(layers), "width": c.hidden_size, "ffn": mlp.down_proj.in_features,
            "heads": c.num_attention_heads, "kv_heads": c.num_key_value_heads, "head_dim": attention.head_dim,
            "vocab": c.vocab_size, "context": c.max_position_embeddings,
            "epsilon": getattr(norm, "variance_epsilon", None) or norm.eps,
            "tied": c.tie_word_embeddings, "qkv_bias": q.bias is not None, "o_bias": attention.o_proj.bias is not None,
            "mlp_bias": gate.bias is not None, "attention_scale": attention.scaling, "embedding_scale": scale,
            "residual_scale": float(getattr(layers[0], "residual_multiplier", 1)),
            "logit_scale": 1 / float(getattr(c, "logits_scaling", 1)),
            "attention_cap": (c.attn_logit_softcapping or 0) if c.model_type == "gemma2" else 0,
            "logit_cap": (c.final_logit_softcapping or 0) if caps else 0, "activation": activation,
            "windows": windows, "rope": rope, "forms": forms}


def main(path):
    cases = [{"name": name, "config": config, "expect": expect(config)} for name, config in (PUBLISHED | GRID).items()]
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(len(cases), "configurations")


main(*sys.argv[1:])
