"""``bartizan prove``: each invariant of a policy, in every session."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from ..policy import CheckedInvariant, CheckedPolicy
from ..program import Program
from .answers import Answer, Budget, Proved, Refuted, Unknown
from .checks.ablation import Ablation, Fate
from .encode.past import Established
from .findings import Proof
from .formula import Model
from .sequences.invariants import check, establish_all
from .sequences.trace import Trace
from .solve.worker import Asking
from .witness.build import counterexample
from .witness.session import violation


def questions(
    policy: CheckedPolicy, budget: Budget, fates: tuple[Fate, ...], skip: frozenset[str]
) -> Iterator[Asking | Proof]:
    """What became of each invariant, announced before it is tried. Invariants in ``skip`` are not tried."""
    program = Program(policy)
    facts = establish_all(policy, budget)
    for index, invariant in enumerate(policy.invariants):
        if str(index) not in skip:
            yield Asking(str(index))
            for fate in fates if invariant.kind == "without" else fates[:1]:
                started = monotonic()
                answer = _answer(program, invariant, budget, fate, facts)
                yield Proof(invariant, answer, monotonic() - started, fate == "adversarial")


def _answer(
    program: Program, invariant: CheckedInvariant, budget: Budget, fate: Fate, facts: Established
) -> Answer:
    if invariant.kind == "without":
        return _without(program, invariant, budget, fate, facts)
    found = check(program.policy, invariant, budget, established=facts)
    wished = invariant.kind == "possible"
    if isinstance(found, Trace):
        seen = violation(program, found)
        return Proved("by a session that does", witness=seen) if wished else Refuted(seen)
    if isinstance(found, Proved) and wished:
        return Refuted(None)
    return found


def _without(
    program: Program, invariant: CheckedInvariant, budget: Budget, fate: Fate, facts: Established
) -> Answer:
    """Nothing becomes allowed when the signals are missing, or when they say anything at all."""
    policy = program.policy
    for tool in sorted(policy.tools):
        ablation = Ablation(policy, tool, invariant.parameters["signals"], fate, budget, facts)
        found = ablation.check()
        if isinstance(found, Model):
            return Refuted(counterexample(program, ablation.inquiry, found, ablation.newly()))
        if isinstance(found, Unknown):
            return Unknown(f"calls of {tool}: {found.reason}")
    return Proved("for every call in every session")
