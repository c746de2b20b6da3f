"""Sessions and events as bytes: one strict, canonical form for every store that keeps them outside memory.

What does not decode exactly raises ``MalformedJSON``: a store answers ``StoreUnavailable`` then, since a state
that is almost right is not a state to decide on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from .canonical import JSON, WRAPPED_DEPTH, canonical_json, parse_json
from .errors import MalformedCall, MalformedJSON
from .types import Event, EventKind, Label, Labels, Missing, Session, Signal, ToolCall, Trace

_EVENT = {"kind", "time", "text", "call", "value", "labels", "is_error", "signals", "once"}
_SESSION = {"state", "total", "dropped", "approvals", "size", "updated", "once"}


def encode_event(event: Event) -> bytes:
    """An event as canonical JSON; fields that have their default value are left out."""
    body: dict[str, JSON] = {"kind": event.kind, "time": event.time}
    if event.text:
        body["text"] = event.text
    if event.call is not None:
        body["call"] = {"id": event.call.id, "canonical": event.call.canonical.decode()}
    if event.value is not None:
        body["value"] = event.value
    if event.labels != Labels():
        body["labels"] = [event.labels.default, [list(pair) for pair in event.labels.exceptions]]
    if event.is_error:
        body["is_error"] = True
    if event.signals:
        body["signals"] = {name: _encode_signal(signal) for name, signal in event.signals.items()}
    if event.once:
        body["once"] = event.once
    return canonical_json(body, max_depth=WRAPPED_DEPTH)


def decode_event(data: bytes | str) -> Event:
    """The event that was encoded. Raises ``MalformedJSON`` for anything else."""
    body = _object(parse_json(data, max_depth=WRAPPED_DEPTH), _EVENT, "an event")
    kind = body["kind"] if body.get("kind") in get_args(EventKind) else _wrong("an event's kind")
    return Event(
        kind=kind,
        time=_typed(body, "time", int),
        text=_typed(body, "text", str, ""),
        call=_decode_call(body["call"]) if "call" in body else None,
        value=body.get("value"),
        labels=_decode_labels(body["labels"]) if "labels" in body else Labels(),
        is_error=_typed(body, "is_error", bool, False),
        signals={
            name: _decode_signal(name, value) for name, value in _typed(body, "signals", dict, {}).items()
        },
        once=_typed(body, "once", str, ""),
    )


def encode_session(session: Session) -> bytes:
    """A session as canonical JSON, without its id, version and events, which a store keeps beside it."""
    body = {
        "state": dict(session.state),
        "approvals": dict(session.approvals),
        "once": session.once,
        "total": session.dropped + len(session.events),
        "dropped": session.dropped,
        "size": session.size,
        "updated": session.updated,
    }
    return canonical_json(body, max_depth=WRAPPED_DEPTH)


def decode_session(session_id: str, version: int, data: bytes | str, events: Trace) -> Session:
    """The session that was encoded, with its events. Raises ``MalformedJSON``, also if some are not there."""
    body = _object(parse_json(data, max_depth=WRAPPED_DEPTH), _SESSION, "a session")
    dropped, total = _typed(body, "dropped", int), _typed(body, "total", int)
    if len(events) != total - dropped:
        raise MalformedJSON(
            f"expected {total - dropped} events of session {session_id!r}, found {len(events)}"
        )
    return Session(
        id=session_id,
        version=version,
        state=_typed(body, "state", dict),
        events=events,
        dropped=dropped,
        approvals=_typed(body, "approvals", dict),
        size=_typed(body, "size", int),
        updated=_typed(body, "updated", int),
        once=tuple(_decode_key(entry) for entry in _typed(body, "once", list)),
    )


def extent(data: bytes | str) -> range:
    """The numbers of the events that an encoded session holds, counted from its very first event."""
    body = _object(parse_json(data, max_depth=WRAPPED_DEPTH), _SESSION, "a session")
    return range(_typed(body, "dropped", int), _typed(body, "total", int))


def _encode_signal(signal: Signal) -> JSON:
    def unit(value: float | Missing) -> JSON:
        return {"missing": value.reason} if isinstance(value, Missing) else value

    return [unit(signal.value), unit(signal.p_value), dict(signal.evidence)]


def _decode_signal(name: str, body: JSON) -> Signal:
    def unit(value: JSON) -> float | Missing:
        if isinstance(value, dict):
            return Missing(_typed(_object(value, {"missing"}, "a missing signal"), "missing", str))
        number: float = value if type(value) is float and 0 <= value <= 1 else _wrong(f"signal {name!r}")
        return number

    if not isinstance(body, list) or len(body) != 3 or not isinstance(body[2], dict):
        _wrong(f"signal {name!r}")
    return Signal(name, unit(body[0]), unit(body[1]), body[2])


def _decode_call(body: JSON) -> ToolCall:
    fields = _object(body, {"id", "canonical"}, "a call")
    canonical = _typed(fields, "canonical", str)
    inner = _object(parse_json(canonical), {"args", "tool"}, "a canonical call")
    try:
        call = ToolCall.of(_typed(fields, "id", str), _typed(inner, "tool", str), _typed(inner, "args", dict))
    except MalformedCall as error:
        raise MalformedJSON(f"expected a call: {error}") from error
    return call if call.canonical == canonical.encode() else _wrong("the canonical form of a call")


def _decode_labels(body: JSON) -> Labels:
    def label(value: JSON) -> Label:
        found: Label = value if value in get_args(Label) else _wrong("a label")
        return found

    if not isinstance(body, list) or len(body) != 2 or not isinstance(body[1], list):
        _wrong("labels")
    exceptions = []
    for pair in body[1]:
        if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not str:
            _wrong("an exception to labels")
        exceptions.append((pair[0], label(pair[1])))
    return Labels(label(body[0]), tuple(exceptions))


def _decode_key(entry: JSON) -> tuple[str, str, str]:
    if not isinstance(entry, list) or [type(part) for part in entry] != [str, str, str]:
        _wrong("an idempotency key")
    return (entry[0], entry[1], entry[2])


def _object(value: JSON, keys: set[str], what: str) -> Mapping[str, JSON]:
    if not isinstance(value, dict) or not value.keys() <= keys:
        _wrong(what)
    found: Mapping[str, JSON] = value
    return found


_REQUIRED: Any = object()


def _typed(body: Mapping[str, JSON], key: str, kind: type, default: Any = _REQUIRED) -> Any:
    value = body.get(key, default)
    if type(value) is not kind:
        raise MalformedJSON(f"expected {key} as {kind.__name__}, found {type(value).__name__}")
    return value


def _wrong(what: str) -> Any:
    raise MalformedJSON(f"expected {what} as this version of the program writes it")
