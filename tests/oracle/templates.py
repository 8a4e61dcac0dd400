# SPDX-License-Identifier: Apache-2.0
"""Renders templates by jinja2, in the very environment of transformers, and writes what comes out.

    templates.py tests/text/data

jinja.json: {"variables": {...}, "cases": [[template, text], ...]}; text null: it is refused, when it is parsed or when
it runs. The time is always NOW.

chat/tokenizer.json: a byte-level vocabulary with the markers of all families. chat-1.json, chat-2.json:
{"conversations": {name: {"messages", "tools"}}, "families": {name: {"template", "bos", "eos", "rows": {conversation:
{"text", "asked" (what a generation prompt adds, or the whole text), "ids" [count, SHA-256], "trained" (pairs from, to of
tokens), "prompt", "unlearned", "lost": the template does not write calls that are there,
"uncertain": no answer can be trained}}}}}; null: refused. Of the hostile conversation, how many "markers" its tokens may hold.

Which tokens are to be trained is computed here from transformers' renderings in its own way: of each answer, the text
from the end of the prompt before it to the end of its turn, where the whole conversation has the very same there.
"""
import datetime, hashlib, json, os, sys
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
import transformers.utils.chat_template_utils as utils
from template_cases import EXPRESSIONS, REFUSED, TEMPLATES, VARIABLES
from template_families import ADDED, CONVERSATIONS, FAMILIES, SPECIAL

NOW = datetime.datetime(2024, 7, 4, 9, 5, 6)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


utils.datetime = Clock


def split_expressions(text):
    """One a line; a string may go over several."""
    found = []
    for line in text.strip("\n").split("\n"):
        if found and found[-1].startswith(("\"line", "\"mul")) and found[-1].count('"') == 1:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def render(source):
    try:
        text = utils._compile_jinja_template(source).render(**VARIABLES)
        text.encode()
    except Exception as e:
        return None, f"{type(e).__name__}: {e}"
    return text, None



def train():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    corpus = [m["content"] or "" for c, _ in CONVERSATIONS.values() for m in c] + [f[0] for f in FAMILIES.values()]
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=600, show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    tok.add_tokens([AddedToken(t, normalized=False) for t in ADDED])
    return tok


class Family:
    def __init__(self, tok, template, bos, eos, end, opens):
        self.end, self.opens, self.template = end, opens, template
        named = {"bos_token": bos} if bos else {}
        self.tok = PreTrainedTokenizerFast(tokenizer_object=tok, eos_token=eos, **named)
        self.tok.chat_template = template

    def render(self, messages, tools, prompt=False):
        return self.tok.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=prompt)

    def try_render(self, *args):
        try:
            return self.render(*args)
        except Exception:
            return None

    def markers(self, messages, tools):
        """Special tokens of the template's own: of the same conversation about nothing."""
        tame = self.render([{**m, "content": "x"} for m in messages], tools)
        return sum(i in self.tok.all_special_ids or self.tok.added_tokens_decoder.get(i, None) is not None and
                   self.tok.added_tokens_decoder[i].special for i in self.tok(tame, add_special_tokens=False)["input_ids"])

    def span(self, messages, tools, i):
        """Where answer i is to be learned: (from, to), or None where it is not certain."""
        whole = self.render(messages, tools)
        before, upto = self.try_render(messages[:i], tools, True), self.render(messages[:i + 1], tools)
        if before is None:
            return None
        before = before.removesuffix(self.opens)
        at = upto.find(self.end, len(before))
        if not upto.startswith(before) or at < 0:
            return None
        turn = upto[:at + len(self.end)]
        return (len(before), len(turn)) if whole.startswith(turn) else None

    def spans(self, messages, tools):
        if self.end is None:
            return None, 0
        answers = [i for i, m in enumerate(messages) if m["role"] == "assistant"]
        found = [self.span(messages, tools, i) for i in answers]
        return [s for s in found if s], sum(s is None for s in found)


def runs(flags):
    found = []
    for i, flag in enumerate(flags):
        if flag and (not found or found[-1][1] != i):
            found.append([i, i + 1])
        elif flag:
            found[-1][1] = i + 1
    return found


