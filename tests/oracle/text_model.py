# SPDX-License-Identifier: Apache-2.0
"""What the reference makes of hard text and of GSM8K's first rows with a real model's vocabulary.

    text_model.py MODEL.gguf QUESTIONS.jsonl > tests/text/data/smollm2.json

{"size": tokens in the vocabulary, "texts": [[count, digest]] of text_hard.ALL (the texts are in tiny.json), "chats":
the same of text_hard.CHATS, "rows": [{"question", "answer", "count", "digest", "prompt", "trained"}]}; digest: SHA-256
of the ids as little-endian int32. The first rows have their "ids" in full, to find a difference with.
"""
import hashlib, json, struct, sys
import text_hard as hard
from text_reference import encode, encode_chat, fields, tokenizer_of

ROWS, IN_FULL = 100, 3


def digest(ids):
    return [len(ids), hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()]


def main():
    meta = fields(sys.argv[1])
    tok = tokenizer_of(meta)
    with open(sys.argv[2]) as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(ROWS))]
    out = []
    for i, row in enumerate(rows):
        ids, trained, prompt = encode_chat(tok, meta, hard.turns(row["question"], row["answer"]))
        count, sha = digest(ids)
        out.append(row | {"count": count, "digest": sha, "prompt": prompt, "trained": len(trained)})
        if i < IN_FULL:
            out[-1]["ids"] = ids
    def lines_of(values):
        return "[\n" + ",\n".join(json.dumps(v, separators=(",", ":"), ensure_ascii=False) for v in values) + "\n]"
    print(f'{{"size": {len(meta["tokenizer.ggml.tokens"])},')
    print('"texts": ' + lines_of([digest(encode(tok, t)) for t in hard.ALL]) + ",")
    print('"chats": ' + lines_of([digest(encode_chat(tok, meta, c)[0]) for c in hard.CHATS]) + ",")
    print('"rows": ' + lines_of(out) + "}")


main()
