"""A tiny random llama and ten steps of LoRA on it by transformers, peft and torch.optim.AdamW, in float64.

usage: trajectory.py FOLDER

tiny.gguf: the model, f32, with a tokenizer of bytes (no merge ever applies) and SmolLM2's chat template.
rows.jsonl: the dataset. start.safetensors, end.safetensors: the adapter before and after, in PEFT's names.
trajectory.json: the settings, and loss, rate and gradient norm of each step.
"""
import json, os, sys
import numpy as np, torch
from gguf import GGUFWriter
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, get_scheduler

folder = sys.argv[1]
torch.manual_seed(8)
L, C, F, H, G, D = 2, 32, 48, 4, 2, 8
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

# ---- Tokenizer: 3 special tokens, then one token for each byte, and one merge that never applies. ----
kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
others = [b for b in range(256) if b not in kept]
letter = {b: chr(b) for b in kept} | {b: chr(256 + i) for i, b in enumerate(others)}
tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [letter[b] for b in range(256)] + [letter[255] * 2]
START, END = 1, 2


def text(s):
    return [3 + b for b in s.encode()]


def encode(messages):
    ids, weights = [], []
    for m in messages:
        w = m.get("weight", 1.0 if m["role"] == "assistant" else 0.0)
        head, body = [START] + text(m["role"] + "\n"), text(m["content"]) + [END]
        ids += head + body + text("\n")
        weights += [0.0] * len(head) + [w] * len(body) + [0.0]
    return ids, weights


# ---- Model. ----
config = LlamaConfig(vocab_size=len(tokens), hidden_size=C, intermediate_size=F, num_hidden_layers=L, num_attention_heads=H,
                     num_key_value_heads=G, head_dim=D, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0,
                     tie_word_embeddings=True, attn_implementation="eager")
model = LlamaForCausalLM(config)
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.dim() == 1:
            p.copy_(1 + 0.2 * torch.randn_like(p))
        else:
            p.normal_(0, 0.25)


def paired(w, heads):
    """Rows as the converter to GGUF stores them: the two members of a rotary pair side by side."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).transpose(1, 2).reshape(w.shape)


w = GGUFWriter(os.path.join(folder, "tiny.gguf"), "llama")
w.add_name("tiny")
w.add_context_length(256); w.add_embedding_length(C); w.add_block_count(L); w.add_feed_forward_length(F)
w.add_head_count(H); w.add_head_count_kv(G); w.add_rope_dimension_count(D); w.add_layer_norm_rms_eps(1e-5)
w.add_rope_freq_base(10000.0); w.add_vocab_size(len(tokens))
w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("smollm"); w.add_token_list(tokens)
w.add_token_types([3] * 3 + [1] * (len(tokens) - 3)); w.add_token_merges([letter[255] + " " + letter[255]])
w.add_bos_token_id(1); w.add_eos_token_id(2); w.add_chat_template(TEMPLATE)
sd = {k: v.detach().float() for k, v in model.state_dict().items()}
put = lambda name, t: w.add_tensor(name, np.ascontiguousarray(t.numpy()))
put("token_embd.weight", sd["model.embed_tokens.weight"])
put("output_norm.weight", sd["model.norm.weight"])
for l in range(L):
    p, b = f"model.layers.{l}.", f"blk.{l}."
    put(b + "attn_norm.weight", sd[p + "input_layernorm.weight"])
    put(b + "ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
    put(b + "attn_q.weight", paired(sd[p + "self_attn.q_proj.weight"], H))
    put(b + "attn_k.weight", paired(sd[p + "self_attn.k_proj.weight"], G))
    put(b + "attn_v.weight", sd[p + "self_attn.v_proj.weight"])
    put(b + "attn_output.weight", sd[p + "self_attn.o_proj.weight"])
    for ours, theirs in (("gate", "gate"), ("up", "up"), ("down", "down")):
        put(b + f"ffn_{ours}.weight", sd[p + f"mlp.{theirs}_proj.weight"])
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()

# ---- Rows of several lengths and weights; one has two turns. ----
short = lambda q, a, **k: {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": q},
                                        {"role": "assistant", "content": a, **k}]}
rows = [short("2+2", "4"), short("capital of France?", "Paris"), short("say hi", "hi there", weight=0.5), short("x", "y" * 30),
        short("naïve", "für ✓"), short("list", "a, b, c", weight=2), short("", "empty question"), short("two", "turns")]
rows[7]["messages"] += [{"role": "user", "content": "more"}, {"role": "assistant", "content": "again"}]
with open(os.path.join(folder, "rows.jsonl"), "w") as f:
    for i, r in enumerate(rows):
        f.write(json.dumps({"id": f"r{i}", **r}, ensure_ascii=False) + "\n")

# ---- Ten steps; one step is all eight rows. ----
s = {"rank": 4, "alpha": 12.0, "learning_rate": 0.02, "schedule": "cosine", "warmup": 2, "weight_decay": 0.1,
     "max_grad_norm": 1.0, "steps": 10}
model = get_peft_model(model.double(), LoraConfig(r=s["rank"], lora_alpha=s["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"))
with torch.no_grad():
    for name, p in model.named_parameters():
        if "lora_" in name:  # f32 values, so that the start is the same on both sides
            p.copy_((torch.randn(p.shape) * (0.2 if "lora_A" in name else 0.05)).float().double())
model = model.double()
adapter = lambda: {k: v.detach().float().contiguous() for k, v in get_peft_model_state_dict(model).items()}
save_file(adapter(), os.path.join(folder, "start.safetensors"))
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=s["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=s["weight_decay"])
scheduler = get_scheduler(s["schedule"], optimizer, s["warmup"], s["steps"])
s["log"] = []
for _ in range(s["steps"]):
    total, weight = 0, 0
    for r in rows:
        ids, ws = encode(r["messages"])
        logp = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        ws = torch.tensor(ws[1:], dtype=torch.float64)
        total = total - (ws * logp[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]).sum()
        weight += ws.sum()
    loss = total / weight
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, s["max_grad_norm"])
    s["log"].append({"loss": loss.item(), "lr": optimizer.param_groups[0]["lr"], "grad_norm": norm.item()})
    optimizer.step(); scheduler.step(); optimizer.zero_grad()
save_file(adapter(), os.path.join(folder, "end.safetensors"))
with open(os.path.join(folder, "trajectory.json"), "w") as f:
    json.dump(s, f, indent=1)
