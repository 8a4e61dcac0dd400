"""f32 values with the blocks that the reference quantisers make of them.

usage: quantize.py OUT.bin LIBGGML-BASE.so

OUT is a list of records as in quants.py (name, values u32, bytes u32, blocks, values f32). Q8_0 and Q4_0 are quantised by the
gguf package, and by ggml itself, which must agree; Q4_K by ggml (ggml_quantize_chunk of llama-cpp-python's library).
"""
import ctypes, struct, sys
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants

ggml = ctypes.CDLL(sys.argv[2])
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
rng = np.random.default_rng(9)


def by_ggml(x, t):
    block, size = GGML_QUANT_SIZES[t]
    out = np.zeros(x.size // block * size, np.uint8)
    assert ggml.ggml_quantize_chunk(t.value, x.ctypes.data, out.ctypes.data, 0, x.size // 256, 256, None) == out.size
    return out


def values():
    parts = [rng.normal(0, 0.02, 1024), rng.laplace(0, 1, 1024), rng.uniform(0, 1, 256), -rng.uniform(0, 3, 256), np.zeros(256),
             np.full(256, -0.25), np.full(256, 1.5), np.repeat(rng.normal(0, 1, 8), 32), rng.integers(-8, 8, 256) / 8,
             rng.normal(0, 1, 256) * 1e-6, np.where(rng.random(256) < 0.02, 30.0, rng.normal(0, 0.01, 256))]
    return np.concatenate(parts).astype(np.float32)


with open(sys.argv[1], "wb") as out:
    for t in (T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_K):
        x = values()
        raw = by_ggml(x, t) if t == T.Q4_K else quants.quantize(x, t).view(np.uint8).reshape(-1)
        if t in (T.Q8_0, T.Q4_0):
            differ = (raw != by_ggml(x, t)).sum()
            print(t.name, "bytes in which the package and ggml differ:", differ, "of", raw.size)
        out.write(struct.pack("<8sII", t.name.encode(), x.size, raw.size) + raw.tobytes() + x.tobytes())
