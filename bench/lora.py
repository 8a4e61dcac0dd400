#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LoRA training by Hone and by a peer, one after the other several times in one run, and the ratio of their medians.

    bench/lora.py --build build --gguf MODEL.gguf --data ROWS.jsonl --python VENV/bin/python --peer lora_peft.py

The peer is any script that takes --gguf --data --batch --seq --steps --rank --threads and ends with a JSON line of
"tokens_per_s", "peak_rss_mb" and "losses" (as bench-lora does): f32, LoRA on all linear layers with alpha twice the rank,
AdamW at a constant 2e-4, rows in the file's order cut to --seq tokens, tokens counted without padding, the first two steps
not timed. Nothing else should run on the machine: the load average before each run is printed, and a run that begins above
0.7 is marked.

The first step's loss is that of the untouched model. A peer may count other tokens as the answer: lora_peft.py also counts
the newline that the chat template puts after each answer, a token that costs next to nothing, so its mean over the same
rows lies about 1 % below Hone's, which trains up to the end token.
"""
import argparse
import json
import os
import statistics
import subprocess
import time


def wait_for_quiet(limit, seconds):
    until = time.monotonic() + seconds
    while os.getloadavg()[0] > limit and time.monotonic() < until:
        time.sleep(5)
    return os.getloadavg()[0]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="Hone's build folder")
    p.add_argument("--gguf", required=True)
    p.add_argument("--data", required=True, help="question/answer rows")
    p.add_argument("--python", default="python3", help="interpreter that has the peer's packages")
    p.add_argument("--peer", required=True, help="the peer's script")
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
    hone = [f"{a.build}/bench/bench-lora", f"{a.build}/plugins", a.gguf, a.data, *shared]
    if a.memory:
        hone.append(f"--memory={a.memory}")
    if a.checkpointing:
        hone.append("--checkpointing")
    peer = [a.python, a.peer, "--gguf", a.gguf, "--data", a.data, *shared]
    results = {"hone": [], "peer": []}
    for _ in range(a.rounds):
        for name, command in (("peer", peer), ("hone", hone)):
            load = wait_for_quiet(0.3, a.wait)
            result = run(command)
            results[name].append(result)
            print(f"{name}: {result['tokens_per_s']:8.1f} tokens/s  {result['peak_rss_mb']:6d} MB"
                  f"  load before {load:.2f}{'  NOT QUIET' if load > 0.7 else ''}", flush=True)

    speed = {name: statistics.median(r["tokens_per_s"] for r in runs) for name, runs in results.items()}
    memory = {name: statistics.median(r["peak_rss_mb"] for r in runs) for name, runs in results.items()}
    print(f"\nspeed:  {speed['hone']:.1f} against {speed['peer']:.1f} tokens/s: {speed['hone'] / speed['peer']:.2f} times")
    print(f"memory: {memory['hone']:.0f} against {memory['peer']:.0f} MB: 1/{memory['peer'] / memory['hone']:.2f}")
    print("\nstep   hone     peer")
    for step, losses in enumerate(zip(results["hone"][0]["losses"], results["peer"][0]["losses"]), 1):
        print(f"{step:4d} {losses[0]:8.5f} {losses[1]:8.5f}")
    same = all(r["losses"] == results["hone"][0]["losses"] for r in results["hone"])
    print(f"\nHone's losses are {'the same in every round' if same else 'NOT the same in every round'}.")


if __name__ == "__main__":
    main()
