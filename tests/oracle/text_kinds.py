# SPDX-License-Identifier: Apache-2.0
"""Small tokenizers in the form of each published family, and what `tokenizers` and `sentencepiece` make of hard text.

    text_kinds.py tests/text/data/kinds           writes the fixtures
    text_kinds.py --compare BUILD/tests/text/tokenize [--rounds 40] [--only NAME]
                                                         compares Hone itself on these texts and on random ones

NAME.json: {"tokenizer": a tokenizer.json, "config": a tokenizer_config.json, "texts": [base64] beside those of
text_hard.ALL, "rows": [[digest of the ids, of the ids without special tokens looked for (null where Hone differs by
intent), of their decoded text]], "before", "after": the ids that the post-processor puts around, "long": [[base64 of a unit, how often, digest of the
ids]]}. steps.json:
{"tokenizer": without steps, "steps": {name: {"normalizer", "pre_tokenizer", "fuse_unk", "rows"}}}. NAME.gguf with
NAME-gguf.json: {"rows": [digest of the ids]} of spm_texts, SentencePiece's own tokenizer. A digest is the first 16 digits of
the SHA-256 of int32 little-endian ids, or of bytes.
"""
import argparse, base64, hashlib, io, json, os, random, struct, subprocess, sys, tempfile, unicodedata
import gguf
import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as norm, pre_tokenizers as pre
from tokenizers import processors, trainers
from transformers.tokenization_utils_base import generate_merges
import text_hard as hard
from text_reference import CONTRACTIONS, TAIL, WORDS

META = "\u2581"
O200K_TAIL = r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CORPUS = (hard.SCRIPTS + hard.EMOJI + hard.SPACES + hard.WORDS + hard.DIGITS) * 2 + [hard.SCRIPTS[0]] * 20
CORPUS += ["aa  bb    cc        dd\n\n\n\nee " * 5, "if (x) {\n        return  y;\n    }\n" * 5]


# ---- BPE over bytes. ----

def byte_bpe(pre_tokenizer, special, added=(), normalizer=None, post=None, size=520, **options):
    tok = Tokenizer(models.BPE(**options))
    tok.pre_tokenizer = pre_tokenizer
    if normalizer:
        tok.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(pre.ByteLevel.alphabet()), show_progress=False)
    tok.train_from_iterator(CORPUS, trainer)
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tok.add_tokens(list(added))
    if post:
        tok.post_processor = post(tok)
    return tok


def byte_split(pattern):
    return pre.Sequence([pre.Split(Regex(pattern), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])


def template(before, after=None):
    single = f"{before + ' ' if before else ''}$A{' ' + after if after else ''}"
    def make(tok):
        names = [t for t in (before, after) if t]
        return processors.TemplateProcessing(single=single, special_tokens=[(t, tok.token_to_id(t)) for t in names])
    return make


def llama3():
    post = lambda tok: processors.Sequence([processors.ByteLevel(trim_offsets=False), template("<|begin_of_text|>")(tok)])
    return byte_bpe(byte_split(WORDS + r"\p{N}{1,3}|" + TAIL),
                    ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
                    post=post, ignore_merges=True)


def qwen2():
    return byte_bpe(byte_split(WORDS + r"\p{N}|" + TAIL), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
                    [AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False)],
                    norm.NFC())


def neox():
    spaces = [AddedToken(" " * n, normalized=True) for n in (2, 3, 4, 8, 24)]
    return byte_bpe(pre.ByteLevel(add_prefix_space=False, use_regex=True), ["<|endoftext|>", "<|padding|>"], spaces,
                    norm.NFC())


def granite():
    digits = pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False, use_regex=True)])
    return byte_bpe(digits, ["<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<fim_prefix>"])


def gpt2_prefixed():
    post = lambda tok: processors.RobertaProcessing(("</s>", tok.token_to_id("</s>")), ("<s>", tok.token_to_id("<s>")))
    return byte_bpe(pre.ByteLevel(add_prefix_space=True), ["<s>", "</s>"],
                    [AddedToken("<mask>", lstrip=True, special=True)], post=post)


