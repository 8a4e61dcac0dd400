"""Roundings of f32 to f16 and bf16, from numpy and torch. usage: halves.py OUT.bin

Records of (f32 bits u32, f16 u16, bf16 u16), little endian: ties, neighbours of ties, subnormals, the largest, infinity.
"""
import sys
import numpy as np, torch

rng = np.random.default_rng(6)
bits = [np.arange(0, 2**32, 2**23, dtype=np.uint64).astype(np.uint32)]  # every exponent, both signs
for low in (0x00000FFF, 0x00001000, 0x00001001, 0x00002FFF, 0x00003000, 0x00003001, 0x00007FFF, 0x00008000, 0x00008001,
            0x00018000, 0x007FFFFF):
    bits.append(bits[0] | np.uint32(low))
bits.append(rng.integers(0, 2**32, 2000, dtype=np.uint64).astype(np.uint32))
bits = np.concatenate(bits)
x = bits.view(np.float32)
bits = bits[~np.isnan(x)]
x = bits.view(np.float32)
with np.errstate(over="ignore"):
    half = x.astype(np.float16).view(np.uint16)
brain = torch.from_numpy(x.copy()).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
out = np.zeros(bits.size, dtype=[("x", "<u4"), ("h", "<u2"), ("b", "<u2")])
out["x"], out["h"], out["b"] = bits, half, brain
out.tofile(sys.argv[1])
