"""Where texts are cut, and what stays one token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.provenance.normalise import compatible
from bartizan.policies.provenance.tokens import scan


def _texts(text: str) -> list[str]:
    return [token.text for token in scan(compatible(text))]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Pay the bill, please!", ["pay", "the", "bill", "please"]),
        ("on 2024-05-13 for 13.50", ["on", "2024-05-13", "for", "13.5"]),
        ("/home/file.txt.bak", ["/home/file.txt.bak"]),
        ("'file.txt' (draft).", ["file.txt", "draft"]),
        ("Alice's and Bob\u2019s", ["alice", "and", "bob"]),
        ("don't", ["don't"]),
        ("<emma@X.com>", ["<", "emma@x.com", ">"]),
        ("mailto:Emma@x.com", ["emma@x.com"]),
        ("#general @alice", ["general", "alice"]),
        ("git push --force -f ../x ~/y .env", ["git", "push", "--force", "-f", "../x", "~/y", ".env"]),
        ("cd .. ; rm -rf / ~", ["cd", "..", ";", "rm", "-rf", "/", "~"]),
        ("a -- b # c #d", ["a", "--", "b", "#", "c", "d"]),
        ("a & b | c > d `e` $(f)", ["a", "&", "b", "|", "c", ">", "d", "`", "e", "`", "$", "f"]),
        ("pages 10\u201312", ["pages", "10-12"]),
        ("see www.a.com/b?c=1&d=%20.", ["see", "www.a.com/b?c=1&d=%20"]),
        ("x=5", ["x", "=", "5"]),
        ("full\u3000width \uff15\uff10", ["full", "width", "50"]),
        ("\u7ed9\u738b\u4f1f100\u5143", ["\u7ed9", "\u738b", "\u4f1f", "100", "\u5143"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
        ("?! ... \u2014 \U0001f600", []),
        ("", []),
    ],
)
def test_boundaries(text: str, tokens: list[str]) -> None:
    """Sentence punctuation separates, inner punctuation joins, and shell symbols are tokens of their own."""
    assert _texts(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("$30,000 and 1,000.50", ["30000", "and", "1000.5"]),
        ("\u20ac 12 12\u20ac 50% 5$ $ 5", ["12", "12", "50", "5", "5"]),
        ("1, 2,3 and 1,23", ["1", "2", "3", "and", "1", "23"]),
        ("1000,500", ["1000", "500"]),
        ("5,000.", ["5000"]),
        ("-5 -0.50 5 - 3", ["-5", "-0.5", "5", "3"]),
        ("007 0 0.0 .5", ["007", "0", "0", "0.5"]),
        ("1.2.3 12,345,678", ["1.2.3", "12345678"]),
    ],
)
def test_numbers_are_one_token_by_value(text: str, tokens: list[str]) -> None:
    """Grouping, currency signs and trailing zeros do not matter; signs and leading zeros do."""
    assert _texts(text) == tokens


def test_no_character_makes_a_token_with_a_space() -> None:
    """Whatever characters a token folds to, it stays one word: runs are compared on spaces."""
    for start in range(0, 0x20000, 4096):
        chars = [chr(c) for c in range(start, start + 4096) if not 0xD800 <= c <= 0xDFFF]
        for token in scan(compatible("".join(f"a{ch}b " for ch in chars))):
            assert token.text.split() == [token.text]


@given(st.text(max_size=200))
def test_tokens_lie_in_the_text_in_order(text: str) -> None:
    """Every token says where it stands, and tokens do not overlap."""
    text = compatible(text)
    end = 0
    for token in scan(text):
        assert end <= token.start < token.end <= len(text)
        assert text[token.start : token.end] == token.raw
        assert token.text
        end = token.end


@given(st.lists(st.sampled_from(["pay", "13.50", "a@b.com", "/x/y", "Z's", "--f", ";"])), st.data())
def test_whitespace_and_case_do_not_matter(pieces: list[str], data: st.DataObject) -> None:
    """A text spaced and capitalised otherwise has the same tokens."""
    gap = st.sampled_from([" ", "\n", "\t  ", "\u00a0", "\r\n"])
    other = "".join(data.draw(gap) + data.draw(st.sampled_from([p, p.upper(), p.lower()])) for p in pieces)
    assert _texts(other) == _texts(" ".join(pieces))
