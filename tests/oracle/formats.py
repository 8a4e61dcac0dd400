"""Small files written by the formats' own packages. usage: formats.py FOLDER

small.gguf: metadata of every kind and tensors of several types; small.safetensors: one tensor of each type read.
Tensor values are closed forms that the tests compute again: value i of f32 tensors is (i - 7) / 4.
"""
import os, sys
import numpy as np, torch
from gguf import GGUFWriter, GGMLQuantizationType as T, GGUFValueType as V, quants
from safetensors.torch import save_file

folder = sys.argv[1]


def ramp(*shape):
    return ((np.arange(np.prod(shape), dtype=np.float32) - 7) / 4).reshape(shape)


w = GGUFWriter(os.path.join(folder, "small.gguf"), "llama")
w.add_uint8("t.u8", 200)
w.add_int8("t.i8", -100)
w.add_uint16("t.u16", 60000)
w.add_int16("t.i16", -30000)
w.add_uint32("t.u32", 4000000000)
w.add_int32("t.i32", -2000000000)
w.add_uint64("t.u64", 2**64 - 1)
w.add_key_value("t.i64", -(2**62), V.INT64)
w.add_float32("t.f32", 0.5)
w.add_float64("t.f64", 0.1)
w.add_bool("t.yes", True)
w.add_bool("t.no", False)
w.add_string("t.text", "grüße ✓")
w.add_array("t.strings", ["", "one", "Ġtwo", "三"])
w.add_array("t.ints", [1, -2, 3])
w.add_array("t.floats", [0.25, -1.5])
w.add_tensor("plain", ramp(3, 5))
w.add_tensor("half", ramp(2, 2, 4).astype(np.float16))
w.add_tensor("blocks", quants.quantize(ramp(2, 32), T.Q8_0), raw_dtype=T.Q8_0)
w.add_tensor("index", np.arange(6, dtype=np.int32))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()

x = torch.from_numpy(ramp(3, 5).copy())
save_file({"f32": x, "f16": x.half(), "bf16": x.bfloat16(), "i32": torch.arange(6, dtype=torch.int32), "scalar": torch.tensor(2.5),
           "empty": torch.zeros(0, 4)}, os.path.join(folder, "small.safetensors"), {"format": "pt", "note": "ü"})