def tekken():
    word = r"[^\r\n\p{L}\p{N}]?"
    return byte_bpe(byte_split(f"{word}{UPPER}*{LOWER}+|{word}{UPPER}+{LOWER}*"
                               r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
                    ["<s>", "</s>", "[INST]", "[/INST]"], post=template("<s>"), ignore_merges=True)


def o200k():
    word = r"[^\r\n\p{L}\p{N}]?"
    return byte_bpe(byte_split(f"{word}{UPPER}*{LOWER}+{CONTRACTIONS}?|{word}{UPPER}+{LOWER}*{CONTRACTIONS}?" + O200K_TAIL),
                    ["<|endoftext|>", "<|end|>"])


# ---- SentencePiece. ----

RULES = [("\ufb01", "fi"), ("\ufb05", "st"), ("\u212b", "\u00e5"), ("\u00bd", " 1/2"), ("\uff76", "\u30ab"), ("\u3000", " "),
         ("\u00a0", " "), ("\t", " "), ("\n", " "), ("\u200b", ""), ("e\u0301", "\u00e9"), ("\u0301", ""), ("K", "k"),
         ("\U0001d518", "U"), ("\u2003", " "), ("\u1e69", "s\u0323\u0307"), ("\ufeff", ""), ("DON", "don")]


def train_spm(kind, size, rules=False, user=(), **options):
    out = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        for source, target in RULES:
            tsv.write("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (source, target)) + "\n")
        tsv.flush()
        if rules:
            options["normalization_rule_tsv"] = tsv.name
        else:
            options.setdefault("normalization_rule_name", "identity")
        sentences = [line for text in CORPUS for line in text.split("\n") if line]
        spm.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=out, model_type=kind,
                                       vocab_size=size, num_threads=1, minloglevel=2, hard_vocab_limit=False,
                                       user_defined_symbols=list(user), max_sentence_length=100000, **options)
    m = proto.ModelProto()
    m.ParseFromString(out.getvalue())
    return m


LLAMA_SPM = dict(byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True,
                 remove_extra_whitespaces=False, character_coverage=0.98)
_cache = {}


def llama_spm():
    if "llama" not in _cache:
        _cache["llama"] = train_spm("bpe", 800, **LLAMA_SPM)
    return _cache["llama"]


def gemma_spm():
    if "gemma" not in _cache:
        _cache["gemma"] = train_spm("bpe", 800, user=["\n", "\n\n", META * 2, META * 3, "<table>"],
                                    control_symbols=["<start_of_turn>", "<end_of_turn>"],
                                    add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>",
                                    eos_piece="<eos>", **LLAMA_SPM)
    return _cache["gemma"]


def spm_bpe(m, pairs_by_score=True):
    """The model's BPE with merges as transformers derives them."""
    vocab = {p.piece: i for i, p in enumerate(m.pieces)}
    scores = {p.piece: p.score for p in m.pieces if p.type in (1, 4, 5)} if pairs_by_score else None
    merges = generate_merges(vocab, scores) if pairs_by_score else generate_merges(vocab, None)
    return models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def strip_decoder(*last):
    return decoders.Sequence([decoders.Replace(META, " "), decoders.ByteFallback(), decoders.Fuse(), *last])


def llama_like(m, normalizer=None, pre_tokenizer=None, added=(), strip=True, post=template("<s>")):
    tok = Tokenizer(spm_bpe(m))
    if normalizer:
        tok.normalizer = normalizer
    if pre_tokenizer:
        tok.pre_tokenizer = pre_tokenizer
    tok.decoder = strip_decoder(*([decoders.Strip(" ", 1, 0)] if strip else []))
    control = [p.piece for p in m.pieces if p.type in (2, 3)]
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tok.add_tokens([AddedToken(p.piece, normalized=False) for p in m.pieces if p.type == 4])
    tok.add_tokens(list(added))
    tok.post_processor = post(tok)
    return tok


def llama2():
    return llama_like(llama_spm(), norm.Sequence([norm.Prepend(META), norm.Replace(" ", META)]))


def mistral():
    """Without a normalizer: a space in front of the text alone."""
    return llama_like(llama_spm(), None, pre.Metaspace(META, prepend_scheme="first", split=False),
                      [AddedToken("[INST]", special=True), AddedToken("[/INST]", special=True)])


def phi3():
    turns = [AddedToken(t, special=True, rstrip=True, normalized=False)
             for t in ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>")]
    return llama_like(llama_spm(), norm.Sequence([norm.Prepend(META), norm.Replace(" ", META)]), None, turns)


def gemma():
    return llama_like(gemma_spm(), norm.Replace(" ", META), pre.Split(" ", "merged_with_previous"), strip=False,
                      post=template("<bos>"))


def gemma_whole():
    """Without a pre-tokenizer: a whole text is one word."""
    return llama_like(gemma_spm(), norm.Replace(" ", META), strip=False, post=template("<bos>"))


def unigram(m, normalizer, pre_tokenizer, decoder, fallback, post, added=()):
    tok = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=m.trainer_spec.unk_id,
                                   byte_fallback=fallback))
    tok.normalizer, tok.pre_tokenizer, tok.decoder = normalizer, pre_tokenizer, decoder
    tok.add_special_tokens([AddedToken(p.piece, special=True, normalized=False) for p in m.pieces if p.type in (2, 3)])
    tok.add_tokens(list(added))
    tok.post_processor = post(tok)
    return tok


