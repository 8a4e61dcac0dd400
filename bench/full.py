#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Full fine-tuning by Hone's backends and by transformers in f32 and bf16, one after the other several times in one run.

    bench/full.py --build build --gguf MODEL.gguf --python VENV/bin/python

All train every weight with AdamW on the same batch (bench/full_peer.py, bench/step.c). The fastest step of all rounds counts:
other load only makes times longer. With --threads 1 every process is timed by its own processor time. The load average before
each run is printed.
"""
import argparse
import os

from lora import best_of, print_ratios, run


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="Hone's build folder")
    p.add_argument("--gguf", required=True)
    p.add_argument("--python", default="python3", help="interpreter that has the peer's packages")
    p.add_argument("--backends", default="onednn,cpu")
    p.add_argument("--dtypes", default="bf16,f32", help="of the peer")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--steps", type=int, default=2)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--length", type=int, default=256)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    a = p.parse_args()

    shared = [f"--{name}={getattr(a, name)}" for name in ("steps", "batch", "length", "threads")]
    peers = {f"peer {d}": [a.python, f"{here}/full_peer.py", "--gguf", a.gguf, f"--dtype={d}", *shared]
             for d in a.dtypes.split(",")}
    hones = {f"hone {b}": [f"{a.build}/bench/bench-step", f"{a.build}/plugins", a.gguf, "--full", f"--backend={b}", *shared]
             for b in a.backends.split(",")}
    commands = peers | hones
    results = {name: [] for name in commands}
    for _ in range(a.rounds):
        for name, command in commands.items():
            results[name].append(run(name, command))
    print_ratios({name: best_of(runs) for name, runs in results.items()}, hones, peers)
    print("\nlosses by step")
    for name, runs in results.items():
        print(f"{name:12}", *(f"{loss:9.5f}" for loss in runs[0]["losses"]))


if __name__ == "__main__":
    main()
