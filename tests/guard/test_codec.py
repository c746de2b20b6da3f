"""Stored sessions and events come back exactly, or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import Event, Labels, MalformedJSON, Missing, Session, Signal, ToolCall
from bartizan.guard.codec import decode_event, decode_session, encode_event, encode_session, extent

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(0, 1)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(text, v, max_size=3), max_leaves=8
)
calls = st.builds(ToolCall.of, text, text.filter(bool), st.dictionaries(text, values, max_size=3))
missing = st.builds(Missing, text)
signals = st.dictionaries(
    text, st.tuples(numbers | missing, numbers | missing, st.dictionaries(text, values, max_size=2))
)
labels = st.builds(
    Labels,
    st.sampled_from(["trusted", "untrusted"]),
    st.lists(st.tuples(text, st.sampled_from(["trusted", "untrusted"])), max_size=2).map(tuple),
)
events = st.builds(
    Event,
    kind=st.sampled_from(["prompt", "call", "result", "text"]),
    time=st.integers(0, 2**60),
    text=text,
    call=st.none() | calls,
    value=values,
    labels=labels,
    is_error=st.booleans(),
    signals=signals.map(lambda found: {name: Signal(name, *parts) for name, parts in found.items()}),
    once=text,
)
sessions = st.builds(
    Session,
    id=text,
    version=st.integers(1, 2**40),
    state=st.dictionaries(text, values, max_size=3),
    events=st.lists(events, max_size=3).map(tuple),
    dropped=st.integers(0, 1000),
    approvals=st.dictionaries(text, st.dictionaries(text, values, max_size=2), max_size=2),
    size=st.integers(0, 2**40),
    updated=st.integers(0, 2**60),
    once=st.lists(st.tuples(text, text, text), max_size=3).map(tuple),
)


@given(events)
def test_an_event_comes_back_exactly(event: Event) -> None:
    """Decoding what was encoded gives an equal event, number types included."""
    decoded = decode_event(encode_event(event))
    assert decoded == event
    assert repr(decoded.value) == repr(event.value) or isinstance(event.value, dict | list)
    assert encode_event(decoded) == encode_event(event)


@given(sessions)
def test_a_session_comes_back_exactly(session: Session) -> None:
    """Decoding what was encoded, with its events, gives an equal session."""
    body = encode_session(session)
    assert decode_session(session.id, session.version, body, session.events) == session
    assert extent(body) == range(session.dropped, session.dropped + len(session.events))


@given(events, st.data())
def test_a_damaged_event_is_refused_or_still_an_event(event: Event, data: st.DataObject) -> None:
    """A changed byte is refused or changes the event; it never raises anything but ``MalformedJSON``."""
    body = bytearray(encode_event(event))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with suppress(MalformedJSON):
        assert isinstance(decode_event(bytes(body)), Event)


@given(
    st.recursive(
        leaves,
        lambda v: (
            st.lists(v, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "kind",
                        "time",
                        "text",
                        "call",
                        "value",
                        "labels",
                        "is_error",
                        "signals",
                        "once",
                        "id",
                        "canonical",
                        "x",
                        "state",
                        "total",
                        "dropped",
                        "approvals",
                        "size",
                        "updated",
                        "missing",
                    ]
                )
                | text,
                v,
                max_size=6,
            )
        ),
        max_leaves=30,
    )
)
def test_any_json_is_refused_or_decoded(value: Any) -> None:
    """Whatever stands in a store, decoding it raises nothing but ``MalformedJSON``."""
    body = json.dumps(value)
    for decode in (decode_event, lambda data: decode_session("s", 1, data, ()), extent):
        with suppress(MalformedJSON):
            decode(body)


GOOD = {"kind": "result", "time": 1}
WRONG: dict[str, Any] = {
    "no kind": {"time": 1},
    "another kind": {**GOOD, "kind": "thought"},
    "an unknown field": {**GOOD, "trusted": True},
    "a time that is no whole number": {**GOOD, "time": 1.0},
    "a text that is none": {**GOOD, "text": 1},
    "an error that is no bool": {**GOOD, "is_error": 1},
    "another label": {**GOOD, "labels": ["safe", []]},
    "labels of another shape": {**GOOD, "labels": ["trusted", [["$.x"]]]},
    "a label's path that is no text": {**GOOD, "labels": ["trusted", [[1, "trusted"]]]},
    "a signal of another shape": {**GOOD, "signals": {"x": 0.5}},
    "a signal out of range": {**GOOD, "signals": {"x": [1.5, 0.5, {}]}},
    "a call that is not canonical": {**GOOD, "call": {"id": "1", "canonical": '{"tool":"t","args":{}}'}},
    "a call of nothing": {**GOOD, "call": {"id": "1", "canonical": '{"args":{},"tool":""}'}},
    "no object": [GOOD],
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_almost_an_event_is_not_an_event(body: Any) -> None:
    """Anything but the form this version writes is refused: a state almost right is no state to decide on."""
    with pytest.raises(MalformedJSON):
        decode_event(json.dumps(body))


def test_a_session_without_all_its_events_is_refused() -> None:
    """A store that lost an event has lost the session."""
    session = Session("s", 2, events=(Event("prompt", 1, "a"), Event("prompt", 2, "b")))
    with pytest.raises(MalformedJSON, match="expected 2 events"):
        decode_session("s", 2, encode_session(session), session.events[:1])
