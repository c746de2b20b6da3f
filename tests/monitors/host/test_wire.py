"""Queries and measurements survive the wire; whatever else arrives is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import Missing
from bartizan.monitors import Measurement, Passage, Query
from bartizan.monitors.host.limits import WireLimits
from bartizan.monitors.host.reading import Malformed
from bartizan.monitors.host.wire import (
    Answered,
    read_answers,
    read_queries,
    write_answers,
    write_queries,
)

LIMITS = WireLimits()
TEXTS = st.text(max_size=50).map(lambda text: text.encode("utf-8", "replace").decode("utf-8"))
PASSAGES = st.builds(Passage, st.sampled_from(["user", "call", "result", "text"]), TEXTS)
QUERIES = st.builds(
    Query, TEXTS.filter(bool), st.lists(PASSAGES, min_size=1, max_size=4).map(tuple), TEXTS, TEXTS
)
UNITS = st.floats(0, 1) | st.just(Missing("not calibrated"))
GOOD: dict[str, Any] = {
    "queries": [{"probe": "p", "passages": [{"channel": "user", "text": "hi"}], "tool": "t", "tenant": "a"}],
    "within_ms": 5,
}


@given(st.lists(QUERIES, min_size=1, max_size=5), st.none() | st.floats(0.001, 100))
def test_queries_survive(queries: list[Query], within: float | None) -> None:
    """What is written is read again, and as it was written."""
    asked = read_queries(write_queries(queries, within), LIMITS)
    assert list(asked.queries) == queries
    assert asked.within == (None if within is None else pytest.approx(within, abs=1e-6))


@given(st.lists(st.builds(Answered, st.builds(Measurement, UNITS, UNITS), TEXTS), min_size=1, max_size=5))
def test_answers_survive(answers: list[Answered]) -> None:
    """What is written is read again; a missing value takes its p-value with it."""
    read = read_answers(write_answers(answers), len(answers))
    assert [one.fingerprint for one in read] == [one.fingerprint for one in answers]
    for got, sent in zip(read, answers, strict=True):
        assert got.measurement.value == sent.measurement.value
        if isinstance(sent.measurement.value, Missing):
            assert isinstance(got.measurement.p_value, Missing)
        else:
            assert got.measurement.p_value == sent.measurement.p_value


def test_a_lone_surrogate_does_not_stop_a_query() -> None:
    """What UTF-8 cannot say is replaced: a text from a broken tool is still measured."""
    (read,) = read_queries(write_queries([Query("p", (Passage("result", "a\ud800b"),))]), LIMITS).queries
    assert read.passages[0].text == "a�b"


def changed(path: list[Any], new: Any) -> bytes:
    """The good request with one place changed (or removed, for ``...``)."""
    body = json.loads(json.dumps(GOOD))
    at = body
    for step in path[:-1]:
        at = at[step]
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return json.dumps(body).encode()


SECRET = "my secret text"
BAD: list[tuple[bytes, str]] = [
    (b"", "body"),
    (b"\xff", "body"),
    (b"[1,", "body at line 1"),
    (b'{"queries": [], "queries": []}', "body"),
    (b'{"my secret text": 1e999}', "body"),
    (b"[" * 100_000, "body"),
    (b"[]", "$"),
    (changed(["queries"], ...), "$"),
    (changed([SECRET], 1), "$"),
    (changed(["queries"], []), "$.queries"),
    (changed(["queries"], SECRET), "$.queries"),
    (changed(["queries"], [GOOD["queries"][0]] * 65), "$.queries"),
    (changed(["queries", 0], SECRET), "$.queries[0]"),
    (changed(["queries", 0, "probe"], ...), "$.queries[0]"),
    (changed(["queries", 0, "probe"], ""), "$.queries[0].probe"),
    (changed(["queries", 0, "probe"], SECRET * 20), "$.queries[0].probe"),
    (changed(["queries", 0, "tool"], None), "$.queries[0].tool"),
    (changed(["queries", 0, "tenant"], 5), "$.queries[0].tenant"),
    (changed(["queries", 0, SECRET], 5), "$.queries[0]"),
    (changed(["queries", 0, "passages"], []), "$.queries[0].passages"),
    (changed(["queries", 0, "passages"], [{}] * 257), "$.queries[0].passages"),
    (changed(["queries", 0, "passages", 0], SECRET), "$.queries[0].passages[0]"),
    (changed(["queries", 0, "passages", 0, "channel"], SECRET), "$.queries[0].passages[0].channel"),
    (changed(["queries", 0, "passages", 0, "channel"], ["user"]), "$.queries[0].passages[0].channel"),
    (changed(["queries", 0, "passages", 0, "text"], 5), "$.queries[0].passages[0].text"),
    (changed(["queries", 0, "passages", 0, "text"], SECRET * 40_000), "$.queries[0].passages[0].text"),
    (changed(["within_ms"], 0), "$.within_ms"),
    (changed(["within_ms"], -5), "$.within_ms"),
    (changed(["within_ms"], "5"), "$.within_ms"),
    (changed(["within_ms"], True), "$.within_ms"),
    (changed(["within_ms"], 10**400), "$.within_ms"),
]


@pytest.mark.parametrize(("body", "place"), BAD, ids=[f"{n}-{place}" for n, (_, place) in enumerate(BAD)])
def test_a_malformed_request_is_refused_with_its_place(body: bytes, place: str) -> None:
    """The error says where and what was expected, and repeats nothing of what was found."""
    with pytest.raises(Malformed) as caught:
        read_queries(body, LIMITS)
    assert caught.value.place == place or caught.value.place.startswith(f"{place} ")
    assert "expected" in caught.value.problem
    assert "secret" not in str(caught.value) and caught.value.__cause__ is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_noise_is_malformed(body: bytes) -> None:
    """No bytes raise anything else, on either side."""
    for read in (lambda: read_queries(body, LIMITS), lambda: read_answers(body, 1)):
        with pytest.raises(Malformed):
            read()


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "p_value", "evidence", "missing", "measurements"]), inner)
    ),
    max_leaves=8,
)


@given(JSONS, JSONS, JSONS)
def test_whatever_a_host_answers_is_in_range_or_malformed(value: Any, p_value: Any, evidence: Any) -> None:
    """Numbers that come through are from 0 to 1."""
    answer = {"value": value, "p_value": p_value, "evidence": evidence}
    try:
        (read,) = read_answers(json.dumps({"measurements": [answer]}).encode(), 1)
    except Malformed:
        return
    for found in (read.measurement.value, read.measurement.p_value):
        assert isinstance(found, Missing) or (isinstance(found, float) and 0 <= found <= 1)


@pytest.mark.parametrize(
    "body",
    [
        b'{"measurements": []}',
        b'{"measurements": [{"value": 0.5, "p_value": 0.5}, {"value": 0.5, "p_value": 0.5}]}',
        b'{"measurements": [{"value": NaN, "p_value": 0.5}]}',
        b'{"measurements": [{"value": 1.5, "p_value": 0.5}]}',
        b'{"measurements": [{"value": -0.1, "p_value": 0.5}]}',
        b'{"measurements": [{"value": true, "p_value": 0.5}]}',
        b'{"measurements": [{"value": "0.5", "p_value": 0.5}]}',
        b'{"measurements": [{"p_value": 0.5}]}',
        b'{"measurements": [{"value": 0.5}]}',
        b'{"measurements": [{"value": 0.5, "p_value": 2}]}',
        b'{"measurements": [{"value": {"missing": 5}, "p_value": 0.5}]}',
        b'{"measurements": [{"value": 0.5, "p_value": 0.5, "evidence": []}]}',
        b'{"measurements": [{"value": 0.5, "p_value": 0.5, "fingerprint": 7}]}',
        b'{"measurements": {}}',
        b'{"error": "oops"}',
        b'{"measurements": [{"value": 0.5, "p_value": 0.5}]',
    ],
)
def test_an_answer_that_is_none_is_malformed(body: bytes) -> None:
    """Wrong counts, numbers out of range, wrong types and truncated bodies are no measurements."""
    with pytest.raises(Malformed):
        read_answers(body, 1)


def test_a_reason_from_a_host_is_a_word_or_two() -> None:
    """A reason that is long, or is not printable ASCII, is not passed on."""
    for said, heard in [
        ("overloaded", "overloaded"),
        ("x" * 81, "missing"),
        ("a\nb", "missing"),
        ("", "missing"),
    ]:
        body = json.dumps({"measurements": [{"value": {"missing": said}, "p_value": 0.5}]}).encode()
        assert read_answers(body, 1)[0].measurement == Measurement.missing(heard)
