# SPDX-License-Identifier: Apache-2.0
"""The reference for sdk/text: a GGUF's vocabulary in Hugging Face's own tokenizer, and its template in transformers.

transformers can load a tokenizer from a GGUF by itself, but it then splits every byte-level model by GPT-2's rule and
ignores tokenizer.ggml.pre; SmolLM2's own tokenizer.json also splits digits one by one. So the tokenizer is put together
here from the same parts as the model's tokenizer.json.
"""
import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers as pre
from transformers import PreTrainedTokenizerFast

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|"


def split_by(pattern):
    return pre.Sequence([pre.Split(Regex(pattern), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])


PRE = {
    "gpt-2": lambda: pre.ByteLevel(add_prefix_space=False, use_regex=True),
    "smollm": lambda: pre.Sequence([pre.Digits(individual_digits=True),
                                    pre.ByteLevel(add_prefix_space=False, use_regex=True)]),
    "llama-bpe": lambda: split_by(WORDS + r"\p{N}{1,3}|" + TAIL),
    "qwen2": lambda: split_by(WORDS + r"\p{N}|" + TAIL),
}
NORMAL, CONTROL, USER = 1, 3, 4


def fields(path):
    """The metadata of a GGUF file as a dict."""
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def tokenizer_of(meta, rule=None):
    """tokenizers.Tokenizer of a GGUF's metadata; rule replaces tokenizer.ggml.pre."""
    rule = rule or meta["tokenizer.ggml.pre"]
    tokens, types = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in meta["tokenizer.ggml.merges"]]
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges,
                               ignore_merges=rule == "llama-bpe"))
    tok.pre_tokenizer = PRE[rule]()
    if rule == "qwen2":
        tok.normalizer = normalizers.NFC()
    for text, kind in zip(tokens, types):
        if kind == CONTROL:
            tok.add_special_tokens([AddedToken(text, special=True, normalized=False)])
        elif kind == USER:
            tok.add_tokens([AddedToken(text, special=False, normalized=False)])
    assert tok.get_vocab_size() == len(tokens)
    return tok


def chat_of(meta):
    """A transformers tokenizer that renders the template."""
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer_of(meta), chat_template=meta["tokenizer.chat_template"])


def encode(tok, text, special=True):
    tok.encode_special_tokens = not special
    ids = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids


def encode_chat(tok, meta, messages):
    """ids, indices of trained tokens, length of the prompt, by offsets into the text: with the template's markers as
    special tokens and everything else plain."""
    start, end = (meta["tokenizer.ggml.tokens"].index(t) for t in ("<|im_start|>", "<|im_end|>"))
    template = meta["tokenizer.chat_template"]
    if "messages[0]['role'] != 'system'" in template and messages[0]["role"] != "system":
        default = template.split("<|im_start|>system\n")[1].split("<|im_end|>")[0]
        messages = [{"role": "system", "content": default}] + messages
    ids, trained, prompt = [], [], None
    tok.encode_special_tokens = True
    for m in messages:
        weight = m.get("weight", 1 if m["role"] == "assistant" else 0)
        head = m["role"] + "\n"
        e = tok.encode(head + m["content"], add_special_tokens=False)
        ids.append(start)
        inside = [len(ids) + i for i, (first, _) in enumerate(e.offsets) if first >= len(head)]
        ids += e.ids
        if m["role"] == "assistant":
            prompt = inside[0] if inside else len(ids)
        if weight > 0:
            trained += inside + [len(ids)]
        ids += [end] + tok.encode("\n", add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids, trained, len(ids) if prompt is None else prompt
