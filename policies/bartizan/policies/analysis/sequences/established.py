"""Facts about every session that a policy lets happen, found by induction over its events.

Every candidate is true of a new session. Suppose all candidates of the session before an event; those that the event
can break are no facts, and are dropped; again, until none breaks. What is left holds in every session. What the
solver does not know is dropped as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...evaluation.registers import register_id
from ...evaluation.stages import is_heard
from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget
from ..encode.past import NOTHING, Established
from ..encode.symbols import Amount
from ..formula import FALSE, Formula
from ..solve import Unsat
from .past import Registers
from .prefix import Query
from .relevance import Happening, session_operators, touches
from .search import Search
from .stages import in_doubt, later
from .unroll import Option, Step


def establish(policy: CheckedPolicy, budget: Budget, about: Iterable[ast.Expr] = ()) -> Established:
    """What holds in every session: of the registers of the policy's rules, and of those that ``about`` reads."""
    about = tuple(about)
    nodes = {register_id(node): node for expression in (*_conditions(policy), *about)
             for node in session_operators(expression)}  # fmt: skip
    if not nodes:
        return NOTHING
    supposed = Established(
        frozenset(name for name, node in nodes.items() if isinstance(node, ast.Sum)),
        frozenset(name for name, node in nodes.items() if not isinstance(node, ast.InStage)),
        frozenset(name for name, node in nodes.items() if isinstance(node, ast.Count | ast.Sum)),
        impossible=frozenset(
            (machine.id, stage)
            for machine in _machines(nodes)
            for stage in set(machine.stages) - _reachable(policy, budget, about, nodes, machine)
        ),
        certain=frozenset(machine.id for machine in _machines(nodes)),
    )
    while True:
        kept = _kept(policy, budget, about, nodes, supposed)
        if kept == supposed:
            return replace(kept, at_most=_bounds(policy, budget, about, nodes, kept))
        supposed = kept


def _conditions(policy: CheckedPolicy) -> Iterable[ast.Expr]:
    return (condition for rule in policy.rules if not rule.shadow for condition in rule.conditions.values())


def _kept(
    policy: CheckedPolicy,
    budget: Budget,
    about: tuple[ast.Expr, ...],
    nodes: dict[str, ast.Register],
    supposed: Established,
) -> Established:
    """The facts that no event breaks."""
    search = Search(policy, (), budget, about=(*about, *nodes.values()), established=supposed)
    step = search.unrolling.extend()
    options = step.options
    possible: dict[Happening, bool] = {}
    answered: dict[Formula, bool] = {}
    for option in options:
        possible[option.happening] = not isinstance(search.check(option.happens), Unsat)
    for option in options:
        if option.happening.kind == "result":
            possible[option.happening] &= possible[Happening("call", option.happening.tool)]

    def never(option: Option, formula: Formula) -> bool:
        """No such event satisfies a formula."""
        asked = search.encoder.formulas.both(option.happens, formula)
        if not possible[option.happening] or asked is FALSE:
            return True
        if asked not in answered:
            answered[asked] = isinstance(search.check(asked), Unsat)
        return answered[asked]

    def everywhere(name: str, broken: str) -> bool:
        touching = [option for option in options if touches(nodes[name], option.happening)]
        return all(never(option, _breaks(search, nodes[name], option, broken)) for option in touching)

    following = step.registers.after([(o.happening, o.happens, o.moment) for o in options], step.time)
    stages = _stages(search, nodes, supposed, step, following)

    return replace(
        supposed,
        impossible=stages[0],
        certain=stages[1],
        nonnegative=frozenset(
            name for name in sorted(supposed.nonnegative) if everywhere(name, "nonnegative")
        ),
        silent=frozenset(name for name in sorted(supposed.silent) if everywhere(name, "silent")),
        unfiltered=frozenset(name for name in sorted(supposed.unfiltered) if everywhere(name, "unfiltered")),
    )


def _stages(
    search: Search, nodes: dict[str, ast.Register], supposed: Established, step: Step, following: Registers
) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """The stages that stay impossible, and the machines that stay certain, whatever happens and whenever one looks."""
    f, encoder = search.encoder.formulas, search.encoder
    happens = f.some(option.happens for option in step.options)
    impossible, certain = set(supposed.impossible), set(supposed.certain)
    machines = {node.machine.id: (name, node.machine) for name, node in nodes.items()
                if isinstance(node, ast.InStage)}  # fmt: skip
    for id, (name, machine) in machines.items():
        if id in certain and not _is_never(
            search, happens, in_doubt(machine, following.states[name].stages, encoder)
        ):
            certain.discard(id)  # time by itself leads from one stage to one
        now = f.whole(f"some time later, {id}")
        encoder.fact(f.at_most(step.time, now))
        stages = later(machine, following.states[name].stages, now, encoder)
        for stage, stay in stages.items():
            if (id, stage) in impossible and not _is_never(search, happens, stay.may):
                impossible.discard((id, stage))
    return frozenset(impossible), frozenset(certain)


def _is_never(search: Search, happens: Formula, formula: Formula) -> bool:
    asked = search.encoder.formulas.both(happens, formula)
    return asked is FALSE or isinstance(search.check(asked), Unsat)


