"""Settles a question about the call at hand for all sessions: by a proof, or by a session that shows it.

A proof is by k-induction: in no session with fewer than k events before the call does it hold, and whatever the
session, after k more events of none of which it holds, it does not hold of the call at hand. For k = 0 that is a
proof about the one call, whatever happened before. A session is looked for by growing length, so the one that is
found is as short as any. Where neither settles it, a proof by an inductive invariant is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Proved, Unknown
from ..encode.past import NOTHING, Established
from .chc import inductive
from .relevance import session_operators
from .search import NotFound, Question, Search
from .trace import Trace

INDUCTION = 3
"""How many events an induction step looks back at most."""
SHORTEST, LONGEST = 6, 30
"""How many events before the call a session is looked for with: at least, and at most."""

Found = Proved | Trace | Unknown
"""Nothing of the kind in any session; a session that shows it; not known."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A question about all sessions of a policy that end in a call of one of the tools."""

    policy: CheckedPolicy
    tools: tuple[str, ...]
    budget: Budget
    about: tuple[ast.Expr, ...] = ()
    established: Established = NOTHING
    approvals: bool = True

    def settle(self, question: Question, general: Question | None, depth: int) -> Found:
        """``question`` is asked of sessions from their start, ``general`` of what follows any session."""
        found = self._settle(question, general, depth)
        if not isinstance(found, Unknown) or general is None:
            return found
        proof = inductive(
            self.policy,
            self.tools,
            general,
            self.budget,
            about=self.about,
            established=self.established,
            approvals=self.approvals,
        )
        return found if proof is None else proof

    def _settle(self, question: Question, general: Question | None, depth: int) -> Found:
        concrete = self._search(None)
        if general is not None:
            proof = self._induction(concrete, question, general)
            if proof is not None:
                return proof
        found = concrete.run(question, depth)
        if not isinstance(found, NotFound):
            return found
        if found.complete:
            return Proved("no event matters to it")
        return Unknown(f"nothing of the kind with up to {found.depth} events before the call, and no proof")

    def _induction(self, concrete: Search, question: Question, general: Question) -> Found | None:
        """A proof, or a violation on the way to it."""
        anywhere = self._search(self.established)
        for k in range(INDUCTION + 1):
            if k > 0:
                found = concrete.run(question, k - 1)
                if not isinstance(found, NotFound):
                    return found
                if found.complete:
                    return Proved("no event matters to it")
            if anywhere.step(general) is None:
                return Proved("whatever happened before" if k == 0 else f"by {k}-induction over the events")
        return None

    def _search(self, established: Established | None) -> Search:
        return Search(
            self.policy,
            self.tools,
            self.budget,
            about=self.about,
            approvals=self.approvals,
            established=established,
        )


def deep_enough(policy: CheckedPolicy, about: Iterable[ast.Expr], least: int = 0) -> int:
    """As many events as the policy's own numbers suggest."""
    conditions = [c for rule in policy.rules if not rule.shadow for c in rule.conditions.values()]
    nodes = [node for expression in (*conditions, *about) for node in session_operators(expression)]
    caps = [node.cap for node in nodes if isinstance(node, ast.Count) and node.saturate]
    return min(max(SHORTEST, least, *(cap + 2 for cap in caps), 0), LONGEST)
