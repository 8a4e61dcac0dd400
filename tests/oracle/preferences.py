"""Losses of preference objectives, and their derivatives by every log-probability, by trl's own trainers in float64.

usage: preferences.py FOLDER

preferences.json: the answers' log-probabilities under policy and reference (all of them f32 values), token by token,
and for each objective and its parameters what trl makes of them. trl wants a model: it gets one that answers with the
log-probabilities at hand. Each sequence is one token of prompt and then the answer, so that ORPO's negative
log-likelihood, which trl takes over prompt and answer, is over the answer alone, as in the paper.
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


def kto(lp, ref, *, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0, kl="policy"):
    """The 2B answers are one by one desirable or not; their mismatched ones are drawn as well."""
    mismatched = mismatched_policy if kl == "policy" else mismatched_reference - 0.5
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
CASES += [("kto", p) for p in ({}, {"beta": 0.3, "desirable_weight": 1.5, "undesirable_weight": 0.75}, {"kl": "negative"})]


def flat(t):
    return [float(t[s, k]) for s in range(2 * B) for k in range(T) if mask[s, k]]


def losses(folder):
    out = {"lengths": LENGTHS, "desirable": DESIRABLE.tolist(), "policy": flat(policy), "reference": flat(reference),
           "mismatched_policy": flat(mismatched_policy), "mismatched_reference": flat(mismatched_reference), "cases": []}
    for name, params in CASES:
        lp = policy.clone().requires_grad_(True)
        loss, figures = globals()[name](lp, reference, **params)
        loss.backward()
        out["cases"].append({"objective": name, "params": params, "loss": loss.item(), "derivative": flat(lp.grad), "figures": figures})
        print(name, params, loss.item(), figures)
    with open(os.path.join(folder, "preferences.json"), "w") as f:
        f.write(json.dumps(out).replace("}, {\"objective", "},\n{\"objective"))


if __name__ == "__main__":
    losses(sys.argv[1])
