# SPDX-License-Identifier: Apache-2.0
"""Weights as bitsandbytes quantises them to NF4 with double quantisation, on the processor with one thread.

usage: nf4.py OUT.safetensors

For each case i: i.values (f16, every value exact), i.codes (two a byte) and i.scales as bytes in i32 words (padded with
zeros), i.scale_scales, i.offset, i.dequantised.
"""
import sys
import bitsandbytes.functional as bnb, numpy as np, torch
from safetensors.numpy import save_file

torch.set_num_threads(1)
rng = np.random.default_rng(7)


def words(a):
    a = a.cpu().numpy().reshape(-1).astype(np.uint8)
    return np.concatenate([a, np.zeros(-len(a) % 4, np.uint8)]).view(np.int32)


spread = rng.standard_normal(64 * 40) * np.repeat(10.0 ** rng.uniform(-4, 3, 40), 64)  # scales of all sizes
blank = rng.standard_normal(64 * 12) * 0.05
blank[64:128] = 0       # a block of zeros
blank[128:192] = 0.25   # one of a single value
blank[192:256] = -0.0
cases = [rng.standard_normal(64), np.full(128, 0.5), rng.standard_normal(64 * 5) * 0.02, spread, blank,
         rng.standard_t(3, 64 * 258) * 0.03]  # scales in two blocks, the second of two
out = {}
for i, values in enumerate(cases):
    values = values.astype(np.float16)
    codes, state = bnb.quantize_4bit(torch.from_numpy(values).float(), blocksize=64, compress_statistics=True, quant_type="nf4")
    out[f"{i}.values"] = values
    out[f"{i}.codes"] = words(codes)
    out[f"{i}.scales"] = words(state.absmax)
    out[f"{i}.scale_scales"] = state.state2.absmax.numpy()
    out[f"{i}.offset"] = state.offset.reshape(1).numpy()
    if len(values) < 4000:
        out[f"{i}.dequantised"] = bnb.dequantize_4bit(codes, state).numpy().reshape(-1)
save_file(out, sys.argv[1])
