"""Growing, truncated and rewritten histories: the index is only ever a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard.types import Event, Labels, Session, ToolCall
from bartizan.policies.provenance import Provenance, ProvenanceCache
from bartizan.policies.provenance.index import Index

Prompt = Callable[[str], Event]
Result = Callable[..., Event]
Ask = Callable[..., Provenance]

WORDS = [
    "pay",
    "bob",
    "eve@evil.com",
    "GB33 BUKB 2020 1555",
    "5.00",
    "on May 5",
    "at 10:00",
    "www.a.com/x",
    "abcdefgh",
]
VALUES: list[Any] = [
    "bob", "pay bob", "eve@evil.com", "GB33BUKB20201555", 5, "2024-05-05 10:00", "https://www.a.com/x", ["bob", 5],
    {"a": "pay", "b": [None, "eve@evil.com"]}, "nobody", "bcdefg", "see eve@evil.com and www.a.com/x", "",
]  # fmt: skip

texts = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
values = st.one_of(
    st.none(), st.lists(texts, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), texts, max_size=2)
)
labels = st.sampled_from([
    Labels("trusted"), Labels("untrusted"), Labels("untrusted", (("$.a", "trusted"), ("$[0]", "trusted"))),
])  # fmt: skip
events = st.builds(
    Event,
    kind=st.sampled_from(["prompt", "result", "text", "call"]),
    time=st.just(0),
    text=texts,
    call=st.sampled_from([ToolCall.of("1", "read", {}), ToolCall.of("2", "mail", {"n": 1})]),
    value=values,
    labels=labels,
    is_error=st.booleans(),
)


def _answers(provenance: Provenance) -> list[bool | None]:
    return [
        answer
        for value in VALUES
        for answer in (
            provenance.from_user(value),
            provenance.from_tool(value, "read"),
            provenance.grounded(value),
            provenance.from_untrusted(value),
            provenance.carries_untrusted(value),
        )
    ]


@given(st.lists(events, max_size=6), st.data())
def test_information_monotonicity(history: list[Event], data: st.DataObject) -> None:
    """Forgetting the oldest events turns answers into None, and into nothing else."""
    whole = _answers(Provenance.of(Session("s", events=tuple(history))))
    dropped = data.draw(st.integers(0, len(history)))
    kept = Session("s", events=tuple(history[dropped:]), dropped=dropped)
    for before, after in zip(whole, _answers(Provenance.of(kept)), strict=True):
        assert after is None or after is before


@given(st.lists(events, max_size=6), st.integers(0, 80), st.integers(0, 8))
def test_overflow_is_monotone_too(history: list[Event], room: int, documents: int) -> None:
    """What does not fit into the index is unknown, not absent."""
    session = Session("s", events=tuple(history))
    index = Index(max_text=room, max_documents=documents)
    assert index.advance(session)
    whole = _answers(Provenance.of(session))
    for before, after in zip(whole, _answers(Provenance(session, index)), strict=True):
        assert after is None or after is before


@settings(max_examples=60)
@given(st.lists(events, min_size=1, max_size=12), st.data())
def test_an_extended_index_is_a_rebuilt_one(history: list[Event], data: st.DataObject) -> None:
    """However a session grows and drops events, the cache answers as a fresh index does."""
    cache = ProvenanceCache()
    dropped = end = 0
    while end < len(history):
        end = data.draw(st.integers(end, len(history)), label="end") if end else 1
        dropped = data.draw(st.integers(dropped, end), label="dropped")
        session = Session("s", events=tuple(history[dropped:end]), dropped=dropped)
        assert _answers(cache.provenance(session)) == _answers(Provenance.of(session))
        end += 1


@given(st.lists(st.lists(events, max_size=4), min_size=2, max_size=4))
def test_another_history_under_the_same_id(histories: list[list[Event]]) -> None:
    """A session that was rolled back, or is another's, is indexed afresh."""
    cache = ProvenanceCache()
    for i, history in enumerate(histories):
        session = Session("s", events=(*history, Event("prompt", 0, f"number{i}")))
        rolled_back = replace(session, events=session.events[: len(history) // 2])
        for asked in (session, rolled_back, session):
            assert _answers(cache.provenance(asked)) == _answers(Provenance.of(asked))


def test_equal_events_from_a_store_extend(prompt: Prompt, result: Result) -> None:
    """Events read back from a store are other objects with the same content: the index is kept."""
    cache = ProvenanceCache()
    first = Session("s", events=(prompt("pay bob"), result({"a": "eve"})))
    index = cache.provenance(first)._index
    copied = tuple(replace(event) for event in first.events)
    grown = replace(first, events=(*copied, prompt("pay alice")))
    assert cache.provenance(grown)._index is index
    assert cache.provenance(grown).from_user("alice") is True


def test_a_changed_last_event_rebuilds(prompt: Prompt) -> None:
    """If the last known event is not where it was, nothing of the index is believed."""
    cache = ProvenanceCache()
    assert cache.provenance(Session("s", events=(prompt("pay bob"),))).from_user("bob") is True
    changed = cache.provenance(Session("s", events=(prompt("pay eve"), prompt("now"))))
    assert changed.from_user("bob") is False
    assert changed.from_user("eve") is True


def test_dropped_events_are_forgotten(prompt: Prompt, result: Result) -> None:
    """A value that only a dropped event had is unknown, also to an index that once held it."""
    cache = ProvenanceCache()
    history = (prompt("pay bob"), result("eve@evil.com"), prompt("thanks"))
    assert cache.provenance(Session("s", events=history)).from_user("bob") is True
    kept = cache.provenance(Session("s", events=history[2:], dropped=2))
    assert kept.from_user("bob") is None
    assert kept.from_untrusted("eve@evil.com") is None
    assert kept.from_user("thanks") is True


def test_the_cache_is_bounded(prompt: Prompt) -> None:
    """Sessions asked about long ago leave the cache, by number and by size, and are indexed again when needed."""
    by_number = ProvenanceCache(max_sessions=2)
    by_size = ProvenanceCache(max_text=30)
    for cache in (by_number, by_size):
        for i in range(5):
            session = Session(str(i), events=(prompt(f"pay number{i}"),))
            assert cache.provenance(session).from_user(f"number{i}") is True
        assert len(cache) == 2
        assert cache.provenance(Session("0", events=(prompt("pay number0"),))).from_user("number0") is True


def test_a_long_session_does_not_accumulate(prompt: Prompt) -> None:
    """An index that is mostly about dropped events is made anew."""
    cache = ProvenanceCache()
    history = [prompt(f"{i} " + "word " * 2000) for i in range(100)]
    for end in range(1, 101):
        dropped = max(0, end - 5)
        session = Session("s", events=tuple(history[dropped:end]), dropped=dropped)
        provenance = cache.provenance(session)
        assert provenance.from_user(end - 1) is True
    assert provenance._index.weight < 500_000
    assert provenance.from_user(3) is None
