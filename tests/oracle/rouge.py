#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scores of Google's rouge-score on real text pairs, and stems of NLTK's Porter stemmer on the words in them.

    rouge.py DATA_FOLDER OUT_FOLDER

DATA_FOLDER holds alpaca_en_demo.json, dpo_en_demo.json and gsm8k_test_a.jsonl (see the licences beside them: Apache-2.0
and MIT). Writes rouge.jsonl, one pair a line: {"reference", "prediction", "plain": [rouge1, rouge2, rougeL, rougeLsum],
"stemmed": [...]}, F1 each, and stems.txt, "word stem" a line.
"""
import json
import random
import re
import sys
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
HARD = [
    ("", ""),
    ("", "a word"),
    ("a word", ""),
    ("...!?", "—— ,,"),
    ("...", "a word"),
    ("\n\n\n", "a\n\nb"),
    ("one", "one"),
    ("One TWO Three", "one two three"),
    ("the cat sat on the mat", "the the the the"),
    ("a b a b a b", "b a b a"),
    ("Café naïve, déjà vu", "cafe naive deja vu"),
    ("ΑΒΓ привет 你好", "привет 你好"),
    ("273.15 \u212a and \u212aelvin", "273 15 k and kelvin"),
    ("\u0130stanbul \u0130", "i stanbul i"),
    ("I\u0307stanbul", "i\u0307stanbul"),
    ("fox\tjumps\r\nover\u00a0the\u2028dog", "fox jumps over the dog"),
    ("snake_case and kebab-case", "snake case and kebab case"),
    ("it's don't", "its dont"),
    ("line one\nline two\nline three", "line two\nline one"),
    ("police killed the gunman\nthe gunman ran", "the gunman killed police\ngunman the ran"),
    ("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"),
    ("w1 w2 w1 w2\nw2 w1 w2 w1", "w1 w1 w2 w2\nw2 w2 w1 w1"),
    ("only lines\n", "\nonly lines"),
    ("...\nreal words\n!!!", "real\n???\nwords"),
    ("emoji 😀 between 😀 words", "emoji between words"),
    ("ran running runs runner", "run run run run"),
    ("skies dying news innings proceed succeed", "sky die news inning proceed success"),
    ("yyyyying yyyed syzygy", "yyyyy syzygi yyye"),
    ("generalizations oscillators relational fulfully", "general oscil relat fulli"),
    ('{"priority": "high", "tags": ["a", "b"]}', '{"tags": ["b", "a"], "priority": "low"}'),
]


def load(folder):
    alpaca = [r["output"] for r in json.loads((folder / "alpaca_en_demo.json").read_text())]
    dpo = json.loads((folder / "dpo_en_demo.json").read_text())
    gsm = [json.loads(line)["answer"] for line in (folder / "gsm8k_test_a.jsonl").read_text().splitlines()]
    return alpaca, [(r["chosen"]["value"], r["rejected"]["value"]) for r in dpo], gsm


def shuffled(text, rng):
    """The text with some words dropped, doubled or moved: a near miss, as a model writes one."""
    words = re.split(r"( |\n)", text)
    for _ in range(max(1, len(words) // 8)):
        i, j = rng.randrange(len(words)), rng.randrange(len(words))
        action = rng.randrange(3)
        if action == 0:
            words[i], words[j] = words[j], words[i]
        elif action == 1:
            words[i] = ""
        else:
            words.insert(i, words[j])
    return "".join(words)


def pairs(folder):
    rng = random.Random(11)
    alpaca, dpo, gsm = load(folder)
    short = lambda texts, lo, hi: [t for t in texts if lo <= len(t.encode()) <= hi]
    out = list(HARD)
    out += [p for p in dpo if all(40 <= len(t) <= 420 for t in p)][:50]
    texts = rng.sample(short(alpaca, 30, 300), 60) + rng.sample(short(gsm, 60, 300), 40)
    out += [(t, shuffled(t, rng)) for t in texts]
    out += [tuple(rng.sample(short(gsm, 60, 260), 2)) for _ in range(20)]
    multi = [t for t in short(alpaca, 60, 320) if t.count("\n") >= 2]
    out += [(t, shuffled(t, rng)) for t in rng.sample(multi, min(20, len(multi)))]
    return out


def words(folder):
    """Every word of the data, and made-up ones that carry each suffix of the rules."""
    alpaca, dpo, gsm = load(folder)
    found = set()
    for text in alpaca + [t for p in dpo for t in p] + gsm:
        found.update(w for w in re.findall(r"[a-z0-9]+", text.lower()) if len(w) > 3)
    found = sorted(found)
    rng = random.Random(5)
    rng.shuffle(found)
    suffixes = ("sses ies ss s eed ed ing at bl iz y ational tional enci anci izer bli alli entli eli ousli ization "
                "ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical "
                "ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e "
                "ll ied alally allyalli").split()
    stems = "a b tr oat troubl y by toy syzyg w wow ox geo theo philo yy ay xyz q1 hopp fall fizz fil controll".split()
    made = {s + t for s in stems for t in suffixes if len(s + t) > 2}
    irregular = "sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed"
    return sorted(set(found[:6000]) | made | set(irregular.split()))


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    scorers = {"plain": rouge_scorer.RougeScorer(NAMES), "stemmed": rouge_scorer.RougeScorer(NAMES, use_stemmer=True)}
    with open(out / "rouge.jsonl", "w") as f:
        for reference, prediction in pairs(folder):
            row = {"reference": reference, "prediction": prediction}
            for name, scorer in scorers.items():
                scores = scorer.score(reference, prediction)
                row[name] = [scores[n].fmeasure for n in NAMES]
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    stemmer = PorterStemmer()
    with open(out / "stems.txt", "w") as f:
        for word in words(folder):
            f.write(f"{word} {stemmer.stem(word)}\n")


if __name__ == "__main__":
    main()
