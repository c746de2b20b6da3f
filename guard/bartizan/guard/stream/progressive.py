"""Arguments that leave while they arrive: the beginning of the canonical bytes of the whole call, and nothing else.

For long texts that someone watches grow. What leaves is canonical: so far as the arguments come in canonical order
(sorted by name), they can leave; else the call is held as any other. A call that is denied after a part of it has left
is never completed, and what has left is no JSON: no tool can run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..canonical import canonical_json
from .events import StreamEvent, ToolArgs, ToolStart
from .rules import Scanner, Span


class Progressive:
    """What has left of one call. ``ValueError``: it cannot go on, and must not be completed."""

    def __init__(self, start: ToolStart, fields: frozenset[str], scanner: Scanner | None) -> None:
        self._start = start
        self._fields = fields
        self._fresh = scanner
        self._scanner: Scanner | None = None
        self._current: str | None = None
        self._over = False
        self.text = ""
        self.sent: frozenset[str] = frozenset()

    @property
    def began(self) -> bool:
        return bool(self.text)

    def wants(self, name: str) -> bool:
        """Whether a growing text of this argument may leave."""
        return name in self._fields and not self._over

    def grown(self, known: Mapping[str, Any], name: str, text: str) -> list[StreamEvent]:
        """More of the text of ``name``; ``known`` came before it."""
        told: list[StreamEvent] = []
        if self._current != name:
            names = [*known, name]
            if any(a >= b for a, b in pairwise(names)):
                self._over = True
                return []
            if not self.began:
                told.append(self._start)
            before = canonical_json(dict(known)).decode()[:-1] + ("," if known else "")
            told += self._send(before + canonical_json(name).decode() + ':"')
            self._current, self.sent = name, frozenset(names)
            self._scanner = self._fresh.fork() if self._fresh is not None else None
        return told + self._more(self._scanner.push(text) if self._scanner is not None else [Span(text)])

    def committed(self, known: Mapping[str, Any], name: str) -> list[StreamEvent]:
        """The argument ``name`` is complete; ``known`` holds it."""
        if self._current != name:
            return []
        self._current = None
        told = self._more(self._scanner.finish() if self._scanner is not None else [])
        return told + self._send(canonical_json(dict(known)).decode()[:-1])

    def _more(self, spans: Any) -> list[StreamEvent]:
        if any(span.rules for span in spans):
            rules = ", ".join(sorted({rule for span in spans for rule in span.rules}))
            raise ValueError(f"its {self._current or 'text'} holds what must not leave: {rules}")
        text = "".join(canonical_json(span.text).decode()[1:-1] for span in spans)
        return self._send(self.text + text)

    def _send(self, whole: str) -> list[StreamEvent]:
        if not whole.startswith(self.text):
            raise ValueError("what had left is no beginning of what comes")
        more, self.text = whole[len(self.text) :], whole
        return [ToolArgs(self._start.index, more)] if more else []
