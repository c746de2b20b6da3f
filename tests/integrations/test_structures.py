"""Texts that are JSON: what they say in other letters is inspected, and is not passed on where it was hidden."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bartizan.guard import ToolResult
from bartizan.integrations.structures import (
    REDACTED,
    passed,
    reading,
    recalled,
    said_otherwise,
    structure_of,
)

SECRET = 'pa"ss\nÄ'
PLAIN = st.text(st.characters(codec="utf-8"), max_size=8)
TEXTS = st.builds("{}{}".format, PLAIN, st.sampled_from(["", SECRET]))


def in_escapes(text: str) -> str:
    """The text as JSON in which every letter is an escape."""
    units = text.encode("utf-16-be")
    pairs = zip(units[::2], units[1::2], strict=True)
    return '"' + "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs) + '"'


def written(value: Any, way: int) -> str:
    if isinstance(value, str):
        return in_escapes(value) if way == 0 else json.dumps(value, ensure_ascii=way == 1)
    if isinstance(value, list):
        return "[" + ", ".join(written(item, way) for item in value) + "]"
    return "{" + ", ".join(f"{written(k, way)}: {written(v, way)}" for k, v in value.items()) + "}"


VALUES = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: not isinstance(value, str))
WRITTEN = st.builds(written, VALUES, st.integers(0, 2))
NESTED = st.builds(lambda text: written({"body": text}, 2), WRITTEN)


def hidden(value: Any) -> Any:
    """As a redact rule hides: in the text, and in every text of the value."""
    if isinstance(value, str):
        return value.replace(SECRET, "[x]")
    if isinstance(value, list):
        return [hidden(item) for item in value]
    return {hidden(k): hidden(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(st.lists(WRITTEN | NESTED | TEXTS, max_size=3))
@example([r'{"a": "\\"}', '"'])
def test_what_is_hidden_is_left_in_no_letters(texts: list[str]) -> None:
    """Of any texts, whatever their JSON writes as escapes, and the JSON within."""
    value = hidden(structure_of("\n".join(texts)))
    said = passed(texts, hidden(reading(texts)), value)
    assert not any(
        SECRET in each for each in (said, *said_otherwise([said]), *said_otherwise(said.split("\n")))
    )


@given(st.lists(WRITTEN | NESTED | PLAIN, max_size=3))
def test_what_nothing_is_hidden_of_is_passed_as_it_was(texts: list[str]) -> None:
    """To the letter, whatever was shown to the guard besides."""
    assert passed(texts, reading(texts), None) == "\n".join(texts)


@given(WRITTEN | NESTED | TEXTS)
def test_a_result_that_is_only_remembered_is_told_alike(text: str) -> None:
    """What the record holds of a result is told again without what was only inspected, and without what was hidden."""
    kept = ToolResult(reading([text]), structure_of(text))
    assert recalled(kept) == text
    told = recalled(ToolResult(hidden(kept.text), hidden(kept.value)))
    assert not any(SECRET in each for each in (told, *said_otherwise([told])))


def test_what_cannot_be_told_apart_is_withheld() -> None:
    """Where there is no value to write anew, the text goes."""
    texts = ['{"a": "\\u0041"}', "and more"]
    assert passed(texts, reading(texts).replace("A\n", "").replace("\nA", "\n[x]")) == REDACTED


def test_a_long_text_of_escapes_is_read_in_one_pass() -> None:
    """A megabyte of backslashes is no trap."""
    text = '["' + "\\\\" * 500_000 + '"]'
    assert [len(said) for said in said_otherwise([text])] == [500_000]
