# SPDX-License-Identifier: Apache-2.0
"""Writes tests/core/data/json_cases.txt: which texts are JSON and what they hold, as Python's json module sees them.

Each line: hex of the text, "bad" or "ok", and for "ok" the hex of a typed rendering: n, t, f, i<integer>, d<bits of the
double>, s<hex>, [..;], {<hex of name>:..;}. Python is made strict where hone_json_parse says it is stricter.
Usage: json_cases.py OUT
"""
import json
import struct
import sys

TEXTS = [
    "null", "true", "false", " \t\r\n1 \n", "0", "-0", "-1", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "0.5", "1e3", "1E+3", "1e-3",
    "-1.25e2", "2.2250738585072014e-308", "5e-324", "1e308", "1e309", "-1e999", "1e-400", "0.1", "100", "1.0",
    "01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "nul", "nulll", "True",
    '""', '"a"', '"\\""', '"\\\\"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"\\u0041"', '"\\u00e9"', '"\\uD83D\\uDE00"',
    '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\\ud83d\\u0041"', '"\\ud83d\\"', '"\\u0000"',
    '"a\\u0000b"', '"\\u00"', '"\\u00g0"', '"\\x41"', '"\\', '"\\u', '"\\ud83d\\u', '"\\ud83d\\ude', '"', '"abc',
    '"tab\there"', '"line\nbreak"', '"\x01"', '"\x7f"', '"é ü 日本 😀"', "'a'", '"\\\\u0000"',
    "[]", "[ ]", "[1]", "[1,2,3]", "[1,]", "[,1]", "[,]", "[1 2]", "[", "]", "[1", "[1,", "[[]]", "[[],[[]]]",
    "{}", "{ }", '{"a":1}', '{"a":1,"b":[{"c":null}]}', '{"a":1,}', "{a:1}", '{"a" 1}', '{"a":}', '{"a"}', "{1:2}",
    '{"a":1 "b":2}', "{", '{"a', '{"a":', '{"a":1', '{"":0}', '{"a":1,"a":2}', '{"a":{"a":{"a":[]}}}',
    '{"b":1,"a":2}', "", " ", "1 2", "{} {}", "[]x", "// c\n1", "/* c */ 1", "1 // c", "\ufeff1",
    "[" * 128 + "]" * 128, "[" * 129 + "]" * 129, '{"a":' * 128 + "1" + "}" * 128, '{"a":' * 129 + "1" + "}" * 129,
    "[" * 5000, '{"a":' * 5000, "[1.5,-2,\"x\",true,null,{}]", '{"\\u0061":1,"a":2}', '{"\\ud83d\\ude00":1}',
]
BYTES = [b"\xff", b'"\xc3"', b'"\xc3\xa9"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\x00"', b"1\x00", b'"\xc0\x80"']


def strict(text):
    def pairs(items):
        names = [name for name, _ in items]
        if len(set(names)) != len(names):
            raise ValueError("twice")
        return dict(items)

    def constant(name):
        raise ValueError(name)

    def number(digits):
        if digits != "-0" and -(2**63) <= int(digits) < 2**63:
            return int(digits)
        return float(digits)

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=number)
    check(value, 0)
    return value


def check(value, depth):
    if isinstance(value, (list, dict)):
        if depth == 128:
            raise ValueError("depth")
        for name in value if isinstance(value, dict) else ():
            check(name, depth)
        for item in value.values() if isinstance(value, dict) else value:
            check(item, depth + 1)
    elif isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL")
        value.encode("utf-8")  # refuses lone surrogates
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("too large")


def hexed(text):
    return text.encode("utf-8").hex()


def show(value):
    if value is None or isinstance(value, bool):
        return {None: "n", True: "t", False: "f"}[value]
    if isinstance(value, int):
        return "i%d" % value
    if isinstance(value, float):
        return "d%016x" % struct.unpack("<Q", struct.pack("<d", value))[0]
    if isinstance(value, str):
        return "s" + hexed(value)
    if isinstance(value, list):
        return "[" + "".join(show(v) + ";" for v in value) + "]"
    return "{" + "".join(hexed(k) + ":" + show(v) + ";" for k, v in value.items()) + "}"


def main():
    lines = []
    for raw in [t.encode("utf-8") for t in TEXTS] + BYTES:
        try:
            lines.append("%s ok %s" % (raw.hex() or "-", show(strict(raw.decode("utf-8")))))
        except (ValueError, RecursionError):
            lines.append("%s bad" % (raw.hex() or "-"))
    with open(sys.argv[1], "w") as out:
        out.write("\n".join(lines) + "\n")


main()
