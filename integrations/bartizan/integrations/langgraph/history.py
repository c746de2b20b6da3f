"""What the guard must know of a conversation before it decides: the user's words, and results that passed it by.

A policy's ``from_user`` is worth as much as this page: whatever is counted as a prompt here may become the
argument of a call. So a human message counts only if nothing suggests that somebody else wrote it:

* messages that LangChain's own middleware writes in the user's name (summaries) are marked ``lc_source``;
* so are, by this package, human messages that a guarded tool puts into the state;
* a message with a ``name`` is how multi-agent graphs pass one agent's output to another;
* in a graph that runs inside a guarded tool (a sub-agent), the human message is the calling model's.

What an application itself copies from a tool into a human message cannot be told apart: it must not, or must say
by ``prompts=`` which messages are the user's. Nor can a graph that a tool starts in a thread without the caller's
context variables (a bare ``threading.Thread``): for the guard that is a run of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, runtime_checkable
from weakref import WeakValueDictionary

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage

from bartizan.guard import Gatekeeper, Session

from .results import GUARDED, SOURCE, text_of

Prompts = Callable[[Sequence[BaseMessage]], Iterable[BaseMessage]]
Kind = Literal["prompt", "result"]

MAX_SESSIONS = 4096
"""Of how many sessions this process remembers what it reported; the others are looked up in the store."""


@runtime_checkable
class Remembering(Protocol):
    """A guard whose sessions can be read: one in this process."""

    async def session(self, session: str) -> Session: ...


@runtime_checkable
class Reminding(Protocol):
    """A guard whose sessions cannot be read, but that knows whether it was told before: a service."""

    async def remind(
        self, kind: Literal["prompt", "text", "result"], text: str, *, session: str, occurrence: int
    ) -> None: ...


def spoken_by_user(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages that count as the user's own words, unless the application says otherwise."""
    return [
        message
        for message in messages
        if isinstance(message, HumanMessage) and not message.name and SOURCE not in message.additional_kwargs
    ]


class History:
    """Reports a conversation to the guard, each message once. Lives on the guard's event loop."""

    def __init__(self, guard: Gatekeeper, prompts: Prompts = spoken_by_user) -> None:
        self._guard = guard
        self._prompts = prompts
        self._reported: OrderedDict[str, set[str]] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def catch_up(self, session: str, messages: Sequence[BaseMessage], *, inside_tool: bool) -> None:
        """Report what is new. Raises what ``Guard.observe`` raises; then nothing may be decided.

        "New" is what neither this process has reported nor the session's history holds, so a resumed or replayed
        run, here or in another process, reports nothing twice. Where the history no longer reaches back far
        enough, an old message may be reported once more for each process: that adds nothing to what is known.
        """
        prompts = [] if inside_tool else list(self._prompts(messages))
        results = [m for m in messages if isinstance(m, ToolMessage) and GUARDED not in m.response_metadata]
        if not prompts and not results:
            return
        spoken: tuple[tuple[Kind, Sequence[BaseMessage]], ...] = (("prompt", prompts), ("result", results))
        lock = self._locks.get(session)
        if lock is None:
            lock = self._locks[session] = asyncio.Lock()
        async with lock:
            reported = self._remembered(session)
            fresh = {kind: _fresh(said, reported) for kind, said in spoken}
            if not any(fresh.values()):
                return
            guard = self._guard
            if isinstance(guard, Reminding):
                for kind, said in spoken:
                    for key, text, occurrence in _numbered(fresh[kind], said):
                        await guard.remind(kind, text, session=session, occurrence=occurrence)
                        reported.add(key)
                return
            known = await guard.session(session) if isinstance(guard, Remembering) else Session(session)
            for kind, said in spoken:
                for key, message in _unknown(fresh[kind], said, known, kind):
                    await guard.observe(kind, text_of(message), session=session)
                    reported.add(key)
            reported.update(key for found in fresh.values() for key, _ in found)

    def _remembered(self, session: str) -> set[str]:
        reported = self._reported.setdefault(session, set())
        self._reported.move_to_end(session)
        while len(self._reported) > MAX_SESSIONS:
            self._reported.popitem(last=False)
        return reported


def _fresh(messages: Iterable[BaseMessage], reported: set[str]) -> list[tuple[str, BaseMessage]]:
    """The messages not reported by this process, each with the key by which it is remembered.

    A message without an id is known by its text and how many equal ones came before it.
    """
    seen: Counter[str] = Counter()
    fresh = []
    for message in messages:
        text = text_of(message)
        key = message.id or f"{message.type}:{seen[text]}:{text}"
        seen[text] += 1
        if key not in reported:
            fresh.append((key, message))
    return fresh


def _unknown(
    fresh: list[tuple[str, BaseMessage]], all_of_kind: Sequence[BaseMessage], session: Session, kind: str
) -> list[tuple[str, BaseMessage]]:
    """The fresh messages that the session's history does not hold: it knows texts, so texts are counted."""
    recorded = Counter(
        event.text
        for event in session.events
        if event.kind == kind and (kind == "prompt" or event.call is None)
    )
    keys = {key for key, _ in fresh}
    missing = []
    for key, message in _fresh(all_of_kind, set()):
        text = text_of(message)
        if recorded[text] > 0:
            recorded[text] -= 1
        elif key in keys:
            missing.append((key, message))
    return missing


def _numbered(
    fresh: list[tuple[str, BaseMessage]], all_of_kind: Sequence[BaseMessage]
) -> list[tuple[str, str, int]]:
    """Key and text of the fresh messages, and which one of those with its text each is."""
    keys, seen = {key for key, _ in fresh}, Counter[str]()
    numbered = []
    for key, message in _fresh(all_of_kind, set()):
        text = text_of(message)
        seen[text] += 1
        if key in keys:
            numbered.append((key, text, seen[text]))
    return numbered
