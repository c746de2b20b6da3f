"""Generated situations for the tests of the encoder and of what is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any
from zlib import crc32

from bartizan.guard import Event
from bartizan.policies.analysis.encode.decision import call_moment
from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.formula import Formulas
from bartizan.policies.evaluation.generators import TOOLS, Case, Generator
from bartizan.policies.evaluation.scope import PastEvent, Scope, event_scope
from bartizan.policies.language.types import List
from bartizan.policies.language.values import E, conform

ROOM = 4


class Answers:
    """Provenance answers that depend on the question only, and keep the laws of the builtin table."""

    def __init__(self, salt: int) -> None:
        self.salt = salt

    def _answer(self, *question: Any) -> bool | None:
        return (True, False, None)[crc32(repr((self.salt, question)).encode()) % 3]

    def from_user(self, value: Any) -> bool | None:
        return self._answer("user", value)

    def from_tool(self, value: Any, tool: str) -> bool | None:
        return self._answer("tool", value, tool)

    def from_untrusted(self, value: Any) -> bool | None:
        return self._answer("untrusted", value)

    def grounded(self, value: Any) -> bool | None:
        return True if self.from_user(value) else self._answer("grounded", value)

    def carries_untrusted(self, value: Any) -> bool | None:
        return self._answer("carries", value)


def past_of(history: tuple[Event, ...]) -> tuple[PastEvent, ...]:
    """The history as the reference interpreter sees it; provenance answers change from event to event."""
    past: tuple[PastEvent, ...] = ()
    for index, event in enumerate(history):
        scope = event_scope(event, TOOLS, lambda i=index: Answers(i), {}, past)
        past = (*past, PastEvent(event.kind, event.tool, event.time, scope))
    return past


def scope_of(case: Case, principal: Mapping[str, Any]) -> Scope:
    """The call of a case, with its history."""
    args = dict(case.call.args)
    inputs = {
        "args": conform(args, TOOLS["pay"].args),
        "tool": "pay",
        "now": case.now,
        "principal": principal,
    }
    return Scope(
        inputs, {"args": args}, case.now, case.signals, lambda: Answers(-1), {}, past_of(case.history)
    )


_ROLES: tuple[tuple[str, ...], ...] = ((), ("a",), ("ab", "abc"))


def generated(seed: int, depth: int = 4) -> tuple[Case, Scope]:
    """A generated case and its situation, somebody's call."""
    case = Generator(Random(seed)).case(depth)
    return case, scope_of(case, {"id": "abc"[: seed % 3 + 1], "roles": _ROLES[seed % 3]})


def some_room(path: str, type_: List) -> int:
    """As many elements as generated values have, at most."""
    return min(type_.limit, ROOM)


def call_of_pay() -> tuple[Encoder, Moment]:
    """An encoder, and any call of the generators' tool in any session."""
    encoder = Encoder(Formulas(), some_room)
    return encoder, call_moment(encoder, TOOLS["pay"], TOOLS, FreePast())


def value_in(model: Any, condition: Any) -> Any:
    """T, F or E: what a condition is in a model."""
    true, false = model.holds(condition.true), model.holds(condition.false)
    assert not (true and false), "a condition is both true and false"
    return True if true else False if false else E
