"""Blocks of every stored type with the values that the gguf package's dequantiser gives for them.

usage: quants.py OUT.bin

OUT is a list of records, little endian: name (8 bytes, NUL-padded), values u32, bytes u32, the blocks, the values (f32).
Types that the package can quantise are made from normal numbers; K and IQ blocks are random bytes with sane scales. Q8_K
has no dequantiser there: its values come from the published layout (ggml-common.h, block_q8_K: float d, int8 qs[256], int16
bsums[16]; y = d * q).
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
    at, n = {T.Q6_K: (208, 2), T.Q2_K: (80, 4), T.Q3_K: (108, 2), T.IQ4_NL: (0, 2), T.IQ4_XS: (0, 2)}.get(t, (0, 4))
    raw[:, at:at + n] = halves[:, :n]
    return raw.reshape(-1)


def q8_k():
    d = rng.normal(0, 0.02, (N // 256, 1)).astype(np.float32)
    q = rng.integers(-128, 128, (N // 256, 256)).astype(np.int8)
    sums = q.reshape(-1, 16, 16).sum(axis=2).astype(np.int16)
    return np.concatenate([d.view(np.uint8), q.view(np.uint8), sums.view(np.uint8)], axis=1).reshape(-1), d * q.astype(np.float32)


with open(sys.argv[1], "wb") as out:
    for t in (T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K, T.Q2_K, T.Q3_K,
              T.IQ4_NL, T.IQ4_XS, T.Q8_K):
        x = rng.normal(0, 1, N).astype(np.float32)
        x[:8] = [0, -0.0, 1e-7, -3e-6, 6.1e-5, 65504, -65504, 1]  # f16: zero, subnormal, smallest normal, largest
        if t == T.Q8_K:
            raw, y = q8_k()
        elif t.name.endswith("_K") or t.name.startswith("IQ"):
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
