"""The guard's word on calls of a stream, and its monitors' on sentences."""

from __future__ import annotations

from collections.abc import Mapping

from ..clock import now_us
from ..decision import Outcome
from ..gather import Gatherer, Monitor
from ..guard import Guard
from ..types import ANONYMOUS, Event, Missing, Principal, ToolCall
from .rules import Score
from .ruling import Decide, Ruling

_LONG = 3600.0  # seconds; the stream's own deadline comes before


def reviewed(guard: Guard, *, session: str, principal: Principal = ANONYMOUS) -> Decide:
    """Decides by :meth:`Guard.review`: nothing is let go or counted, and the call must be enforced when it runs."""

    async def decide(call: ToolCall) -> Ruling:
        found = await guard.review(call, session=session, principal=principal)
        outcome, correction = found.decision.outcome, found.correction
        if correction is not None:
            message = guard.correction_message(found)
        else:
            message = guard.denial_message(found) if outcome > Outcome.CORRECT else ""
        rules = tuple(reason.rule for reason in found.decision.reasons)
        return Ruling(outcome, found.call, rules, message, correction.patch if correction is not None else ())

    return decide


def measured(monitors: Mapping[str, Monitor]) -> Score:
    """Scores by monitors, by the names of their signals. Each sees the segment as a text, after what was sent."""
    return _score(Gatherer(monitors))


def scored(guard: Guard) -> Score:
    """As :func:`measured`, by the monitors of a guard."""
    return _score(guard._parts.gatherer)


def _score(gatherer: Gatherer) -> Score:
    async def score(signal: str, sent: str, segment: str) -> float | Missing:
        now = now_us()
        before = (Event("text", now, text=sent),) if sent else ()
        found = await gatherer.gather([signal], Event("text", now, text=segment), before, within=_LONG)
        return found[signal].value

    return score
