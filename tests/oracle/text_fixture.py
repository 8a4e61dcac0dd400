# SPDX-License-Identifier: Apache-2.0
"""Trains the tiny tokenizer of tests/text and writes what the reference makes of hard text with it.

    text_fixture.py tests/text/data

tiny.gguf: a byte-level vocabulary of 600 tokens, trained on the words below, with markers and SmolLM2's template.
tiny.json: {"texts": {rule: [{"text" (base64), "ids", "plain"}]}, "chats": [{"messages", "ids", "trained", "prompt",
"rendered", "asked"}]}: "ids" with special tokens found in the text, "plain" without where that differs, "asked" the
text with a generation prompt.
"""
import base64, json, os, sys
import gguf
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
import text_hard as hard
from text_reference import PRE, chat_of, encode, encode_chat, fields, tokenizer_of

TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"]
ADDED = ["==", "====="]
# SmolLM2's vocabulary lacks these bytes too; the reference leaves them out of what it encodes.
MISSING = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xC0, 0xC1, 0xF1, 0xF2] + list(range(0xF5, 0x100))


def byte_characters():
    """GPT-2's character for each byte."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [b for b in range(256) if b not in kept]
    return {b: chr(b) for b in kept} | {b: chr(256 + i) for i, b in enumerate(others)}


def train():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = PRE["smollm"]()
    alphabet = [c for b, c in byte_characters().items() if b not in MISSING]
    trainer = trainers.BpeTrainer(vocab_size=600 - len(ADDED), special_tokens=SPECIAL, initial_alphabet=alphabet,
                                  show_progress=False)
    corpus = (hard.SCRIPTS + hard.EMOJI + hard.SPACES + hard.WORDS) * 2 + [hard.SCRIPTS[0]] * 20
    tok.train_from_iterator([t for t in corpus if "==" not in t and not set(t.encode()) & set(MISSING)], trainer)
    model = json.loads(tok.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert not any(byte_characters()[b] in tokens for b in MISSING)
    return tokens + ADDED, [" ".join(pair) for pair in model["merges"]]


def write(path, tokens, merges):
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL) - len(ADDED)) + [4] * len(ADDED))
    w.add_token_merges(merges)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_chat_template(TEMPLATE)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def text_rows(tok):
    for text in hard.ALL:
        row = {"text": base64.b64encode(text.encode()).decode(), "ids": encode(tok, text)}
        plain = encode(tok, text, special=False)
        yield row if plain == row["ids"] else row | {"plain": plain}


def chat_rows(meta):
    tok, renderer = tokenizer_of(meta), chat_of(meta)
    for messages in hard.CHATS:
        ids, trained, prompt = encode_chat(tok, meta, messages)
        rendered, asked = (renderer.apply_chat_template(messages, tokenize=False, add_generation_prompt=g)
                           for g in (False, True))
        if not any("<|" in m["content"] for m in messages):  # then the whole text encodes to the same
            assert encode(tok, rendered) == ids, messages
        yield {"messages": messages, "ids": ids, "trained": trained, "prompt": prompt, "rendered": rendered,
               "asked": asked}


def dump(path, texts, chats):
    """One row a line."""
    def lines(rows):
        return "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]"
    with open(path, "w") as out:
        out.write('{"texts": {' + ", ".join(f'"{k}": {lines(v)}' for k, v in texts.items()) + "},\n")
        out.write('"chats": ' + lines(chats) + "}\n")


if __name__ == "__main__":
    folder = sys.argv[1]
    path = os.path.join(folder, "tiny.gguf")
    write(path, *train())
    meta = fields(path)
    dump(os.path.join(folder, "tiny.json"), {rule: list(text_rows(tokenizer_of(meta, rule))) for rule in PRE},
         list(chat_rows(meta)))
