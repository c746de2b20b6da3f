"""Correcting a call that the program denies: who may propose another, and what becomes of proposals.

A proposer is anything that knows a better call: a solver, a model, a table. None is trusted. What one proposes leaves
only if the program permits the edit and allows the edited call, decided from scratch with signals measured on it
(:mod:`.gate`). A proposer that fails, hangs or lies costs time and a line in the trace, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .decision import Decision, Program, Request
from .gate import Proposal
from .types import Session


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that the program denied, with all that its decision depended on."""

    request: Request
    session: Session
    decision: Decision
    program: Program


class Proposer(Protocol):
    """Proposes other arguments for a denied call, best first.

    It is cancelled when its time is over. Work that blocks belongs in a thread or a process of its own.
    """

    @property
    def name(self) -> str:
        """As what it appears in the log: ``solver``, ``corrector``."""
        ...

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        """Calls that may take the place of the denied one; none if it knows none."""
        ...


class Adviser(Protocol):
    """Knows a call near a denied one that would be allowed, whether or not it may be put in its place."""

    async def advise(self, refused: Refused) -> Proposal | None: ...
