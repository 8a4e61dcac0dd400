# SPDX-License-Identifier: Apache-2.0
"""Makes a random small model of each family with transformers, and what transformers makes of it.

    families.py tests/model/data/families [NAME ...]

For each variant of VARIANTS:
  NAME/                     config.json, model.safetensors, tokenizer.json, as transformers saves them; where "old" is
                            set, config.json in the way of older releases (torch_dtype, rope_theta, rope_scaling)
  NAME.gguf                 the same model as llama.cpp's converter writes it, where it has the family
  NAME-adapter/             an adapter on it, by peft, where "lora" is set
  NAME.expect.safetensors   a packed batch; logits of all rows; log-probabilities of some rows and, for given
                            derivatives of them, the gradient of every parameter ("grad:NAME") and, of the adapter's,
                            ("adapter-grad:NAME"); greedy tokens; what transformers' own bf16 differs by from its f32
                            ("bf16.logits": |difference| / |logits|; "bf16-grad:NAME": |difference| / |gradient|)
All in float32, with attn_implementation="eager", each sequence in a call of its own: nothing about a sequence follows
from another, as in Hone. Weights are bf16 numbers, so that bf16 rounds activations only. Norms are not 1 and biases
not 0, so that a wrong offset shows.
"""
import json, os, shutil, sys
import gguf, numpy as np, torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM

VOCAB = 48
SPECIAL = ["<|end|>", "<|pad|>"]
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [chr(288), ".", ",", "e", "t"]
TOKENS = SPECIAL + LETTERS[:29]
MERGES = ["t h", "i n", "e r", "a n", "th e", "o n", "r e", "e n", "o r", "s t", "a t", "e s", "i s", "o u", "a r"]

ROPES = {
    "linear": {"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.5, "rope_theta": 800.0},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32, "rope_theta": 300.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 200.0,
             "beta_fast": 3.0, "beta_slow": 0.5},
    "yarn-mscale": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 200.0,
                    "mscale": 0.8, "mscale_all_dim": 0.3, "truncate": False},
}


def longrope(pairs):
    return {"rope_type": "longrope", "rope_theta": 300.0, "original_max_position_embeddings": 8,
            "short_factor": [1.0 + 0.1 * i for i in range(pairs)], "long_factor": [2.0 + 1.5 * i for i in range(pairs)]}


def plain(theta):
    return {"rope_type": "default", "rope_theta": theta}


