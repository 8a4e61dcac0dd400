# SPDX-License-Identifier: Apache-2.0
"""Probabilities after transformers' logits processors, for tests of the sampler.

Each case: logits [V], history, settings -> probabilities [V], zero where a processor removed a token.
Run: sampling.py OUT.safetensors
"""
import sys

import torch
from safetensors.torch import save_file
from transformers.generation.logits_process import (
    LogitsProcessorList, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

V = 40
# temperature, top_k, top_p, repetition penalty
CASES = [(1.0, 0, 1.0, 1.0), (0.7, 0, 1.0, 1.3), (1.0, 5, 1.0, 1.0), (1.3, 0, 0.8, 1.0), (0.8, 12, 0.9, 1.1),
         (1.0, 0, 0.05, 1.0), (2.0, 30, 0.95, 2.0), (1.0, 1, 1.0, 1.0), (0.5, 40, 0.6, 0.8)]
g = torch.Generator().manual_seed(4)
logits, history, settings, probabilities = [], [], [], []
for temperature, k, p, penalty in CASES:
    x = torch.randn(V, generator=g) * 2
    h = torch.randint(0, V, (9,), generator=g)
    steps = LogitsProcessorList()
    if penalty != 1:
        steps.append(RepetitionPenaltyLogitsProcessor(penalty))
    if temperature != 1:
        steps.append(TemperatureLogitsWarper(temperature))
    if k:
        steps.append(TopKLogitsWarper(k))
    if p < 1:
        steps.append(TopPLogitsWarper(p))
    logits.append(x)
    history.append(h)
    settings.append(torch.tensor([temperature, k, p, penalty]))
    probabilities.append(torch.softmax(steps(h[None], x[None].clone())[0].double(), -1).float())
save_file({"logits": torch.stack(logits), "history": torch.stack(history).int(), "settings": torch.stack(settings),
           "probabilities": torch.stack(probabilities)}, sys.argv[1])
