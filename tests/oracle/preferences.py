"""Losses of preference objectives, and their derivatives by every log-probability, by trl's own trainers in float64.

usage: preferences.py FOLDER        (tests/train/data, where trajectory.py has left its model)

preferences.json: the answers' log-probabilities under policy and reference (all of them f32 values), token by token,
and for each objective and its parameters what trl makes of them. trl wants a model: it gets one that answers with the
log-probabilities at hand. Each sequence is one token of prompt and then the answer, so that ORPO's negative
log-likelihood, which trl takes over prompt and answer, is over the answer alone, as in the paper.

pairs.jsonl, judged.jsonl: datasets; preference_steps.json: the losses of twenty AdamW steps of LoRA with each objective.
"""
import json, os, sys
from collections import defaultdict
from types import SimpleNamespace as Space
import numpy as np, torch
import torch.nn.functional as F
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(5)
f32 = lambda a: a.astype(np.float32).astype(np.float64)
accelerator = Space(device=torch.device("cpu"), gather=lambda t: t, gather_for_metrics=lambda t: t)

LENGTHS = [[4, 1, 6, 3, 2], [3, 5, 2, 4, 1]]  # tokens of the chosen and of the rejected answers
B, T = 5, 6
mask = torch.tensor([[[t < n for t in range(T)] for n in row] for row in LENGTHS]).reshape(2 * B, T)
draw = lambda low, high: torch.tensor(f32(rng.uniform(low, high, (2 * B, T))))
policy, reference = draw(-5, -0.02), draw(-5, -0.02)
policy[2, :4], policy[7, :2] = draw(-60, -40)[0, :4], -0.001  # a pair far on the wrong side
policy[7, :2] = torch.tensor(f32(policy[7, :2].numpy()))
completion_mask = torch.cat([torch.zeros(2 * B, 1, dtype=torch.long), mask.long()], 1)  # [2B, 1+T]
ids = torch.zeros(2 * B, 1 + T, dtype=torch.long)


def outputs(logp):
    zeros = torch.zeros_like(logp)
    return Space(log_probs=logp * mask[: len(logp)], entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def dpo(lp, ref, *, loss="sigmoid", beta=0.1, label_smoothing=0.0, reference_free=False):
    if reference_free:  # trl dropped it; it means a reference that is even
        ref = torch.zeros_like(ref)
    chosen, rejected = (ref * mask).sum(1).chunk(2)
    if loss == "sigmoid" and label_smoothing > 0:  # trl's DPO has lost its smoothing, its CPO has kept it
        return cpo_loss("sigmoid", *((lp - ref) * mask).sum(1).chunk(2), beta, label_smoothing, 0.0).mean(), None
    me = Space(model=Space(training=True), accelerator=accelerator, aux_loss_enabled=False, ld_alpha=None, beta=beta,
               precompute_ref_logps=True, f_divergence_type="reverse_kl", loss_types=[loss], loss_weights=[1.0],
               label_smoothing=label_smoothing, use_weighting=False, _metrics={"train": defaultdict(list)},
               _total_train_tokens=0, _tp_size=1)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": completion_mask,
              "ref_chosen_logps": chosen, "ref_rejected_logps": rejected}
    value = DPOTrainer._compute_loss(me, lambda **k: outputs(lp), inputs, False)
    m = {k: v[0] for k, v in me._metrics["train"].items() if k.startswith("rewards/")}
    return value, [m["rewards/accuracies"], m["rewards/margins"], m["rewards/chosen"], m["rewards/rejected"]]


def cpo_loss(kind, chosen, rejected, beta, label_smoothing, gamma):
    me = Space(alpha=0.0, beta=beta, label_smoothing=label_smoothing, loss_type=kind, simpo_gamma=gamma, accelerator=accelerator)
    return CPOTrainer.cpo_loss(me, chosen, rejected)[0]


class Answers(torch.nn.Module):
    """Logits of two tokens, of which the first has the log-probability at hand: log_softmax gives it back."""

    def __init__(self, lp):
        super().__init__()
        self.lp = lp

    def forward(self, ids, **k):
        other = torch.log(-torch.expm1(self.lp))
        logits = torch.stack([self.lp, other], -1)
        return Space(logits=torch.cat([logits, torch.zeros(2 * B, 1, 2)], 1))


