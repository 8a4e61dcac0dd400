# SPDX-License-Identifier: Apache-2.0
"""Twenty steps of every tuner on a tiny random llama, by transformers, peft, bitsandbytes and torch.optim.AdamW.

usage: tuners.py FOLDER       (FOLDER has rows.jsonl of trajectory.py)

tuners.gguf: the model, matrices in f16. tuners.json: for each case the stage's parameters, loss and gradient norm of 20
steps, and the loss after them. tuners-CASE.safetensors: the adapter after them, in PEFT's names.

Everything runs in float64. LoRA's A starts as Hone's does (its own Philox, see random_vectors.py), so no start needs to be
carried over; PiSSA's start is numpy's SVD. NF4 values are bitsandbytes' own, dequantised.
"""
import json, os, sys
import bitsandbytes.functional as bnb, numpy as np, torch
from gguf import GGUFWriter
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, get_scheduler
sys.path.insert(0, os.path.dirname(__file__))
from random_vectors import block

folder = sys.argv[1]
torch.manual_seed(21)
L, C, F, H, G, D = 2, 64, 128, 4, 2, 16
STEPS, RATE, DECAY, SEED = 20, 0.004, 0.1, 42
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
others = [b for b in range(256) if b not in kept]
letter = {b: chr(b) for b in kept} | {b: chr(256 + i) for i, b in enumerate(others)}
tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [letter[b] for b in range(256)] + [letter[255] * 2]
LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
          "mlp.down_proj"]


def encode(messages):
    text = lambda s: [3 + b for b in s.encode()]
    ids, weights = [], []
    for m in messages:
        w = m.get("weight", 1.0 if m["role"] == "assistant" else 0.0)
        head, body = [1] + text(m["role"] + "\n"), text(m["content"]) + [2]
        ids += head + body + text("\n")
        weights += [0.0] * len(head) + [w] * len(body) + [0.0]
    return ids, weights


with open(os.path.join(folder, "rows.jsonl")) as f:
    rows = [encode(json.loads(line)["messages"]) for line in f]

# ---- The model: f16 numbers, so that every side starts from the same. ----
config = LlamaConfig(vocab_size=len(tokens), hidden_size=C, intermediate_size=F, num_hidden_layers=L, num_attention_heads=H,
                     num_key_value_heads=G, head_dim=D, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0,
                     tie_word_embeddings=True, attn_implementation="eager")
start = LlamaForCausalLM(config).state_dict()
for name, p in start.items():
    start[name] = 1 + 0.2 * torch.randn_like(p) if p.dim() == 1 else (0.18 * torch.randn_like(p)).half().float()
start["lm_head.weight"] = start["model.embed_tokens.weight"]


def fresh():
    model = LlamaForCausalLM(config)
    model.load_state_dict(start)
    return model.double()


