"""Learning rates of transformers' schedules, as JSON lines. usage: schedules.py > tests/train/data/schedules.jsonl

One line a case: schedule, warmup as Hone writes it, total, base rate, the rate of each step; for wsd the decay and its
shape as well.
"""
import json, math, tempfile
import torch
from transformers import TrainingArguments, get_scheduler, get_wsd_schedule



def rates_of(optimizer, scheduler, total):
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


NAMES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
for name in NAMES:
    for warmup, total in ((0, 7), (0.03, 100), (0.03, 1), (0.1, 33), (0.5, 9), (5, 40), (1, 3), (12, 10)):
        args = TrainingArguments(output_dir=tempfile.gettempdir(), use_cpu=True, warmup_steps=warmup)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2e-4)
        scheduler = get_scheduler(NAMES[name], optimizer, args.get_warmup_steps(total), total)
        rates = rates_of(optimizer, scheduler, total)
        print(json.dumps({"schedule": name, "warmup": warmup, "total": total, "base": 2e-4, "rates": rates}))

for shape in ("cosine", "linear", "1-sqrt"):
    for warmup, decay, total in ((0, 0.1, 40), (0.03, 0.2, 100), (5, 10, 40), (0.5, 0.5, 9), (0.1, 0, 12), (2, 3, 5),
                                 (0, 7, 7)):
        steps = [math.ceil(total * x) if x < 1 else int(x) for x in (warmup, decay)]
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2e-4)
        scheduler = get_wsd_schedule(optimizer, steps[0], min(steps[1], total - steps[0]), num_training_steps=total,
                                     decay_type=shape)
        rates = rates_of(optimizer, scheduler, total)
        print(json.dumps({"schedule": "wsd", "warmup": warmup, "decay": decay, "decay_shape": shape, "total": total,
                          "base": 2e-4, "rates": rates}))
