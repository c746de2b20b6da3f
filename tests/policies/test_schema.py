"""The JSON Schema for editors: valid itself, and in step with the loader."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from bartizan.policies.document.schema import json_schema

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "name": "bank",
    "include": ["payments"],
    "tools": {
        "send": {
            "args": {"to": "str", "amount": "dec(2)", "at?": {"x": "list(enum(a, b), 4)"}},
            "effect": "write",
            "justified": {"unconstrained": "any text will do"},
        },
        "any": {"args": "any", "result": {"label": "trusted", "except": {"$.a": "untrusted"}}},
    },
    "signals": {"s": {"on": "result", "monitor": "m", "missing": "escalate"}},
    "rules": [
        {
            "id": "a",
            "allow": ["*"],
            "when": "args.amount < 5.00",
            "unless": "x",
            "reason": "r",
            "mode": "shadow",
            "justified": {"shadowed": "twice is safer"},
        },
        {"id": "b", "label": ["@read"], "as": "trusted", "when": True},
    ],
    "repair": {"send": {"*": "locked", "to": {"class": "enum", "values": ["a"]}}},
    "invariants": [
        {"never": "x"},
        {"always-within": {"tool": "send", "sum": "amount", "window": "24h", "at-most": 5.5}},
        {"without": {"signals": "all"}},
        {"possible": "x"},
        {"always-within": {"tool": "send", "window": "24h", "at-most": 5}},
    ],
    "tests": [
        {"call": {"tool": "send", "args": {"x": None}}, "signals": {"s": "missing"}, "expect": "allow"},
        {
            "call": {"tool": "send"},
            "signals": {"s": {"value": 0.5, "p_value": "missing"}},
            "expect": "allow",
        },
        {
            "result": {"tool": "any", "value": None},
            "history": [{"prompt": "a", "at": "1h"}],
            "expect": {"label": "trusted"},
        },
        {"call": {"tool": "send"}, "expect": {"corrected": {"to": "a", "x": None}}},
    ],
}


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The document with one place changed; ``...`` removes it."""

    def change(node: Any, rest: tuple[str | int, ...]) -> Any:
        if not rest:
            return value
        if isinstance(node, list):
            return [change(item, rest[1:]) if index == rest[0] else item for index, item in enumerate(node)]
        inner = {**node, rest[0]: change(node.get(rest[0]), rest[1:])}
        return {key: item for key, item in inner.items() if item is not ...}

    result: dict[str, Any] = change(DOCUMENT, path)
    return result


def test_the_schema_is_a_valid_schema() -> None:
    """It obeys the dialect that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_whole_document_is_valid() -> None:
    """Every part of the format is accepted."""
    assert list(VALIDATOR.iter_errors(DOCUMENT)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("name",), ...),
        (("name",), None),
        (("nam",), "x"),
        (("tools", "a b"), {}),
        (("tools", "send", "args"), "str"),
        (("tools", "send", "args", "to"), "string"),
        (("tools", "send", "effect"), "reads"),
        (("tools", "send", "effect"), None),
        (("tools", "any", "result", "label"), "maybe"),
        (("signals", "s", "monitor"), ...),
        (("rules", 0, "id"), ...),
        (("rules", 0, "allow"), ...),
        (("rules", 0, "allow"), []),
        (("rules", 0, "allow"), ["@"]),
        (("rules", 0, "deny"), ["*"]),
        (("rules", 0, "as"), "trusted"),
        (("rules", 1, "as"), ...),
        (("rules", 0, "when"), 5),
        (("rules", 0, "when"), None),
        (("rules", 0, "mode"), "loud"),
        (("repair", "send", "to"), "lock"),
        (("repair", "send", "to"), {"class": "clamp", "values": ["a"]}),
        (("invariants", 0), {}),
        (("invariants", 0, "without"), {"signals": "all"}),
        (("invariants", 1, "always-within", "window"), "1 day"),
        (("tests", 0, "expect"), {"text": "a"}),
        (("tests", 2, "expect"), "allow"),
        (("tests", 2, "expect"), {"corrected": {"to": "a"}}),
        (("tests", 3, "expect"), {"corrected": {}}),
        (("tests", 3, "expect"), {"corrected": {"to": "a"}, "label": "trusted"}),
        (("tests", 3, "expect"), "correct"),
        (("tests", 0, "call"), ...),
        (("tests", 0, "signals", "s"), 1.5),
        (("tests", 2, "history", 0, "text"), "b"),
        (("tests", 1, "signals", "s", "p_value"), 1.5),
        (("tests", 1, "signals", "s", "p-value"), 0.5),
        (("tests", 1, "signals", "s", "value"), ...),
        (("rules", 0, "justified"), {"shadow": "x"}),
        (("rules", 0, "justified", "shadowed"), " "),
        (("tools", "send", "justified", "unconstrained"), 5),
        (("invariants", 3, "never"), "x"),
    ],
)
def test_mistakes_are_marked_while_typing(path: tuple[str | int, ...], value: Any) -> None:
    """What the loader refuses for its shape, an editor refuses too."""
    assert not VALIDATOR.is_valid(changed(path, value))
