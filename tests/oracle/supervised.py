# SPDX-License-Identifier: Apache-2.0
"""Twenty steps of each supervised method on the tiny llama of trajectory.py, by transformers, peft and torch, in float64.

usage: supervised.py FOLDER   (tests/train/data, which holds tiny.gguf and start.safetensors)

supervised/chat.jsonl: conversations. supervised/NAME.json: the stage's parameters, and loss, rate and gradient norm of
each step. The order of rows and NEFTune's uniform numbers are those of random_vectors.py; which scale the noise has, and
where it is added, is transformers' own hook.
"""
import json, math, os, sys
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, get_scheduler
from transformers.integrations.neftune import neftune_post_forward_hook
from random_vectors import block, permutation, philox

folder = sys.argv[1]
out = os.path.join(folder, "supervised")
os.makedirs(out, exist_ok=True)
SHUFFLE, NOISE = 1, 7
START, END = 1, 2
COMMON = {"rank": 4, "alpha": 12, "learning_rate": 0.02, "schedule": "cosine", "warmup": 2, "weight_decay": 0.1,
          "max_grad_norm": 1, "seed": 5, "max_steps": 20}


def text(s):
    return [3 + b for b in s.encode()]


def chat(messages, weigh):
    """Ids, and the weight of predicting each."""
    ids, weights = [], []
    for m, w in zip(messages, weigh):
        head, body = [START] + text(m["role"] + "\n"), text(m["content"]) + [END]
        ids += head + body + text("\n")
        weights += [0.0] * len(head) + [w] * len(body) + [0.0]
    return ids, weights


def model():
    net = AutoModelForCausalLM.from_pretrained(folder, gguf_file="tiny.gguf", dtype=torch.float32,
                                               attn_implementation="eager").double()
    net = get_peft_model(net, LoraConfig(r=COMMON["rank"], lora_alpha=COMMON["alpha"], target_modules="all-linear",
                                         task_type="CAUSAL_LM")).double()
    done = set_peft_model_state_dict(net, load_file(os.path.join(folder, "start.safetensors")))
    assert not done.unexpected_keys
    return net.train()


class Noise:
    """transformers' hook with uniform numbers of our own: those of one example, from its first token on."""

    def __init__(self, net, alpha):
        self.embedding = net.get_input_embeddings()
        self.embedding.neftune_noise_alpha = alpha
        self.embedding.register_forward_hook(self.hook)

    def example(self, seed, number):
        self.key = block(seed, NOISE, number)[0]
        self.at = 0

    def hook(self, module, args, output):
        values = []
        while len(values) < output.numel() + 3:
            b = (self.at + len(values)) // 4
            words = philox([b & 0xFFFFFFFF, b >> 32, NOISE, 0], [self.key & 0xFFFFFFFF, self.key >> 32])
            values += words
        skip = self.at % 4
        unit = torch.tensor(values[skip:skip + output.numel()], dtype=torch.float64) / 2**32
        self.at += output.numel()
        uniform = torch.Tensor.uniform_
        torch.Tensor.uniform_ = lambda t, low, high: t.copy_(low + (high - low) * unit.reshape(t.shape))
        try:
            return neftune_post_forward_hook(module, args, output)
        finally:
            torch.Tensor.uniform_ = uniform


def train(name, params, examples, alpha=0.0):
    """examples: lists of sequences (ids, weights)."""
    net = model()
    noise = Noise(net, alpha) if alpha else None
    window = params["batch_size"] * params["accumulate"]
    per_epoch = math.ceil(len(examples) / window)
    steps = params["max_steps"]
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=params["learning_rate"], betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=params["weight_decay"])
    scheduler = get_scheduler(params["schedule"], optimizer, params["warmup"], steps)
    log = []
    for step in range(steps):
        epoch, first = divmod(step, per_epoch)
        taken = permutation(params["seed"], SHUFFLE, epoch, len(examples))[first * window:(first + 1) * window]
        total, weight = 0, 0
        for number, i in enumerate(taken):
            if noise:
                noise.example(params["seed"], step * window + number)
            for ids, ws in examples[i]:
                logp = net(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
                ws = torch.tensor(ws[1:], dtype=torch.float64)
                total = total - (ws * logp[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]).sum()
                weight += ws.sum()
        loss = total / weight
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, params["max_grad_norm"])
        log.append({"loss": loss.item(), "lr": optimizer.param_groups[0]["lr"], "grad_norm": norm.item()})
        optimizer.step(); scheduler.step(); optimizer.zero_grad()
    print(name, len(log), "steps, loss", log[0]["loss"], "to", log[-1]["loss"])
    with open(os.path.join(out, name + ".json"), "w") as f:
        json.dump({"params": params, "log": log}, f, indent=1)


