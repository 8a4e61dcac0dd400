"""What trl computes for GRPO: its loss with the derivative by every log-probability, its advantages, and twenty steps of it
on the tiny llama of trajectory.py with given answers, in float64.

usage: reinforcement.py FOLDER      (FOLDER holds tiny.gguf and start.safetensors, which trajectory.py made)

grpo.json: the cases of the objective, through GRPOTrainer._compute_loss itself; advantages; the trajectory.
"""
import json, os, sys
from collections import defaultdict
from types import SimpleNamespace
import numpy as np, torch
from gguf import GGUFReader
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import nanstd

folder = sys.argv[1]
f32 = lambda t: [float(np.float32(x)) for x in np.asarray(t, dtype=np.float64).ravel()]


def trainer_of(loss, ratio, beta, clip, clip_high, delta, max_tokens, tokens):
    """As much of a GRPOTrainer as its _compute_loss looks at; one process, one step, one micro-batch."""
    same = lambda x, **_: x
    args = SimpleNamespace(delta=delta or None, use_bias_correction_kl=False, steps_per_generation=1)
    return SimpleNamespace(
        args=args, loss_type=loss, importance_sampling_level=ratio, beta=beta, epsilon_low=clip, epsilon_high=clip_high or clip,
        max_completion_length=max_tokens, top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False,
        aux_loss_enabled=False, _entropy_bonus_enabled=False, current_gradient_accumulation_steps=1, tools=None,
        model=SimpleNamespace(training=True), _metrics={"train": defaultdict(list)},
        accelerator=SimpleNamespace(num_processes=1, gather=same, reduce=same, gather_for_metrics=same))


def grpo(logp, old, reference, advantages, mask, **settings):
    """The loss of trl's own code over (B, T) log-probabilities."""
    t = trainer_of(tokens=int(mask.sum()), **settings)
    t._get_per_token_logps_and_entropies = lambda *a, **k: (logp, torch.zeros_like(logp), None)
    ones = torch.ones_like(mask[:, :1])
    inputs = {"prompt_ids": ones, "prompt_mask": ones, "completion_ids": mask, "completion_mask": mask, "advantages": advantages,
              "ref_per_token_logps": reference, "num_items_in_batch": mask.sum()}
    if old is not None:
        inputs["old_per_token_logps"] = old
    return GRPOTrainer._compute_loss(t, t.model, inputs)


# ---- The objective. ----
torch.manual_seed(5)
lengths = [3, 7, 1, 5, 6, 2]
mask = torch.tensor([[1] * n + [0] * (max(lengths) - n) for n in lengths])
pick = mask.bool()
cases = []
base = dict(loss="dapo", ratio="token", beta=0.0, clip=0.2, clip_high=0.0, delta=0.0, max_tokens=9)
for change in [{}, {"loss": "grpo"}, {"loss": "dr_grpo"}, {"loss": "bnpo"}, {"beta": 0.04}, {"loss": "grpo", "beta": 0.5},
               {"clip_high": 0.28}, {"delta": 1.4, "clip_high": 0.28}, {"loss": "grpo", "ratio": "sequence", "beta": 0.1},
               {"loss": "grpo", "ratio": "sequence", "clip": 0.05}, {"old": False, "beta": 0.1}]:
    s = {**base, **change}
    has_old = s.pop("old", True)
    logp = (-6 * torch.rand(mask.shape)).float().double().requires_grad_()
    old = (logp.detach() + 0.4 * torch.randn(mask.shape)).float().double()
    reference = (logp.detach() + 0.7 * torch.randn(mask.shape)).float().double()
    advantages = torch.randn(len(lengths)).float().double()
    loss = grpo(logp, old if has_old else None, reference, advantages, mask, **s)
    loss.backward()
    cases.append({"params": s, "lengths": lengths, "logprob": f32(logp.detach()[pick]), "old": f32(old[pick]) if has_old else None,
                  "reference": f32(reference[pick]), "advantage": f32(advantages), "loss": loss.item(),
                  "derivative": logp.grad[pick].tolist()})

