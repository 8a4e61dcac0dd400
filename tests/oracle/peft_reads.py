# SPDX-License-Identifier: Apache-2.0
"""Checks by hand that peft loads an adapter of ours and gives the same logits.

Run: HONE_TEST_WRITE=FOLDER meson test -C build model-adapter, then peft_reads.py tests/model/data FOLDER
"""
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

data, folder = sys.argv[1:]
expect = load_file(f"{data}/tiny3.expect.safetensors")
base = AutoModelForCausalLM.from_pretrained(data, gguf_file="tiny3.gguf", dtype=torch.float32)
model = PeftModel.from_pretrained(base, folder).eval()
ids, starts = expect["ids"].long(), expect["starts"].tolist()
with torch.no_grad():
    logits = torch.cat([model(input_ids=ids[a:b][None]).logits[0] for a, b in zip(starts, starts[1:])])
    with model.disable_adapter():
        plain = torch.cat([model(input_ids=ids[a:b][None]).logits[0] for a, b in zip(starts, starts[1:])])
rows = expect["target_rows"].long()
ours = load_file(f"{folder}/logits.safetensors")["logits"]
error = (logits[rows] - ours).abs().max() / ours.abs().max()
moved = (plain[rows] - ours).abs().max() / ours.abs().max()
print(f"largest difference {error:.2e} of the largest logit; the adapter moves logits by {moved:.2e}")
assert error < 1e-5 < 0.1 < moved
