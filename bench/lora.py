#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LoRA training by Hone's backends and by a peer in f32 and bf16, one after the other several times in one run.

    bench/lora.py --build build --gguf MODEL.gguf --data ROWS.jsonl --python VENV/bin/python --peer lora_peft.py

The peer is any script that takes --gguf --data --dtype --batch --seq --steps --rank --threads and ends with a JSON line of
"tokens_per_s", "peak_rss_mb" and "losses" (as bench-lora does): LoRA on all linear layers with alpha twice the rank, AdamW at
a constant 2e-4, rows in the file's order cut to --seq tokens, tokens counted without padding, the first two steps not timed.
The fastest run of each counts: other load only makes times longer. The load average before each run is printed, and a run that
begins above 0.7 is marked. With --threads 1 every process is timed by its own processor time, which other load does not
lengthen by much: for a busy machine.

The first step's loss is that of the untouched model. A peer may count other tokens as the answer: lora_peft.py also counts
the newline that the chat template puts after each answer, a token that costs next to nothing, so its mean over the same
rows lies about 1 % below Hone's, which trains up to the end token.
"""
import argparse
import json
import os
import subprocess
import time

# Python run with this in front times by processor time whatever it times by the clock.
OWN_TIME = "import runpy, sys, time; time.perf_counter = time.process_time; sys.argv = sys.argv[1:]; " \
           "runpy.run_path(sys.argv[0], run_name='__main__')"


def wait_for_quiet(limit, seconds):
    until = time.monotonic() + seconds
    while os.getloadavg()[0] > limit and time.monotonic() < until:
        time.sleep(5)
    return os.getloadavg()[0]


def run(name, command, wait=0):
    """Runs it, prints its figures, gives its JSON line."""
    load = wait_for_quiet(0.3, wait)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    result = json.loads(lines[-1])
    print(f"{name:12} {result['tokens_per_s']:8.1f} tokens/s  {result['peak_rss_mb']:6d} MB"
          f"  load before {load:.2f}{'  NOT QUIET' if load > 0.7 else ''}", flush=True)
    return result


def best_of(runs):
    return {"tokens_per_s": max(r["tokens_per_s"] for r in runs), "peak_rss_mb": min(r["peak_rss_mb"] for r in runs)}


def print_ratios(best, hones, peers):
    print()
    for hone in hones:
        for peer in peers:
            a, b = best[hone], best[peer]
            print(f"{hone} : {peer}   {a['tokens_per_s']:.1f} : {b['tokens_per_s']:.1f} tokens/s,"
                  f" {a['tokens_per_s'] / b['tokens_per_s']:.2f} times;   {a['peak_rss_mb']} : {b['peak_rss_mb']} MB,"
                  f" 1/{b['peak_rss_mb'] / a['peak_rss_mb']:.2f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="Hone's build folder")
    p.add_argument("--gguf", required=True)
    p.add_argument("--data", required=True, help="question/answer rows")
    p.add_argument("--python", default="python3", help="interpreter that has the peer's packages")
    p.add_argument("--peer", required=True, help="the peer's script")
    p.add_argument("--backends", default="onednn,cpu")
    p.add_argument("--dtypes", default="bf16,f32", help="of the peer")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--seq", type=int, default=256)
    p.add_argument("--rank", type=int, default=8)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--memory", type=int, default=0, help="MiB that Hone's backend may use; it recomputes what does not fit")
    p.add_argument("--checkpointing", action="store_true", help="of Hone alone: less memory, more work")
    p.add_argument("--wait", type=int, default=0, help="seconds to wait at most before each run for a quiet machine")
    a = p.parse_args()

    shared = [f"--{name}={getattr(a, name)}" for name in ("steps", "batch", "seq", "rank", "threads")]
    own = [f"--memory={a.memory}"] if a.memory else []
    own += ["--checkpointing"] if a.checkpointing else []
    python = [a.python, "-c", OWN_TIME] if a.threads == 1 else [a.python]
    peers = {f"peer {d}": [*python, a.peer, "--gguf", a.gguf, "--data", a.data, f"--dtype={d}", *shared]
             for d in a.dtypes.split(",")}
    hones = {f"hone {b}": [f"{a.build}/bench/bench-lora", f"{a.build}/plugins", a.gguf, a.data, f"--backend={b}", *own, *shared]
             for b in a.backends.split(",")}
    commands = peers | hones
    results = {name: [] for name in commands}
    for _ in range(a.rounds):
        for name, command in commands.items():
            results[name].append(run(name, command, a.wait))

    print_ratios({name: best_of(runs) for name, runs in results.items()}, hones, peers)
    print("\nstep", *(f"{name:>12}" for name in commands))
    for step, losses in enumerate(zip(*(runs[0]["losses"] for runs in results.values())), 1):
        print(f"{step:4d}", *(f"{loss:12.5f}" for loss in losses))
    same = all(r["losses"] == results[h][0]["losses"] for h in hones for r in results[h])
    print(f"\nHone's losses are {'the same in every round' if same else 'NOT the same in every round'}.")


if __name__ == "__main__":
    main()