# ---- Advantages: the lines of GRPOTrainer._generate_and_score_completions, with its own deviation. ----
advantage_cases = []
for scale in ["group", "batch", "none"]:
    rewards = torch.randn(12, dtype=torch.float64)
    rewards[4:8] = 0.5
    groups = rewards.view(-1, 4)
    std = nanstd(groups, dim=1).repeat_interleave(4) if scale != "batch" else nanstd(rewards).expand_as(rewards)
    a = rewards - groups.nanmean(dim=1).repeat_interleave(4)
    if scale != "none":
        a = a / (std + 1e-4)
    advantage_cases.append({"scale": scale, "group": 4, "rewards": rewards.tolist(), "advantage": a.tolist()})

# ---- Twenty steps. ----
L, C, F, H, G, D = 2, 32, 48, 4, 2, 8
tensors = {t.name: torch.tensor(np.array(t.data)).reshape(*reversed([int(n) for n in t.shape])) for t in GGUFReader(os.path.join(folder, "tiny.gguf")).tensors}
vocab = tensors["token_embd.weight"].shape[0]
config = LlamaConfig(vocab_size=vocab, hidden_size=C, intermediate_size=F, num_hidden_layers=L, num_attention_heads=H,
                     num_key_value_heads=G, head_dim=D, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0,
                     tie_word_embeddings=True, attn_implementation="eager")


def plain(w, heads):
    """Rotary pairs apart again, as transformers has them."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).transpose(1, 2).reshape(w.shape)


state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"]}
for l in range(L):
    p, b = f"model.layers.{l}.", f"blk.{l}."
    state[p + "input_layernorm.weight"] = tensors[b + "attn_norm.weight"]
    state[p + "post_attention_layernorm.weight"] = tensors[b + "ffn_norm.weight"]
    state[p + "self_attn.q_proj.weight"] = plain(tensors[b + "attn_q.weight"], H)
    state[p + "self_attn.k_proj.weight"] = plain(tensors[b + "attn_k.weight"], G)
    state[p + "self_attn.v_proj.weight"] = tensors[b + "attn_v.weight"]
    state[p + "self_attn.o_proj.weight"] = tensors[b + "attn_output.weight"]
    for name in ["gate", "up", "down"]:
        state[p + f"mlp.{name}_proj.weight"] = tensors[b + f"ffn_{name}.weight"]
model = LlamaForCausalLM(config)
missing, unexpected = model.load_state_dict(state, strict=False)
assert missing == ["lm_head.weight"] and not unexpected, (missing, unexpected)
model.tie_weights()
model = get_peft_model(model.double(), LoraConfig(r=4, lora_alpha=12.0, target_modules="all-linear", task_type="CAUSAL_LM")).double()
set_peft_model_state_dict(model, {k: v.double() for k, v in load_file(os.path.join(folder, "start.safetensors")).items()})

prompts, answers = [5, 9, 4], [4, 6, 3, 7, 5, 2]
sequences = [torch.randint(3, vocab - 1, (prompts[i // 2] + n,)).tolist() for i, n in enumerate(answers)]
for i in range(1, 6, 2):  # two answers to each prompt
    sequences[i][:prompts[i // 2]] = sequences[i - 1][:prompts[i // 2]]
width = max(answers)
mask = torch.tensor([[1] * n + [0] * (width - n) for n in answers])


def logprobs():
    rows = []
    for i, ids in enumerate(sequences):
        logp = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        p, n = prompts[i // 2], answers[i]
        picked = logp[p - 1:p - 1 + n].gather(1, torch.tensor(ids[p:])[:, None])[:, 0]
        rows.append(torch.cat([picked, torch.zeros(width - n, dtype=torch.float64)]))
    return torch.stack(rows)


with torch.no_grad():
    old = logprobs()
    with model.disable_adapter():
        reference = logprobs()
advantages = torch.tensor([1.2, -0.7, 0.4, -1.1, -0.3, 0.9], dtype=torch.float64)
s = dict(loss="dapo", ratio="token", beta=0.1, clip=0.2, clip_high=0.0, delta=0.0, max_tokens=width)
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
log = []
for _ in range(20):
    loss = grpo(logprobs(), old, reference, advantages, mask, **s)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
    log.append({"loss": loss.item(), "grad_norm": norm.item()})
    optimizer.step(); optimizer.zero_grad()
out = {"objective": cases, "advantages": advantage_cases,
       "trajectory": {"params": s, "rank": 4, "alpha": 12.0, "learning_rate": 0.01, "sequences": sequences,
                      "prompts": [prompts[i // 2] for i in range(6)], "advantage": advantages.tolist(), "log": log}}
with open(os.path.join(folder, "grpo.json"), "w") as f:
    json.dump(out, f)