# ---- instruct ----
turn = lambda role, content, **k: {"role": role, "content": content, **k}
system = turn("system", "s")
ROWS = [
    [system, turn("user", "2+2?"), turn("assistant", "4"), turn("user", "and 3+3?"), turn("assistant", "6")],
    [system, turn("user", "hi"), turn("assistant", "hello", weight=0.5), turn("user", "who?"), turn("assistant", "me")],
    [system, turn("user", "say no"), turn("assistant", "no"), turn("user", "again"), turn("assistant", "no", weight=0),
     turn("user", "more"), turn("assistant", "never")],
    [system, turn("user", "für ✓?"), turn("assistant", "naïve", weight=2)],
    [system, turn("user", "list"), turn("assistant", "a, b"), turn("user", "rest"), turn("assistant", "c")],
    [system, turn("user", "x" * 30, weight=0.25), turn("assistant", "y")],
]
with open(os.path.join(out, "chat.jsonl"), "w") as f:
    for i, r in enumerate(ROWS):
        f.write(json.dumps({"id": f"c{i}", "messages": r}, ensure_ascii=False) + "\n")


def weigh(row, roles, last):
    """The weights that docs/methods.md promises."""
    result = []
    for m in row:
        w = m.get("weight", 1.0 if m["role"] == "assistant" else 0.0)
        if roles and m["role"] not in roles:
            w = 0.0
        elif roles and w == 0 and m["role"] != "assistant":
            w = 1.0
        result.append(w)
    if last:
        keep = max(i for i, w in enumerate(result) if w > 0)
        result = [w if i == keep else 0.0 for i, w in enumerate(result)]
    return result


instruct = {**COMMON, "batch_size": 2, "accumulate": 2}
rows = lambda roles, last: [[chat(r, weigh(r, roles, last))] for r in ROWS]
train("instruct", {**instruct, "neftune_alpha": 5}, rows([], False), alpha=5)
train("instruct_last", {**instruct, "turns": "last"}, rows([], True))
train("instruct_roles", {**instruct, "train_on": ["assistant", "user"]}, rows(["assistant", "user"], False))


# ---- pretrain ----
DOCUMENTS = ["The cat sat on the mat.", "für ✓", "a" * 70, "", "One two three four five six seven.", "?", "x = y + z;" * 3]
GENERAL = ["general " * 4, "Some other text, longer than the others are.", "short", "and the last of them"]
for name, texts in (("documents", DOCUMENTS), ("general", GENERAL)):
    with open(os.path.join(out, name + ".jsonl"), "w") as f:
        for i, t in enumerate(texts):
            f.write(json.dumps({"id": f"{name}{i}", "messages": [{"role": "text", "content": t}]}, ensure_ascii=False) + "\n")


def blocks(documents, limit):
    """Every place of the stream between documents that predicts, in blocks of `limit` tokens: as docs/methods.md says."""
    made, block_ = [], []
    room = lambda: limit - sum(len(ids) for ids, _ in block_)
    for ids in documents:
        at = 0
        while at < len(ids) - 1:
            if room() < 2:
                made.append(block_)
                block_ = []
            piece = ids[at:at + room()]
            block_ = block_ + [(piece, [0.0] + [1.0] * (len(piece) - 1))]
            at += len(piece) - 1
    return made + [block_] if block_ else made


END_OF_TEXT = 0
encoded = lambda texts: [text(t) + [END_OF_TEXT] for t in texts if t]
pretrain = {**COMMON, "max_length": 32, "batch_size": 3, "accumulate": 1}
own = blocks(encoded(DOCUMENTS), 32)
share, tokens = 0.3, sum(len(d) for d in encoded(DOCUMENTS))
wanted = int(tokens * share / (1 - share) + 0.5)
chosen = []
for i in permutation(COMMON["seed"], SHUFFLE, 2**64 - 1, len(GENERAL)):
    left = wanted - sum(map(len, chosen))
    if left >= 2:
        chosen.append(encoded([GENERAL[i]])[0][:left])
