"""Looks for a session of growing length that ends in a call of which something holds: bounded model checking."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Unknown
from ..encode.expressions import Encoder
from ..encode.past import Established
from ..formula import Formula, Model
from ..solve import Solver, Unsat
from ..witness.readable import readable
from .relevance import Happening, relevance
from .trace import Trace, read_trace
from .unroll import Option, Unrolling, roomy_encoder

Question = Callable[[Unrolling, Option], Formula]
"""What is asked of the call at hand: the session so far ends just before it, and this is its option there. Whether
the policy lets it go is part of the question."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such session with at most ``depth`` events before the call; with any number, if ``complete``."""

    depth: int
    complete: bool


class Search:
    """Sessions of a policy that end in a call of one of the tools.

    Args:
        policy: whose calls are let go.
        tools: of which the call at hand is.
        about: expressions that the question is about, beside the rules of the tools.
        approvals: whether calls of the past that ask for an approval are let go.
        happenings: events that matter anyway.
        established: what is known of all sessions: look at those that follow any session.
    """

    def __init__(
        self,
        policy: CheckedPolicy,
        tools: Iterable[str],
        budget: Budget,
        *,
        about: Iterable[ast.Expr] = (),
        approvals: bool = True,
        happenings: Iterable[Happening] = (),
        established: Established | None = None,
    ) -> None:
        self.policy = policy
        self.tools = tuple(tools)
        about = tuple(about)
        asked = tuple(Happening("call", tool) for tool in self.tools)
        relevant = relevance(policy, about, (*asked, *happenings))
        self.encoder: Encoder = roomy_encoder(policy, relevant, about)
        self.unrolling = Unrolling(policy, relevant, self.encoder, established, approvals)
        self.solver = Solver(self.encoder.formulas, budget)
        self.relevance = relevant
        self.stateless = not relevant.registers
        self.depth = -1

    def run(self, question: Question, depth: int) -> Trace | NotFound | Unknown:
        """A shortest session with at most ``depth`` events before the call."""
        found: Trace | NotFound | Unknown = NotFound(-1, False)
        while self.depth < depth and isinstance(found, NotFound) and not found.complete:
            found = self.deeper(question)
        return found

    def deeper(self, question: Question) -> Trace | NotFound | Unknown:
        """Sessions with one more event than before."""
        found = self.step(question)
        if found is None:
            return NotFound(self.depth, self.stateless)
        if isinstance(found, Unknown):
            return found
        return read_trace(self.encoder, found[0], self.unrolling.steps, found[1])

    def step(self, question: Question) -> tuple[Model, Option] | Unknown | None:
        """One more event than before: is there such a session? From then on none as short is looked for."""
        if self.unrolling.steps:
            self.unrolling.settle()
        step = self.unrolling.extend()
        self.depth += 1
        f = self.encoder.formulas
        found: tuple[Model, Option] | Unknown | None = None
        for tool in self.tools:
            option = step.option("call", tool)
            asked = question(self.unrolling, option)
            if found is None:
                answer = self.check(asked)
                if isinstance(answer, Model):
                    if self.unrolling.start:  # while it can still be asked
                        answer = readable(self.unrolling, self.check, answer, [asked], option)
                    found = answer, option
                elif isinstance(answer, Unknown):
                    found = answer
            self.solver.add(f.neg(asked))
        return found

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        for fact in self.encoder.new_facts():
            self.solver.add(fact)
        return self.solver.check(*assumptions, effort=effort)
