"""Handles: what names the signals of one reply, travels in the ids of its tool calls, and cannot be guessed or chosen.

A tool call's id is the one thing of a reply that every client carries from the model to the tool: headers are lost on
the way, ids are not. The host alone makes them, from 128 random bits; nothing that a model writes becomes an id.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

HANDLE_BYTES = 16
"""128 bits. In hexadecimal an id with two digits of index has 40 characters, the longest that some servers take."""

MAX_CALLS = 100
"""How many calls of one reply have an id: what two digits can say."""

_HANDLE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_CALL_ID = re.compile(r"call_([0-9a-f]{32})_(0|[1-9][0-9]?)", re.ASCII)

R = TypeVar("R")


def new_handle() -> str:
    return secrets.token_hex(HANDLE_BYTES)


def is_handle(text: str) -> bool:
    return _HANDLE.fullmatch(text) is not None


def call_id(handle: str, index: int) -> str:
    """The id of the reply's call number ``index``, counted from 0."""
    if not is_handle(handle) or not 0 <= index < MAX_CALLS:
        raise ValueError(f"expected a handle and an index below {MAX_CALLS}, found {handle!r}, {index!r}")
    return f"call_{handle}_{index}"


@dataclass(frozen=True, slots=True)
class CallId:
    """Whose call it is, and which of that reply."""

    handle: str
    index: int

    @classmethod
    def parse(cls, text: str) -> CallId | None:
        """``None`` for an id that no host of ours gave: a changed one, or one from elsewhere."""
        found = _CALL_ID.fullmatch(text)
        return cls(found[1], int(found[2])) if found is not None else None


class HandleStore(Generic[R]):
    """Records by handle: at most ``capacity`` of them, each for ``ttl`` seconds after it was put. Thread-safe.

    The oldest record gives way where there are too many: its calls have no signals from then on, which is ``Missing``
    at the guard, never safe. Nothing is ever overwritten.
    """

    def __init__(
        self, *, ttl: float = 3600.0, capacity: int = 4096, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not ttl > 0 or capacity < 1:
            raise ValueError(f"expected a ttl above 0 and a capacity of at least 1, found {ttl}, {capacity}")
        self._ttl, self._capacity, self._clock = ttl, capacity, clock
        self._kept: OrderedDict[str, tuple[float, R]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, handle: str, record: R) -> None:
        """Raises ``ValueError`` for a handle that is taken, or none."""
        if not is_handle(handle):
            raise ValueError(f"expected a handle, found {handle!r}")
        now = self._clock()
        with self._lock:
            self._expire(now)
            if handle in self._kept:
                raise ValueError(f"expected a new handle, found {handle!r} a second time")
            self._kept[handle] = (now + self._ttl, record)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def get(self, handle: str) -> R | None:
        """The record, or ``None`` if it is unknown, expired, or gave way to newer ones."""
        with self._lock:
            self._expire(self._clock())
            kept = self._kept.get(handle)
        return kept[1] if kept is not None else None

    def __len__(self) -> int:
        with self._lock:
            self._expire(self._clock())
            return len(self._kept)

    def _expire(self, now: float) -> None:
        """Drop what is over; the records stand in the order in which they expire."""
        while self._kept:
            expiry, _ = next(iter(self._kept.values()))
            if expiry > now:
                return
            self._kept.popitem(last=False)
