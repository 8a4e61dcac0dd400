# SPDX-License-Identifier: Apache-2.0
"""Tiny random Llama models as GGUF files, and what transformers and peft make of them.

Writes into FOLDER (tests/model/data), for each model NAME:
  NAME.gguf                 a complete model: random weights, a small byte-level BPE tokenizer, the ChatML template
  NAME.expect.safetensors   a packed batch and, from transformers in float32: logits, log-probabilities, greedy tokens;
                            with the adapter: the same and the gradients of its tensors for given derivatives
  NAME-adapter/             an adapter as peft saved it, its values random (B too, so that it changes the output)
Run: tiny_llama.py FOLDER
"""
import os
import shutil
import sys

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "l l", "Ġ t", "he ll", "i n", "e r", "hell o", "Ġ a", "o r", "Ġt he"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# name: heads, key heads, head width, model width, feed-forward width, layers, tied, rope base, file type, padding rows,
# adapter settings. Odd shapes on purpose; in tiny3 the heads are wider together than the model.
MODELS = {
    "tiny": (4, 2, 8, 32, 56, 2, True, 10000.0, "F32", 0, dict(r=4, lora_alpha=8, target_modules="all-linear")),
    "tiny3": (3, 1, 10, 24, 45, 3, False, 500.0, "F32", 5,
              dict(r=3, lora_alpha=5, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True)),
    "tiny5": (5, 5, 6, 30, 42, 2, True, 100000.0, "F16", 0,
              dict(r=2, lora_alpha=4, target_modules=["k_proj", "o_proj", "up_proj"], layers_to_transform=[1])),
    "tinyq": (2, 1, 16, 32, 64, 2, True, 10000.0, "Q8_0", 1, dict(r=8, lora_alpha=16, target_modules="all-linear")),
}
EPSILON = 1e-5
CONTEXT = 64


def byte_letters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for b in range(256):
        if b in printable:
            letters[b] = chr(b)
        else:
            letters[b] = chr(256 + extra)
            extra += 1
    return [letters[b] for b in range(256)]


