"""Strict JSON in, canonical JSON out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import JSON, MalformedCall, MalformedJSON, ToolCall, canonical_json, digest_of, parse_json
from bartizan.guard.canonical import MAX_DEPTH, scalar_text

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values: st.SearchStrategy[JSON] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


def same(left: JSON, right: JSON) -> bool:
    """Equal, and of equal types all the way down (1 is not 1.0, nor True)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@given(values)
def test_a_value_comes_back_exactly(value: JSON) -> None:
    """Parsing the canonical form gives the value back, types and signs included."""
    assert same(parse_json(canonical_json(value)), value)


@given(values)
def test_the_canonical_form_is_its_own_canonical_form(value: JSON) -> None:
    """Canonicalising twice is canonicalising once."""
    once = canonical_json(value)
    assert canonical_json(parse_json(once)) == once


@given(values)
def test_how_a_text_was_written_does_not_matter(value: JSON) -> None:
    """White space, escapes and key order leave no trace in the canonical form."""

    def shuffled(value: JSON) -> JSON:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in reversed(list(value))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    written = json.dumps(shuffled(value), indent=3, ensure_ascii=True)
    assert canonical_json(parse_json(written)) == canonical_json(value)


@given(values, values)
def test_different_values_have_different_forms(left: JSON, right: JSON) -> None:
    """Two values share a canonical form only if they are the same value."""
    assert (canonical_json(left) == canonical_json(right)) == same(left, right)


def test_the_form_itself() -> None:
    """Keys sorted by code point, no white space, UTF-8, shortest floats; a tuple is an array."""
    value = {"b": (1, 1.0, 1e16, -0.0), "a": "é\n", "Z": None, "\U0001f600": True, "\uffff": 2**70}
    expected = (
        '{"Z":null,"a":"é\\n","b":[1,1.0,1e+16,-0.0],"\uffff":1180591620717411303424,"\U0001f600":true}'
    )
    assert canonical_json(value) == expected.encode()