def paired(w, heads):
    """Rows as the converter to GGUF stores them: the two members of a rotary pair side by side."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).transpose(1, 2).reshape(w.shape)


w = GGUFWriter(os.path.join(folder, "tuners.gguf"), "llama")
w.add_name("tuners")
w.add_context_length(256); w.add_embedding_length(C); w.add_block_count(L); w.add_feed_forward_length(F)
w.add_head_count(H); w.add_head_count_kv(G); w.add_rope_dimension_count(D); w.add_layer_norm_rms_eps(1e-5)
w.add_rope_freq_base(10000.0); w.add_vocab_size(len(tokens))
w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("smollm"); w.add_token_list(tokens)
w.add_token_types([3] * 3 + [1] * (len(tokens) - 3)); w.add_token_merges([letter[255] + " " + letter[255]])
w.add_bos_token_id(1); w.add_eos_token_id(2); w.add_chat_template(TEMPLATE)
put = lambda name, t: w.add_tensor(name, np.ascontiguousarray(t.numpy().astype(np.float16 if t.dim() > 1 else np.float32)))
put("token_embd.weight", start["model.embed_tokens.weight"])
put("output_norm.weight", start["model.norm.weight"])
GGUF = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
for l in range(L):
    p, b = f"model.layers.{l}.", f"blk.{l}."
    put(b + "attn_norm.weight", start[p + "input_layernorm.weight"])
    put(b + "ffn_norm.weight", start[p + "post_attention_layernorm.weight"])
    for ours, theirs in zip(GGUF, LINEAR):
        t = start[p + theirs + ".weight"]
        put(b + ours + ".weight", paired(t, H) if ours == "attn_q" else paired(t, G) if ours == "attn_k" else t)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


# ---- What is trained. ----
def hone_a(layer, linear, shape):
    first = (layer * len(LINEAR) + linear) << 32
    unit = lambda e: (block(SEED, 3, first + e)[0] >> 11) * 2.0**-53
    a = [np.float32((2 * unit(e) - 1) / shape[1] ** 0.5) for e in range(shape[0] * shape[1])]
    return torch.tensor(np.array(a).reshape(shape)).double()


def lora(model, **options):
    """peft's own adapter, with Hone's A."""
    options = {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | options
    model = get_peft_model(model, LoraConfig(**options)).double()
    for l in range(L):
        for i, name in enumerate(LINEAR):
            module = model.get_submodule(f"base_model.model.model.layers.{l}.{name}")
            if hasattr(module, "lora_A"):
                a = module.lora_A["default"].weight
                a.data = hone_a(l, i, a.shape)
    return model


def pissa(model):
    model = lora(model)
    for l in range(L):
        for name in LINEAR:
            module = model.get_submodule(f"base_model.model.model.layers.{l}.{name}")
            weight, a, b = module.base_layer.weight, module.lora_A["default"].weight, module.lora_B["default"].weight
            scaling, r = module.scaling["default"], a.shape[0]
            u, s, v = np.linalg.svd(weight.detach().numpy(), full_matrices=False)
            root = np.sqrt(s[:r] / scaling)
            a.data, b.data = torch.tensor(root[:, None] * v[:r]), torch.tensor(u[:, :r] * root)
            weight.data = weight.data - scaling * b.data @ a.data
    return model


def nf4(model):
    for l in range(L):
        for name in LINEAR:
            weight = model.get_submodule(f"model.layers.{l}.{name}").weight
            q, state = bnb.quantize_4bit(weight.data.float(), blocksize=64, compress_statistics=True, quant_type="nf4")
            weight.data = bnb.dequantize_4bit(q, state).double()
    return lora(model)


def chosen(model, wanted):
    for name, p in model.named_parameters():
        p.requires_grad_(wanted(name))
    return model


last = lambda n: n.startswith("model.layers.1.")
CASES = {
    "full": (lambda: fresh(), {"tuner": "full", "weights_type": "f32", "learning_rate": 0.001}),
    "partial": (lambda: chosen(fresh(), lambda n: n.endswith("layernorm.weight") or n.startswith("model.layers.1.mlp.")),
                {"tuner": "partial", "trained": ["*layernorm.weight", "model.layers.1.mlp.*"], "weights_type": "f32"}),
    "partial-last": (lambda: chosen(fresh(), last), {"tuner": "partial", "last_layers": 1, "weights_type": "f32"}),
    "partial-norm": (lambda: chosen(fresh(), lambda n: n == "model.norm.weight"),
                     {"tuner": "partial", "trained": ["model.norm.weight"], "weights_type": "f32"}),
    "lora": (lambda: lora(fresh()), {"rank": 4, "alpha": 12}),
    "rslora": (lambda: lora(fresh(), use_rslora=True), {"rank": 4, "alpha": 12, "rslora": True}),
    "pattern": (lambda: lora(fresh(), rank_pattern={"q_proj": 2, "layers.1.mlp.down_proj": 6},
                             alpha_pattern={"q_proj|k_proj": 5}),
                {"rank": 4, "alpha": 12, "rank_pattern": {"q_proj": 2, "layers.1.mlp.down_proj": 6},
                 "alpha_pattern": {"q_proj|k_proj": 5}}),
    "plus": (lambda: lora(fresh()), {"rank": 4, "alpha": 12, "lora_plus": 4, "learning_rate": 0.002}),
    "dora": (lambda: lora(fresh(), use_dora=True), {"rank": 4, "alpha": 12, "dora": True}),
    "pissa": (lambda: pissa(fresh()), {"rank": 4, "alpha": 12, "start": "pissa"}),
    "qlora": (lambda: nf4(fresh()), {"tuner": "qlora", "quantize": "nf4", "rank": 4, "alpha": 12}),
}


def loss_of(model):
    total, weight = 0, 0
    for ids, ws in rows:
        logp = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        ws = torch.tensor(ws[1:], dtype=torch.float64)
        total = total - (ws * logp[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]).sum()
        weight += ws.sum()
    return total / weight


common = {"learning_rate": RATE, "schedule": "constant", "warmup": 0, "weight_decay": DECAY, "max_steps": STEPS,
          "max_grad_norm": 1.0, "batch_size": 3, "accumulate": 3, "seed": SEED}
out = []
for case, (make, params) in CASES.items():
    model = make()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    ratio, rate = params.get("lora_plus", 1), params.get("learning_rate", RATE)
    optimizer = torch.optim.AdamW([{"params": [p], "lr": rate * (ratio if "lora_B" in n else 1),
                                    "weight_decay": 0 if "norm" in n else DECAY} for n, p in named],
                                  betas=(0.9, 0.999), eps=1e-8)
    log = []
    for _ in range(STEPS):
        loss = loss_of(model)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        log.append([loss.item(), norm.item()])
        optimizer.step(); optimizer.zero_grad()
    with torch.no_grad():
        end = loss_of(model).item()
    if case in ("pattern", "dora"):
        save_file({k: v.detach().float().contiguous() for k, v in get_peft_model_state_dict(model).items()},
                  os.path.join(folder, f"tuners-{case}.safetensors"))
    out.append({"case": case, "params": common | params, "steps": log, "end": end, "trained": sum(p.numel() for _, p in named)})
    print(case, log[0], log[-1], end)
with open(os.path.join(folder, "tuners.json"), "w") as f:
    json.dump(out, f, indent=0)
