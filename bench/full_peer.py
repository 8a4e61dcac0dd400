#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Full fine-tuning by transformers and torch's AdamW on the batch that bench-step makes: one JSON line of the same shape.

Weights, gradients and moments are float32 (as Hone's); with --dtype bf16 the forward runs under bfloat16 autocast, which is how
transformers trains with bf16=True.
"""
import argparse
import contextlib
import json
import os
import resource
import time

import torch
from transformers import AutoModelForCausalLM

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--gguf", required=True)
p.add_argument("--dtype", default="f32", choices=["f32", "bf16"])
p.add_argument("--batch", type=int, default=4)
p.add_argument("--length", type=int, default=256)
p.add_argument("--steps", type=int, default=3, help="timed; one more warms up")
p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
a = p.parse_args()

torch.set_num_threads(a.threads)
clock = time.process_time if a.threads == 1 else time.perf_counter
folder, name = os.path.split(os.path.abspath(a.gguf))
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
model.train()
weights = [w for w in model.parameters()]
assert all(w.requires_grad and w.dtype == torch.float32 for w in weights), "not every weight is trained in float32"
optimizer = torch.optim.AdamW(weights, lr=2e-5, weight_decay=0.0, fused=True)
ids = ((7919 * torch.arange(a.batch * a.length) + 13) % model.config.vocab_size).reshape(a.batch, a.length)
cast = (lambda: torch.autocast("cpu", dtype=torch.bfloat16)) if a.dtype == "bf16" else contextlib.nullcontext

losses, best = [], float("inf")
for step in range(a.steps + 1):
    start = clock()
    with cast():
        loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    losses.append(round(loss.item(), 5))
    if step > 0:
        best = min(best, clock() - start)
print(json.dumps({"tuner": "full", "dtype": a.dtype, "tokens_per_s": round(a.batch * a.length / best, 1),
                  "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "losses": losses}))