REFUSED_TEXTS = {
    "a duplicate key": '{"a":1,"a":1}',
    "a duplicate key deep down": '[{"x":{"k":1,"\\u006b":2}}]',
    "NaN": "NaN",
    "infinity": "[-Infinity]",
    "a float that overflows": "1e999",
    "a lone surrogate escape": '"\\ud800"',
    "a lone surrogate itself": '"\ud800"',
    "a lone surrogate as a key": '{"\\udfff":1}',
    "a reversed surrogate pair": '"\\udc00\\ud800"',
    "trailing data": "1 2",
    "a second value": "{}{}",
    "nothing": "",
    "a byte order mark": "\ufeff{}",
    "single quotes": "{'a':1}",
    "a comment": "{}//",
    "a trailing comma": "[1,]",
    "a control character": '"\x01"',
    "a leading zero": "01",
    "a leading plus": "+1",
    "a bare dot": "1.",
    "hexadecimal": "0x10",
    "other digits": "\u0661",
    "too deep": "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "far too deep": "[" * 100_000,
    "an endless integer": "9" * 5000,
}


@pytest.mark.parametrize("written", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
def test_what_parsers_could_disagree_about_is_refused(written: str) -> None:
    """Text that two parsers may read differently is not JSON here."""
    with pytest.raises(MalformedJSON):
        parse_json(written)


@pytest.mark.parametrize("data", [b"\xff", b'"\xed\xa0\x80"', b'"\xc0\xaf"', '"é"'.encode("latin-1")])
def test_bytes_are_utf8(data: bytes) -> None:
    """Bytes that are not UTF-8, overlong forms and encoded surrogates included, are refused."""
    with pytest.raises(MalformedJSON, match="UTF-8"):
        parse_json(data)


REFUSED_VALUES: dict[str, Any] = {
    "NaN": math.nan,
    "infinity": [math.inf],
    "a lone surrogate": "\ud800",
    "a lone surrogate as a key": {"\ud800": 1},
    "an integer key": {1: 1},
    "a None key": {None: 1},
    "a boolean key": {True: 1},
    "bytes": b"x",
    "a set": {1},
    "an object": object(),
    "a string subclass": type("Text", (str,), {})("x"),
    "an integer subclass": type("Number", (int,), {})(1),
    "a dict subclass": type("Map", (dict,), {})(),
    "an integer of 5000 digits": 10**5000,
}


@pytest.mark.parametrize("value", REFUSED_VALUES.values(), ids=REFUSED_VALUES)
def test_what_json_cannot_say_is_refused(value: object) -> None:
    """A value with no exact JSON form is refused rather than coerced."""
    with pytest.raises(MalformedJSON):
        canonical_json(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    """A cycle is too deep."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(MalformedJSON, match="nested"):
        canonical_json(loop)


@pytest.mark.parametrize("depth", [1, MAX_DEPTH])
def test_the_depth_that_is_allowed(depth: int) -> None:
    """Values up to the documented depth pass both ways."""
    written = "[" * depth + "]" * depth
    assert canonical_json(parse_json(written)).decode() == written


def test_errors_say_what_and_where() -> None:
    """A refusal names what was expected, what was found, and the way to it."""
    with pytest.raises(MalformedJSON, match=r"expected a finite number, found nan, at \$\.a\[1\]\.b"):
        canonical_json({"a": [0, {"b": math.nan}]})
    with pytest.raises(MalformedJSON, match="line 2 column 3"):
        parse_json("[\n  x]")
    with pytest.raises(MalformedJSON, match="'a' twice"):
        parse_json('{"a":1,"a":2}')


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_any_text_can_be_made_sayable(written: str) -> None:
    """``scalar_text`` leaves good text alone and makes any other good, once and for all."""
    made = scalar_text(written)
    assert scalar_text(made) == made
    made.encode()
    if written.isascii():
        assert made == written


@given(st.dictionaries(text, values, max_size=4), text.filter(bool))
def test_a_call_is_its_canonical_bytes(args: dict[str, Any], tool: str) -> None:
    """However its arguments arrive, a call has one canonical form, one digest, and arguments read back from it."""
    call = ToolCall.of("id", tool, args)
    parsed = ToolCall.parse("id", tool, json.dumps(args, indent=1))
    assert parsed == call
    assert call.digest == digest_of(call.canonical)
    assert same(call.arguments(), parse_json(call.canonical)["args"])
    fresh = call.arguments()
    fresh["added"] = 1
    assert "added" not in call.args or "added" in args


def test_a_call_does_not_follow_what_it_was_made_from() -> None:
    """Changing the arguments after the fact changes nothing."""
    inner = ["a"]
    call = ToolCall.of("id", "tool", {"x": inner})
    inner.append("b")
    assert call.args == {"x": ["a"]}
    with pytest.raises(TypeError):
        call.args["x"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("id", "tool", "args"),
    [
        (1, "tool", {}),
        ("id", "", {}),
        ("id", None, {}),
        ("id", "tool", [1]),
        ("id", "tool", {"x": math.nan}),
        ("id", "tool", {1: 1}),
        ("\ud800", "tool", {}),
        ("id", "\ud800", {}),
    ],
)
def test_a_malformed_call_is_not_a_call(id: Any, tool: Any, args: Any) -> None:
    """What cannot be decided and executed byte for byte is refused before anything else happens."""
    with pytest.raises(MalformedCall):
        ToolCall.of(id, tool, args)


@pytest.mark.parametrize("arguments", ["[1]", "null", '{"a":1,"a":2}', "{", b"\xff"])
def test_malformed_arguments_are_not_a_call(arguments: str | bytes) -> None:
    """Arguments that are not one strict JSON object are refused."""
    with pytest.raises(MalformedCall):
        ToolCall.parse("id", "tool", arguments)