def t5_spm():
    if "t5" not in _cache:
        _cache["t5"] = train_spm("unigram", 600, rules=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                                 character_coverage=0.98, user=["<extra_id_0>"])
    return _cache["t5"]


def t5():
    m = t5_spm()
    steps = [norm.Precompiled(m.normalizer_spec.precompiled_charsmap), norm.Strip(left=False, right=True),
             norm.Replace(Regex(" {2,}"), META)]
    return unigram(m, norm.Sequence(steps), pre.Metaspace(META, prepend_scheme="always"),
                   decoders.Metaspace(META, prepend_scheme="always"), False, template(None, "</s>"),
                   [AddedToken("<extra_id_0>", special=True, lstrip=True, rstrip=True)])


def xlmr():
    m = t5_spm()
    return unigram(m, norm.Sequence([norm.Nmt(), norm.NFKC(), norm.Replace(Regex(r"\s+"), " ")]),
                   pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace(META, prepend_scheme="always")]),
                   decoders.Metaspace(META, prepend_scheme="always"), False, template(None, "</s>"))


def unigram_bytes():
    if "bytes" not in _cache:
        _cache["bytes"] = train_spm("unigram", 800, byte_fallback=True, character_coverage=0.98)
    return unigram(_cache["bytes"], norm.Replace(" ", META), None, strip_decoder(), True, template("<s>"))


# ---- One vocabulary under every step that there is. ----

def characters(normalizer=None, pre_tokenizer=None, decoder=None, added=(), **options):
    tok = Tokenizer(models.BPE(unk_token="<unk>", **options))
    alphabet = sorted({c for t in hard.SCRIPTS[:4] + hard.SPACES for c in t} | set(hard.BYTES[0][32:]))
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=["<unk>"], initial_alphabet=alphabet,
                                  limit_alphabet=len(alphabet), show_progress=False)
    tok.pre_tokenizer = pre.WhitespaceSplit()
    tok.train_from_iterator(CORPUS, trainer)
    tok = Tokenizer.from_str(json.dumps(json.loads(tok.to_str()) | {"pre_tokenizer": None}))
    for name, part in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)):
        if part:
            setattr(tok, name, part)
    tok.add_tokens(list(added))
    return tok


BEHAVIOURS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def steps():
    """name -> tokenizer"""
    every = {
        "nfc": (norm.NFC(), None), "nfd": (norm.NFD(), None), "nfkc": (norm.NFKC(), None), "nfkd": (norm.NFKD(), None),
        "lowercase": (norm.Lowercase(), None), "strip": (norm.Strip(), None), "strip-left": (norm.Strip(True, False), None),
        "accents": (norm.Sequence([norm.NFD(), norm.StripAccents()]), None), "nmt": (norm.Nmt(), None),
        "prepend": (norm.Prepend("<<"), None), "replace": (norm.Replace(Regex(r"[aeiou]+(?=n)|\d"), "-"), None),
        "replace-empty": (norm.Replace(Regex("x*"), "-"), None),
        "digits": (None, pre.Digits(True)), "digit-runs": (None, pre.Digits(False)),
        "whitespace": (None, pre.Whitespace()), "whitespace-split": (None, pre.WhitespaceSplit()),
        "metaspace-never": (None, pre.Metaspace("_", prepend_scheme="never")),
        "metaspace-first": (None, pre.Sequence([pre.Punctuation("isolated"), pre.Metaspace("_", prepend_scheme="first")])),
        "classes": (None, pre.Split(Regex(r"\w+\b|[[:digit:]]{1,2}|[^\s\w]|\B\h"), "isolated")),
        "sets": (None, pre.Split(Regex(r"[^(\s|[.,!?-])]+|[\d\-a-c]"), "isolated")),
        "lookbehind": (None, pre.Split(Regex(r"(?<=[a-z])(?=[A-Z])|(?<!\p{Han})\p{Han}++"), "isolated")),
        "lines": (None, pre.Split(Regex(r"^.*?$|(?m:e.a)"), "merged_with_next")),
    }
    # What llama.cpp does for tokenizer.ggml.pre "default".
    default = [r"[\p{P}\$\+<=>\^~\|]+", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)", r"\p{N}+",
               "[0-9][0-9][0-9]"]
    every["gguf-default"] = None, pre.Sequence([pre.Split(Regex(p), "isolated") for p in default])
    for behaviour in BEHAVIOURS:
        every[f"split-{behaviour}"] = (None, pre.Split(Regex(r"\s+|[aeiou]"), behaviour))
        every[f"split-text-{behaviour}"] = (None, pre.Split(" ", behaviour))
        every[f"split-invert-{behaviour}"] = (None, pre.Split(Regex(r"\p{L}{1,4}"), behaviour, invert=True))
        every[f"punctuation-{behaviour}"] = (None, pre.Punctuation(behaviour))
    return every