# name: (model_type, settings, options). Options: old, dtype of the file, gguf, lora, seed.
SMALL = dict(hidden_size=16, intermediate_size=22, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
VARIANTS = {
    # Biases everywhere, three query heads to a key head, heads wider than their share.
    "llama": ("llama", dict(SMALL, hidden_size=18, num_attention_heads=6, num_key_value_heads=2, head_dim=6, attention_bias=True,
                            mlp_bias=True, rope_parameters=ROPES["llama3"]), dict(gguf="llama")),
    "llama-tied": ("llama", dict(SMALL, num_key_value_heads=4, tie_word_embeddings=True,
                                 rope_parameters=ROPES["linear"]), dict(old=True, gguf="llama", dtype="bfloat16")),
    "llama-dynamic": ("llama", dict(SMALL, head_dim=6, max_position_embeddings=10, rope_parameters=ROPES["dynamic"]),
                      dict(old=True)),
    "llama-yarn": ("llama", dict(SMALL, head_dim=8, rope_parameters=ROPES["yarn"]), dict(old=True, gguf="llama")),
    "llama-mscale": ("llama", dict(SMALL, head_dim=12, num_key_value_heads=1, rope_parameters=ROPES["yarn-mscale"]),
                     dict(dtype="float16")),
    "llama-longrope": ("llama", dict(SMALL, rope_parameters=longrope(2), max_position_embeddings=32), dict()),
    "mistral": ("mistral", dict(SMALL, head_dim=6, sliding_window=5), dict(old=True)),
    "mistral-full": ("mistral", dict(SMALL, num_hidden_layers=1, sliding_window=None), dict(dtype="bfloat16")),
    "smollm3": ("smollm3", dict(SMALL, num_hidden_layers=5, tie_word_embeddings=True, rope_parameters=plain(900.0)),
                dict(gguf="smollm3", dtype="bfloat16")),
    "smollm3-window": ("smollm3", dict(SMALL, num_hidden_layers=3, no_rope_layers=[1, 0, 1], use_sliding_window=True,
                                       sliding_window=4, attention_bias=True, tie_word_embeddings=False),
                       dict(old=True)),
    "qwen2": ("qwen2", dict(SMALL, num_hidden_layers=2, tie_word_embeddings=True, rope_parameters=plain(1e6)),
              dict(old=True, gguf="qwen2")),
    "qwen2-window": ("qwen2", dict(SMALL, num_hidden_layers=3, use_sliding_window=True, sliding_window=4,
                                   max_window_layers=1), dict()),
    "qwen2-yarn": ("qwen2", dict(SMALL, num_hidden_layers=1, head_dim=8, rope_parameters=ROPES["yarn"]),
                   dict(gguf="qwen2")),
    "qwen3": ("qwen3", dict(SMALL, hidden_size=18, num_attention_heads=6, num_key_value_heads=2, head_dim=6,
                            tie_word_embeddings=True), dict(gguf="qwen3", old=True)),
    "qwen3-window": ("qwen3", dict(SMALL, head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=3,
                                   layer_types=["sliding_attention", "full_attention"], tie_word_embeddings=False),
                     dict()),
    "gemma": ("gemma", dict(SMALL, num_key_value_heads=1, head_dim=8), dict(gguf="gemma", old=True, dtype="bfloat16")),
    "gemma2": ("gemma2", dict(SMALL, num_hidden_layers=3, head_dim=8, sliding_window=4, query_pre_attn_scalar=8,
                              attn_logit_softcapping=1.5, final_logit_softcapping=2.5),
               dict(gguf="gemma2", old=True, lora=dict(r=3, lora_alpha=6, target_modules="all-linear"))),
    "gemma2-scalar": ("gemma2", dict(SMALL, head_dim=6, sliding_window=6, query_pre_attn_scalar=20,
                                     attn_logit_softcapping=None, attention_bias=True,
                                     tie_word_embeddings=False), dict()),
    "gemma3": ("gemma3_text", dict(SMALL, hidden_size=12, intermediate_size=14, num_hidden_layers=7, head_dim=6,
                                   num_attention_heads=2, num_key_value_heads=1, sliding_window=4,
                                   query_pre_attn_scalar=6,
                                   rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0,
                                                                       "rope_theta": 5000.0},
                                                    "sliding_attention": plain(10000.0)}),
               dict(gguf="gemma3", old=True)),
    "gemma3-types": ("gemma3_text", dict(SMALL, head_dim=6, sliding_window=5, query_pre_attn_scalar=11,
                                         final_logit_softcapping=3.0, num_hidden_layers=3,
                                         layer_types=["full_attention", "sliding_attention", "full_attention"],
                                         rope_parameters={"full_attention": ROPES["yarn"],
                                                          "sliding_attention": plain(40.0)}), dict()),
    "granite": ("granite", dict(SMALL, num_attention_heads=4, num_key_value_heads=4, embedding_multiplier=3.0,
                                logits_scaling=1.75, residual_multiplier=0.4, attention_multiplier=0.3,
                                tie_word_embeddings=True), dict(gguf="granite", old=True)),
    "granite-bias": ("granite", dict(SMALL, attention_bias=True, mlp_bias=True, embedding_multiplier=2.0,
                                     residual_multiplier=0.7, attention_multiplier=0.6), dict()),
    "phi3": ("phi3", dict(SMALL, hidden_size=32, intermediate_size=18, partial_rotary_factor=0.75, sliding_window=6,
                          max_position_embeddings=32, original_max_position_embeddings=8,
                          rope_parameters=dict(longrope(3), partial_rotary_factor=0.75)),
             dict(gguf="phi3", old=True, lora=dict(r=3, lora_alpha=6, target_modules="all-linear"))),
    "phi3-tied": ("phi3", dict(SMALL, num_hidden_layers=1, tie_word_embeddings=True), dict(gguf="phi3")),
    "olmo2": ("olmo2", dict(SMALL, num_key_value_heads=4), dict(gguf="olmo2", old=True)),
    "olmo2-grouped": ("olmo2", dict(SMALL, hidden_size=18, num_attention_heads=6, num_key_value_heads=2, head_dim=6,
                                    attention_bias=True, tie_word_embeddings=True), dict(dtype="bfloat16")),
    # The text part of a model that also sees images.
    "gemma3-larger": ("gemma3", dict(
        text_config=dict(SMALL, head_dim=6, vocab_size=VOCAB, sliding_window=4, sliding_window_pattern=2,
                         query_pre_attn_scalar=6, rms_norm_eps=1e-5, eos_token_id=0, pad_token_id=1),
        vision_config=dict(hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=1,
                           image_size=8, patch_size=4), mm_tokens_per_image=4, image_token_index=VOCAB - 1),
                      dict(lora=dict(r=2, lora_alpha=6, target_modules=".*language_model.*(q_proj|down_proj)"))),
}


