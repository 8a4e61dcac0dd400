#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What python's `jsonschema` (draft 2020-12) says of a table of schemas and instances.

    json_schema.py OUT_FILE

Each line: {"schema": {...}, "cases": [[instance, valid], ...]}. Every schema meets every instance of a common pool and
its own ones, so that keywords are seen on types that they do not restrict too.
"""
import json
import sys

from jsonschema import Draft202012Validator

POOL = [None, True, False, 0, 1, -1, 1.0, 1.5, 2, 3, 10, 1e20, 9007199254740993, "", "a", "ab", "abc", "äöü", "😀😀",
        [], [1], [1, 2], [1, "a"], ["a", "b", "c"], [[]], {}, {"a": 1}, {"a": "x"}, {"b": 1}, {"a": 1, "b": 2},
        {"a": {"a": {"a": 1}}}, {"a": None}]

TICKET = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A ticket", "type": "object",
    "required": ["category", "priority", "items"], "additionalProperties": False,
    "properties": {
        "category": {"enum": ["billing", "shipping", "account"]},
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        "order": {"type": ["string", "null"], "pattern": "^[A-Z]{2}-\\d{4,6}$"},
        "items": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/item"}},
        "summary": {"type": "string", "minLength": 3, "maxLength": 12},
    },
    "$defs": {"item": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "count": {"type": "integer", "exclusiveMinimum": 0},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}}}}},
}
GOOD = {"category": "billing", "priority": 2, "items": [{"name": "x", "count": 1}]}


def ticket(**changes):
    return {**GOOD, **changes}


TABLE = [
    (TICKET, [GOOD, ticket(priority=0), ticket(priority=5.0), ticket(priority=5.5), ticket(priority="2"),
              ticket(category="Billing"), ticket(order=None), ticket(order="AB-1234"), ticket(order="AB-123"),
              ticket(order="xAB-1234"), ticket(order=7), ticket(extra=1), ticket(items=[]),
              ticket(items=[{"name": "a"}] * 3), ticket(items=[{"name": "a"}] * 4), ticket(items=[{"count": 1}]),
              ticket(items=[{"name": "a", "count": 0}]), ticket(summary="ab"), ticket(summary="äöü"),
              ticket(summary="x" * 12), ticket(summary="x" * 13), ticket(summary="😀" * 12),
              ticket(items=[{"name": "a", "parts": [{"name": "b", "parts": []}]}]),
              ticket(items=[{"name": "a", "parts": [{"name": "b", "parts": [{"count": 1}]}]}]),
              {"category": "billing", "priority": 2}, {}]),
    ({}, []),
    ({"type": "integer"}, [-0.0, 1e300, 0.1]),
    ({"type": "number"}, []),
    ({"type": "string"}, []),
    ({"type": "null"}, []),
    ({"type": "boolean"}, []),
    ({"type": "array"}, []),
    ({"type": "object"}, []),
    ({"type": ["string", "null", "integer"]}, []),
    ({"enum": [1, "a", None, [1], {"a": 1}, False]}, [{"a": 1.0}, [1.0]]),
    ({"enum": []}, []),
    ({"enum": [0, [True]]}, [[True], [1], [0]]),
    ({"const": 1}, []),
    ({"const": {"a": 1, "b": 2}}, [{"b": 2, "a": 1}, {"b": 2.0, "a": 1, "c": 0}]),
    ({"const": False}, []),
    ({"const": "äöü"}, []),
    ({"const": 9007199254740993}, [9007199254740992, 9007199254740994]),
    ({"required": ["a"]}, []),
    ({"required": []}, []),
    ({"required": ["a", "b"]}, []),
    ({"properties": {"a": {"type": "integer"}}}, []),
    ({"properties": {"a": True, "b": False}}, []),
    ({"additionalProperties": {"type": "integer"}}, []),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, [{"a": 1, "z": "x"}, {"a": 1, "z": 2}]),
    ({"additionalProperties": False}, []),
    ({"items": {"type": "integer"}}, []),
    ({"items": False}, []),
    ({"minItems": 2}, []),
    ({"maxItems": 1}, []),
    ({"minItems": 1, "maxItems": 2.0}, []),
    ({"minLength": 2}, []),
    ({"maxLength": 2}, []),
    ({"minLength": 3, "maxLength": 3}, ["e\u0301e", "👩‍👧"]),
    ({"pattern": "b"}, []),
    ({"pattern": "^a.?$"}, ["ax", "axx", "ba"]),
    ({"pattern": "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$"}, ["x@y.de", "x@y", "a b@c.de"]),
    ({"pattern": "^(?:ä|😀)+"}, []),
    ({"pattern": "^\\u0061"}, []),
    ({"minimum": 1}, []),
    ({"maximum": 1}, []),
    ({"exclusiveMinimum": 1}, []),
    ({"exclusiveMaximum": 1}, []),
    ({"minimum": -0.5, "exclusiveMaximum": 1.5}, [-0.5, -0.51, 1.49]),
    ({"anyOf": [{"type": "string"}, {"minimum": 2}]}, []),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, []),
    ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"const": 1}}}]}, []),
    ({"not": {"type": ["string", "number"]}}, []),
    ({"not": {}}, []),
    ({"not": {"required": ["a"]}}, []),
    ({"anyOf": [True, False]}, []),
    ({"allOf": [False]}, []),
    ({"oneOf": [{"const": 1}, {"enum": [1, 2]}, {"type": "null"}]}, []),
    ({"$ref": "#/$defs/t", "$defs": {"t": {"type": "string"}}}, []),
    ({"$ref": "#/$defs/t", "minLength": 2, "$defs": {"t": {"type": "string"}}}, []),
    ({"$defs": {"a/b~c %": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b~0c%20%25"}}, []),
    ({"properties": {"a": {"$ref": "#"}}, "additionalProperties": False}, [{"a": {"a": {}}}, {"a": {"b": 1}}]),
    ({"allOf": [{"type": "array"}, {"$ref": "#/allOf/0"}]}, []),
    ({"$defs": {"tree": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/tree"}]}}},
      "$ref": "#/$defs/tree"}, [[1, [2, [3, []]]], [1, [2, ["x"]]], [[[[[[]]]]]]]),
    ({"title": "t", "description": "d", "default": 3, "examples": [1], "deprecated": True, "$comment": "c",
      "type": "integer"}, []),
]


def main():
    with open(sys.argv[1], "w") as f:
        for schema, own in TABLE:
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(schema)
            cases = [[v, validator.is_valid(v)] for v in POOL + own]
            f.write(json.dumps({"schema": schema, "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