ADDED = [AddedToken("the", single_word=True), AddedToken("fox", lstrip=True), AddedToken("dog", rstrip=True),
         AddedToken("E\u0301", normalized=True), AddedToken("LAZY", normalized=True), AddedToken("brown", normalized=False),
         AddedToken("[SEP]", special=True, lstrip=True, rstrip=True), AddedToken("[CLS]", special=True, normalized=True),
         AddedToken("=", single_word=True, rstrip=True), AddedToken("==", normalized=False)]
ADDED_TEXTS = ["the fox dog", "then the,the the\u00a0 fox\tdog  dog", "a  fox  fox dog dog  ", "E\u0301 \u00c9 e\u0301 \u00e9", "lazy LAZY Lazy",
               "brownbrown brown", " [SEP]  [SEP] x [SEP]", "[CLS] [cls]x[CLS]", "= a=b == === a == b", "other breathe the\u200d the",
               "\u24b6the the\u24d0", "dog\u3000\u3000fox", "[SEP][CLS][SEP]", "the", "fox", " fox ", "the_fox"]
FAMILIES = [llama3, qwen2, neox, granite, gpt2_prefixed, tekken, o200k, llama2, mistral, phi3, gemma, gemma_whole, t5, xlmr,
            unigram_bytes]


# ---- What the reference says. ----

def digest(data):
    if isinstance(data, list):
        data = struct.pack(f"<{len(data)}i", *data)
    return hashlib.sha256(data).hexdigest()[:16]


def makes_special(tok, text):
    """Text of a special token, which Unigram has among its pieces: in Hone plain text never becomes that token."""
    unigram = isinstance(tok.model, models.Unigram)
    return unigram and any(t.special and t.content in text for t in tok.get_added_tokens_decoder().values())


def ids_of(tok, text, special=True):
    tok.encode_special_tokens = not special
    ids = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids


def own_texts(tok):
    """Its own added tokens beside words, spaces and each other."""
    added = [t.content for t in tok.get_added_tokens_decoder().values()]
    texts = []
    for i, t in enumerate(added):
        other = added[(i + 1) % len(added)]
        texts += [t, t + other, f"a{t}b", f" {t} ", f"x  {t}  {other}\n", f"{t}{t}", t[:-1], t.upper(), f"{t}\n\n{other} y",
                  f"\u00e9{t}\u0301"]
    return texts + ADDED_TEXTS


def rows_of(tok, texts):
    rows = []
    for text in texts:
        ids = ids_of(tok, text)
        plain = None if makes_special(tok, text) else digest(ids_of(tok, text, False))
        rows.append([digest(ids), plain, digest(tok.decode(ids, skip_special_tokens=False).encode())])
    return rows


def around(tok):
    """The ids before and behind a text; the same for every text."""
    found = None
    for text in ("a b", "x", "Hello there"):
        full, plain = tok.encode(text).ids, ids_of(tok, text)
        at = next(i for i in range(len(full) - len(plain) + 1) if full[i:i + len(plain)] == plain)
        assert found in (None, (full[:at], full[at + len(plain):]))
        found = full[:at], full[at + len(plain):]
    return found


LONG = [("a", 60000), ("the", 20000), (" ", 60000), ("\u6f22", 20000), ("=", 50000), ("ab ", 20000), ("\U0001f44d", 15000),
        ("\n", 50000), ("e\u0301", 20000), ("1", 50000), ("'s", 20000), ("a\u0301\u0323", 15000)]


