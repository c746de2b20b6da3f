"""Invariants of whole sessions: ``never``, ``possible`` and ``always-within``."""

from __future__ import annotations

from ...evaluation.registers import register_id
from ...language import ast
from ...policy import CheckedInvariant, CheckedPolicy
from ..answers import Budget
from ..encode.past import Established
from ..formula import Formula
from .budgets import Limit, exceeds, largest_amount, some_stretch_exceeds
from .established import establish
from .settle import LONGEST, Attempt, Found, deep_enough
from .unroll import Option, Unrolling


def check(
    policy: CheckedPolicy,
    invariant: CheckedInvariant,
    budget: Budget,
    depth: int | None = None,
    established: Established | None = None,
) -> Found:
    """What there is to say about an invariant of kind ``never``, ``possible`` or ``always-within``.

    Of ``never`` and ``always-within`` a :class:`Trace` is a violation and ``Proved`` is good news. Of ``possible``
    a :class:`Trace` is the session that was wished for, and ``Proved`` says that there is none.

    Args:
        depth: how many events before the call to look at; if not given, what the policy's own limits suggest.
        established: what :func:`establish_all` found, so that it is found once for several invariants.
    """
    if established is None:
        established = establish(policy, budget, _about(policy, invariant))
    if invariant.kind == "always-within":
        return _within(policy, Limit.of(policy, invariant), budget, depth, established)
    return _some_call(policy, invariant, budget, depth, established)


def establish_all(policy: CheckedPolicy, budget: Budget) -> Established:
    """What holds in every session, of all registers that the policy's rules and invariants read."""
    about = [node for invariant in policy.invariants for node in _about(policy, invariant)]
    return establish(policy, budget, about)


def _about(policy: CheckedPolicy, invariant: CheckedInvariant) -> tuple[ast.Expr, ...]:
    """What an invariant looks at."""
    if invariant.kind == "always-within":
        return Limit.of(policy, invariant).about
    return tuple(invariant.conditions[tool] for tool in sorted(invariant.conditions))


def _some_call(
    policy: CheckedPolicy,
    invariant: CheckedInvariant,
    budget: Budget,
    depth: int | None,
    established: Established,
) -> Found:
    """A call that satisfies the condition: one that is let go, unless the condition itself says which it means."""

    def question(unrolling: Unrolling, option: Option) -> Formula:
        tool = option.happening.tool
        assert tool is not None and option.verdict is not None
        condition = invariant.conditions[tool]
        holds = unrolling.encoder.condition(condition, option.moment).true
        if any(isinstance(node, ast.Allowed) for node in ast.walk(condition)):
            return holds
        return unrolling.encoder.formulas.both(option.verdict.let_go(), holds)

    about = _about(policy, invariant)
    limits = deep_enough(policy, about) if depth is None else depth
    attempt = Attempt(policy, tuple(sorted(invariant.conditions)), budget, about, established)
    return attempt.settle(question, question, limits)


def _within(
    policy: CheckedPolicy, limit: Limit, budget: Budget, depth: int | None, established: Established
) -> Found:
    attempt = Attempt(policy, (limit.tool,), budget, limit.about, established)
    if depth is None:
        depth = deep_enough(policy, (), limit.most + 1 if limit.argument is None else 0)
    if limit.argument is not None and register_id(limit.total) not in established.nonnegative:
        return attempt.settle(lambda u, o: some_stretch_exceeds(limit, u, o), None, depth)
    largest = largest_amount(limit, policy, budget, established)
    if largest is not None and largest > 0:
        depth = max(depth, min(limit.most // largest + 1, LONGEST))
    return attempt.settle(
        lambda u, o: exceeds(limit, u, o), lambda u, o: exceeds(limit, u, o, largest), depth
    )
