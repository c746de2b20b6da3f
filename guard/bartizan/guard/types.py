"""The kernel's words: calls, results, events, signals, sessions.

Every type here is a frozen value. A call holds its *canonical* arguments: the bytes that are
decided are the bytes that are executed and the bytes that are logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from .canonical import JSON, canonical_json, digest_of, parse_json
from .errors import MalformedCall, MalformedJSON

EventKind = Literal["prompt", "call", "result", "text"]
Label = Literal["trusted", "untrusted"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. Comes from verified credentials, never from tool arguments. Nobody has an empty ``id``."""

    id: str = "anonymous"
    roles: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError(
                "expected a principal's id, found an empty text; leave it out for an anonymous one"
            )


ANONYMOUS = Principal()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One proposed tool call. Build it with :meth:`of` or :meth:`parse`.

    ``canonical`` is the canonical JSON of ``{"args": ..., "tool": ...}`` and ``digest`` its SHA-256
    in hexadecimal; ``args`` is a read-only view of the arguments parsed back from ``canonical``.
    """

    id: str
    tool: str
    args: Mapping[str, Any]
    canonical: bytes = field(repr=False)
    digest: str = field(repr=False)

    @classmethod
    def of(cls, id: str, tool: str, args: Mapping[str, Any]) -> ToolCall:
        """A call from Python values. Raises :class:`MalformedCall` for what JSON cannot say exactly."""
        if not isinstance(id, str) or not isinstance(tool, str) or not tool:
            raise MalformedCall(f"a call needs a string id and a non-empty tool name, found {id!r}, {tool!r}")
        if not isinstance(args, Mapping):
            raise MalformedCall(f"arguments of {tool!r} must be an object, found {type(args).__name__}")
        try:
            if not id.isascii():
                canonical_json(id)
            canonical = canonical_json({"args": dict(args), "tool": tool})
        except MalformedJSON as error:
            raise MalformedCall(f"call {id!r} of {tool!r}: {error}") from error
        return cls(
            id,
            tool,
            MappingProxyType(parse_json(canonical)["args"]),
            canonical,
            digest_of(canonical),
        )

    @classmethod
    def parse(cls, id: str, tool: str, arguments: str | bytes) -> ToolCall:
        """A call whose arguments arrive as JSON text (strict: no duplicate keys, NaN, trailing data)."""
        try:
            args = parse_json(arguments)
        except MalformedJSON as error:
            raise MalformedCall(f"arguments of {tool!r}: {error}") from error
        return cls.of(id, tool, args)

    def arguments(self) -> dict[str, Any]:
        """A fresh, mutable copy of the arguments, parsed from the canonical bytes: what to execute."""
        args: dict[str, Any] = parse_json(self.canonical)["args"]
        return args


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned: ``text`` is what the model reads, ``value`` its structure where known."""

    text: str
    value: JSON = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """A tool that raised instead of returning: the name of the exception's type, and its text.

    ``suspended``: it only paused, and its call will be proposed again under the same idempotency key.
    """

    kind: str
    text: str = ""
    suspended: bool = False

    @classmethod
    def by(cls, error: BaseException, *, suspended: bool = False) -> Raised:
        return cls(type(error).__qualname__, str(error), suspended)


@dataclass(frozen=True, slots=True)
class Missing:
    """A signal that could not be measured. Missing is never "safe"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement. ``value`` and ``p_value`` lie in [0, 1]."""

    name: str
    value: float | Missing
    p_value: float | Missing = Missing("not calibrated")
    evidence: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Labels:
    """How far a result is trusted: a default, and exceptions by JSON path (``$[*].subject``)."""

    default: Label = "untrusted"
    exceptions: tuple[tuple[str, Label], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a session, at ``time`` (microseconds since the epoch, UTC).

    ``call`` is set for ``call`` and ``result`` events; ``value`` and ``labels`` for ``result`` events.
    A ``call`` event is recorded when the call is let go (allowed or approved), before its tool runs. A
    ``result`` event holds what the model was shown: text and value *after* redaction; its signals were
    measured before. ``once`` is the digest of the idempotency key under which the call was let go.
    """

    kind: EventKind
    time: int
    text: str = ""
    call: ToolCall | None = None
    value: JSON = None
    labels: Labels = Labels()
    is_error: bool = False
    signals: Mapping[str, Signal] = field(default_factory=_nothing)
    once: str = ""

    @property
    def tool(self) -> str | None:
        return self.call.tool if self.call is not None else None


Trace = tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A session at one version: what the program remembers, and its recent history.

    ``state`` is the program's own (registers), opaque to kernel and store. ``events`` is bounded; ``dropped``
    counts the events that fell out of it, ``size`` is the weight of those kept (bytes) and ``updated`` the time
    of the latest event, kept or not. ``approvals`` maps approval ids to their JSON records, oldest first.
    ``once`` maps the digests of recent idempotency keys to the digest of the call proposed under them.
    """

    id: str
    version: int = 0
    state: Mapping[str, Any] = field(default_factory=_nothing)
    events: Trace = ()
    dropped: int = 0
    approvals: Mapping[str, Any] = field(default_factory=_nothing)
    size: int = 0
    updated: int = 0
    once: tuple[tuple[str, str, str], ...] = ()

    @property
    def clock(self) -> int:
        """The latest time in this session; time never runs backwards within one."""
        return max(self.updated, self.events[-1].time) if self.events else self.updated