replayed = own + blocks(chosen, 32)
print(len(own), "blocks,", len(replayed), "with replay;", tokens, "tokens and", sum(map(len, chosen)), "of", wanted)
train("pretrain", pretrain, own)
train("pretrain_replay", {**pretrain, "replay": share}, replayed)


# ---- distill ----
# The base is the teacher; the student begins with an adapter that has moved from it.
TOP, T, HARD = 6, 2.0, 0.3
with torch.no_grad():
    base = AutoModelForCausalLM.from_pretrained(folder, gguf_file="tiny.gguf", dtype=torch.float32,
                                                attn_implementation="eager").double().eval()


def distill_loss(logp_hard, logp_soft, logq):
    """(hard, soft) of each place, from log p of the target, log p at T [.., k] and the teacher's log q [.., k]."""
    q, p = logq.exp(), logp_soft.exp()
    q_rest, p_rest = 1 - q.sum(-1), 1 - p.sum(-1)
    return -logp_hard, (q * (logq - logp_soft)).sum(-1) + q_rest * (q_rest.log() - p_rest.log())


def train_distill(name, params):
    net = model()
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=params["learning_rate"], weight_decay=params["weight_decay"])
    scheduler = get_scheduler(params["schedule"], optimizer, params["warmup"], params["max_steps"])
    examples = [chat(r, weigh(r, [], False)) for r in ROWS]
    window, log = params["batch_size"] * params["accumulate"], []
    per_epoch = math.ceil(len(examples) / window)
    for step in range(params["max_steps"]):
        epoch, first = divmod(step, per_epoch)
        total, weight = 0, 0
        for i in permutation(params["seed"], SHUFFLE, epoch, len(examples))[first * window:(first + 1) * window]:
            ids, ws = torch.tensor([examples[i][0]]), torch.tensor(examples[i][1][1:], dtype=torch.float64)
            z, teacher = net(input_ids=ids).logits[0, :-1], base(input_ids=ids).logits[0, :-1].detach()
            logq, best = (teacher / T).log_softmax(-1).topk(TOP)
            hard, soft = distill_loss(z.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0],
                                      (z / T).log_softmax(-1).gather(1, best), logq)
            total = total + (ws * (HARD * hard + (1 - HARD) * T * T * soft)).sum()
            weight += ws.sum()
        loss = total / weight
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, params["max_grad_norm"])
        log.append({"loss": loss.item(), "lr": optimizer.param_groups[0]["lr"], "grad_norm": norm.item()})
        optimizer.step(); scheduler.step(); optimizer.zero_grad()
    print(name, len(log), "steps, loss", log[0]["loss"], "to", log[-1]["loss"])
    with open(os.path.join(out, name + ".json"), "w") as f:
        json.dump({"params": params, "log": log}, f, indent=1)


train_distill("distill", {**instruct, "hard_weight": HARD})

# The objective by itself: fixed log-probabilities, and autograd's derivatives by each.
g = torch.Generator().manual_seed(3)
K, V = 12, 40
student = (2 * torch.randn(K, V, generator=g, dtype=torch.float64)).log_softmax(-1)
teacher = (2 * torch.randn(K, V, generator=g, dtype=torch.float64)).log_softmax(-1)
logq, best = teacher.topk(TOP)
leaf = lambda t: t.float().double().clone().requires_grad_()
hard_p, soft_p, logq = leaf(2 * torch.randn(K, generator=g).double() - 4), leaf(student.gather(1, best)), logq.float().double()
w = (0.1 + torch.rand(K, generator=g)).double()
hard, soft = distill_loss(hard_p, soft_p, logq)
loss = (w * (HARD * hard + (1 - HARD) * T * T * soft)).sum() / w.sum()
loss.backward()
flat = lambda t: t.detach().reshape(-1).tolist()
with open(os.path.join(out, "distill_loss.json"), "w") as f:
    json.dump({"hard_weight": HARD, "temperature": T, "candidates": TOP, "weight": flat(w), "logprob": flat(hard_p),
               "candidate_logprob": flat(soft_p), "teacher": flat(logq), "loss": loss.item(),
               "divergence": ((w * soft).sum() / w.sum()).item(), "derivative": flat(hard_p.grad),
               "candidate_derivative": flat(soft_p.grad)}, f, indent=1)