def long_rows(tok):
    """Words and runs that take an algorithm with squares in it too long."""
    return [[coded([unit])[0], n, digest(ids_of(tok, unit * n))] for unit, n in LONG]


def config_of(tok):
    names = {t.content for t in tok.get_added_tokens_decoder().values()}
    pick = lambda *all: next((t for t in all if t in names), None)
    return {"bos_token": pick("<s>", "<bos>", "<|begin_of_text|>"),
            "eos_token": {"content": pick("</s>", "<eos>", "<|eot_id|>", "<|im_end|>", "<|endoftext|>", "<|end_of_text|>")}}


# ---- SentencePiece's own tokenizer, as a GGUF. ----

def write_gguf(path, m, kind, prefix):
    w = gguf.GGUFWriter(path, "llama")
    types = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}
    # llama.cpp's converter writes the spaces of a user's token as spaces.
    pieces = [p.piece.replace(META, " ") if p.type == 4 else p.piece for p in m.pieces]
    w.add_tokenizer_model(kind)
    w.add_tokenizer_pre("default")
    w.add_token_list(pieces)
    w.add_token_scores([p.score for p in m.pieces])
    w.add_token_types([types[p.type] for p in m.pieces])
    w.add_add_space_prefix(prefix)
    w.add_remove_extra_whitespaces(m.normalizer_spec.remove_extra_whitespaces)
    if m.normalizer_spec.precompiled_charsmap:
        w.add_precompiled_charsmap(m.normalizer_spec.precompiled_charsmap)
    for name, i in (("bos", m.trainer_spec.bos_id), ("eos", m.trainer_spec.eos_id), ("unk", m.trainer_spec.unk_id)):
        if i >= 0:
            getattr(w, f"add_{name}_token_id")(i)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


SPM = {"llama": (llama_spm, "llama", True), "gemma": (gemma_spm, "llama", False), "t5": (t5_spm, "t5", True)}


def spm_encoder(m):
    """text -> ids. Unigram's scores are summed in double precision by llama.cpp and Hugging Face's tokenizers, in single by
    sentencepiece, which decides ties: there its normal form is split by the former."""
    sp = spm.SentencePieceProcessor(model_proto=m.SerializeToString())
    if m.trainer_spec.model_type == 2:
        return sp.encode
    model = models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=m.trainer_spec.unk_id)
    split = pre.Metaspace(META, prepend_scheme="never")
    return lambda text: [t.id for word, _ in split.pre_tokenize_str(sp.normalize(text)) for t in model.tokenize(word)]


def spm_texts():
    return [t for t in hard.ALL if "\0" not in t and not any(m in t for m in ("<unk>", "<s>", "</s>", "<pad>"))]


# ---- Comparing Hone itself. ----