def _reachable(
    policy: CheckedPolicy,
    budget: Budget,
    about: tuple[ast.Expr, ...],
    nodes: dict[str, ast.Register],
    machine: ast.Machine,
) -> set[str]:
    """The stages that transitions lead to, one after the other, each of which some event could take by itself.

    A guess, so that the induction does not have to find its way from stage to stage.
    """
    search = Search(policy, (), budget, about=(*about, *nodes.values()), established=NOTHING)
    options = search.unrolling.extend().options
    name = next(
        n for n, node in nodes.items() if isinstance(node, ast.InStage) and node.machine.id == machine.id
    )
    may = search.unrolling.registers.states[name].stages
    edges: list[tuple[str, str, ast.Transition | None]] = [
        (before, then, None) for before, _, then in machine.timed
    ]
    edges += [(source, move.target, move) for move in machine.transitions for source in move.sources]
    reached: set[str] = set()
    found = {machine.initial}
    while found:
        reached |= found
        found = set()
        for source, target, move in edges:
            if (
                source in reached
                and target not in reached | found
                and _is_taken(search, options, may[source].may, move)
            ):
                found.add(target)
    return reached


def _is_taken(
    search: Search, options: tuple[Option, ...], here: Formula, move: ast.Transition | None
) -> bool:
    """Whether some event could be that of a transition, in a stage; None for the passing of time."""
    f, encoder = search.encoder.formulas, search.encoder
    return move is None or any(
        not _is_never(
            search, option.happens, f.both(here, f.neg(encoder.condition(move.body, option.moment).false))
        )
        for option in options
        if is_heard(move.match, option.happening.kind, option.happening.tool)
    )


def _machines(nodes: dict[str, ast.Register]) -> Iterable[ast.Machine]:
    return {
        node.machine.id: node.machine for node in nodes.values() if isinstance(node, ast.InStage)
    }.values()


def _bounds(
    policy: CheckedPolicy,
    budget: Budget,
    about: tuple[ast.Expr, ...],
    nodes: dict[str, ast.Register],
    known: Established,
) -> dict[str, int]:
    """The most that counts, and sums of what is never negative, ever hold, among numbers that the policy names."""
    search = Search(policy, (), budget, about=(*about, *nodes.values()), established=known)
    step = search.unrolling.extend()
    f, encoder = search.encoder.formulas, search.encoder
    bounds: dict[str, int] = {}
    for name, node in nodes.items():
        if not isinstance(node, ast.Count | ast.Sum) or name not in {*known.nonnegative, *_counts(nodes)}:
            continue
        option = step.option("call", node.tool)
        key = encoder.encode(node.key, option.moment) if node.key is not None else None
        amount = f.constant(1)
        counts = f.both(option.happens, encoder.condition(node.body, option.moment).true)
        if isinstance(node, ast.Sum):
            symbol = encoder.encode(node.field, option.moment)
            assert isinstance(symbol, Amount)
            amount, counts = symbol.number, f.both(counts, symbol.defined)
        after = f.plus(step.registers.held(node, Query(step.time, key)), amount)
        for most in _candidates(policy, node):
            if isinstance(search.check(f.both(counts, f.less(f.constant(most), after))), Unsat):
                bounds[name] = most
                break
    return bounds


def _counts(nodes: dict[str, ast.Register]) -> Iterable[str]:
    return (name for name, node in nodes.items() if isinstance(node, ast.Count) and node.saturate)


def _candidates(policy: CheckedPolicy, node: ast.Count | ast.Sum) -> list[int]:
    if isinstance(node, ast.Count):
        return sorted({most for most in (1, node.cap - 2, node.cap - 1) if most > 0})
    found = {
        inner.value
        for condition in _conditions(policy)
        for inner in ast.walk(condition)
        if isinstance(inner, ast.Const) and inner.type == node.type and isinstance(inner.value, int)
    }
    return sorted(value for value in found if value > 0)


def _breaks(search: Search, node: ast.Register, option: Option, fact: str) -> Formula:
    """That an event breaks a fact about a register."""
    f, encoder = search.encoder.formulas, search.encoder
    match fact, node:
        case "nonnegative", ast.Sum(_, field, body):
            amount = encoder.encode(field, option.moment)
            assert isinstance(amount, Amount)
            counts = encoder.condition(body, option.moment).true
            return f.both(counts, amount.defined, f.less(amount.number, f.constant(0)))
        case "unfiltered", ast.Count(_, body) | ast.Sum(_, _, body):
            return f.neg(encoder.condition(body, option.moment).true)
        case _, ast.MaxSignal(name):
            value = encoder.encode(ast.SignalValue(name, "value"), option.moment)
            assert isinstance(value, Amount)
            return f.both(value.defined, f.less(f.constant(0), value.number))
        case _, ast.Since(_, right):
            return f.neg(encoder.condition(right, option.moment).false)
        case _, ast.Once(_, body) | ast.Count(_, body) | ast.Sum(_, _, body) | ast.Previous(body):
            return encoder.condition(body, option.moment).true
    raise TypeError(f"{type(node).__name__} has no such fact")