def without_reference(trainer, lp, **k):
    labels = ids.masked_fill(completion_mask == 0, -100)
    batch = {"concatenated_input_ids": ids, "concatenated_attention_mask": torch.cat([torch.ones(2 * B, 1, dtype=torch.long), mask.long()], 1),
             "concatenated_labels": labels}
    me = Space(concatenated_inputs=lambda *a, **k: batch, is_encoder_decoder=False, pad_token_id=0, padding_value=0,
               accelerator=accelerator, aux_loss_enabled=False, get_batch_logps=trainer.get_batch_logps, **k)
    me.concatenated_forward = lambda *a: trainer.concatenated_forward(me, *a)
    me.cpo_loss = lambda *a: trainer.cpo_loss(me, *a)
    me.odds_ratio_loss = lambda *a: trainer.odds_ratio_loss(me, *a)
    loss, m = trainer.get_batch_loss_metrics(me, Answers(lp), {"chosen_labels": labels[:B]})
    figures = [m[k] for k in ("rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected", "nll_loss")]
    if trainer is CPOTrainer and k["cpo_alpha"] == 0:  # trl leaves the likelihood out then
        figures.pop()
    return loss, figures + ([m["log_odds_chosen"]] if "log_odds_chosen" in m else [])


def cpo(lp, ref, *, beta=0.1, nll_weight=1.0, label_smoothing=0.0):
    return without_reference(CPOTrainer, lp, alpha=0.0, beta=beta, loss_type="sigmoid", cpo_alpha=nll_weight, simpo_gamma=0.0,
                             label_smoothing=label_smoothing)


def simpo(lp, ref, *, beta=2.0, gamma=1.0, nll_weight=0.0, label_smoothing=0.0):
    return without_reference(CPOTrainer, lp, alpha=0.0, beta=beta, loss_type="simpo", cpo_alpha=nll_weight, simpo_gamma=gamma,
                             label_smoothing=label_smoothing)


def orpo(lp, ref, *, beta=0.1):
    float_, torch.Tensor.float = torch.Tensor.float, torch.Tensor.double  # trl casts to f32 in the middle
    try:
        return without_reference(ORPOTrainer, lp, beta=beta)
    finally:
        torch.Tensor.float = float_


DESIRABLE = torch.tensor([True, False, True, True, False, False, True, False, True, True])


def kto(lp, ref, *, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0, kl_shift=0.0):
    """The 2B answers are one by one desirable or not; their mismatched ones are drawn as well."""
    mismatched = mismatched_reference + kl_shift if kl_shift else mismatched_policy
    me = Space(model=Space(training=True), accelerator=accelerator, aux_loss_enabled=False, beta=beta, calculate_KL=True,
               precompute_ref_logps=True, loss_type="kto", desirable_weight=desirable_weight,
               undesirable_weight=undesirable_weight, _metrics={"train": defaultdict(list)}, _total_train_tokens=0, _tp_size=1)
    me._compute_kl_logps = lambda model, batch: (mismatched * mask).sum(1)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": completion_mask,
              "label": DESIRABLE, "ref_logps": (ref * mask).sum(1), "ref_KL_logps": (mismatched_reference * mask).sum(1)}
    value = KTOTrainer._compute_loss(me, lambda **k: outputs(lp), inputs, False)
    m = {k: v[0] for k, v in me._metrics["train"].items()}
    return value, [m["kl"], m["rewards/chosen"], m["rewards/rejected"]]


mismatched_policy, mismatched_reference = draw(-4, -0.02), draw(-5, -0.02)
CASES = [("dpo", p) for p in (
    {}, {"beta": 0.5}, {"label_smoothing": 0.1}, {"reference_free": True}, {"loss": "hinge"}, {"loss": "hinge", "beta": 1.0},
    {"loss": "ipo"}, {"loss": "ipo", "beta": 0.4}, {"loss": "robust", "label_smoothing": 0.2}, {"loss": "sigmoid_norm", "beta": 2.0})]
