"""Learning rates of transformers' schedules, as JSON lines. usage: schedules.py > tests/train/data/schedules.jsonl

One line a case: schedule, warmup as Hone writes it, total, base rate, the rate of each step.
"""
import json, tempfile
import torch
from transformers import TrainingArguments, get_scheduler

NAMES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
for name in NAMES:
    for warmup, total in ((0, 7), (0.03, 100), (0.03, 1), (0.1, 33), (0.5, 9), (5, 40), (1, 3), (12, 10)):
        args = TrainingArguments(output_dir=tempfile.gettempdir(), use_cpu=True, warmup_steps=warmup)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2e-4)
        scheduler = get_scheduler(NAMES[name], optimizer, args.get_warmup_steps(total), total)
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        print(json.dumps({"schedule": name, "warmup": warmup, "total": total, "base": 2e-4, "rates": rates}))
