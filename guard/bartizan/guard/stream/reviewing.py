"""The guard's word on calls of a stream."""

from __future__ import annotations

from ..decision import Outcome
from ..guard import Guard
from ..types import ANONYMOUS, Principal, ToolCall
from .ruling import Decide, Ruling


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
