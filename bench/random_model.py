#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A llama of any size with random weights, as a GGUF in bf16: what bench-step needs to show cost against a model's size.

    bench/random_model.py OUT.gguf --layers 32 --width 960 --heads 15 --kv-heads 5 --ffn 2560 --vocab 49152
"""
import argparse

import gguf
import numpy as np

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("out")
for name, value in {"layers": 32, "width": 960, "heads": 15, "kv-heads": 5, "ffn": 2560, "vocab": 49152}.items():
    p.add_argument(f"--{name}", type=int, default=value)
a = p.parse_args()
D = a.width // a.heads

letters = [chr(b) for b in [*range(33, 127), *range(161, 173), *range(174, 256)]]
letters += [chr(256 + i) for i in range(256 - len(letters))]
tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + letters
merges = [f"{x} {y}" for x in letters for y in letters][: a.vocab - len(tokens)]
tokens += [m.replace(" ", "") for m in merges]
assert len(tokens) == a.vocab, "at most 65,795 tokens"

w = gguf.GGUFWriter(a.out, "llama")
w.add_name("random")
w.add_context_length(8192); w.add_embedding_length(a.width); w.add_block_count(a.layers); w.add_feed_forward_length(a.ffn)
w.add_head_count(a.heads); w.add_head_count_kv(a.kv_heads); w.add_rope_dimension_count(D); w.add_layer_norm_rms_eps(1e-5)
w.add_rope_freq_base(10000.0); w.add_vocab_size(a.vocab)
w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("smollm"); w.add_token_list(tokens)
w.add_token_types([3] * 3 + [1] * (a.vocab - 3)); w.add_token_merges(merges)
w.add_bos_token_id(1); w.add_eos_token_id(2)
random = np.random.default_rng(1)


def put(name, *shape):
    values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
    bits = np.ascontiguousarray((values.view(np.uint32) >> 16).astype(np.uint16))
    w.add_tensor(name, bits.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)


put("token_embd.weight", a.vocab, a.width)
w.add_tensor("output_norm.weight", np.ones(a.width, np.float32))
for l in range(a.layers):
    for norm in ("attn_norm", "ffn_norm"):
        w.add_tensor(f"blk.{l}.{norm}.weight", np.ones(a.width, np.float32))
    for name, rows, columns in (("attn_q", a.heads * D, a.width), ("attn_k", a.kv_heads * D, a.width),
                                ("attn_v", a.kv_heads * D, a.width), ("attn_output", a.width, a.heads * D),
                                ("ffn_gate", a.ffn, a.width), ("ffn_up", a.ffn, a.width), ("ffn_down", a.width, a.ffn)):
        put(f"blk.{l}.{name}.weight", rows, columns)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