def save_tokenizer(folder):
    vocab = {t: i for i, t in enumerate(TOKENS)}
    for pair in MERGES:
        vocab.setdefault(pair.replace(" ", ""), len(vocab))
    while len(vocab) < VOCAB:
        vocab[f"<|{len(vocab)}|>"] = len(vocab)
    assert len(vocab) == VOCAB, len(vocab)
    tok = Tokenizer(models.BPE(vocab, [tuple(m.split()) for m in MERGES]))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens(SPECIAL)
    tok.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    return sorted(vocab, key=vocab.get)


def fill(net, generator):
    """Random bf16 numbers; matrices that keep a row's size, norms and biases that show."""
    gemma = net.config.model_type.startswith("gemma")
    with torch.no_grad():
        for key, p in net.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if key.endswith("bias"):
                value = 0.3 * noise
            elif p.ndim == 1:
                value = 0.3 * noise + (0 if gemma else 1)
            elif "embed_tokens" in key:
                value = 0.5 * noise
            else:
                value = noise * (1.3 / p.shape[1] ** 0.5)
            p.copy_(value.to(torch.bfloat16).float())


def settle(net):
    """The rotary state of a new model: "dynamic" keeps the longest length that it has seen."""
    rotary = getattr(net.model, "rotary_emb", None)
    if getattr(rotary, "rope_type", None) == "dynamic":
        rotary.max_seq_len_cached = rotary.original_max_seq_len
        rotary.inv_freq = rotary.original_inv_freq


def logits_of(net, sequences):
    rows = []
    for s in sequences:
        settle(net)
        rows.append(net(input_ids=s[None]).logits[0])
    return torch.cat(rows)


def greedy(net, prompts, limit):
    rows, narrow = [], 1e9
    for p in prompts:
        settle(net)
        # Phi-3 in transformers computes its cache again when a sequence passes the trained length; Hone does so wherever
        # there are two lists of factors.
        rope = net.config.get_text_config().rope_parameters
        again = rope.get("rope_type") == "longrope" and net.config.model_type != "phi3"
        out = net.generate(p[None], use_cache=not again, attention_mask=torch.ones_like(p[None]), do_sample=False, max_new_tokens=limit,
                           eos_token_id=0, pad_token_id=1, output_scores=True, return_dict_in_generate=True)
        for score in out.scores:
            top = score[0].topk(2).values
            narrow = min(narrow, float(top[0] - top[1]))
        made = [t for t in out.sequences[0, len(p):].tolist() if t != 0]
        rows.append(made + [-1] * (limit - len(made)))
    return torch.tensor(rows, dtype=torch.int32), narrow


