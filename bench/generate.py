#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generating by Hone and by llama.cpp from the same GGUF, one after the other several times in one run, and the ratios.

    bench/generate.py --build build --gguf MODEL.gguf --python VENV/bin/python

VENV has llama-cpp-python (and numpy), built for this processor. Both read prompts of the same length, then generate the same
number of tokens greedily, one stream and batches of --batches rows together (llama.cpp: one llama_decode a step for all rows).
Reading and generating are timed apart; the fastest round of each counts, since other load only makes times longer, and the
load average before each run is printed. With --threads 1 both are timed by their own processor time, which other load does not
lengthen. Memory is each process's peak.

Hone multiplies in f32. llama.cpp rounds activations to 8 bits where weights are quantised: a different, cheaper product.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time


def llama(a, batch):
    """In a process of its own: one JSON line, as bench-generate writes it."""
    import ctypes

    import llama_cpp as L
    import numpy as np

    L.llama_backend_init()
    quiet = L.llama_log_callback(lambda level, text, data: None)
    L.llama_log_set(quiet, None)
    params = L.llama_model_default_params()
    model = L.llama_model_load_from_file(a.gguf.encode(), params)
    vocab_size = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
    context = L.llama_context_default_params()
    context.n_ctx = batch * (a.prompt + a.tokens + 8)
    context.n_batch = batch * a.prompt
    context.n_seq_max = batch
    context.n_threads = context.n_threads_batch = a.threads
    ctx = L.llama_init_from_model(model, context)
    room = L.llama_batch_init(batch * a.prompt, 0, 1)

    def fill(rows, wanted):
        """rows: (token, position, sequence)."""
        room.n_tokens = len(rows)
        for i, (token, position, sequence) in enumerate(rows):
            room.token[i], room.pos[i], room.n_seq_id[i], room.seq_id[i][0] = token, position, 1, sequence
            room.logits[i] = wanted(i)

    def best(i):
        logits = L.llama_get_logits_ith(ctx, i)
        return int(np.argmax(np.ctypeslib.as_array(ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), (vocab_size,))))

    clock = time.process_time if a.threads == 1 else time.perf_counter
    reading = generating = float("inf")
    for _ in range(a.repeats):
        L.llama_memory_clear(L.llama_get_memory(ctx), True)
        fill([(1000 + (7919 * i + 31 * s) % 40000, i, s) for s in range(batch) for i in range(a.prompt)],
             lambda i: (i + 1) % a.prompt == 0)
        start = clock()
        assert L.llama_decode(ctx, room) == 0
        tokens = [best((s + 1) * a.prompt - 1) for s in range(batch)]
        read = clock()
        for step in range(a.tokens):
            fill([(tokens[s], a.prompt + step, s) for s in range(batch)], lambda i: 1)
            assert L.llama_decode(ctx, room) == 0
            tokens = [best(s) for s in range(batch)]
        done = clock()
        reading, generating = min(reading, read - start), min(generating, done - read)
    print(json.dumps({
        "batch": batch,
        "prefill_tokens_per_s": batch * a.prompt / reading,
        "decode_tokens_per_s": batch * a.tokens / generating,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", help="Hone's build folder")
    p.add_argument("--gguf", required=True)
    p.add_argument("--python", default=sys.executable, help="interpreter that has llama-cpp-python")
    p.add_argument("--backend", default="cpu", help="of Hone")
    p.add_argument("--rounds", type=int, default=3, help="times that the two are run in turn")
    p.add_argument("--repeats", type=int, default=2, help="measurements in each run, of which the fastest counts")
    p.add_argument("--prompt", type=int, default=128)
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--batches", default="1,8,16")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--llama", type=int, help=argparse.SUPPRESS)  # this process is llama.cpp's, with that batch
    a = p.parse_args()
    if a.llama:
        return llama(a, a.llama)

    shared = [f"--prompt={a.prompt}", f"--tokens={a.tokens}", f"--threads={a.threads}"]
    measures = (("prefill_tokens_per_s", "reading"), ("decode_tokens_per_s", "generating"))
    for batch in (int(b) for b in a.batches.split(",")):
        commands = {
            "llama.cpp": [a.python, __file__, f"--gguf={a.gguf}", f"--llama={batch}", f"--repeats={a.repeats}", *shared],
            "Hone": [f"{a.build}/bench/bench-generate", f"{a.build}/plugins", a.gguf, f"--batch={batch}",
                     f"--rounds={a.repeats}", f"--backend={a.backend}", *shared],
        }
        results = {name: [] for name in commands}
        for _ in range(a.rounds):
            for name, command in commands.items():
                load = os.getloadavg()[0]
                r = run(command)
                results[name].append(r)
                print(f"batch {batch:2d} {name:10s} reading {r['prefill_tokens_per_s']:8.1f} tokens/s  generating "
                      f"{r['decode_tokens_per_s']:8.1f} tokens/s  {r['peak_rss_mb']:5d} MB  load before {load:.2f}",
                      flush=True)
        for key, what in measures:
            hone, peer = (max(r[key] for r in results[name]) for name in ("Hone", "llama.cpp"))
            print(f"batch {batch:2d} {what}: Hone {hone:.1f} against {peer:.1f} tokens/s: {hone / peer:.2f} times")
        hone, peer = (max(r["peak_rss_mb"] for r in results[name]) for name in ("Hone", "llama.cpp"))
        print(f"batch {batch:2d} memory: Hone {hone} against {peer} MB\n", flush=True)


if __name__ == "__main__":
    main()
