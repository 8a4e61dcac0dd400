# SPDX-License-Identifier: Apache-2.0
"""Renders templates by jinja2, in the very environment of transformers, and writes what comes out.

    templates.py tests/text/data

jinja.json: {"variables": {...}, "cases": [[template, text], ...]}; text null: it is refused, when it is parsed or when
it runs. The time is always NOW.
"""
import datetime, json, os, sys
import transformers.utils.chat_template_utils as utils
from template_cases import EXPRESSIONS, REFUSED, TEMPLATES, VARIABLES

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


def main(folder):
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
