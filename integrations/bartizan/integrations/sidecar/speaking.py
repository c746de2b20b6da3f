"""One guarded stream of the service: which provider's, in which session, and what leaves of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from bartizan.guard import MalformedJSON, Principal, parse_json
from bartizan.guard.canonical import JSON
from bartizan.guard.stream.errors import BrokenStream
from bartizan.guard.stream.events import StreamEvent
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.providers import AnthropicMessages, OpenAIChat, OpenAIResponses, Provider
from bartizan.guard.stream.reviewing import reviewed, scored
from bartizan.guard.stream.setting import Limits, Otherwise
from bartizan.policies.completion import Completion

from .identity import Identity
from .problems import Problem
from .tenants import Tenant

DONE = "[DONE]"
"""What OpenAI's chat completions say at the end, beside the frames."""

LIMITS = Limits(idle=60.0, whole=900.0)

_PROVIDERS: Mapping[str, Callable[[Collection[str]], Provider]] = {
    "openai-chat": OpenAIChat,
    "openai-responses": OpenAIResponses,
    "anthropic": AnthropicMessages,
}
_KNOWN = frozenset(
    {"session", "provider", "ignored", "denied", "escalated", "hopeless", "notes", "principal", "roles"}
)

Hopeless: TypeAlias = Literal["wait", "end"]
"""What becomes of a stream with a call that could not be let go any more, however it went on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, from a query or a body."""

    session: str
    provider: str
    ignored: frozenset[str] = frozenset()
    denied: Otherwise = "withhold"
    escalated: Otherwise = "withhold"
    hopeless: Hopeless = "wait"
    notes: bool = False
    principal: Principal | None = None

    @classmethod
    def of_query(cls, items: Iterable[tuple[str, str]]) -> Wanted:
        """``ignored`` and ``roles`` may be repeated. Raises :class:`Problem` 422."""
        fields: dict[str, Any] = {}
        for name, value in items:
            if name in ("ignored", "roles"):
                fields.setdefault(name, []).append(value)
            elif name in fields:
                raise Problem(422, f"{name}: expected once")
            else:
                fields[name] = value == "true" if name == "notes" and value in ("true", "false") else value
        return cls.of(fields)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Wanted:
        """Raises :class:`Problem` 422."""
        if unknown := set(fields) - _KNOWN:
            raise Problem(422, f"expected only {', '.join(sorted(_KNOWN))}; found {min(unknown)!r:.60}")
        session, provider, notes = (fields.get(name) for name in ("session", "provider", "notes"))
        if not isinstance(session, str) or not session:
            raise Problem(422, "session: expected a text that is not empty")
        if not isinstance(provider, str) or provider not in _PROVIDERS:
            raise Problem(422, f"provider: expected one of {', '.join(_PROVIDERS)}")
        if notes not in (None, True, False):
            raise Problem(422, "notes: expected true or false")
        ways = [fields.get(name, "withhold") for name in ("denied", "escalated")]
        if any(way not in get_args(Otherwise) for way in ways):
            raise Problem(422, "denied, escalated: expected withhold or pass")
        hopeless = fields.get("hopeless", "wait")
        if hopeless not in get_args(Hopeless):
            raise Problem(422, "hopeless: expected wait or end")
        return cls(
            session, provider, frozenset(_texts(fields, "ignored")), ways[0], ways[1], hopeless, notes is True,
            _principal(fields),
        )  # fmt: skip


class Speech:
    """One stream. Reads the provider's frames as they arrive, and gives those that may leave."""

    def __init__(self, wanted: Wanted, tenant: Tenant, identity: Identity) -> None:
        self._wanted = wanted
        self._provider = _PROVIDERS[wanted.provider](wanted.ignored)
        program = tenant.program
        principal = identity.asking_for(wanted.principal)
        possible = None
        if wanted.hopeless == "end":
            possible = Completion(program, principal=principal, corrected=tenant.config.correct).possible
        self._guard = StreamGuard(
            reviewed(tenant.guard, session=wanted.session, principal=principal),
            rules=program.text,
            score=scored(tenant.guard) if program.text.scores else None,
            possible=possible,
            denied=wanted.denied,
            escalated=wanted.escalated,
            limits=LIMITS,
        )

    async def frames(self, said: AsyncIterator[str | Mapping[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """``said`` are frames, as JSON text or parsed, and :data:`DONE`. Raises nothing but cancellations."""
        async for event in self._guard.run(self._events(said)):
            for frame in self._provider.write(event):
                yield frame

    async def _events(self, said: AsyncIterator[str | Mapping[str, Any]]) -> AsyncIterator[StreamEvent]:
        async for one in said:
            if one == DONE:
                if isinstance(self._provider, OpenAIChat):
                    yield self._provider.end()
                return
            for event in self._provider.read(_frame(one)):
                yield event

    @property
    def done(self) -> str | None:
        """What is said after the last frame."""
        return DONE if isinstance(self._provider, OpenAIChat) else None

    @property
    def names(self) -> bool:
        """Whether this provider's events have names: the types of their frames."""
        return not isinstance(self._provider, OpenAIChat)

    def notes(self) -> list[JSON]:
        """What was done, and why."""
        return [
            {
                "kind": note.kind,
                "message": note.message,
                "rules": list(note.rules),
                "index": note.index,
                "id": note.id,
                "tool": note.tool,
                "patch": [dict(step) for step in note.patch],
                "held": note.held,
                "unread": note.unread,
                "edited": note.edited,
            }
            for note in self._guard.notes
        ]

    @property
    def wants_notes(self) -> bool:
        """Whether notes were asked for."""
        return self._wanted.notes


def _frame(said: str | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        frame = parse_json(said) if isinstance(said, str) else said
    except MalformedJSON as error:
        raise BrokenStream(f"a frame: {error}") from error
    if not isinstance(frame, Mapping):
        raise BrokenStream(f"a frame: expected an object, found {type(frame).__name__}")
    return frame


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    found = fields.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Problem(422, f"{name}: expected a list of texts")
    return cast(list[str], found)


def _principal(fields: Mapping[str, Any]) -> Principal | None:
    name, roles = fields.get("principal"), _texts(fields, "roles")
    if name is None and not roles:
        return None
    if not isinstance(name, str) or not name:
        raise Problem(422, "principal: expected a text that is not empty")
    return Principal(name, frozenset(roles))