def old_style(folder):
    """config.json as releases before 5 wrote it."""
    path = os.path.join(folder, "config.json")
    with open(path) as f:
        c = json.load(f)
    c["torch_dtype"] = c.pop("dtype", "float32")
    rope = c.pop("rope_parameters")
    if "full_attention" in rope:
        both, rope = rope, rope["full_attention"]
        c["rope_local_base_freq"] = both["sliding_attention"]["rope_theta"]
        c.pop("layer_types")
        c["sliding_window_pattern"] = 6
    c["rope_theta"] = rope.pop("rope_theta")
    if "partial_rotary_factor" in rope:
        c["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    kind = rope.pop("rope_type")
    if kind == "default":
        c["rope_scaling"] = None
    else:
        c["rope_scaling"] = {"type" if c["model_type"] in ("llama", "phi3") and kind != "llama3" else "rope_type": kind, **rope}
    if c["model_type"] == "gemma":
        c["hidden_act"], c["hidden_activation"] = "gelu", None
    if c["model_type"] in ("gemma2", "qwen2", "qwen3"):
        c.pop("layer_types")
    if c["model_type"] == "phi3":
        c["rope_scaling"].pop("original_max_position_embeddings", None)
    with open(path, "w") as f:
        json.dump(c, f, indent=1)


def permute(w, heads):
    """Rows as llama.cpp's converter orders them for its Llama: the two members of a rotary pair side by side."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


GGUF_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv", "mlp.gate_proj": "ffn_gate",
              "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
              "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "input_layernorm": "attn_norm",
              "post_attention_layernorm": "ffn_norm"}
POST_NAMES = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
              "post_feedforward_layernorm": "post_ffw_norm"}


def llama3_factors(rope, width):
    import math
    freqs = 1.0 / (rope["rope_theta"] ** (torch.arange(0, width, 2, dtype=torch.float32) / width))
    factors, trained = [], rope["original_max_position_embeddings"]
    for freq in freqs:
        length = 2 * math.pi / freq
        if length < trained / rope["high_freq_factor"]:
            factors.append(1)
        elif length > trained / rope["low_freq_factor"]:
            factors.append(rope["factor"])
        else:
            smooth = (trained / length - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def save_gguf(path, architecture, net, tokens):
    c, state = net.config, net.state_dict()
    heads, kv = c.num_attention_heads, c.num_key_value_heads
    width = getattr(c, "head_dim", None) or c.hidden_size // heads
    rope = c.rope_parameters.get("full_attention", c.rope_parameters)
    w = gguf.GGUFWriter(path, architecture)
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_rope_freq_base(rope["rope_theta"])
    if width * heads != c.hidden_size or architecture in ("gemma", "gemma2", "gemma3", "qwen3"):
        w.add_key_length(width)
        w.add_value_length(width)
    if architecture in ("llama", "granite", "smollm3"):
        w.add_rope_dimension_count(width)
    if architecture == "granite":
        w.add_attention_scale(c.attention_multiplier)
        w.add_embedding_scale(c.embedding_multiplier)
        w.add_residual_scale(c.residual_multiplier)
        w.add_logit_scale(c.logits_scaling)
    if architecture == "gemma2":
        w.add_attn_logit_softcapping(c.attn_logit_softcapping)
        w.add_final_logit_softcapping(c.final_logit_softcapping)
    if architecture in ("gemma2", "gemma3"):
        w.add_sliding_window(c.sliding_window)
    if rope["rope_type"] == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(rope["factor"])
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        w.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        w.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if rope["rope_type"] == "llama3":
        w.add_tensor("rope_freqs.weight", llama3_factors(rope, width))
    if architecture == "phi3":
        rotated = int(width * rope.get("partial_rotary_factor", 1.0))
        w.add_rope_dimension_count(rotated)
        w.add_rope_scaling_orig_ctx_len(c.original_max_position_embeddings)
        w.add_sliding_window(c.sliding_window or 0)
        if rope["rope_type"] == "longrope":
            scale = c.max_position_embeddings / c.original_max_position_embeddings
            w.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(scale) /
                                                          np.log(c.original_max_position_embeddings))))
            w.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], dtype=np.float32))
            w.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], dtype=np.float32))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    w.add_token_merges(MERGES)
    w.add_eos_token_id(0)
    w.add_pad_token_id(1)
    names = GGUF_NAMES | (POST_NAMES if architecture in ("gemma2", "gemma3", "olmo2") else {})
    for key, tensor in state.items():
        array = tensor.numpy()
        if architecture.startswith("gemma") and key.endswith("norm.weight"):
            array = array + 1
        if key == "lm_head.weight":
            if not c.tie_word_embeddings:
                w.add_tensor("output.weight", array)
        elif key == "model.embed_tokens.weight":
            w.add_tensor("token_embd.weight", array)
        elif key == "model.norm.weight":
            w.add_tensor("output_norm.weight", array)
        else:
            _, _, layer, rest = key.split(".", 3)
            module, kind = rest.rsplit(".", 1)
            n = heads if "q_proj" in module else kv if "k_proj" in module else 0
            if n and architecture in ("llama", "granite", "smollm3"):
                array = permute(array, n)
            w.add_tensor(f"blk.{layer}.{names[module]}.{kind}", np.ascontiguousarray(array))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def gradients(net, sequences, rows, targets, derivative):
    net.zero_grad()
    logprob = torch.log_softmax(logits_of(net, sequences)[rows].float(), -1).gather(1, targets[:, None])[:, 0]
    (derivative * logprob).sum().backward()
    return logprob.detach(), {k: p.grad.float().clone() for k, p in net.named_parameters() if p.grad is not None}


def make(folder, name, seed):
    kind, settings, options = VARIANTS[name]
    here = os.path.join(folder, name)
    shutil.rmtree(here, ignore_errors=True)
    os.makedirs(here)
    if "text_config" not in settings:
        settings = {"max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_parameters": plain(1000.0),
                    "vocab_size": VOCAB, "bos_token_id": None, **settings}
    config = AutoConfig.for_model(kind, eos_token_id=0, pad_token_id=1, attn_implementation="eager", **settings)
    net = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(seed)
    fill(net, generator)
    net.to(getattr(torch, options.get("dtype", "float32"))).save_pretrained(here)
    # float16 keeps fewer exponents: what the file holds is the model.
    net.float()
    tokens = save_tokenizer(here)
    if options.get("old"):
        old_style(here)
    os.remove(os.path.join(here, "generation_config.json"))

    for file in ("model.safetensors", "tokenizer.json"):
        os.chmod(os.path.join(here, file), 0o644)

    # transformers' own reading of the folder is the model.
    net = AutoModelForCausalLM.from_pretrained(here, dtype=torch.float32, attn_implementation="eager").eval()
    if "gguf" in options:
        save_gguf(os.path.join(folder, name + ".gguf"), options["gguf"], net, tokens)

    lengths = [7, 1, 13, 5]
    sequences = [torch.randint(2, VOCAB, (n,), generator=generator) for n in lengths]
    rows = torch.tensor([0, 2, 5, 6, 7, 8, 11, 15, 18, 20, 22, 25])
    targets = torch.randint(0, VOCAB, (len(rows),), generator=generator)
    derivative = torch.randn(len(rows), generator=generator)
    prompts = [torch.randint(2, VOCAB, (n,), generator=generator) for n in (6, 2, 10)]
    out = {"ids": torch.cat(sequences).int(),
           "starts": torch.tensor(np.concatenate([[0], np.cumsum(lengths)])).int(), "target_rows": rows.int(),
           "targets": targets.int(), "derivative": derivative, "prompt_ids": torch.cat(prompts).int(),
           "prompt_starts": torch.tensor([0, 6, 8, 18], dtype=torch.int32)}
    with torch.no_grad():
        out["logits"] = logits_of(net, sequences)
        out["greedy"], narrow = greedy(net, prompts, 12)
    if narrow < 2e-3:  # a near tie: another model
        return make(folder, name, seed + 1000)
    logprob, grads = gradients(net, sequences, rows, targets, derivative)
    out["logprob"] = logprob
    out |= {"grad:" + k: g for k, g in grads.items()}

    half = AutoModelForCausalLM.from_pretrained(here, dtype=torch.bfloat16, attn_implementation="eager").eval()
    with torch.no_grad():
        off = logits_of(half, sequences).float() - out["logits"]
    out["bf16.logits"] = (off.norm() / out["logits"].norm()).reshape(1)
    _, half_grads = gradients(half, sequences, rows, targets, derivative)
    for k, g in grads.items():
        out["bf16-grad:" + k] = ((half_grads[k] - g).norm() / g.norm()).reshape(1)

    if "lora" in options:
        tuned = get_peft_model(net, LoraConfig(task_type="CAUSAL_LM", **options["lora"])).eval()
        with torch.no_grad():
            for key, p in tuned.named_parameters():
                if "lora_" in key:
                    p.copy_(0.3 * torch.randn(p.shape, generator=generator))
        adapter = os.path.join(folder, name + "-adapter")
        shutil.rmtree(adapter, ignore_errors=True)
        tuned.save_pretrained(adapter)
        os.remove(os.path.join(adapter, "README.md"))
        os.chmod(os.path.join(adapter, "adapter_model.safetensors"), 0o644)
        with open(os.path.join(adapter, "adapter_config.json")) as f:
            c = json.load(f)
        c["base_model_name_or_path"] = name
        if isinstance(c["target_modules"], list):
            c["target_modules"] = sorted(c["target_modules"])
        with open(os.path.join(adapter, "adapter_config.json"), "w") as f:
            json.dump(c, f, indent=1)
        inner = tuned.base_model.model
        with torch.no_grad():
            out["adapter.logits"] = logits_of(inner, sequences)
            out["adapter.greedy"], narrow = greedy(inner, prompts, 12)
        if narrow < 2e-3:
            return make(folder, name, seed + 1000)
        tuned.zero_grad()
        logprob = torch.log_softmax(logits_of(inner, sequences)[rows], -1).gather(1, targets[:, None])[:, 0]
        (derivative * logprob).sum().backward()
        out["adapter.logprob"] = logprob.detach()
        for key, p in tuned.named_parameters():
            if p.grad is not None and "lora_" in key:
                out["adapter-grad:" + key.replace(".default.", ".")] = p.grad
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, name + ".expect.safetensors"))
    os.chmod(os.path.join(folder, name + ".expect.safetensors"), 0o644)
    ranges = out["logits"].abs().max()
    print(f"{name}: greedy {out['greedy'][0].tolist()} logits to {ranges:.2f} bf16 {out['bf16.logits'].item():.3g}"
          f" narrowest {narrow:.3g}")


def main(folder, *names):
    os.makedirs(folder, exist_ok=True)
    for number, name in enumerate(VARIANTS):
        if not names or name in names:
            make(folder, name, VARIANTS[name][2].get("seed", 1000 + number))


main(*sys.argv[1:])
