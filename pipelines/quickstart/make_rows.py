#!/usr/bin/env python3
# SPDX-License-Identifier: CC0-1.0
"""Writes the quickstart's rows: support messages of an invented shop, each with the ticket it should become.

A message is put together from parts (phrases.py), each of which says what it adds to the ticket, so the ticket follows
from the text. Some messages are written by hand (handmade.py). A few defects are planted for the stage `quality` to
find; defects.json says which rows they are. The same seed gives the same bytes.

Usage: make_rows.py ROWS.jsonl DEFECTS.json
"""
import json
import random
import sys

import handmade
import phrases

SEED = 20240311
MADE = 630  # put together; the handmade ones come on top
KEYS = ["category", "urgency", "product", "order_id", "sentiment", "wants_refund"]
WEIGHTS = {"delivery": 5, "return": 4, "defect": 5, "billing": 4, "account": 4, "cancel": 4, "question": 4, "feedback": 4}


def ticket_text(ticket):
    return json.dumps({key: ticket[key] for key in KEYS}, ensure_ascii=False, separators=(",", ":"))


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.decks = {}

    def draw(self, name, options):
        """One of the options; none comes again before all have come."""
        deck = self.decks.setdefault(name, [])
        if not deck:
            deck.extend(options)
            self.random.shuffle(deck)
        return deck.pop()

    def chance(self, share):
        return self.random.random() < share

    def fill(self, text, slots):
        for name in ("o", "p", "q", "money", "day", "city", "name"):
            mark = "{" + name + "}"
            if mark in text:
                text = text.replace(mark, slots[name])
        return text

    def order_phrase(self, order):
        return self.draw("orders", phrases.ORDER_WORDS).replace("{n}", order)

    def message(self, category):
        r = self.random
        core = self.draw(category, phrases.CORES[category])
        product = self.draw("product " + core.text, core.only)
        other = r.choice([p for p in phrases.PRODUCTS if p != product])
        order = str(r.randrange(20000, 99999))
        ticket = {"category": category, "urgency": core.urgency, "product": product if "{p}" in core.text else None,
                  "order_id": order if "{o}" in core.text else None, "sentiment": core.sentiment,
                  "wants_refund": core.refund}
        slots = {"p": product, "q": other, "o": self.order_phrase(order), "money": phrases.PRICES[product] if "{p}" in core.text else self.draw("money", phrases.MONEY),
                 "day": self.draw("day", phrases.DAYS), "city": self.draw("city", phrases.CITIES),
                 "name": self.draw("name", phrases.NAMES)}
        parts = [core.text]
        # What is asked for: only where the core leaves it open.
        if core.open:
            if self.chance(0.5):
                parts.append(self.draw("refund", phrases.REFUND))
                ticket["wants_refund"] = True
            elif self.chance(0.65):
                parts.append(self.draw("other" + category, phrases.OTHER_WISHES[category]))
        before, after = [], []
        if ticket["order_id"] is None and category in phrases.WITH_ORDER and self.chance(0.55):
            after.append(self.draw("order line", phrases.ORDER_LINES).replace("{n}", order))
            ticket["order_id"] = order
        if ticket["product"] is not None and category != "feedback" and self.chance(0.14):
            after.append(self.draw("other product", phrases.OTHER_PRODUCT))
        if self.chance(0.16):
            thing = ticket["product"] is not None and category != "question"
            after.append(self.draw("aside thing", phrases.ASIDES_THING) if thing else self.draw("aside", phrases.ASIDES))
        if category != "feedback":
            self.add_tone(category, ticket, before, after)
            self.add_urgency(category, ticket, after)
        r.shuffle(after)
        if category != "feedback" and self.chance(0.12):
            self.add_second_matter(category, before, after)
        if self.chance(0.18):
            before.insert(0, self.draw("story", phrases.STORIES))
        if self.chance(0.3):
            after.append(self.draw("bye", phrases.BYES))
        parts = [self.sentence(part, slots) for part in before + parts + after]
        if self.chance(0.3):
            parts = self.greet(self.draw("hello", phrases.HELLOS), parts)
        return self.restyle(" ".join(parts), [product, other]), ticket

    def sentence(self, text, slots):
        while "[" in text:  # [a|b|c]: one of them
            start, end = text.index("["), text.index("]")
            text = text[:start] + self.random.choice(text[start + 1:end].split("|")) + text[end + 1:]
        text = self.fill(text, slots)
        return text[0].upper() + text[1:]

    def greet(self, hello, parts):
        first = parts[0].split(" ")[0]
        keeps = first in ("I", "I'm", "I'd", "I've", "I'll") or first.isupper() or first in phrases.NAMES
        return [hello, parts[0] if keeps else parts[0][0].lower() + parts[0][1:]] + parts[1:]

    def add_tone(self, category, ticket, before, after):
        danger = ticket["urgency"] == "high"
        kind = self.random.choices(["neutral", "negative", "positive"], [50, 35, 0 if danger else 15])[0]
        if kind == "negative" and category == "question":
            after.append(self.draw("negative question", phrases.NEGATIVE_QUESTION))
        elif kind == "negative":
            self.random.choice([before, after]).append(self.draw("negative", phrases.NEGATIVE))
        elif kind == "positive":
            after.append(self.draw("positive", phrases.POSITIVE))
        ticket["sentiment"] = kind

    def add_urgency(self, category, ticket, parts):
        if ticket["urgency"] != "normal":
            return
        kind = self.random.choices(["normal", "high", "low"], [50, 28, 22])[0]
        if kind == "high":
            thing = category in ("delivery", "return", "defect", "question") and ticket["product"] and self.chance(0.5)
            parts.append(self.draw("high thing", phrases.HIGH_THING) if thing else self.draw("high", phrases.HIGH))
        elif kind == "low":
            parts.append(self.draw("low", phrases.LOW))
        ticket["urgency"] = kind

    def add_second_matter(self, category, before, after):
        kinds = [kind for kind in phrases.SECOND if kind != category]
        kind = self.random.choice(kinds)
        if self.chance(0.6):
            after.append(self.draw("second", phrases.SECOND_LAST) + " " + self.draw("second" + kind, phrases.SECOND[kind]))
        else:
            first = self.draw("first", phrases.SECOND_FIRST).replace("{x}", self.draw("first" + kind, phrases.SECOND_NAMES[kind]))
            before.insert(0, first)

    def restyle(self, text, products):
        style = self.random.choices(["plain", "lower", "upper", "typos", "short", "loose"], [54, 13, 6, 14, 8, 5])[0]
        if style == "lower":
            text = text.lower()
            if self.chance(0.6):
                text = text.rstrip(".")
        elif style == "upper":
            text = text.upper()
        elif style == "typos":
            text = self.mistype(text, products)
        elif style == "short":
            for long, short in phrases.SHORT_FORMS:
                text = text.replace(long, short)
        elif style == "loose":
            text = text.replace(". ", "... ") if self.chance(0.5) else text.replace("'", "").replace(", ", " ")
        return text

    def mistype(self, text, products):
        """One or two slips of the finger, never in a product's name or a number."""
        words = text.split(" ")
        kept = {word for product in products for word in product.split(" ")} | phrases.WORDS_THAT_MATTER
        places = [i for i, w in enumerate(words) if len(w) > 4 and w.isalpha() and w not in kept and w.lower() not in kept]
        self.random.shuffle(places)
        for i in places[: self.random.choice([1, 2, 2, 3])]:
            word = words[i]
            k = self.random.randrange(1, len(word) - 2)
            words[i] = self.random.choice([
                word[:k] + word[k + 1] + word[k] + word[k + 2:],  # two letters in the wrong order
                word[:k] + word[k + 1:],  # one missing
                word[:k] + word[k] + word[k:],  # one twice
            ])
        return " ".join(words)

    def row(self, text, answer):
        system = self.draw("system", phrases.SYSTEMS)
        return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": text},
                             {"role": "assistant", "content": answer}]}


