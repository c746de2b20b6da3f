"""The languages that policies name, and the algebra of languages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import (
    Language,
    RegexError,
    contains,
    glob,
    ieq,
    literal,
    one_of,
    prefix,
    regex,
    suffix,
)
from bartizan.policies.regular.dfa import DFA

small_texts = st.text(alphabet="ab/é", max_size=6)


@given(
    small_texts, st.lists(small_texts, min_size=1, max_size=3), st.lists(small_texts, min_size=6, max_size=6)
)
@settings(deadline=None)
def test_shortcuts_equal_their_automata(needle: str, words: list[str], texts: list[str]) -> None:
    """The string methods used at run time decide the same language as its term."""
    for language in (literal(needle), prefix(needle), suffix(needle), contains(needle), one_of(words)):
        assert language.shortcut is not None
        dfa = DFA(language.term)
        for text in (*texts, needle, needle + "a", "a" + needle, "b" + needle + "b", *words):
            assert language.shortcut(text) == dfa.matches(text) == language.matches(text)


@given(small_texts.filter(bool), small_texts)
@settings(deadline=None)
def test_spans_of_the_string_predicates(needle: str, text: str) -> None:
    """A prefix, suffix or substring is its own span; a statement about the whole text spans all of it."""
    assert contains(needle).spans(text) == [found.span() for found in re.finditer(re.escape(needle), text)]
    assert prefix(needle).spans(text) == ([(0, len(needle))] if text.startswith(needle) else [])
    ended = [(len(text) - len(needle), len(text))] if text.endswith(needle) else []
    assert suffix(needle).spans(text) == ended
    assert literal(needle).spans(text) == ([(0, len(text))] if text == needle else [])
    assert (~literal(needle)).spans(text) == ([(0, len(text))] if text and text != needle else [])
    assert (prefix(needle) & suffix(needle)).spans(needle) == [(0, len(needle))]


@given(small_texts.filter(bool), small_texts.filter(bool), small_texts)
@settings(deadline=None)
def test_a_union_spans_what_either_side_finds(one: str, other: str, text: str) -> None:
    """The spans of a union are the leftmost-longest occurrences of either pattern."""
    either = "|".join(sorted((re.escape(one), re.escape(other)), key=len, reverse=True))
    expected = [found.span() for found in re.finditer(either, text)]
    assert (contains(one) | contains(other)).spans(text) == expected


ATOMS: list[Language] = [
    literal("ab"),
    prefix("a"),
    suffix("b"),
    contains("ba"),
    one_of(["", "a", "bb"]),
    regex("a{2,3}b"),
    regex("^(ab)*$"),
    glob("a*b"),
]


@given(st.sampled_from(ATOMS), st.sampled_from(ATOMS), small_texts)
@settings(deadline=None)
def test_operators_are_boolean(one: Language, other: Language, text: str) -> None:
    """``& | ~`` of languages are and, or, not of their answers, and spans imply a match."""
    a, b = one.matches(text), other.matches(text)
    assert (one & other).matches(text) == (a and b)
    assert (one | other).matches(text) == (a or b)
    assert (~one).matches(text) == (not a)
    for language in (one, one & other, one | other, ~one):
        assert not language.spans(text) or language.matches(text)


@given(st.sampled_from(ATOMS), st.sampled_from(ATOMS))
@settings(deadline=None)
def test_witnesses_and_inclusion_are_consistent(one: Language, other: Language) -> None:
    """A witness of a difference is in one and not the other; without one, the other includes it."""
    difference = one & ~other
    text = difference.witness()
    assert (text is None) == difference.is_empty() == other.includes(one)
    if text is not None:
        assert one.matches(text)
        assert not other.matches(text)
    assert (one | other).includes(one)
    assert one.includes(one & other)


def test_languages_are_values() -> None:
    """Equal terms make equal languages with equal hashes; they can be neither changed nor confused."""
    assert regex("a+", "full") == regex("(?:a)+", "full")
    assert len({literal("a"), literal("a"), literal("b")}) == 2
    with pytest.raises(AttributeError):
        literal("a").term = literal("b").term  # type: ignore[misc]


def test_unknown_is_not_empty() -> None:
    """With too small a budget emptiness and inclusion are None, and there is no witness."""
    hard = regex("^(a|b)*a(a|b){6}$") & regex("^(a|b){6}b(a|b)*$")
    assert hard.is_empty(budget=5) is None
    assert hard.witness(budget=5) is None
    assert hard.includes(hard & contains("ab"), budget=5) is None
    assert hard.is_empty() is False


def test_witnesses_are_printable_where_possible_and_shortest() -> None:
    """Readable texts come first; unprintable ones only where the language has no other."""
    assert regex("[\x00-\uffff]{3}", "full").witness() == "aaa"
    assert regex("\x00|a{9}", "full").witness() == "a" * 9
    assert regex("\x00\x01|\x00", "full").witness() == "\x00"
    assert (prefix("/srv/") & suffix(".txt") & contains("x/y")).witness() == "/srv/x/y.txt"
    assert (literal("a") & literal("b")).witness() is None


def test_lone_surrogates_are_in_no_language() -> None:
    """A text with a lone surrogate is refused, so that neither a language nor its complement matches it."""
    for language in (contains("a"), ~contains("a"), regex("."), literal("\ue000")):
        with pytest.raises(ValueError, match="surrogate at offset 1"):
            language.matches("a\udc00")
        with pytest.raises(ValueError, match="surrogate"):
            language.spans("a\udc00")
    for make in (literal, prefix, suffix, contains, ieq, glob):
        with pytest.raises(ValueError, match="surrogate"):
            make("\ud800")


def test_ieq_folds_ascii_only() -> None:
    """Case is ignored for ASCII letters and nothing else."""
    assert ieq("Kelvin-é").matches("kELVIN-é")
    assert not ieq("Kelvin-é").matches("KELVIN-É")
    assert not ieq("k").matches("\u212a")
    assert ieq("").matches("")


def test_one_of_nothing_is_empty() -> None:
    """No word, no match."""
    assert one_of([]).is_empty() is True
    assert not one_of([]).matches("")


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*.txt", ["a.txt", ".txt", "a b.txt", "é.txt"], ["a/b.txt", "a.txt\n", "a.TXT", "atxt"]),
        ("/srv/*", ["/srv/", "/srv/a"], ["/srv", "/srv/a/b", "x/srv/a"]),
        ("/srv/**", ["/srv/", "/srv/a/b", "/srv/../etc", "/srv/a\nb"], ["/srv", "/etc"]),
        ("a/**/b", ["a/x/b", "a//b", "a/x/y/b"], ["a/b"]),
        ("v?.?", ["v1.0", "vé.x"], ["v.0", "v/.0", "v10.0"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "Ax"]),
        ("[!a-c]x", ["dx", "!x"], ["ax", "/x", "x"]),
        ("[^a]x", ["bx"], ["ax", "/x"]),
        (r"[\]a-]x", ["]x", "-x"], ["bx"]),
        (r"\*\?\[\\", [r"*?[" + "\\"], ["a?[\\"]),
        ("***", ["", "a/b"], []),
        ("", [""], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_globs(pattern: str, inside: list[str], outside: list[str]) -> None:
    """A star stays within a path segment, two stars do not, and classes never match a slash."""
    language = glob(pattern)
    assert [text for text in inside if not language.matches(text)] == []
    assert [text for text in outside if language.matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("a[b", 1), ("[]", 1), ("[!]a]", 2), ("*.{a,b}", 2), ("a}", 1), ("a\\", 1), ("[c-a]", 1)],
)
def test_malformed_globs_are_refused(pattern: str, position: int) -> None:
    """A glob error points at the offending character and says what to write."""
    with pytest.raises(RegexError) as caught:
        glob(pattern)
    assert caught.value.position == position
    assert caught.value.help
