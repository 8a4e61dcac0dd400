"""Twenty steps of each optimizer on given gradients, by torch.optim, transformers and bitsandbytes.

usage: optimizers.py > tests/train/data/optimizers.safetensors

Tensors: a matrix [72,80], and a vector [37] whose name says that weight decay leaves it alone. Start and gradients come
from `noise` below, which tests/train/optimizers.c repeats; the rate falls by a fortieth of its start each step. For
each case CASE/matrix and CASE/vector are the values at the end. float64 where the library can, float32 for those of
bitsandbytes; for its 8-bit states the codes and scales at the end are there too. map/signed, map/unsigned: its maps.

Of bitsandbytes 0.50 the CUDA, Triton and default code gives a value the code nearest to it; its CPU library first
rounds to a grid, which gives values far below the block's largest another code. So nearest codes are put in its place
here, as
its default code finds them; all else of the step is the library's own for the CPU.
"""
import sys
import numpy as np, torch
import bitsandbytes as bnb
import bitsandbytes.backends.cpu.ops as cpu_ops
from bitsandbytes.functional import create_dynamic_map
from safetensors.torch import save
from transformers.optimization import Adafactor

SHAPES = {"matrix": (72, 80), "vector": (37,)}
STEPS, RATE, DECAY = 20, 0.01, 0.1


def noise(shape, step):
    """[-1/2, 1/2) times 2^-(i % 7): exact in float32."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    x = (i * np.uint64(2654435761) + np.uint64(step * 40503 + 12345)) & np.uint64(0xFFFFFFFF)
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = (x * np.uint64(0x45D9F3B)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    unit = (x >> np.uint64(8)).astype(np.float64) / 2**24 - 0.5
    return torch.tensor((unit * 2.0 ** -(i % np.uint64(7)).astype(np.float64)).reshape(shape))


def nearest_codes(values, code, absmax_out, codes_out, blocksize):
    blocks = torch.nn.functional.pad(values.flatten(), (0, -values.numel() % blocksize)).view(-1, blocksize)
    absmax_out.copy_(blocks.abs().amax(1))
    scaled = (blocks / absmax_out.clamp(min=1e-38).unsqueeze(1)).flatten()[:values.numel()]
    codes_out.copy_(torch.bucketize(scaled, (code[:-1] + code[1:]) / 2).to(torch.uint8).view_as(codes_out))


cpu_ops._quant_blockwise_fp32_direct = nearest_codes


def run(make, dtype):
    values = {name: torch.nn.Parameter(noise(shape, 1000).to(dtype)) for name, shape in SHAPES.items()}
    optimizer = make([{"params": [values["matrix"]], "weight_decay": DECAY},
                      {"params": [values["vector"]], "weight_decay": 0.0}])
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / 40)
        for name, value in values.items():
            value.grad = noise(SHAPES[name], step).to(dtype)
        optimizer.step()
    return {name: value.detach() for name, value in values.items()}, optimizer, values


f64, f32 = torch.float64, torch.float32
cases = {
    "adamw": (lambda p: torch.optim.AdamW(p, betas=(0.9, 0.99), eps=1e-8), f64),
    "sgd": (lambda p: torch.optim.SGD(p, momentum=0.0), f64),
    "sgd_momentum": (lambda p: torch.optim.SGD(p, momentum=0.9), f64),
    "sgd_nesterov": (lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True), f64),
    "adafactor": (lambda p: Adafactor(p, lr=RATE, scale_parameter=False, relative_step=False, warmup_init=False), f64),
    "lion": (lambda p: bnb.optim.Lion32bit(p, betas=(0.9, 0.99)), f32),
    "adamw_8bit": (lambda p: bnb.optim.AdamW8bit(p, betas=(0.9, 0.99), eps=1e-8), f32),
}
out = {"map/signed": create_dynamic_map(True), "map/unsigned": create_dynamic_map(False)}
for name, (make, dtype) in cases.items():
    end, optimizer, values = run(make, dtype)
    for tensor, value in end.items():
        out[f"{name}/{tensor}"] = value.to(f32).contiguous()
    if name == "adamw_8bit":
        state = optimizer.state[values["matrix"]]
        assert state["state1"].dtype == torch.uint8 and optimizer.state[values["vector"]]["state1"].dtype == f32
        for part, key in (("m", "1"), ("v", "2")):
            out[f"codes/{part}"] = state["state" + key].flatten().view(torch.int32).clone()
            out[f"scales/{part}"] = state["absmax" + key].clone()
sys.stdout.buffer.write(save(out))
