"""Diagnostics: positions, carets, and what a terminal may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.diagnostics import Diagnostic, PolicyError, Source, did_you_mean, suggest, visible
from bartizan.policies.language.syntax import Span


def rendered(text: str, start: int, end: int, help: str | None = None) -> list[str]:
    return Source("p.yaml", text).render(Diagnostic("code", "message", Span(start, end), help)).split("\n")


def test_positions_count_lines_and_columns_from_one() -> None:
    """A position is the 1-based line and column of a character, for every kind of line break."""
    source = Source("p.yaml", "ab\ncd\r\nef\rgh")
    assert [source.position(i) for i in (0, 1, 3, 7, 8, 10)] == [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 1),
        (3, 2),
        (4, 1),
    ]


def test_positions_outside_the_text_are_moved_to_its_edge() -> None:
    """No offset raises: what lies outside the text is reported at its nearest end."""
    source = Source("p.yaml", "ab\nc")
    assert source.position(-5) == (1, 1)
    assert source.position(99) == (2, 2)
    assert Source("p.yaml", "").position(3) == (1, 1)


@given(st.text(alphabet="a\n\r\té", max_size=40), st.integers(-5, 50))
def test_every_position_is_inside_its_line(text: str, offset: int) -> None:
    """The column never exceeds the line's length by more than the line break."""
    source = Source("p.yaml", text)
    line, column = source.position(offset)
    assert 1 <= column <= len(source.line(line)) + 3


def test_a_rendering_shows_place_code_line_carets_and_help() -> None:
    """The rendering has the five parts that a reader needs."""
    assert rendered("a: 1\nbb: no\n", 9, 11, "quote it") == [
        "p.yaml:2:5: error[code]: message",
        "  |",
        "2 | bb: no",
        "  |     ^^",
        "  = help: quote it",
    ]


@pytest.mark.parametrize(
    ("line", "start", "end", "carets"),
    [
        ("\tx y", 1, 2, "    ^"),
        ("日本 x", 3, 4, "     ^"),
        ("日本", 1, 2, "  ^^"),
        ("e\u0301e\u0301 x", 5, 6, "   ^"),
        ("ab", 2, 2, "  ^"),
        ("ab", 0, 9, "^^"),
    ],
)
def test_carets_stand_under_the_characters(line: str, start: int, end: int, carets: str) -> None:
    """Tabs are expanded, wide characters take two columns and combining marks none."""
    assert rendered(line, start, end)[3].removeprefix("  | ") == carets


def test_a_span_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    """Only the first line is shown, marked from the span's start to the line's end."""
    assert rendered("abc\ndef", 1, 6)[2:4] == ["1 | abc", "  |  ^^"]


def test_more_lines_of_a_span_can_be_shown() -> None:
    """As many lines of a span are shown as asked for, only the first marked, with the severity asked for."""
    source = Source("p.yaml", "a\n" * 8 + "- id: x\n  b\n\n  d\n")
    diagnostic = Diagnostic("code", "message", Span(16, len(source.text) - 1), "help")
    assert source.render(diagnostic, "warning", 2).split("\n") == [
        "p.yaml:9:1: warning[code]: message",
        "   |",
        " 9 | - id: x",
        "   | ^^^^^^^",
        "10 |   b",
        "   | ...",
        "   = help: help",
    ]
    assert source.render(diagnostic, "note", 9).split("\n")[4:7] == ["10 |   b", "11 |", "12 |   d"]


def test_long_lines_are_cut_around_the_span() -> None:
    """A long line is shown in part, and the carets stay under the span."""
    lines = rendered("x" * 300 + "here" + "y" * 300, 300, 304)
    shown, carets = lines[2].removeprefix("1 | "), lines[3].removeprefix("  | ")
    assert len(shown) < 110
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert shown[carets.index("^") : carets.index("^") + carets.count("^")] == "here"


def test_control_characters_cannot_reach_the_terminal() -> None:
    """What could move the cursor, colour text or reverse its order is shown as an escape."""
    text = "a\x1b[31m\u202eb\x00"
    assert visible(text) == "a\\u001b[31m\\u202eb\\u0000"
    assert "\x1b" not in "\n".join(rendered(text, 0, 1))
    assert visible("a\nb") == "a\\u000ab"


def test_a_policy_error_holds_its_problems_in_the_order_of_the_file() -> None:
    """Problems are sorted by place, the same one is kept once, and the text shows them all."""
    source = Source("p.yaml", "ab")
    late, early = Diagnostic("late", "l", Span(1, 2)), Diagnostic("early", "e", Span(0, 1))
    error = PolicyError(source, [late, early, late])
    assert error.diagnostics == (early, late)
    assert error.source is source
    assert "p.yaml:1:1: error[early]: e" in str(error)
    assert "p.yaml:1:2: error[late]: l" in str(error)


def test_a_policy_error_has_a_problem() -> None:
    """An error without a problem is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one diagnostic"):
        PolicyError(Source("p.yaml", ""), [])


def test_very_many_problems_are_cut_in_the_text() -> None:
    """The text of an error stays readable, its data complete."""
    error = PolicyError(Source("p.yaml", "a" * 90), [Diagnostic("c", "m", Span(i, i + 1)) for i in range(90)])
    assert len(error.diagnostics) == 90
    assert str(error).endswith("... and 40 more")


def test_bytes_that_are_not_utf8_are_located() -> None:
    """The first byte that is not UTF-8 is reported at its line and column."""
    with pytest.raises(PolicyError) as caught:
        Source.decode("p.yaml", "é: 1\nb: ".encode() + b"\xff")
    (problem,) = caught.value.diagnostics
    assert problem.code == "not-utf8"
    assert "0xff" in problem.message
    assert caught.value.source.position(problem.span.start) == (2, 4)


def test_utf8_bytes_are_decoded() -> None:
    """Well-formed bytes give the text."""
    assert Source.decode("p.yaml", "é".encode()).text == "é"


def test_suggestions_are_near_or_none() -> None:
    """A near candidate is suggested whatever its case, a far one is not."""
    assert suggest("alow", ["allow", "deny"]) == "allow"
    assert suggest("STARTSWITH", ["startsWith"]) == "startsWith"
    assert suggest("xyz", ["allow", "deny"]) is None
    assert suggest("x", []) is None
    assert did_you_mean("alow", ["allow"]) == "did you mean `allow`?"
    assert did_you_mean("xyz", ["allow"]) is None
