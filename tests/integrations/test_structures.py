"""Texts that are JSON: what they say in other letters is inspected, and is not passed on where it was hidden."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bartizan.guard import ToolResult
from bartizan.integrations.structures import (
    REDACTED,
    both,
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


@given(st.lists(WRITTEN | NESTED | TEXTS, max_size=3).map("\n".join))
@example('{"a": "\\\\"}\n"')
def test_what_is_hidden_is_left_in_no_letters(text: str) -> None:
    """Of any texts, whatever their JSON writes as escapes, and the JSON within."""
    said = passed(text, hidden(reading(text)), hidden(structure_of(text)))
    assert not any(SECRET in each for each in (said, *said_otherwise(said)))


@given(st.lists(WRITTEN | NESTED | PLAIN, max_size=3).map("\n".join))
def test_what_nothing_is_hidden_of_is_passed_as_it_was(text: str) -> None:
    """To the letter, whatever was shown to the guard besides."""
    assert passed(text, reading(text), None) == text


@given(WRITTEN | NESTED | TEXTS)
def test_a_result_that_is_only_remembered_is_told_alike(text: str) -> None:
    """What the record holds of a result is told again without what was only inspected, and without what was hidden."""
    assert recalled(reading(text)) == text
    told = recalled(hidden(reading(text)))
    assert not any(SECRET in each for each in (told, *said_otherwise(told)))


@pytest.mark.parametrize(
    "text",
    [
        '{"log": "pa\\"ss\\n\\u00C4 and it was cut',
        '{"note": "\\q pa\\"ss\\n\\u00c4"}',
        'Found:\n{"key": "pa\\"ss\\n\\u00c4"}',
        '[1]\nIt is 5" wide.\n  ["pa\\"ss\\n\\u00c4"]',
        '{"z": "Z\\n"} {"key": "pa\\"ss\\n\\u00c4", "z": "Z\\n"}',
    ],
)
def test_json_need_not_be_all_of_a_text_nor_whole(text: str) -> None:
    """What was cut off, escapes that are none, JSON after other lines and beside other JSON are read all the same."""
    assert SECRET in reading(text)
    for said in (passed(text, hidden(reading(text))), recalled(hidden(reading(text)))):
        assert not any(SECRET in each for each in (said, *said_otherwise(said)))


@pytest.mark.parametrize("note", ["a\nb", '"password": "x"'])
def test_what_was_hidden_across_texts_of_a_value_is_not_told_by_the_value(note: str) -> None:
    """A field with its name is hidden in the text alone: the value, which has them apart, is passed on in no shape."""
    value = {"note": note, "password": "hunter2"}
    text = json.dumps(value)
    shown = re.sub('"password": "[^"]*"', "[x]", reading(text))
    apart = {**value, "note": re.sub('"password": "[^"]*"', "[x]", note)}
    said, kept = both(text, ToolResult(reading(text), value), ToolResult(shown, apart))
    assert "hunter2" not in said
    assert kept is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"key": "\\u0041KIA-1", "note": "a\\nb"}', '{"key": "[x]", "note": "a\\nb"}'),
        ('{"pas\\u0073word": "hunter2", "key": "\\u0041KIA-1"}', REDACTED),
        ('{"pas\\u0073word": "\\u0041KIA-2"}', REDACTED),
    ],
)
def test_a_value_written_anew_brings_nothing_else_into_plain_letters(text: str, told: str) -> None:
    """Only what was hidden is written otherwise: a rule may find in plain letters what it did not find in escapes."""

    def shown(said: str) -> str:
        return re.sub('"password": "[^"]*"|AKIA-1|password.AKIA-2', "[x]", said, flags=re.DOTALL)

    value = {shown(key): shown(item) for key, item in json.loads(text).items()}
    assert passed(text, shown(reading(text)), value) == told


def test_what_cannot_be_told_apart_is_withheld() -> None:
    """Where there is no value to write anew, the text goes."""
    text = '{"a": "\\u0041"}\nand more\\'
    assert passed(text, reading(text).replace("\nA", "\n[x]")) == REDACTED


@pytest.mark.parametrize(
    "text", ['["' + "\\\\" * 500_000 + '"]', "[\n" * 300_000 + "\\", "{\n" * 300_000 + "\\"]
)
def test_a_long_text_is_read_in_one_pass(text: str) -> None:
    """Half a megabyte of escapes, or of what only begins as JSON, is no trap."""
    assert sum(map(len, said_otherwise(text))) in (0, 500_000)
    assert recalled(reading(text)) == text
