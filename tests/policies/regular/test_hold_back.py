"""Text that arrives in pieces: the occurrences of the whole text, and nothing of one is let go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import Language, literal, one_of, regex
from bartizan.policies.regular.hold_back import HoldBack, Piece

PATTERNS = [
    "sk-[a-z0-9]{3,}", "ab|bc|abcd", "a+b", "(ab)*c", "^a", "b$", "^ab$", "a.*b", "[0-9]{3}-[0-9]{2}", "aa|aab|b",
    "^a|bb|a$", "(a|b){2,4}c?", "secret", "ab?c?a",
]  # fmt: skip
ALPHABET = "abcsk-109 é"


def pieces(language: Language, text: str, cuts: list[int], limit: int) -> list[Piece]:
    stream = HoldBack(language.pattern, limit)
    at = sorted({cut % (len(text) + 1) for cut in cuts})
    found = [p for a, b in zip([0, *at], [*at, len(text)], strict=True) for p in stream.push(text[a:b])]
    return found + stream.finish()


def flat(found: list[Piece]) -> list[tuple[str, bool, bool]]:
    """Letter by letter: neighbours may be cut apart by the way the text arrived."""
    return [(letter, piece.matched, piece.sure) for piece in found for letter in piece.text]


@settings(max_examples=2000)
@given(st.sampled_from(PATTERNS), st.text(ALPHABET, max_size=30), st.lists(st.integers(0, 60), max_size=8))
def test_the_occurrences_are_those_of_the_whole_text(pattern: str, text: str, cuts: list[int]) -> None:
    """With room enough: leftmost-longest, however the text is cut."""
    language = regex(pattern)
    found = pieces(language, text, cuts, 1000)
    assert "".join(piece.text for piece in found) == text
    spans, at = [], 0
    for piece in found:
        if piece.matched:
            spans.append((at, at + len(piece.text)))
        at += len(piece.text)
    assert spans == language.spans(text)
    assert all(piece.sure for piece in found)


@settings(max_examples=2000)
@given(
    st.sampled_from(PATTERNS), st.text(ALPHABET, max_size=30), st.lists(st.integers(0, 60), max_size=8),
    st.integers(1, 6),
)  # fmt: skip
def test_little_room_leaks_nothing_either(pattern: str, text: str, cuts: list[int], limit: int) -> None:
    """Every occurrence touches something withheld; the answer is that of every chunking; the bound holds."""
    language = regex(pattern)
    found = pieces(language, text, cuts, limit)
    assert "".join(piece.text for piece in found) == text
    assert flat(found) == flat(pieces(language, text, list(range(len(text))), limit))
    withheld = [piece.matched for piece in found for _ in piece.text]
    assert all(any(withheld[start:end]) for start, end in language.spans(text))
    stream = HoldBack(language.pattern, limit)
    for letter in text:
        stream.push(letter)
        assert len(stream.held) <= limit


def test_ordinary_text_is_let_go_at_once() -> None:
    """Only what could begin a secret waits."""
    stream = HoldBack(regex("sk-[a-z0-9]{8,}").pattern, 40)
    assert stream.push("ask me: s") == [Piece("ask me: ")]
    assert stream.push("o") == [Piece("so")]
    assert stream.push(" sk-abcd") == [Piece(" ")]
    assert stream.push("efgh99") == []
    assert stream.push(" bye") == [Piece("sk-abcdefgh99", matched=True), Piece(" bye")]


def test_what_grows_too_long_is_withheld_while_it_goes_on() -> None:
    """A secret without an end cannot be held for ever, and is never let go."""
    stream = HoldBack(regex("sk-[a-z0-9]+;").pattern, 6)
    found = stream.push("x sk-abcdefgh") + stream.push("ijk! sk-a;") + stream.finish()
    assert found == [
        Piece("x "), Piece("sk-abcdefgh", True, False), Piece("ijk", True, False), Piece("! "), Piece("sk-a;", True),
    ]  # fmt: skip


def test_many_words_and_bad_input() -> None:
    """One automaton for all; surrogates and no room are refused."""
    stream = HoldBack(one_of(["he", "she", "hers"]).pattern, 10)
    assert stream.finish() == []
    assert HoldBack(literal("é").pattern, 1).push("é") == []
    with pytest.raises(ValueError, match="surrogate"):
        HoldBack(regex("a").pattern, 5).push("\ud800")
    with pytest.raises(ValueError, match="at least 1"):
        HoldBack(regex("a").pattern, 0)
