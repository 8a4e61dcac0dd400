"""Blocks of every stored type with the values that the gguf package's dequantiser gives for them.

usage: quants.py OUT.bin

OUT is a list of records, little endian: name (8 bytes, NUL-padded), values u32, bytes u32, the blocks, the values (f32).
Types that the package can quantise are made from normal numbers; K blocks are random bytes with sane scales.
"""
import struct, sys
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants

rng = np.random.default_rng(5)
N = 512  # two K blocks


def k_blocks(t):
    block, size = GGML_QUANT_SIZES[t]
    raw = rng.integers(0, 256, (N // block, size), dtype=np.uint8)
    halves = rng.normal(0, 0.02, (N // block, 2)).astype(np.float16).view(np.uint8)
    if t == T.Q6_K:
        raw[:, 208:210] = halves[:, :2]
    else:
        raw[:, 0:4] = halves
    return raw.reshape(-1)


with open(sys.argv[1], "wb") as out:
    for t in (T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K):
        x = rng.normal(0, 1, N).astype(np.float32)
        x[:8] = [0, -0.0, 1e-7, -3e-6, 6.1e-5, 65504, -65504, 1]  # f16: zero, subnormal, smallest normal, largest
        if t.name.endswith("_K"):
            raw = k_blocks(t)
            y = quants.dequantize(raw, t)
        elif t == T.F32:
            raw, y = x.view(np.uint8), x
        elif t == T.F16:
            raw = x.astype(np.float16).view(np.uint8)
            y = raw.view(np.float16).astype(np.float32)
        else:
            if t != T.BF16:
                x[:8] = rng.normal(0, 1, 8)
            raw = quants.quantize(x, t).view(np.uint8).reshape(-1)
            y = quants.dequantize(raw, t)
        y = y.astype(np.float32).reshape(-1)
        assert y.size == N and np.isfinite(y).all()
        out.write(struct.pack("<8sII", t.name.encode(), N, raw.size) + raw.tobytes() + y.tobytes())