def ask(tool, model, mode, lines):
    run = subprocess.run([tool, model, mode], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{model} {mode}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def coded(texts):
    return [base64.b64encode(t.encode()).decode() for t in texts]


def random_texts(seed, n):
    draw = random.Random(seed)
    alphabet = "".join(hard.ALL + ADDED_TEXTS)
    out = []
    for _ in range(n):
        kind = draw.random()
        if kind < 0.4:
            parts = [draw.choice(hard.ALL + ADDED_TEXTS) for _ in range(draw.randrange(1, 5))]
            cut = [p[draw.randrange(len(p) + 1):][:draw.randrange(1, 40)] for p in parts]
            out.append("".join(cut))
        elif kind < 0.8:
            out.append("".join(draw.choice(alphabet) for _ in range(draw.randrange(1, 60))))
        else:
            out.append("".join(chr(draw.choice([draw.randrange(1, 0x250), draw.randrange(0x250, 0x3100),
                                                draw.randrange(0xAC00, 0xD7A4), draw.randrange(0xF900, 0xFFFE),
                                                draw.randrange(0x1D400, 0x1F700)])) for _ in range(draw.randrange(1, 30))))
    # Characters that are newer than Python's tables may be newer than GLib's and PCRE2's.
    return ["".join(c for c in t if unicodedata.category(c) != "Cn") for t in out]


def compare(tool, name, tok, texts):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        tok.save(os.path.join(folder, "tokenizer.json"))
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as out:
            json.dump(config_of(tok), out)
        for mode, wanted in (("texts", [ids_of(tok, t) for t in texts]), ("plain", [ids_of(tok, t, False) for t in texts]),
                             ("around", [tok.encode(t).ids for t in texts])):
            for text, ours, theirs in zip(texts, ask(tool, folder, mode, coded(texts)), wanted, strict=True):
                if ours != theirs and not (mode == "plain" and makes_special(tok, text)):
                    wrong += 1
                    if wrong < 4:
                        print(f"  {mode} {text!r}\n    ours      {ours}\n    reference {theirs}")
        ids = [ids_of(tok, t) for t in texts]
        for text, back, i in zip(texts, ask(tool, folder, "decode", [json.dumps(i) for i in ids]), ids, strict=True):
            ours = base64.b64decode(back).decode(errors="replace")
            if ours != tok.decode(i, skip_special_tokens=False):
                wrong += 1
                if wrong < 4:
                    print(f"  decode {text!r} {i}\n    ours      {ours!r}\n    reference {tok.decode(i, skip_special_tokens=False)!r}")
    print(f"{name}: {len(texts)} texts, {wrong} differ")
    return wrong


def compare_spm(tool, name, texts):
    make, kind, prefix = SPM[name]
    m, wrong = make(), 0
    encode = spm_encoder(m)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.gguf")
        write_gguf(path, m, kind, prefix)
        for text, ours in zip(texts, ask(tool, path, "plain", coded(texts)), strict=True):
            if ours != encode(text):
                wrong += 1
                if wrong < 6:
                    print(f"  {text!r}\n    ours      {ours}\n    reference {encode(text)}")
    print(f"{name}.gguf against sentencepiece: {len(texts)} texts, {wrong} differ")
    return wrong


def all_tokenizers(only=None):
    for make in FAMILIES:
        name = make.__name__.replace("_", "-")
        if only in (None, name):
            yield name, make()
    if only in (None, "added"):
        yield "added", characters(norm.Sequence([norm.NFC(), norm.Lowercase()]), pre.WhitespaceSplit(), None, ADDED)
    for name in steps():
        if only in (None, "steps", name):
            yield name, step_tokenizer(name)


def step_tokenizer(name):
    return characters(*steps()[name], fuse_unk=name < "n")


# ---- The fixtures. ----

def dump(path, content):
    with open(path, "w") as out:
        json.dump(content, out, separators=(",", ":"))
        out.write("\n")
    assert os.path.getsize(path) < 200_000, path


def write(folder):
    os.makedirs(folder, exist_ok=True)
    for name, tok in all_tokenizers():
        if name in steps():
            continue
        before, after = around(tok)
        dump(os.path.join(folder, name + ".json"),
             {"tokenizer": json.loads(tok.to_str()), "config": config_of(tok), "texts": coded(own_texts(tok)),
              "rows": rows_of(tok, hard.ALL + own_texts(tok)), "before": before, "after": after,
              "long": long_rows(tok)})
    everything = {}
    for name in steps():
        tok = step_tokenizer(name)
        form = json.loads(tok.to_str())
        everything[name] = {k: form[k] for k in ("normalizer", "pre_tokenizer")} | {
            "fuse_unk": form["model"]["fuse_unk"], "rows": [digest(ids_of(tok, t)) for t in hard.ALL]}
    dump(os.path.join(folder, "steps.json"), {"tokenizer": json.loads(characters().to_str()), "steps": everything})
    for name, (make, kind, prefix) in SPM.items():
        m = make()
        encode = spm_encoder(m)
        write_gguf(os.path.join(folder, name + ".gguf"), m, kind, prefix)
        dump(os.path.join(folder, name + "-gguf.json"),
             {"texts": coded(spm_texts()), "rows": [digest(encode(t)) for t in spm_texts()]})


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder", nargs="?")
    p.add_argument("--compare")
    p.add_argument("--rounds", type=int, default=1000)
    p.add_argument("--only")
    a = p.parse_args()
    if a.compare:
        random_ones = random_texts(1, a.rounds)
        wrong = sum(compare(a.compare, name, tok, hard.ALL + own_texts(tok) + random_ones)
                    for name, tok in all_tokenizers(a.only))
        for name in SPM:
            if a.only in (None, name + ".gguf"):
                wrong += compare_spm(a.compare, name, [t for t in spm_texts() + random_ones if "\0" not in t])
        sys.exit(wrong > 0)
    write(a.folder)


if __name__ == "__main__":
    main()
