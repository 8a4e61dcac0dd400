"""Lets Hone write each tiny family of tests/model/data/families as a GGUF and compares llama.cpp's logits with transformers'.

usage: exports_families.py HONE WORK-FOLDER [NAME...]

What a GGUF cannot say is refused by Hone, and listed. llama.cpp keeps keys and values in f32 here, and its products of f32 are f32;
its GELU is a table of 16-bit values, which shows in the Gemmas. It chooses longrope's list by the context that it is opened with,
here past the trained length, so only sequences as long are compared. Positions past a context that was cut to a window are left out. The fixtures' Phi-3 lacks tokens that
llama.cpp looks for in every model of that architecture, and one Qwen2's heads are wider than it allows: those do not load.
"""
import glob, json, os, subprocess, sys
import numpy as np
from safetensors.numpy import load_file
from llama_cpp import Llama

hone, work, only = sys.argv[1], sys.argv[2], sys.argv[3:]
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model", "data", "families")
os.makedirs(work, exist_ok=True)
worst = 0
for folder in sorted(glob.glob(os.path.join(data, "*", "config.json"))):
    folder = os.path.abspath(os.path.dirname(folder))
    name = os.path.basename(folder)
    if only and name not in only:
        continue
    pipeline = os.path.join(work, name + ".json")
    gguf = os.path.join(work, name + ".gguf")
    json.dump({"hone": 1, "name": "families", "nodes": {
        "base": {"stage": "model", "params": {"path": folder}},
        name: {"stage": "export", "in": {"model": "base"}, "params": {"format": "gguf", "type": "f32"}}}}, open(pipeline, "w"))
    run = subprocess.run([hone, "run", pipeline, "--store", os.path.join(work, "store")], capture_output=True, text=True)
    if run.returncode:
        line = [l for l in (run.stdout + run.stderr).splitlines() if "cannot" in l or "GGUF" in l]
        print(f"{name}: refused: {line[0].split(': ', 1)[-1][-150:] if line else run.stderr[-300:]}", flush=True)
        continue
    if os.path.exists(gguf):
        os.remove(gguf)
    subprocess.run([hone, "copy", name, gguf, "--store", os.path.join(work, "store")], check=True, capture_output=True)
    expect = load_file(os.path.join(data, name + ".expect.safetensors"))
    ids, starts, want = expect["ids"], expect["starts"], expect["logits"]
    try:
        model = Llama(gguf, n_ctx=64, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, type_k=0, type_v=0,
                      yarn_attn_factor=-1.0, yarn_beta_fast=-1.0, yarn_beta_slow=-1.0)
    except Exception as e:
        print(f"{name}: llama.cpp does not load it: {e}", flush=True)
        continue
    errors, limit = [], model.metadata[model.metadata["general.architecture"] + ".context_length"]
    arch = model.metadata["general.architecture"]
    longrope = model.metadata.get(arch + ".rope.scaling.type") == "longrope"
    trained = int(model.metadata[arch + ".rope.scaling.original_context_length"]) if longrope else 0
    for a, b in zip(starts[:-1], starts[1:]):
        if b - a <= trained:
            continue
        model.reset()
        model.eval(ids[a:b].tolist())
        n = min(b - a, int(limit))
        got = np.array(model.scores[:n])
        errors.append(np.abs(got - want.reshape(len(ids), -1)[a:a + n]).max() / np.abs(want).max())
    if not errors:
        print(f"{name}: no sequence is longer than {trained}", flush=True)
        continue
    worst = max(worst, max(errors))
    print(f"{name}: largest difference {max(errors):.2e} of the largest logit", flush=True)
sys.exit(worst > 1e-2)
