"""Segments join to the text, and are the same however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard.stream.segmenter import FENCE, Segmenter


def segments(pieces: list[str], limit: int = 800) -> list[str]:
    segmenter = Segmenter(limit)
    found = [segment for piece in pieces for segment in segmenter.push(piece)]
    return found + segmenter.finish()


TEXTS = st.lists(
    st.sampled_from(
        [". ", "? ", "! ", "\n", " ", "a", "Dr", ".", "e.g", "10.5", "https://x.com/a.html?b=1", FENCE, "`", "\"", ")",
         "。", "！", "」", "1", "2) ", "- ", "word", "...", "file.txt", "é", "\u00a0", "I", "\r\n", "*"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@settings(max_examples=1500)
@given(TEXTS, st.lists(st.integers(0, 300), max_size=10), st.sampled_from([4, 9, 30, 800]))
def test_nothing_is_lost_and_chunks_do_not_matter(text: str, places: list[int], limit: int) -> None:
    """Joined they are the text; none is longer than the limit or empty; cutting the input elsewhere changes none."""
    at = sorted({place % (len(text) + 1) for place in places})
    pieces = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]
    found = segments(pieces, limit)
    assert "".join(found) == text
    assert all(0 < len(segment) <= limit for segment in found)
    assert found == segments([text], limit) == segments(list(text), limit)


@settings(max_examples=300)
@given(TEXTS, st.sampled_from([4, 30]))
def test_what_is_held_is_bounded(text: str, limit: int) -> None:
    """Whatever arrives, one letter at a time."""
    segmenter = Segmenter(limit)
    for letter in text:
        segmenter.push(letter)
        assert len(segmenter.held) <= limit + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The total is 10.5 dollars. Pay it.", ["The total is 10.5 dollars.", " Pay it."]),
        ("See https://x.com/a.html now. Done", ["See https://x.com/a.html now.", " Done"]),
        ("Run rm file.txt? Yes!", ["Run rm file.txt?", " Yes!"]),
        ("Ask Dr. Smith, e.g. today. J. Doe left.", ["Ask Dr. Smith, e.g. today.", " J. Doe left."]),
        ("1. One thing. Two\n2. More", ["1. One thing.", " Two\n", "2. More"]),
        ('He said "no." Then left...', ['He said "no."', " Then left..."]),
        ("```\nx = a. b\ny! z\n```\nEnd. Now", ["```\nx = a. b\ny! z\n```\n", "End.", " Now"]),
        ("这是。那是！「好。」对", ["这是。", "那是！", "「好。」", "对"]),
        ("no end at all", ["no end at all"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    """What published splitters cut in two is left whole."""
    assert segments([text]) == expected


def test_too_long_a_piece_is_cut_at_a_space() -> None:
    """And in the middle of a word that is longer than the limit, but not through a fence."""
    assert segments(["aaaa bbbb cccc"], 10) == ["aaaa bbbb ", "cccc"]
    assert segments(["a" * 25], 10) == ["a" * 10, "a" * 10, "a" * 5]
    assert segments(["aaaaaaaa```b. c```d. e"], 10) == ["aaaaaaaa", "```b. ", "c```d.", " e"]


def test_a_limit_too_small_is_refused() -> None:
    """It says from where on."""
    with pytest.raises(ValueError, match="from 4"):
        Segmenter(3)
