"""What the stages of one stream share: whom they ask, how long, and whom they tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from .notes import Note
from .rewriting import Rewriter
from .rules import Score, TextRules
from .ruling import Decide, Possible
from .upstream import OutOfTime, Tasks

T = TypeVar("T")
Otherwise: TypeAlias = Literal["withhold", "pass"]
"""What becomes of a call that may not leave: ``pass`` it on as it is if its executor is guarded itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are in seconds, sizes in characters.

    ``call`` is how long a call's decision may take, ``segment`` how long a piece of text may be scored and rewritten,
    ``rewrite`` how long each rewriter may take of that; ``idle`` how long the model may say nothing, ``whole`` how long
    the stream may take. ``ahead`` events are read ahead of the consumer. Segments are at most ``segment_size`` long,
    and calls' arguments ``arguments``.
    """

    call: float = 10.0
    segment: float = 5.0
    rewrite: float = 2.0
    idle: float | None = None
    whole: float | None = None
    ahead: int = 64
    segment_size: int = 800
    arguments: int = 1_000_000

    def __post_init__(self) -> None:
        times = (self.call, self.segment, self.rewrite, self.idle, self.whole)
        if any(time is not None and not time > 0 for time in times) or min(self.ahead, self.arguments) < 1:
            raise ValueError(f"expected times and sizes above zero, found {self}")


class Abort(Exception):
    """The stream must end here; ``note`` says why. Once the model is closed, ``last`` is done."""

    def __init__(self, note: Note, last: Callable[[], Awaitable[object]] | None = None) -> None:
        super().__init__(note.message)
        self.note = note
        self.last = last


@dataclass(slots=True)
class Setting:
    """One per stream."""

    decide: Decide
    rules: TextRules | None = None
    score: Score | None = None
    rewriters: Sequence[Rewriter] = ()
    possible: Possible | None = None
    progressive: Mapping[str, Collection[str]] = field(default_factory=dict)
    denied: Otherwise = "withhold"
    escalated: Otherwise = "withhold"
    prompt: str = ""
    limits: Limits = field(default_factory=Limits)
    on_note: Callable[[Note], None] | None = None
    notes: list[Note] = field(default_factory=list)
    tasks: Tasks = field(default_factory=Tasks)
    until: float | None = None

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def left(self, within: float | None) -> float | None:
        """That many seconds, or what the stream has left."""
        if self.until is None:
            return within
        left = max(0.0, self.until - self.now())
        return left if within is None else min(within, left)

    def note(self, note: Note) -> None:
        self.notes.append(note)
        if self.on_note is not None:
            try:
                self.on_note(note)
            except Exception:  # noqa: BLE001 (who is told has no say)
                return

    async def ask(self, question: Callable[[], Awaitable[T]], within: float) -> T:
        """The answer. Raises what the question raises, and :class:`OutOfTime`."""
        left = self.left(within)
        assert left is not None
        return await self.tasks.ask(question, left)

    async def asked(self, who: str, question: Callable[[], Awaitable[T]], within: float) -> T | None:
        """The answer, or None with a note if there was none."""
        try:
            return await self.ask(question, within)
        except OutOfTime:
            self.note(Note("failed", f"{who} did not answer in time"))
        except Exception as error:  # noqa: BLE001 (whoever is asked may be wrong in any way)
            self.note(Note("failed", f"{who} raised {type(error).__name__}"))
        return None
