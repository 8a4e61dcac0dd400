"""Reads with the format's own package what tests/model/safetensors.c wrote last (HONE_TEST_KEEP=FILE). usage: read_safetensors.py FILE"""
import sys
import torch
from safetensors import safe_open
from safetensors.torch import load_file

t = load_file(sys.argv[1])
assert set(t) == {'z "quoted" ü', "b", "a", "none"}
assert torch.equal(t['z "quoted" ü'], torch.tensor([[0, -1.5, 3e-39], [65504, 1e30, -0.0]]))
assert t["b"].dtype == torch.bfloat16 and t["b"][0] == 1 and t["b"][1] == float("inf")
assert t["a"].item() == -7 and t["none"].shape == (0, 5) and t["none"].dtype == torch.float16
assert safe_open(sys.argv[1], "pt").metadata() == {"format": "pt"}
print("ok")
