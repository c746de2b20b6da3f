"""Labels by JSON path."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard.types import Event, Labels
from bartizan.policies.provenance import Provenance, label_of, parse_path
from bartizan.policies.provenance.labels import Path, show_path


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("$", ()),
        ("$.a.b-c_1", ("a", "b-c_1")),
        ('$["a b"]["\\u00e9]"]', ("a b", "\u00e9]")),
        ("$[*].subject", (None, "subject")),
        ("$[0][12].*", (0, 12, None)),
    ],
)
def test_paths_parse(text: str, pattern: tuple[str | int | None, ...]) -> None:
    """The subset reads as steps: names, indexes, and any."""
    assert parse_path(text) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        ".a",
        "$a",
        "$.",
        "$..a",
        "$[",
        "$[]",
        "$[-1]",
        "$[0",
        "$['a']",
        '$["a]',
        "$[?(@)]",
        "$[1:2]",
        "$ .a",
    ],
)
def test_other_paths_are_refused(text: str) -> None:
    """What lies outside the subset is an error that quotes the path."""
    with pytest.raises(ValueError, match="JSON path"):
        parse_path(text)


@given(st.lists(st.one_of(st.integers(0, 999), st.text(max_size=8))))
def test_shown_paths_read_back(steps: list[str | int]) -> None:
    """A shown path parses to itself."""
    path: Path = tuple(steps)
    assert parse_path(show_path(path)) == path


def test_the_longest_exception_wins() -> None:
    """A longer path is more specific than a shorter one, wherever it is listed."""
    labels = Labels("untrusted", (("$.a.b", "untrusted"), ("$.a", "trusted")))
    assert label_of(labels, ("a", "c")) == "trusted"
    assert label_of(labels, ("a", "b", "deeper")) == "untrusted"
    assert label_of(labels, ("x",)) == "untrusted"


def test_the_later_of_equals_wins() -> None:
    """Of two exceptions of one length, the one listed later decides."""
    trusted, untrusted = ("$[*].a", "trusted"), ("$[0].a", "untrusted")
    assert label_of(Labels("untrusted", (trusted, untrusted)), (0, "a")) == "untrusted"  # type: ignore[arg-type]
    assert label_of(Labels("untrusted", (untrusted, trusted)), (0, "a")) == "trusted"  # type: ignore[arg-type]


def test_a_name_is_no_index() -> None:
    """``$["0"]`` names a member, ``$[0]`` an element."""
    labels = Labels("untrusted", (('$["0"]', "trusted"),))
    assert label_of(labels, ("0",)) == "trusted"
    assert label_of(labels, (0,)) == "untrusted"


def test_a_malformed_exception_makes_all_untrusted(
    result: Callable[..., Event], ask: Callable[..., Provenance]
) -> None:
    """An exception that cannot be read must not leave what it meant to distrust trusted."""
    asked = ask(result({"a": "bob", "b": "eve"}, "trusted", {"$..b": "untrusted"}))
    assert asked.grounded("bob") is False
    assert asked.from_untrusted("eve") is True
