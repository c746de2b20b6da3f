"""Queries and measurements as JSON, written canonically and read strictly, on both sides.

Asked, ``POST /v1/measurements``::

    {"queries": [{"probe": "injection", "passages": [{"channel": "result", "text": "..."}],
                  "tenant": "", "tool": "read"}],
     "within_ms": 700}

Answered, one for each query, in order; ``value`` and ``p_value`` are numbers from 0 to 1 or say why there is none::

    {"measurements": [{"value": 0.25, "p_value": {"missing": "not calibrated"},
                       "evidence": {}, "fingerprint": "..."}]}

Errors name the place and what was expected there, never what was found: it may be somebody's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json, scalar_text
from bartizan.guard.types import Missing
from bartizan.monitors.types import Channel, Measurement, Passage, Query

from .checks import reason_text, unit
from .limits import WireLimits
from .reading import Malformed, a_list, a_text, an_object, parse, seconds

CHANNELS = frozenset(get_args(Channel))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its queries, and within how many seconds its answers are of use (``None``: the host's limit)."""

    queries: tuple[Query, ...]
    within: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A measurement, and the fingerprint of the probe that made it ("" where the host names none)."""

    measurement: Measurement
    fingerprint: str = ""


def write_queries(queries: Sequence[Query], within: float | None = None) -> bytes:
    """The body of a request. Lone surrogates become U+FFFD."""
    body: dict[str, JSON] = {
        "queries": [
            {
                "probe": scalar_text(query.probe),
                "tenant": scalar_text(query.tenant),
                "tool": scalar_text(query.tool),
                "passages": [
                    {"channel": passage.channel, "text": scalar_text(passage.text)}
                    for passage in query.passages
                ],
            }
            for query in queries
        ]
    }
    if within is not None:
        body["within_ms"] = round(within * 1e3, 3)
    return canonical_json(body)


def read_queries(body: bytes, limits: WireLimits) -> Asked:
    """What is asked. Raises :class:`Malformed`."""
    found = an_object(parse(body), "$", {"queries"}, {"within_ms"})
    queries = a_list(found["queries"], "$.queries", 1, limits.max_queries)
    within = seconds(found.get("within_ms"), "$.within_ms")
    read = tuple(_query(query, f"$.queries[{index}]", limits) for index, query in enumerate(queries))
    return Asked(read, within)


def write_answers(answers: Sequence[Answered]) -> bytes:
    """The body of an answer; evidence must be JSON, as checked measurements' is."""
    return canonical_json(
        {
            "measurements": [
                {
                    "value": _number_or_missing(answer.measurement.value),
                    "p_value": _number_or_missing(answer.measurement.p_value),
                    "evidence": dict(answer.measurement.evidence),
                    "fingerprint": answer.fingerprint,
                }
                for answer in answers
            ]
        },
        max_depth=WRAPPED_DEPTH,
    )


def read_answers(body: bytes, count: int) -> list[Answered]:
    """``count`` answers. Raises :class:`Malformed` for anything else; keys that are not known are passed over."""
    found = parse(body)
    if not isinstance(found, dict) or "measurements" not in found:
        raise Malformed("$", 'expected an object with "measurements"')
    answers = a_list(found["measurements"], "$.measurements", count, count)
    return [_answer(answer, f"$.measurements[{index}]") for index, answer in enumerate(answers)]


def _query(found: JSON, place: str, limits: WireLimits) -> Query:
    fields = an_object(found, place, {"probe", "passages"}, {"tenant", "tool"})
    passages = a_list(fields["passages"], f"{place}.passages", 1, limits.max_passages)
    names = {
        name: a_text(fields.get(name, ""), f"{place}.{name}", limits.max_name_characters)
        for name in ("probe", "tenant", "tool")
    }
    if not names["probe"]:
        raise Malformed(f"{place}.probe", "expected the name of a probe, found an empty text")
    return Query(
        names["probe"],
        tuple(_passage(one, f"{place}.passages[{index}]", limits) for index, one in enumerate(passages)),
        names["tenant"],
        names["tool"],
    )


def _passage(found: JSON, place: str, limits: WireLimits) -> Passage:
    fields = an_object(found, place, {"channel", "text"})
    channel = fields["channel"]
    if not isinstance(channel, str) or channel not in CHANNELS:
        raise Malformed(f"{place}.channel", f"expected one of {', '.join(sorted(CHANNELS))}")
    text = a_text(fields["text"], f"{place}.text", limits.max_text_characters)
    return Passage(channel, text)  # type: ignore[arg-type]


def _answer(found: JSON, place: str) -> Answered:
    if not isinstance(found, dict):
        raise Malformed(place, "expected an object")
    evidence, fingerprint = found.get("evidence", {}), found.get("fingerprint", "")
    if not isinstance(evidence, dict):
        raise Malformed(f"{place}.evidence", "expected an object")
    if not isinstance(fingerprint, str):
        raise Malformed(f"{place}.fingerprint", "expected a text")
    value = _unit(found.get("value"), f"{place}.value")
    p_value = _unit(found.get("p_value"), f"{place}.p_value")
    return Answered(
        Measurement(value, value if isinstance(value, Missing) else p_value, evidence), fingerprint
    )


def _unit(found: JSON, place: str) -> float | Missing:
    if isinstance(found, dict) and isinstance(found.get("missing"), str):
        return Missing(reason_text(found["missing"]))
    value = unit(found)
    if isinstance(value, Missing):
        raise Malformed(place, 'expected a number from 0 to 1, or {"missing": reason}')
    return value


def _number_or_missing(value: float | Missing) -> JSON:
    return {"missing": reason_text(value.reason)} if isinstance(value, Missing) else value
