"""The solver as a proposer of a guard: repairs what is opened, and advises what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bartizan.guard import Request, Session
from bartizan.guard.correction import Refused
from bartizan.guard.gate import Proposal

from ..program import Program
from .plan import DEFAULT, Limits, Repair, advise, repair


class SolverProposer:
    """Proposes the cheapest call that the policy allows, and knows the nearest one that it would allow.

    The solver runs in a thread of its own, where one repair waits for another; a program's plans and its solver stay
    warm. It needs no network and no weights, and the same call in the same session gets the same repair.

    Args:
        limits: what one repair may spend; beyond it there is no proposal.
        advice: whether to look for a call to advise where no repair is found.
    """

    def __init__(self, limits: Limits = DEFAULT, *, advice: bool = True) -> None:
        self._limits = limits
        self._advice = advice
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bartizan-repair")

    @property
    def name(self) -> str:
        return "solver"

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        """The best permitted edit; none if there is none, or it was not found within the limits."""
        return [proposal] if (proposal := await self._ask(repair, refused)) is not None else []

    async def advise(self, refused: Refused) -> Proposal | None:
        """A call near the denied one that would be allowed, whatever is locked."""
        return await self._ask(advise, refused) if self._advice else None

    def close(self) -> None:
        """Let the thread end. What is asked afterwards fails."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask(
        self, ask: Callable[[Program, Request, Session, Limits], Repair | None], refused: Refused
    ) -> Proposal | None:
        program = refused.program
        if not isinstance(program, Program):
            return None
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._thread, ask, program, refused.request, refused.session, self._limits
        )
        if found is None or not found.edits:
            return None
        return Proposal(found.call.arguments(), self.name, found.evidence())
