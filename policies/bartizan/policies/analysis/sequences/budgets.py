"""``always-within``: what is let go in every window stays within a limit.

The question asked of one call: is it let go though it, and what was let go before within the window that ends now,
exceed the limit? If no call in any session is, the invariant holds of every window, provided that no amount let go
is negative. For let a closed window ``[a, a + w]`` of some session exceed the limit ``L``, and let ``j`` be the last
call in it, at time ``t``. As ``t <= a + w``, every call in the window was made at or after ``t - w``, and before
``j`` or it is ``j``. Those that the closed window ``[t - w, t]`` of the session up to ``j`` has in addition add
nothing negative, so that window exceeds ``L`` as well; and so ``j`` was let go though it exceeded.

An amount that is E is not bounded: a call let go with one counts as exceeding. So in a proof by induction every
earlier amount has a value, and what they add up to is a number, whether or not a register of the policy knows it.
What the policy's own registers have to do with that number: a register of the same sum over a window that is at
least as long holds at least as much. If it does not know (E: over 1,000 calls, say), the rule that reads it fires.

Where an amount may be negative, a shorter stretch may exceed what a whole window does not: then every stretch that a
closed window can cut out of the session, and that ends with the call, is looked at, and there is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...language import ast
from ...language.types import Int, Record
from ...policy import CheckedInvariant, CheckedPolicy
from ..answers import Budget
from ..encode.past import Established
from ..encode.symbols import Amount
from ..formula import TRUE, Formula, Number
from ..solve import Unsat
from .prefix import Query
from .search import Search
from .unroll import Option, Unrolling


@dataclass(frozen=True, slots=True)
class Limit:
    """What is added up, over which window, and the most that it may be. ``argument``: None counts calls.

    ``total`` is a session operator that says what was let go before, ``number`` one that says how many calls.
    """

    tool: str
    argument: ast.Input | None
    window: int
    most: int
    total: ast.Sum | ast.Count
    number: ast.Count

    @classmethod
    def of(cls, policy: CheckedPolicy, invariant: CheckedInvariant) -> Limit:
        tool, window = invariant.parameters["tool"], invariant.parameters["window"]
        number = ast.Count(tool, ast.TRUE, 1_000, False, window)
        name, most = invariant.parameters["sum"], invariant.parameters["at-most"]
        if name is None:
            return cls(tool, None, window, most, number, number)
        args = policy.tools[tool].args
        field = args.get(name) if isinstance(args, Record) else None
        assert field is not None, "the checker refuses sums of what is no argument"
        argument = ast.Input(("args", name), field.type)
        total = ast.Sum(tool, argument, ast.TRUE, field.type, window)
        return cls(tool, argument, window, most, total, number)

    @property
    def about(self) -> tuple[ast.Expr, ...]:
        return (self.total,) if self.total is self.number else (self.total, self.number)


def exceeds(limit: Limit, unrolling: Unrolling, option: Option, largest: int | None = None) -> Formula:
    """The call is let go though it exceeds the limit, amounts not being negative.

    ``largest`` is the largest amount that is ever let go: so many calls add up to at most as many times that.
    """
    encoder = unrolling.encoder
    f = encoder.formulas
    assert option.verdict is not None
    now, registers = _now(option), unrolling.registers
    amount = _amount(limit, unrolling, option)
    if largest is not None:
        total, number = registers.unknown_part(limit.total, now), registers.unknown_part(limit.number, now)
        if total is not None and number is not None:
            encoder.fact(f.at_most(total, f.times(largest, number)))
    over = f.less(f.constant(limit.most), f.plus(registers.held(limit.total, Query(now)), amount.number))
    return f.both(option.verdict.let_go(), f.either(f.neg(amount.defined), over))


def some_stretch_exceeds(limit: Limit, unrolling: Unrolling, option: Option) -> Formula:
    """The call is let go though it exceeds the limit together with the calls since some earlier one."""
    f = unrolling.encoder.formulas
    assert option.verdict is not None
    now, amount = _now(option), _amount(limit, unrolling, option)
    total, over = amount.number, [f.less(f.constant(limit.most), amount.number)]
    steps = unrolling.steps[:-1]
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        call = step.option("call", limit.tool)
        counted = _amount(limit, unrolling, call)
        total = f.plus(total, f.pick(call.happens, counted.number, f.constant(0)))
        inside = f.at_most(f.minus(now, step.time), f.constant(limit.window))
        first = TRUE if index == 0 else f.less(steps[index - 1].time, step.time)
        over.append(f.both(call.happens, inside, first, f.less(f.constant(limit.most), total)))
    last = TRUE if not steps else f.less(steps[-1].time, now)
    over[0] = f.both(last, over[0])
    return f.both(option.verdict.let_go(), f.either(f.neg(amount.defined), *over))


def largest_amount(
    limit: Limit, policy: CheckedPolicy, budget: Budget, established: Established
) -> int | None:
    """A number that the policy mentions and that no amount let go is larger than, in any session: the smallest."""
    if limit.argument is None:
        return None
    search = Search(policy, (limit.tool,), budget, about=limit.about, established=established)
    option = search.unrolling.extend().option("call", limit.tool)
    amount = _amount(limit, search.unrolling, option)
    f = search.encoder.formulas
    for value in sorted(set(_literals(limit, policy))):
        larger = f.both(option.happens, amount.defined, f.less(f.constant(value), amount.number))
        if isinstance(search.check(larger), Unsat):
            return value
    return None


def _literals(limit: Limit, policy: CheckedPolicy) -> Iterator[int]:
    assert limit.argument is not None
    nodes = [node for rule in policy.rules if limit.tool in rule.conditions
             for node in ast.walk(rule.conditions[limit.tool])]  # fmt: skip
    for node in nodes:
        if isinstance(node, ast.Const) and node.type == limit.argument.type and isinstance(node.value, int):
            yield node.value


def _now(option: Option) -> Number:
    now = option.moment.inputs["now"]
    assert isinstance(now, Amount)
    return now.number


def _amount(limit: Limit, unrolling: Unrolling, option: Option) -> Amount:
    """What a call adds."""
    if limit.argument is None:
        return Amount(TRUE, unrolling.encoder.number(1, Int()))
    symbol = unrolling.encoder.encode(limit.argument, option.moment)
    assert isinstance(symbol, Amount)
    return symbol