CASES += [("cpo", p) for p in ({}, {"label_smoothing": 0.1, "beta": 0.3}, {"nll_weight": 0.0}, {"nll_weight": 0.25})]
CASES += [("simpo", p) for p in ({}, {"gamma": 0.5, "beta": 2.5}, {"label_smoothing": 0.1}, {"nll_weight": 0.5})]
CASES += [("orpo", p) for p in ({}, {"beta": 1.0})]
CASES += [("kto", p) for p in ({}, {"beta": 0.3, "desirable_weight": 1.5, "undesirable_weight": 0.75}, {"kl_shift": -0.5})]


def flat(t):
    return [float(t[s, k]) for s in range(2 * B) for k in range(T) if mask[s, k]]


def losses(folder):
    out = {"lengths": LENGTHS, "desirable": DESIRABLE.tolist(), "policy": flat(policy), "reference": flat(reference),
           "mismatched_policy": flat(mismatched_policy), "mismatched_reference": flat(mismatched_reference), "cases": []}
    for name, params in CASES:
        lp = policy.clone().requires_grad_(True)
        loss, figures = globals()[name](lp, reference, **params)
        loss.backward()
        out["cases"].append({"objective": name, "params": {k: v for k, v in params.items() if k != "kl_shift"},
                             "kl_shift": params.get("kl_shift", 0.0), "loss": loss.item(), "derivative": flat(lp.grad), "figures": figures})
        print(name, params, loss.item(), figures)
    with open(os.path.join(folder, "preferences.json"), "w") as f:
        f.write(json.dumps(out).replace("}, {\"objective", "},\n{\"objective"))


# ---- Twenty steps of each on the tiny model of trajectory.py, with those losses. ----

STEPS, WINDOW, SEED = 20, 4, 3
METHODS = {"dpo": {"beta": 0.3}, "cpo": {"beta": 0.2, "nll_weight": 0.5}, "simpo": {"beta": 2.0, "gamma": 0.5}, "orpo": {"beta": 0.5},
           "kto": {"beta": 0.3, "desirable_weight": 1.25, "undesirable_weight": 0.75}}
PAIRS = [("2+2", "4", "5, I think"), ("capital of France?", "Paris", "Lyon"), ("say hi", "hi there", "no"), ("x", "y" * 20, "z" * 9),
         ("naïve", "für ✓", "fur"), ("list", "a, b, c", "a b"), ("", "empty question", "?"), ("two", "turns of it", "turn")]
JUDGED = [("2+2", "4", True), ("capital of France?", "Lyon", False), ("say hi", "hi there", True), ("x", "z" * 9, False),
          ("naïve", "für ✓", True), ("list", "a b", False), ("", "empty question", True), ("two", "turn", False)]