def permute(w, heads):
    """Rows as the converter to GGUF orders them: the two members of a rotary pair side by side."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def store(writer, name, array, kind):
    """Adds a tensor; returns what a reader of the file sees."""
    if array.ndim == 1 or kind == "F32":
        writer.add_tensor(name, array)
        return array
    if kind == "F16":
        writer.add_tensor(name, array.astype(np.float16))
        return array.astype(np.float16).astype(np.float32)
    qtype = gguf.GGMLQuantizationType[kind]
    packed = gguf.quants.quantize(array, qtype)
    writer.add_tensor(name, packed, raw_dtype=qtype)
    return gguf.quants.dequantize(packed, qtype)


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(2, 1).reshape(w.shape)


def make(folder, name, seed):
    heads, kv, width, model, ffn, layers, tied, base, kind, padding, lora = MODELS[name]
    tokens = SPECIALS + byte_letters() + [m.replace(" ", "") for m in MERGES]
    vocab = len(tokens) + padding
    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=model, intermediate_size=ffn, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=width, vocab_size=vocab, max_position_embeddings=CONTEXT,
        rms_norm_eps=EPSILON, tie_word_embeddings=tied, rope_parameters={"rope_type": "default", "rope_theta": base},
        bos_token_id=1, eos_token_id=2, pad_token_id=2, attn_implementation="eager")
    net = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for key, p in net.named_parameters():
            if p.ndim == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (1.5 / p.shape[1] ** 0.5 if "embed" not in key else 0.5))

    path = os.path.join(folder, name + ".gguf")
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(name)
    w.add_block_count(layers)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(model)
    w.add_feed_forward_length(ffn)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_rope_freq_base(base)
    w.add_layer_norm_rms_eps(EPSILON)
    w.add_vocab_size(vocab)
    w.add_rope_dimension_count(width)
    if width * heads != model:
        w.add_key_length(width)
        w.add_value_length(width)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3] * len(SPECIALS) + [1] * (len(tokens) - len(SPECIALS)))
    w.add_token_merges(MERGES)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_pad_token_id(2)
    w.add_chat_template(TEMPLATE)

    state = net.state_dict()
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    seen = {}
    for key, tensor in state.items():
        array = tensor.numpy()
        if key == "model.embed_tokens.weight":
            out = store(w, "token_embd.weight", array, kind)
        elif key == "model.norm.weight":
            out = store(w, "output_norm.weight", array, kind)
        elif key == "lm_head.weight":
            out = array if tied else store(w, "output.weight", array, kind)
        else:
            _, _, layer, module = key.split(".", 3)
            module = module.removesuffix(".weight")
            n = heads if "q_proj" in module else kv if "k_proj" in module else 0
            out = store(w, f"blk.{layer}.{names[module]}.weight", permute(array, n) if n else array, kind)
            out = unpermute(out, n) if n else out
        seen[key] = torch.from_numpy(np.ascontiguousarray(out, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    if tied:
        seen["lm_head.weight"] = seen["model.embed_tokens.weight"]
    net.load_state_dict(seen)

    # transformers' own reading of the file is the same model.
    again = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name + ".gguf", dtype=torch.float32).eval()
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, seen[key]), (name, key)
    return net, vocab, len(tokens), lora


def packed_logits(net, sequences):
    return torch.cat([net(input_ids=s[None]).logits[0] for s in sequences])


def greedy(net, prompts, tokens, limit):
    """Greedy tokens by transformers, one prompt at a time; -1 fills rows that ended. Ids of padding rows of the
    embedding belong to no token: generation never takes them."""
    rows = []
    for p in prompts:
        vocab = net.config.vocab_size
        out = net.generate(p[None], attention_mask=torch.ones_like(p[None]), do_sample=False, max_new_tokens=limit,
                           eos_token_id=[0, 2], pad_token_id=2, suppress_tokens=list(range(tokens, vocab)) or None,
                           output_scores=True, return_dict_in_generate=True)
        for score in out.scores:
            top = score[0].topk(2).values
            assert top[0] - top[1] > 1e-3, "a tie: take another seed"
        made = [t for t in out.sequences[0, len(p):].tolist() if t not in (0, 2)]
        rows.append(made + [-1] * (limit - len(made)))
    return torch.tensor(rows, dtype=torch.int32)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for number, name in enumerate(MODELS):
        net, vocab, tokens, lora = make(folder, name, 100 + number)
        g = torch.Generator().manual_seed(number)
        lengths = [7, 1, 12, 5]
        sequences = [torch.randint(3, tokens, (n,), generator=g) for n in lengths]
        ids = torch.cat(sequences)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        # Some rows only; row 7 is a sequence of one token.
        rows = torch.tensor([2, 3, 5, 7, 9, 12, 13, 18, 21, 24])
        targets = torch.randint(3, tokens, (len(rows),), generator=g)
        derivative = torch.randn(len(rows), generator=g)
        prompts = [torch.randint(3, tokens, (n,), generator=g) for n in (5, 3, 9)]

        def logprobs(model):
            logits = packed_logits(model, sequences)[rows]
            return logits, torch.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0]

        out = {"ids": ids.int(), "starts": torch.from_numpy(starts).int(), "target_rows": rows.int(),
               "targets": targets.int(), "derivative": derivative,
               "prompt_ids": torch.cat(prompts).int(),
               "prompt_starts": torch.tensor([0, 5, 8, 17], dtype=torch.int32)}
        with torch.no_grad():
            out["logits"], out["logprob"] = logprobs(net)
            out["greedy"] = greedy(net, prompts, tokens, 16)

        tuned = get_peft_model(net, LoraConfig(task_type="CAUSAL_LM", **lora))
        with torch.no_grad():
            for key, p in tuned.named_parameters():
                if "lora_" in key:
                    p.copy_(0.3 * torch.randn(p.shape, generator=g))
        adapter = os.path.join(folder, name + "-adapter")
        shutil.rmtree(adapter, ignore_errors=True)
        tuned.save_pretrained(adapter)
        os.remove(os.path.join(adapter, "README.md"))
        tuned.eval()
        logits, logprob = logprobs(tuned)
        (derivative * logprob).sum().backward()
        out["adapter.logits"], out["adapter.logprob"] = logits.detach(), logprob.detach()
        for key, p in tuned.named_parameters():
            if p.grad is not None:
                out["grad:" + key.replace(".default.", ".")] = p.grad
        out["adapter.greedy"] = greedy(tuned, prompts, tokens, 16)
        save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, name + ".expect.safetensors"))
        print(name, "ok", vocab, "greedy", out["greedy"][0].tolist())


main(sys.argv[1])
