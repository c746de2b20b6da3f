"""The JSON encoding of OTLP spans: attributes and times.

An attribute is ``{"key": ..., "value": {kind: ...}}`` with one of the kinds ``stringValue intValue boolValue
doubleValue bytesValue arrayValue kvlistValue``; 64-bit integers are written as text (protobuf's JSON mapping).
Source: opentelemetry-proto, ``common.proto``.
"""

from __future__ import annotations

from collections.abc import Mapping

from bartizan.guard.canonical import JSON

from .lines import optional
from .record import RecordError

_PLAIN = ("stringValue", "boolValue", "doubleValue", "bytesValue")


def attributes(span: Mapping[str, JSON], where: str) -> dict[str, JSON]:
    """The attributes of a span as a dict of plain JSON values."""
    return _pairs(optional(span, "attributes", list, where) or [], where)


def nanoseconds(span: Mapping[str, JSON], name: str, where: str) -> int:
    """A time of the span, nanoseconds since the epoch."""
    try:
        return int(span.get(name, ""))
    except (TypeError, ValueError) as error:
        raise RecordError(where, f"expected {name!r} in nanoseconds, found {span.get(name)!r:.60}") from error


def _pairs(pairs: list[JSON], where: str) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str):
            raise RecordError(where, f"expected attributes as {{key, value}}, found {pair!r:.80}")
        found[pair["key"]] = _value(pair.get("value"), where)
    return found


def _value(value: JSON, where: str) -> JSON:
    if value is None or value == {}:
        return None
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        if kind in _PLAIN:
            return inner
        if kind == "intValue":
            try:
                return int(inner)
            except (TypeError, ValueError) as error:
                raise RecordError(where, f"expected an integer attribute, found {inner!r:.60}") from error
        if kind == "arrayValue" and isinstance(inner, dict):
            return [_value(item, where) for item in optional(inner, "values", list, where) or []]
        if kind == "kvlistValue" and isinstance(inner, dict):
            return _pairs(optional(inner, "values", list, where) or [], where)
    raise RecordError(where, f"expected an OTLP attribute value, found {value!r:.80}")