def tiny(folder):
    """The model of tiny.gguf in torch, its adapter as in start.safetensors."""
    from gguf import GGUFReader
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import LlamaConfig, LlamaForCausalLM
    tensors = {t.name: torch.tensor(np.array(t.data)).double() for t in GGUFReader(os.path.join(folder, "tiny.gguf")).tensors}
    heads = {"attn_q": 4, "attn_k": 2}
    vocab, width = tensors["token_embd.weight"].shape
    model = LlamaForCausalLM(LlamaConfig(vocab_size=vocab, hidden_size=width, intermediate_size=48, num_hidden_layers=2,
                                         num_attention_heads=4, num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5,
                                         rope_theta=10000.0, tie_word_embeddings=True, attn_implementation="eager"))
    names = {"token_embd": "embed_tokens", "output_norm": "norm", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state = {}
    for name, w in tensors.items():
        parts = name.split(".")
        if parts[-2] in heads:  # the two members of a rotary pair apart again
            h = heads[parts[-2]]
            w = w.reshape(h, w.shape[0] // h // 2, 2, w.shape[1]).transpose(1, 2).reshape(w.shape)
        layer = f"layers.{parts[1]}." if parts[0] == "blk" else ""
        state[f"model.{layer}{names[parts[-2]]}.weight"] = w
    model.load_state_dict(state | {"lm_head.weight": state["model.embed_tokens.weight"]})
    model = get_peft_model(model.double(), LoraConfig(r=4, lora_alpha=12.0, target_modules="all-linear", task_type="CAUSAL_LM"))
    set_peft_model_state_dict(model, load_file(os.path.join(folder, "start.safetensors")))
    return model.double()


def encode(prompt, answer):
    """Ids of the prompt and of the answer; all of the answer is learned but the line end after it."""
    text = lambda t: [3 + b for b in t.encode()]
    turn = lambda role, t: [1] + text(role + "\n") + text(t) + [2] + text("\n")
    head = [1] + text("assistant\n")
    return turn("system", "s") + turn("user", prompt) + head, text(answer) + [2]


def answers(model, sequences):
    """Log-probabilities of the answers' tokens, [S, longest]."""
    rows = []
    for prompt, answer in sequences:
        logp = model(input_ids=torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
        got = logp[len(prompt) - 1:-1].gather(1, torch.tensor(answer)[:, None])[:, 0]
        rows.append(F.pad(got, (0, T - len(answer)), value=-1.0))
    return torch.stack(rows)


def reshape(sequences):
    """The globals that the objectives above look at, for another window."""
    global B, T, mask, ids, completion_mask
    B, T = len(sequences) // 2, max(len(a) for _, a in sequences)
    mask = torch.tensor([[t < len(a) for t in range(T)] for _, a in sequences])
    ids = torch.zeros(2 * B, 1 + T, dtype=torch.long)
    completion_mask = torch.cat([torch.zeros(2 * B, 1, dtype=torch.long), mask.long()], 1)


def trajectory(folder, name):
    global DESIRABLE, mismatched_policy, mismatched_reference
    from random_vectors import permutation
    model, log = tiny(folder), []
    rows = JUDGED if name == "kto" else PAIRS
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.005, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    for step in range(STEPS):
        epoch, first = divmod(step * WINDOW, len(rows))
        window = [rows[i] for i in permutation(SEED, 1, epoch, len(rows))[first:first + WINDOW]]
        if name == "kto":
            sequences = [encode(p, a) for p, a, _ in window]
            DESIRABLE = torch.tensor([good for _, _, good in window])
            mismatched = [(sequences[i][0], sequences[i - 1][1]) for i in range(WINDOW)]
        else:
            sequences = [encode(p, a) for p, a, _ in window] + [encode(p, b) for p, _, b in window]
        reshape(sequences)
        with torch.no_grad(), model.disable_adapter():
            reference = answers(model, sequences)
        if name == "kto":
            # The mask of the mismatched answers is that of the others moved on by one: so they are put in the same order.
            back = mismatched[1:] + mismatched[:1]
            with torch.no_grad():
                mismatched_policy = answers(model, back)
                with model.disable_adapter():
                    mismatched_reference = answers(model, back)
        loss = globals()[name](answers(model, sequences), reference, **METHODS[name])[0]
        loss.backward()
        optimizer.step(); optimizer.zero_grad()
        log.append(loss.item())
    return log


def trajectories(folder):
    message = lambda role, t: {"role": role, "content": t}
    prompt = lambda p: [message("system", "s"), message("user", p)]
    with open(os.path.join(folder, "pairs.jsonl"), "w") as f:
        for i, (p, a, b) in enumerate(PAIRS):
            f.write(json.dumps({"id": f"p{i}", "messages": prompt(p), "chosen": [message("assistant", a)],
                                "rejected": [message("assistant", b)]}, ensure_ascii=False) + "\n")
    with open(os.path.join(folder, "judged.jsonl"), "w") as f:
        for i, (p, a, good) in enumerate(JUDGED):
            f.write(json.dumps({"id": f"j{i}", "messages": prompt(p), "chosen" if good else "rejected": [message("assistant", a)]},
                               ensure_ascii=False) + "\n")
    out = {"seed": SEED, "learning_rate": 0.005, "steps": STEPS, "window": WINDOW, "methods": {}}
    for name, params in METHODS.items():
        out["methods"][name] = {"params": params, "loss": trajectory(folder, name)}
        print(name, out["methods"][name]["loss"])
    with open(os.path.join(folder, "preference_steps.json"), "w") as f:
        json.dump(out, f, indent=1)


if __name__ == "__main__":
    losses(sys.argv[1])
    trajectories(sys.argv[1])
