"""What a recording says: prompts, calls and results in order, and labels that only scoring reads.

Readers of every format build these values and nothing else, so that replaying knows no format. Times are
microseconds since the epoch, UTC, or ``None`` where the format has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bartizan.guard.canonical import JSON
from bartizan.guard.errors import BartizanError

State = Literal["executed", "error", "refused", "no_result", "text_only"]
"""What became of a call: its tool answered; its tool or the framework answered with an error; somebody else's
defence stopped it; the recording ends before an answer; the model only wrote it down as prose."""


class RecordError(BartizanError):
    """A recording that cannot be read. Says where (``file:line``), what was expected and what was found."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        self.message = message
        super().__init__(f"{where}: {message}")

    def __reduce__(self) -> tuple[type[RecordError], tuple[str, str]]:
        return RecordError, (self.where, self.message)  # it may be raised on another machine


@dataclass(frozen=True, slots=True)
class Prompt:
    """The user's own words."""

    text: str
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the model that reached the user."""

    text: str
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One proposed call, the ``step``-th of its session, with its arguments as they were recorded.

    ``args`` is whatever the record holds: only an object can become a tool call. ``truth`` is for scoring
    and never reaches a program.
    """

    step: int
    id: str
    tool: str
    args: JSON
    state: State = "executed"
    truth: Mapping[str, JSON] = field(default_factory=dict)
    time: int | None = None

    @property
    def let_go(self) -> bool:
        """Whether the record says that the call reached its tool."""
        return self.state in ("executed", "error")


@dataclass(frozen=True, slots=True)
class Result:
    """What came back for the call at ``step`` (``None``: for a call that the record does not show).

    ``value`` is its structure where the record has one.
    """

    step: int | None
    text: str
    value: JSON = None
    is_error: bool = False
    time: int | None = None


Happening = Prompt | Text | Call | Result


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """One session. ``meta`` (suite, model, defense, ...) is for grouping; ``where`` is ``file:line``."""

    id: str
    meta: Mapping[str, str]
    happened: tuple[Happening, ...]
    where: str

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(item for item in self.happened if isinstance(item, Call))