def normal(text):
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def plant_defects(maker, rows):
    """Spoils copies of some rows, and returns the defects: kind -> the row objects that carry it."""
    r = maker.random
    chosen = r.sample(range(len(rows)), 18)
    found = {"exact_duplicates": [], "contradictions": [], "empty_answers": [], "broken_encoding": []}

    def copy(index):
        return json.loads(json.dumps(rows[index]))

    for index in chosen[:12]:
        found["exact_duplicates"].append(copy(index))
    for index in chosen[12:15]:  # the same message, filed in another way
        twin = copy(index)
        ticket = json.loads(twin["messages"][2]["content"])
        ticket["category"] = "billing" if ticket["category"] != "billing" else "question"
        twin["messages"][2]["content"] = ticket_text(ticket)
        found["contradictions"].extend([rows[index], twin])
    hollow = copy(chosen[15])
    hollow["messages"][1]["content"] = "Hello? " + hollow["messages"][1]["content"]
    hollow["messages"][2]["content"] = ""
    found["empty_answers"].append(hollow)
    lost = copy(chosen[16])
    lost["messages"][1]["content"] = "Caf\ufffd order, table by the window. " + lost["messages"][1]["content"]
    mojibake = copy(chosen[17])
    mojibake["messages"][1]["content"] = "It\u00e2\u20ac\u2122s me again. " + mojibake["messages"][1]["content"]
    found["broken_encoding"].extend([lost, mojibake])
    return found


def main():
    maker = Maker(SEED)
    rows, seen = [], []

    def add(text, ticket):
        """False for a message too much like one that is there: quality would take it for a copy."""
        words = normal(text).split()
        triples = set(zip(words, words[1:], words[2:])) or {tuple(words)}
        if any(len(triples & other) > 0.7 * len(triples | other) for other in seen):
            return False
        seen.append(triples)
        rows.append(maker.row(text, ticket_text(ticket)))
        return True

    for text, values in handmade.ROWS:
        assert add(text, dict(zip(KEYS, values))), text
    categories = [c for c, w in WEIGHTS.items() for _ in range(w)]
    made = 0
    while made < MADE:
        category = maker.draw("category", categories)
        made += add(*maker.message(category))
    defects = plant_defects(maker, rows)
    # Copies go after their originals in the file, so that it is the copy that is dropped.
    maker.random.shuffle(rows)
    planted = [row for group in defects.values() for row in group if not any(row is other for other in rows)]
    for row in planted:
        original = next((i for i, other in enumerate(rows) if other["messages"][1:] == row["messages"][1:]), -1)
        rows.insert(maker.random.randrange(original + 1, len(rows) + 1), row)
    for number, row in enumerate(rows, 1):
        row["id"] = "t-%03d" % number
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps({"id": row["id"], **row}, ensure_ascii=False, separators=(",", ":")) + "\n")
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        json.dump({kind: sorted(row["id"] for row in group) for kind, group in defects.items()}, out, indent=2)
        out.write("\n")


main()
