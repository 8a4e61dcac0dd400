# SPDX-License-Identifier: Apache-2.0
"""Does peft (transformers, for a model) load what Hone's tuners wrote, and is it the model that Hone trained?

usage: tuners_load.py DATA CASE=FOLDER...    (DATA: tests/train/data; FOLDER: the result of that case of tuners.json)

Prints the loss on rows.jsonl with the loaded result beside the one after the reference's last step.
"""
import json, os, sys
import numpy as np, torch
from gguf import GGUFReader
from peft import PeftModel
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

data = sys.argv[1]
H, G = 4, 2
LINEAR = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
          "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
          "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}


def plain(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def base():
    state = {}
    for t in GGUFReader(os.path.join(data, "tuners.gguf")).tensors:
        w = np.array(t.data, dtype=np.float32)
        parts = t.name.split(".")
        if parts[0] == "blk":
            w = plain(w, H) if parts[2] == "attn_q" else plain(w, G) if parts[2] == "attn_k" else w
            state[f"model.layers.{parts[1]}.{LINEAR[parts[2]]}.weight"] = torch.tensor(w)
        else:
            state["model.embed_tokens.weight" if parts[0] == "token_embd" else "model.norm.weight"] = torch.tensor(w)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    config = LlamaConfig(vocab_size=len(state["lm_head.weight"]), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                         num_attention_heads=H, num_key_value_heads=G, head_dim=16, max_position_embeddings=256,
                         rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True, attn_implementation="eager")
    model = LlamaForCausalLM(config)
    model.load_state_dict(state)
    return model


def encode(messages):
    text = lambda s: [3 + b for b in s.encode()]
    ids, weights = [], []
    for m in messages:
        w = m.get("weight", 1.0 if m["role"] == "assistant" else 0.0)
        head, body = [1] + text(m["role"] + "\n"), text(m["content"]) + [2]
        ids += head + body + text("\n")
        weights += [0.0] * len(head) + [w] * len(body) + [0.0]
    return ids, weights


rows = [encode(json.loads(line)["messages"]) for line in open(os.path.join(data, "rows.jsonl"))]
ends = {c["case"]: c["end"] for c in json.load(open(os.path.join(data, "tuners.json")))}
worst = 0
for argument in sys.argv[2:]:
    case, folder = argument.split("=", 1)
    if os.path.exists(os.path.join(folder, "adapter_config.json")):
        model = PeftModel.from_pretrained(base(), folder)
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager")
    model = model.double().eval()
    total = weight = 0
    with torch.no_grad():
        for ids, ws in rows:
            logp = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
            ws = torch.tensor(ws[1:], dtype=torch.float64)
            total -= (ws * logp[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]).sum().item()
            weight += ws.sum().item()
    print(f"{case}: loss {total / weight:.7f}, the reference's {ends[case]:.7f}")
    worst = max(worst, abs(total / weight - ends[case]))
sys.exit(not worst <= 1e-4)
