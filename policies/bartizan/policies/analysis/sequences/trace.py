"""A session that a policy lets happen, found by a solver: moments and a model, to be decoded."""

from __future__ import annotations

from dataclasses import dataclass

from ..encode.expressions import Encoder, Moment
from ..formula import Model, Number
from .relevance import Happening
from .unroll import Option, Step


@dataclass(frozen=True, slots=True, eq=False)
class TracedEvent:
    """One event of a trace. ``approved``: a call that asks, and was let go by a person. ``answers`` is the index, in
    the trace, of the call that a result answers."""

    happening: Happening
    moment: Moment
    time: int
    approved: bool = False
    answers: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Events in the order in which they happened; the last is the call at hand. ``encoder`` made their moments."""

    encoder: Encoder
    model: Model
    events: tuple[TracedEvent, ...]

    @property
    def call(self) -> TracedEvent:
        return self.events[-1]

    @property
    def history(self) -> tuple[TracedEvent, ...]:
        return self.events[:-1]


def read_trace(encoder: Encoder, model: Model, steps: list[Step], last: Option) -> Trace:
    """The trace of a model: what happened at each step, and ``last`` at the last one."""
    events: list[TracedEvent] = []
    answered: set[int] = set()
    for step in steps:
        option = last if step is steps[-1] else next(o for o in step.options if model.holds(o.happens))
        answers = _answered(model, option, events, answered)
        if answers is not None:
            answered.add(answers)
        decided = option.verdict
        approved = (
            decided is not None and model.holds(decided.let_go()) and not model.holds(decided.allowed())
        )
        events.append(
            TracedEvent(option.happening, option.moment, _time(model, step.time), approved, answers)
        )
    return Trace(encoder, model, tuple(events))


def _answered(model: Model, option: Option, events: list[TracedEvent], answered: set[int]) -> int | None:
    if option.happening.kind != "result":
        return None
    for index, flag in option.answers:
        if model.holds(flag):
            return index - 1
    call = Happening("call", option.happening.tool)
    return next(i for i, event in enumerate(events) if event.happening == call and i not in answered)


def _time(model: Model, time: Number) -> int:
    return model.number(time)
