"""Spans: the characters in which a value stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard.types import Event, Labels, ToolCall
from bartizan.policies.provenance import documents, places_of
from bartizan.policies.provenance.origins import MAX_ORIGINS
from bartizan.policies.provenance.spans import MAX_SPANS

Prompt = Callable[[str], Event]
Result = Callable[..., Event]


def marked(value: Any, *events: Event) -> list[tuple[int, str, str, list[str]]]:
    """Of each place: its event, its element, its match, and the words that are marked."""
    found = []
    for place in places_of(value, events).found:
        text = list(documents(events[place.event]))[place.document].text  # type: ignore[union-attr]
        words = [text[start:end] for start, end in place.spans]
        found.append((place.event, place.element, place.match, words))
    return found


def test_every_occurrence_is_marked(prompt: Prompt) -> None:
    """A value that stands in a text twice is marked twice, as the text writes it."""
    said = prompt("Send it to ALICE@a.com (yes: alice@A.com), not to xalice@a.com.")
    assert marked("alice@a.com", said) == [(0, "$", "inside", ["ALICE@a.com", "alice@A.com"])]


def test_other_formats_are_marked_as_they_are_written(prompt: Prompt) -> None:
    """Numbers, dates and codes are found by what they say, and marked where they say it."""
    said = prompt("Pay $1,000.00 on May 5th, 2024 to GB33 BUKB 2020 1555 please")
    value = {"amount": 1000, "date": "2024-05-05", "to": "GB33BUKB20201555"}
    assert marked(value, said) == [
        (0, "$.amount", "inside", ["1,000.00"]),
        (0, "$.date", "inside", ["May 5th, 2024"]),
        (0, "$.to", "inside", ["GB33 BUKB 2020 1555"]),
    ]


def test_the_number_of_a_date_is_not_marked(prompt: Prompt) -> None:
    """What grounds nothing is marked nowhere: 13 stands in the text once."""
    assert marked(13, prompt("June 13: buy 13 pens")) == [(0, "$", "inside", ["13"])]
    (place,) = places_of(13, (prompt("June 13: buy 13 pens"),)).found
    assert place.spans[0].start == len("June 13: buy ")


def test_a_leaf_is_marked_whole(result: Result) -> None:
    """Equal to a leaf: all of it, but for the space around it, which says nothing."""
    assert marked("Alice", result({"name": " Alice ", "n": 1})) == [(0, "$", "equal", ["Alice"])]


def test_a_trace_is_marked_through_what_hides_it(result: Result) -> None:
    """A code that was spaced out, or glued to other words, is marked where its characters stand."""
    assert marked("EH9025920092", result("see: xEH9025920092y")) == [(0, "$", "trace", ["EH9025920092"])]
    assert marked("secretword", result("s e-c.r e t w o r d!")) == [
        (0, "$", "trace", ["s e-c.r e t w o r d"])
    ]


def test_spans_count_characters_of_the_text_as_it_stands(prompt: Prompt) -> None:
    """Ligatures, wide letters and combining marks change the length of what is compared, not what is marked."""
    said = prompt("ﬁle Ａｌｉｃｅ e\u0301t cafe\u0301 \U0001f600 und café")
    assert marked("Alice", said) == [(0, "$", "inside", ["Ａｌｉｃｅ"])]
    assert marked("café", said) == [(0, "$", "inside", ["cafe\u0301", "café"])]


def test_a_trace_behind_case_that_changes_lengths(result: Result) -> None:
    """Casefolding makes two letters of one: what is marked is still the one."""
    assert marked("STRASSENBAHN", result("xxStraßenbahnxx")) == [(0, "$", "trace", ["Straßenbahn"])]


def test_places_are_bounded(result: Result) -> None:
    """A value that occurs everywhere is shown so often, in each text and in all; the others still are."""
    events = (*(result("a b " * 100) for _ in range(MAX_ORIGINS + 5)), result("zebra"))
    places = places_of(["a", "zebra"], events).found
    assert sum(place.element == "$[0]" for place in places) == MAX_ORIGINS
    assert {len(place.spans) for place in places} == {MAX_SPANS, 1}
    assert places[-1].element == "$[1]"


def test_what_is_not_there_has_no_place(prompt: Prompt, result: Result) -> None:
    """No evidence, no mark; and calls are no sources."""
    call = Event("call", 0, call=ToolCall.of("1", "pay", {"to": "mallory"}))
    assert places_of("mallory", (prompt("pay Alice"), call, result("nothing"))).found == ()


def test_the_work_is_bounded_and_says_how_far_it_came(prompt: Prompt, result: Result) -> None:
    """Whoever makes a session long hides nothing: what was not searched is told."""
    events = (prompt("Ada"), result("x" * 10_000), prompt("Ada"))
    assert [place.event for place in places_of("Ada", events).found] == [0, 2]
    assert places_of("Ada", events).searched == 3
    short = places_of("Ada", events, effort=1000)
    assert ([place.event for place in short.found], short.searched) == ([0], 1)


@given(st.text(), st.text(), st.booleans())
def test_spans_are_in_order_and_inside(text: str, value: str, leaf: bool) -> None:
    """Whatever the texts: spans lie in the text, are not empty and do not overlap; and nothing raises."""
    content: Any = {"x": text + value + text} if leaf else None
    event = Event("result", 0, text + value + text, None, content, Labels("untrusted"))
    for place in places_of(value, (event,)).found:
        found = [document.text for document in documents(event)][place.document]  # type: ignore[union-attr]
        assert place.spans
        end = 0
        for span in place.spans:
            assert end <= span.start < span.end <= len(found)
            end = span.end
