"""The lexer accepts what the strict parser accepts, gives its values, and commits nothing too early."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import MalformedJSON
from bartizan.guard.canonical import parse_json
from bartizan.guard.stream.json_lexer import Committed, Grown, JSONLexer

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """JSON in any of its spellings, sometimes broken."""
    value = draw(VALUES)
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])),
        separators=draw(st.sampled_from([(",", ":"), (" , ", " : ")])),
    )  # fmt: skip
    if draw(st.booleans()):
        return text
    at = draw(st.integers(0, len(text)))
    wrong = draw(
        st.sampled_from(
            [
                '"',
                "\\",
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "0",
                "-",
                "e",
                ".",
                "NaN",
                "\\ud83d",
                "\ud83d",
                "\\ude00",
                "\x00",
                " ",
                "tru",
                "nul",
                "\\u12",
                '"a":1,"a":2',
                "Infinity",
                "1e999",
                "٣",
            ]
        )
    )
    return text[:at] + wrong + text[at + draw(st.integers(0, 2)) :]


def cut(draw_places: list[int], text: str) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in draw_places})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def lexed(pieces: list[str], **options: Any) -> tuple[Any, list[Any]]:
    lexer, seen = JSONLexer(**options), []
    for piece in pieces:
        seen += lexer.push(piece)
    value = lexer.finish()
    return value, seen


@settings(max_examples=1500)
@given(texts(), st.lists(st.integers(0, 200), max_size=12))
def test_it_reads_what_the_strict_parser_reads(text: str, places: list[int]) -> None:
    """However it is cut: the same value (with its types), or a refusal of the same texts."""
    try:
        expected = parse_json(text)
    except MalformedJSON:
        with pytest.raises(MalformedJSON):
            lexed(cut(places, text))
        return
    value, seen = lexed(cut(places, text), grown=True)
    assert json.dumps(value) == json.dumps(expected)
    for one in seen:
        if isinstance(one, Committed):
            found = expected
            for key in one.path:
                found = found[key]
            assert json.dumps(found) == json.dumps(one.value)


@settings(max_examples=300)
@given(VALUES)
def test_everything_is_committed_once_in_order_however_it_is_cut(value: Any) -> None:
    """Letter by letter and whole: the same commits; the last is the whole value."""
    text = json.dumps(value)
    commits = [
        [one for one in lexed(pieces)[1] if isinstance(one, Committed)]
        for pieces in ([text, " "], [*text, " "])
    ]
    assert commits[0] == commits[1]
    assert commits[0][-1].path == ()
    assert len({one.path for one in commits[0]}) == len(commits[0])


def test_a_number_is_not_told_before_it_ends() -> None:
    """12 is a prefix of 12000."""
    lexer = JSONLexer()
    assert lexer.push('{"amount": 12') == []
    assert lexer.push("000") == []
    assert lexer.push(",") == [Committed(("amount",), 12000)]


def test_a_string_is_followed_while_it_grows() -> None:
    """Escapes and letters that are cut in two are told when they are whole."""
    lexer = JSONLexer(grown=True)
    assert lexer.push('["ab') == [Grown((0,), "ab")]
    assert lexer.push("\\u00") == []
    assert lexer.push("e9\\ud83d") == [Grown((0,), "é")]
    assert lexer.push("\\ude0") == []
    assert lexer.push("0\ud83d") == [Grown((0,), "😀")]
    assert lexer.push('\ude01"') == [Grown((0,), "😁"), Committed((0,), "abé😀😁")]
    assert lexer.push("]") == [Committed((), ["abé😀😁"])]
    assert lexer.complete


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a":1,"a"', "'a' twice"), ("[1 2", "comma"), ("nulx", "nulx"), ('["\\ud83dx', "U+D83D"), ("[01,", "01"),
        ("{'", "key in quotes"), ("[" * 65, "64 nested"), ("1 1", "after the value"), ('"\n', "escaped"),
        ("[1e999,", "64-bit"),
        ('"\\x', "escape"), ('{"a"}', "colon"), ("[,", "value"), ('"\ude00"', "U+DE00"), ("9" * 5000 + " ", "digits"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_soon_as_it_shows(text: str, says: str) -> None:
    """Not only at the end."""
    with pytest.raises(MalformedJSON, match=re.escape(says)):
        JSONLexer().push(text)


@pytest.mark.parametrize("text", ["", " ", "[", '"a', "{", '{"a":', "-", "tr", '"\\', '"\ud83d'])
def test_what_has_not_ended_is_never_closed(text: str) -> None:
    """No bracket is made up."""
    lexer = JSONLexer()
    lexer.push(text)
    with pytest.raises(MalformedJSON):
        lexer.finish()
