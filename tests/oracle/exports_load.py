"""Loads what Hone wrote with the programs that it was written for, and compares their greedy text with Hone's.

usage: exports_load.py [--hone PROGRAM] [--tokens N] [--threads N] [--base FOLDER] [--base-gguf FILE] EXPORT...

EXPORT is a folder of a whole model (loaded by transformers), a folder with adapter_config.json (peft, on the model in --base),
a GGUF (llama-cpp-python), or a GGUF of an adapter (llama-cpp-python, on --base-gguf). For each the text that it continues five
prompts with is printed with how many of N tokens agree with `hone generate` on the same files (for an adapter: on
--reference, a folder or GGUF with the same adapter merged in f32, since Hone takes adapters from its own store). Where two
disagree, the gap of the two best logits at that place is printed: a tie within rounding may go either way.
Exit status 1 where a text differs at a place whose gap is above --tie (0.05) or, for a GGUF of quantised blocks,
--tie-quantised (0.5): llama.cpp multiplies those with activations rounded to 8 bits, Hone with them as they are.
"""
import argparse, json, os, subprocess, sys
import numpy as np

PROMPTS = ["The capital of France is", "Once upon a time, in a village by the sea,", "def fibonacci(n):\n",
           "Subject: printer broken\n\nDear support,", "Ünïcödé and 数字 12345:"]

ap = argparse.ArgumentParser()
ap.add_argument("exports", nargs="+")
ap.add_argument("--hone", default="hone")
ap.add_argument("--tokens", type=int, default=24)
ap.add_argument("--base")
ap.add_argument("--base-gguf")
ap.add_argument("--reference")
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--tie", type=float, default=0.05)
ap.add_argument("--tie-quantised", type=float, default=0.5)
args = ap.parse_args()


def hone_text(path, prompt):
    out = subprocess.run([args.hone, "generate", path, "--raw", "--json", "-n", str(args.tokens), "--threads",
                          str(args.threads), "-p", prompt], check=True,
                         capture_output=True, text=True)
    return json.loads(out.stdout.splitlines()[0])["text"]


def by_transformers(path, adapter=None):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    if adapter:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, adapter)
    tokenizer = AutoTokenizer.from_pretrained(path)

    def run(prompt):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        start, gaps = ids.shape[1], []
        ends = model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        for _ in range(args.tokens):
            with torch.no_grad():
                logits = model(ids).logits[0, -1]
            best = logits.topk(2).values
            gaps.append(float(best[0] - best[1]))
            token = int(logits.argmax())
            if token in ends:
                break
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
        new = ids[0, start:].tolist()
        return [tokenizer.decode(new[:i + 1], skip_special_tokens=True) for i in range(len(new))], gaps
    return run


def by_llama(path, lora=None):
    from llama_cpp import Llama
    model = Llama(path, lora_path=lora, n_ctx=512, n_threads=args.threads, n_threads_batch=args.threads, logits_all=True, verbose=False, seed=0)

    def run(prompt):
        ids = model.tokenize(prompt.encode(), add_bos=True, special=False)
        start, gaps = len(ids), []
        model.reset()
        model.eval(ids)
        for _ in range(args.tokens):
            logits = np.array(model.scores[model.n_tokens - 1])
            order = np.argsort(logits)
            gaps.append(float(logits[order[-1]] - logits[order[-2]]))
            token = int(order[-1])
            if token == model.token_eos():
                break
            ids.append(token)
            model.eval([token])
        new = ids[start:]
        whole = model.detokenize(ids[:start])
        return [model.detokenize(ids[:start + i + 1])[len(whole):].decode(errors="ignore") for i in range(len(new))], gaps
    return run


def gguf_field(path, name):
    from gguf import GGUFReader
    field = GGUFReader(path).fields.get(name)
    return field.contents() if field is not None else None


bad = 0
for path in args.exports:
    hone_path, tie = path, args.tie
    if path.endswith(".gguf"):
        if gguf_field(path, "general.type") == "adapter":
            run, hone_path, what = by_llama(args.base_gguf, path), args.reference, "llama.cpp, adapter"
        else:
            run, what = by_llama(path), "llama.cpp"
            tie = args.tie if gguf_field(path, "general.file_type") in (0, 1, 32) else args.tie_quantised
    elif os.path.exists(os.path.join(path, "adapter_config.json")):
        run, hone_path, what = by_transformers(args.base, path), args.reference, "peft"
    else:
        run, what = by_transformers(path), "transformers"
    same = total = 0
    notes = []
    for prompt in PROMPTS:
        mine = hone_text(hone_path, prompt)
        texts, gaps = run(prompt)
        n = len(texts)
        agree = next((i for i in range(n) if not mine.startswith(texts[i])), n)
        total += n
        same += agree
        if agree < n:
            notes.append(f"    {prompt!r}: at token {agree} hone {mine[len(texts[agree - 1]) if agree else 0:][:20]!r}, "
                         f"other {texts[agree][len(texts[agree - 1]) if agree else 0:]!r}, gap {gaps[agree]:.4f}")
            bad += gaps[agree] > tie
    print(f"{os.path.basename(os.path.dirname(path)) or path}/{os.path.basename(path)} ({what}): {same} of {total} tokens the same", flush=True)
    print("\n".join(notes), end="\n" if notes else "")
sys.exit(1 if bad else 0)
