# SPDX-License-Identifier: Apache-2.0
"""Compares Hone's tokenizer with the reference on a real model: hard text, conversations, rows of a file.

    text_compare.py BUILD/tests/text/tokenize MODEL.gguf QUESTIONS.jsonl [--rows 1000]

The file has {"question", "answer"} a line (GSM8K). Prints how many ids lists are identical, and how many rows
transformers' own GGUF loading splits otherwise because it ignores tokenizer.ggml.pre. Exit status 1 on a difference.
"""
import argparse, base64, json, os, subprocess, sys
from transformers import AutoTokenizer
import text_hard as hard
from text_reference import chat_of, encode, encode_chat, fields, tokenizer_of


def ask(tool, model, mode, lines):
    run = subprocess.run([tool, model, mode], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def report(what, ours, reference, shown=3):
    wrong = [i for i, (a, b) in enumerate(zip(ours, reference, strict=True)) if a != b]
    print(f"{what}: {len(reference) - len(wrong)} of {len(reference)} identical")
    for i in wrong[:shown]:
        print(f"  row {i}:\n    ours      {ours[i]}\n    reference {reference[i]}")
    return not wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool")
    p.add_argument("gguf")
    p.add_argument("data")
    p.add_argument("--rows", type=int, default=1000)
    a = p.parse_args()
    meta = fields(a.gguf)
    tok, renderer = tokenizer_of(meta), chat_of(meta)
    with open(a.data) as lines:
        rows = [json.loads(line) for line in lines][: a.rows]
    chats = [hard.turns(r["question"], r["answer"]) for r in rows]
    rendered = [renderer.apply_chat_template(c, tokenize=False) for c in chats]

    def texts(name, list_of_texts):
        coded = [base64.b64encode(t.encode()).decode() for t in list_of_texts]
        return report(name, ask(a.tool, a.gguf, "texts", coded), [encode(tok, t) for t in list_of_texts])

    def talks(name, list_of_chats):
        wanted = [dict(zip(("ids", "trained", "prompt"), encode_chat(tok, meta, c))) for c in list_of_chats]
        return report(name, ask(a.tool, a.gguf, "chats", [json.dumps(c) for c in list_of_chats]), wanted)

    fine = texts("hard text", hard.ALL)
    fine &= texts("rendered rows", rendered)
    fine &= talks("hard conversations", hard.CHATS)
    fine &= talks("rows as conversations", chats)
    folder, name = os.path.split(os.path.abspath(a.gguf))
    loaded = AutoTokenizer.from_pretrained(folder, gguf_file=name).backend_tokenizer
    other = sum(encode(loaded, t) != encode(tok, t) for t in rendered)
    print(f"transformers' own loading of the GGUF: {len(rendered) - other} of {len(rendered)} rows as the model's rule")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
