# SPDX-License-Identifier: Apache-2.0
"""How far transformers' own bfloat16 is from its float32 on a real model: the error that a bf16 backend may show.

Run: real_bf16.py MODEL.gguf EXPECT.safetensors OUT.safetensors

EXPECT is what real_llama.py wrote: its sequences, places and sampled logits are used again. Three things are measured:
the logits at those places, the mean loss of every next token of those sequences, and that loss over a few steps of LoRA
(rank 4 on q_proj and down_proj, A as a sine of its index, B = 0, AdamW).
"""
import hashlib
import math
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

STEPS, RANK, RATE = 4, 4, 1e-3

path, expect_path, out_path = sys.argv[1:]
folder, name = os.path.split(os.path.abspath(path))
expect = load_file(expect_path)
starts = expect["starts"].tolist()
sequences = [expect["ids"][a:b].long() for a, b in zip(starts, starts[1:])]
places, sample = expect["target_rows"].long(), expect["sample"].long()


def first(rows, columns):
    """A: the same numbers as in the C test, from float64."""
    i = torch.arange(rows * columns, dtype=torch.float64).reshape(rows, columns)
    return torch.sin(i * 0.7 + 0.3) / math.sqrt(columns)


def run(dtype):
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=dtype, attn_implementation="eager")
    with torch.no_grad():
        logits = torch.cat([model(input_ids=s[None]).logits[0] for s in sequences])[places][:, sample].float()
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=["q_proj", "down_proj"],
                                             task_type="CAUSAL_LM"), autocast_adapter_dtype=True)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "lora_A" in n:
                p.copy_(first(*p.shape))
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.dtype == torch.float32 for p in trained)  # as peft keeps them over a bf16 base
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    losses, count = [], sum(len(s) - 1 for s in sequences)
    for _ in range(STEPS):
        total = 0.0
        for s in sequences:
            out = model(input_ids=s[None]).logits[0, :-1].float()
            loss = torch.nn.functional.cross_entropy(out, s[1:], reduction="sum") / count
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return logits, torch.tensor(losses)


exact, exact_losses = run(torch.float32)
print("float32 against the expected logits:", float((exact - expect["logits"]).abs().max()))
rounded, rounded_losses = run(torch.bfloat16)
off = (rounded - exact).abs()
print("logits: largest", float(off.max()), "mean", float(off.mean()))
print("losses:", exact_losses.tolist(), rounded_losses.tolist())
save_file({"logits_max": off.max()[None], "logits_mean": off.mean()[None], "losses": exact_losses,
           "losses_off": (rounded_losses - exact_losses).abs()},
          out_path, metadata={"sha256": hashlib.sha256(open(path, "rb").read()).hexdigest()})
