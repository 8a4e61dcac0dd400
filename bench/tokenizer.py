#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hone's tokenizers against Hugging Face's `tokenizers`, on one core, in one run.

    bench/tokenizer.py BUILD/bench/bench-tokenize TEXT [--folder KEPT] [--size 32000] [--megabytes 4] [--only KIND]

Trains a tokenizer of each kind on the text (kept in KEPT if given), then has both encode it. `tokenizers` gets the text
at once, as Hone does, and once more in lines, which its caches and its own splitting like better; the faster counts. Times are those of the processor.
"""
import argparse, io, json, os, subprocess, sys, tempfile, time
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Regex, Tokenizer, decoders, models, normalizers as norm, pre_tokenizers as pre, trainers

META = "\u2581"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def byte_level(lines, size, splitter, normalizer=None):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = splitter
    if normalizer:
        tok.normalizer = normalizer
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(pre.ByteLevel.alphabet()),
                                                       show_progress=False))
    return tok


def sentencepiece(lines, size, kind):
    import sentencepiece as spm
    from sentencepiece import sentencepiece_model_pb2 as proto
    from transformers.tokenization_utils_base import generate_merges
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out, model_type=kind, vocab_size=size,
                                   byte_fallback=True, hard_vocab_limit=False, minloglevel=2, num_threads=1,
                                   normalization_rule_name="identity" if kind == "bpe" else "nmt_nfkc")
    m = proto.ModelProto()
    m.ParseFromString(out.getvalue())
    if kind == "bpe":
        vocab = {p.piece: i for i, p in enumerate(m.pieces)}
        merges = generate_merges(vocab, {p.piece: p.score for p in m.pieces if p.type == 1})
        tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        tok.normalizer = norm.Sequence([norm.Prepend(META), norm.Replace(" ", META)])
        tok.decoder = decoders.Sequence([decoders.Replace(META, " "), decoders.ByteFallback(), decoders.Fuse(),
                                         decoders.Strip(" ", 1, 0)])
    else:
        tok = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=0, byte_fallback=True))
        tok.normalizer = norm.Sequence([norm.Precompiled(m.normalizer_spec.precompiled_charsmap),
                                        norm.Replace(Regex(" {2,}"), " ")])
        tok.pre_tokenizer = pre.Metaspace(META, prepend_scheme="always")
        tok.decoder = decoders.Metaspace(META, prepend_scheme="always")
    return tok


def split_by(pattern):
    return pre.Sequence([pre.Split(Regex(pattern), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])


KINDS = {
    "gpt-2": lambda lines, n: byte_level(lines, n, pre.ByteLevel(add_prefix_space=False)),
    "granite": lambda lines, n: byte_level(lines, n, pre.Sequence([pre.Digits(True), pre.ByteLevel(add_prefix_space=False)])),
    "llama-3": lambda lines, n: byte_level(lines, n, split_by(LLAMA3)),
    "qwen2": lambda lines, n: byte_level(lines, n, split_by(LLAMA3.replace("{1,3}", "")), norm.NFC()),
    "llama-2": lambda lines, n: sentencepiece(lines, n, "bpe"),
    "t5": lambda lines, n: sentencepiece(lines, n, "unigram"),
}


def reference(folder, text):
    tok = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    lines = text.splitlines(keepends=True)
    best = 0
    for parts in ([text], lines):
        start = time.process_time()
        for part in parts:
            tok.encode(part, add_special_tokens=False)
        best = max(best, len(text.encode()) / 1e6 / (time.process_time() - start))
    return best, tok.encode(text, add_special_tokens=False).ids


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool")
    p.add_argument("text")
    p.add_argument("--folder")
    p.add_argument("--size", type=int, default=32000)
    p.add_argument("--megabytes", type=float, default=4)
    p.add_argument("--only")
    a = p.parse_args()
    with open(a.text, errors="ignore") as f:
        text = f.read(int(a.megabytes * 1e6))
    kept = a.folder or tempfile.mkdtemp()
    path = os.path.join(kept, "text.txt")
    os.makedirs(kept, exist_ok=True)
    with open(path, "w") as out:
        out.write(text)
    wrong = False
    for kind, make in KINDS.items():
        folder = os.path.join(kept, kind)
        if a.only not in (None, kind):
            continue
        if not os.path.exists(os.path.join(folder, "tokenizer.json")):
            os.makedirs(folder, exist_ok=True)
            make([line for line in text.splitlines() if line], a.size).save(os.path.join(folder, "tokenizer.json"))
        ours = json.loads(subprocess.run([a.tool, folder, path], capture_output=True, text=True, check=True).stdout)
        theirs, ids = reference(folder, text)
        same = ours["tokens"] == len(ids)
        wrong |= not same
        print(f"{kind:8} Hone {ours['encode_mb_s']:6.1f} MB/s, tokenizers {theirs:5.1f} MB/s: {ours['encode_mb_s'] / theirs:5.1f} "
              f"times; decode {ours['decode_mb_s']:.0f} MB/s, load {ours['load_s']:.2f} s, {ours['tokens']} tokens"
              f"{'' if same else ' BUT ' + str(len(ids))}", flush=True)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
