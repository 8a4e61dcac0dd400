# SPDX-License-Identifier: Apache-2.0
"""What transformers makes, in float32, of a real model's GGUF: logits at a few places and greedy answers.

Run: real_llama.py MODEL.gguf OUT.safetensors
"""
import hashlib
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = [
    "What is gravity?",
    "Write a haiku about the sea at night.",
    "Natalia sold 48 clips in April and half as many in May. How many clips did she sell altogether?",
    "List three uses of baking soda.",
    "Translate to French: The library opens at nine.",
    "Why is the sky blue? Answer in one sentence.",
    "def fibonacci(n):",
    "Give me a JSON object with the fields name and age for Alice, who is 31.",
    "My parcel 4471-B has not arrived, and it was due last Tuesday. What can I do?",
    "Summarise: The committee met on Monday. It agreed on the budget, put off the vote on parking, and thanked the staff.",
    "Name the planets of the solar system in order.",
    "What is 17 * 23?",
    "Explain recursion to a ten-year-old.",
    "Was ist die Hauptstadt von Österreich?",
    "Complete the proverb: A stitch in time",
    "Sort these words: pear, apple, fig, banana",
    "Who wrote Pride and Prejudice, and in which year was it published?",
    "Turn this into a polite e-mail: send me the invoice now",
    "How do I boil an egg so that the yolk stays soft? 🥚",
    "日本の首都はどこですか。",
]
ANSWER = 64
SAMPLE = 64
LONG = 5  # prompts whose logits are kept

path, out_path = sys.argv[1:]
folder, name = os.path.split(os.path.abspath(path))
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager").eval()
prompts = [torch.tensor(tokenizer(tokenizer.apply_chat_template(
    [{"role": "user", "content": p}], add_generation_prompt=True, tokenize=False), add_special_tokens=False).input_ids)
    for p in PROMPTS]
starts = torch.tensor([0] + list(torch.tensor([len(p) for p in prompts]).cumsum(0)))

rows, margins, texts = [], [], []
with torch.no_grad():
    for i, p in enumerate(prompts):
        made = model.generate(p[None], attention_mask=torch.ones_like(p[None]), do_sample=False, max_new_tokens=ANSWER,
                              eos_token_id=[0, 2], pad_token_id=2, output_scores=True, return_dict_in_generate=True)
        margins.append(min(float(s[0].topk(2).values.diff().abs()) for s in made.scores))
        ids = [t for t in made.sequences[0, len(p):].tolist() if t not in (0, 2)]
        rows.append(ids + [-1] * (ANSWER - len(ids)))
        print(f"{margins[-1]:.2e}", repr(tokenizer.decode(ids)[:80]), flush=True)

    # Logits along each of the first prompts and its answer.
    g = torch.Generator().manual_seed(1)
    sample = torch.randperm(model.config.vocab_size, generator=g)[:SAMPLE]
    long_ids, long_starts, places, logits, best, largest = [], [0], [], [], [], []
    for i in range(LONG):
        ids = torch.cat([prompts[i], torch.tensor([t for t in rows[i] if t >= 0], dtype=torch.long)])
        out = model(input_ids=ids[None]).logits[0]
        for at in (0, len(ids) // 3, len(prompts[i]) - 1, len(ids) - 1):
            if places and places[-1] >= long_starts[-1] + at:
                continue
            places.append(long_starts[-1] + at)
            logits.append(out[at, sample])
            best.append(int(out[at].argmax()))
            largest.append(float(out[at].max()))
        long_ids.append(ids)
        long_starts.append(long_starts[-1] + len(ids))

print("smallest margin between the best two logits:", min(margins))
save_file({
    "prompt_ids": torch.cat(prompts).int(), "prompt_starts": starts.int(),
    "greedy": torch.tensor(rows).int(), "margins": torch.tensor(margins),
    "ids": torch.cat(long_ids).int(), "starts": torch.tensor(long_starts).int(),
    "target_rows": torch.tensor(places).int(), "sample": sample.int(), "logits": torch.stack(logits),
    "best": torch.tensor(best).int(), "largest": torch.tensor(largest),
}, out_path, metadata={"sha256": hashlib.sha256(open(path, "rb").read()).hexdigest()})