def row(family, name):
    messages, tools = CONVERSATIONS[name]
    text, asked = family.try_render(messages, tools), family.try_render(messages, tools, True)
    if text is None:
        return None
    out = {"text": text, "asked": None if asked is None else asked[len(text):] if asked.startswith(text) else asked,
           "whole": asked is not None and not asked.startswith(text)}
    plain = family.tok(text, add_special_tokens=False, return_offsets_mapping=True)
    if name == "hostile":
        out["markers"] = family.markers(messages, tools)
        return out
    ids = plain["input_ids"]
    out["ids"] = [len(ids), hashlib.sha256(b"".join(i.to_bytes(4, "little") for i in ids)).hexdigest()]
    # What a template does not write cannot be learned: Hone refuses to encode it.
    out["lost"] = "tool_calls" not in family.template and any("tool_calls" in m for m in messages)
    # An answer that opens a conversation has nothing before it to be rendered.
    if name in ("answer-first", "empty"):
        return out
    if family.end is None:
        with_mask = family.tok.apply_chat_template(messages, tools=tools, return_dict=True, return_assistant_tokens_mask=True)
        _, indices = utils.render_jinja_template(
            conversations=[[{k: v for k, v in m.items() if v is not None} for m in messages]], tools=tools,
            chat_template=family.template, return_assistant_tokens_mask=True, **family.tok.special_tokens_map)
        # A token that begins before the tag is transformers' to train, and not Hone's: generation does not choose it.
        straddles = [any(a < start < b for start, _ in indices[0]) for a, b in plain["offset_mapping"]]
        out["trained"] = runs([m and not s for m, s in zip(with_mask["assistant_masks"], straddles)])
        out["unlearned"] = 0
        return out
    unwritten = [c for c in messages[-1].get("tool_calls", []) if c["function"]["name"] not in text]
    last = messages[-1]["role"] == "assistant" and not out["lost"]
    if last and (unwritten or family.span(messages, tools, len(messages) - 1) is None):
        out["uncertain"] = True  # not even the last answer stands where the model would be asked for it
        return out
    spans, out["unlearned"] = family.spans(messages, tools)
    starts = [a for a, b in plain["offset_mapping"]]
    out["trained"] = runs([any(a <= s < b for a, b in spans) for s in starts])
    if messages[-1]["role"] == "assistant" and spans:
        out["prompt"] = sum(s < spans[-1][0] for s in starts)
    return out


def write_families(folder):
    tok = train()
    os.makedirs(os.path.join(folder, "chat"), exist_ok=True)
    tok.save(os.path.join(folder, "chat", "tokenizer.json"), pretty=False)
    names = list(FAMILIES)
    for part, chosen in enumerate((names[:5], names[5:9], names[9:])):
        out = {"conversations": {n: {"messages": m, "tools": t} for n, (m, t) in CONVERSATIONS.items()}, "families": {}}
        for name in chosen:
            template, bos, eos, end, opens = FAMILIES[name]
            family = Family(tok, template, bos, eos, end, opens)
            rows = {c: row(family, c) for c in CONVERSATIONS}
            out["families"][name] = {"template": template, "bos": bos, "eos": eos, "rows": rows}
            print(name, sum(r is not None for r in rows.values()), "rendered",
                  sum(len(r.get("trained", [])) > 0 for r in rows.values() if r), "with loss",
                  sum(r.get("unlearned", 0) for r in rows.values() if r), "not certain")
        with open(os.path.join(folder, f"chat-{part + 1}.json"), "w") as f:
            json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


def main(folder):
    write_families(folder)
    sources = ["{{ " + e + " }}" for e in split_expressions(EXPRESSIONS)] + TEMPLATES
    cases = []
    for source in sources:
        text, error = render(source)
        if source in REFUSED:
            assert text is not None, source
            text = None
        if text is not None and " at 0x" in text:
            text = None  # an address in memory: Hone refuses to write one
        if os.environ.get("SHOW"):
            print(repr(source), "->", repr(text), error)
        cases.append([source, text])
    with open(os.path.join(folder, "jinja.json"), "w") as f:
        f.write('{"variables": ' + json.dumps(VARIABLES, ensure_ascii=False) + ',\n"cases": [\n')
        f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]}\n")
    print(len(cases), "cases,", sum(c[1] is None for c in cases), "refused")


main(*sys.argv[1:])
