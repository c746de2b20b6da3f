"""Random machines and histories, and four accounts of the stage that a session is in after them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bartizan.guard import Event
from bartizan.policies.analysis.encode.decision import call_moment, event_moment
from bartizan.policies.analysis.encode.expressions import Encoder
from bartizan.policies.analysis.encode.symbols import Amount, Condition
from bartizan.policies.analysis.formula import TRUE, Formulas
from bartizan.policies.analysis.sequences.past import Registers
from bartizan.policies.analysis.sequences.relevance import Happening
from bartizan.policies.analysis.witness.assign import Assignment
from bartizan.policies.evaluation.generators import SECOND, SIGNALS, TOOLS, Generator
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.registers import RegisterFile, advance, register_id
from bartizan.policies.evaluation.scope import PastEvent, Scope, denied_scope, event_scope
from bartizan.policies.evaluation.stages import is_heard
from bartizan.policies.language import ast
from bartizan.policies.language.values import E
from bartizan.policies.stages.graph import machine_of

STAGES = ("a", "b", "c", "d")
RULES = ("cap", "spy")


@dataclass(frozen=True)
class Item:
    """An event; with ``because``, a call that these rules denied."""

    event: Event
    because: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        return self.event.kind if self.because is None else "denied"


@dataclass(frozen=True)
class Walk:
    """A question about the stage, and what happened before it is asked."""

    node: ast.InStage
    items: tuple[Item, ...]
    now: int


def walk(seed: int, sure: bool = False) -> Walk:
    """A generated one. ``sure``: no condition is ever E, and no two transitions overlap."""
    rng = random.Random(seed)
    generator = Generator(rng)
    items: list[Item] = []
    for event in (*generator.history(), *_moved(generator.history(), 20 * SECOND)):
        denied = event.kind == "call" and rng.random() < 0.4
        because = frozenset(rng.sample(RULES, rng.randint(1, 2))) if denied else None
        items.append(Item(event, because))
    machine = _machine(rng, generator, sure)
    names = tuple(sorted(rng.sample(STAGES, rng.randint(1, 3))))
    last = items[-1].event.time if items else 100 * SECOND
    return Walk(
        ast.InStage(names, machine), tuple(items), last + rng.choice((0, 1, SECOND, 3 * SECOND, 9 * SECOND))
    )


def _moved(events: tuple[Event, ...], by: int) -> Iterator[Event]:
    for e in events:
        yield Event(e.kind, e.time + by, e.text, e.call, e.value, e.labels, e.is_error, e.signals)


def _machine(rng: random.Random, generator: Generator, sure: bool) -> ast.Machine:
    timed = []
    if rng.random() < 0.7:
        timed.append(("b", rng.choice((SECOND, 3 * SECOND)), rng.choice("acd")))
        if rng.random() < 0.5:
            timed.append(("c", rng.choice((SECOND, 3 * SECOND, 10 * SECOND)), rng.choice("ad")))
    transitions: list[ast.Transition] = []
    matches = [
        ast.EventMatch("call", "pay"), ast.EventMatch("denied", "pay"), ast.EventMatch("denied", "look"),
        ast.EventMatch("call"), ast.EventMatch("result"), ast.EventMatch("prompt"), ast.EventMatch("text"),
    ]  # fmt: skip
    taken: set[tuple[str, ast.EventMatch]] = set()
    for _ in range(rng.randint(3, 8)):
        match = rng.choice(matches)
        sources = rng.sample(STAGES, rng.randint(1, 3))
        if sure:
            sources = [s for s in sources if not any(s == t and _overlap(match, m) for t, m in taken)]
            taken |= {(source, match) for source in sources}
        body: ast.Expr = ast.TRUE
        if not sure and rng.random() < 0.6:
            body = generator._body(match)
        if match.kind == "denied" and rng.random() < 0.5:
            body = ast.And(ast.Because((rng.choice(RULES),)), body)
        if sources:
            transitions.append(ast.Transition(tuple(sorted(sources)), rng.choice(STAGES), match, body))
    return machine_of(STAGES, "a", timed, transitions)


def _overlap(one: ast.EventMatch, other: ast.EventMatch) -> bool:
    return one.kind == other.kind and (None in (one.tool, other.tool) or one.tool == other.tool)


# --- accounts


def registers(walk: Walk) -> Any:
    """The register that runs."""
    file = RegisterFile()
    read, state = file.reader(walk.node), file.initial()
    for item in walk.items:
        touched = file.touched_by(item.kind, item.event.tool)
        state = dict(advance(touched, state, _scope(item, state)))
    return read(_asking(walk, state))


def reference(walk: Walk) -> Any:
    """The interpreter, which looks at the whole history."""
    return evaluate(walk.node, _asking(walk, {}, _past(walk)))


def symbolic(walk: Walk) -> Any:
    """The formulas, with the variables as they are."""
    encoder = Encoder(Formulas(), lambda path, type_: min(type_.limit, 4))
    nodes = {register_id(node): node for node in _registers(walk.node)}
    past = Registers.initial(nodes, encoder)
    file = RegisterFile()
    file.reader(walk.node)
    state, seen = file.initial(), []
    for index, item in enumerate(walk.items):
        match = ast.EventMatch(item.kind, item.event.tool)
        moment = event_moment(encoder, match, TOOLS, SIGNALS, past, f"{index} ")
        because = item.because or frozenset()
        moment.because = lambda rules, because=because: encoder.formulas.truth(not because.isdisjoint(rules))
        time = moment.inputs["now"]
        assert isinstance(time, Amount)
        past = past.after([(Happening(item.kind, item.event.tool), TRUE, moment)], time.number)
        scope = _scope(item, state)
        seen.append((moment, scope))
        state = dict(advance(file.touched_by(item.kind, item.event.tool), state, scope))
    now = call_moment(encoder, TOOLS["look"], TOOLS, past)
    symbol = past.read(walk.node, now, encoder)
    assert isinstance(symbol, Condition)
    assignment = Assignment(encoder)
    for moment, scope in seen:
        assignment.moment(moment, scope)
    assignment.value(now.inputs["now"], walk.now)
    model = assignment.model()
    true, false = model.holds(symbol.true), model.holds(symbol.false)
    assert not (true and false)
    return True if true else False if false else E


def worlds(walk: Walk) -> tuple[set[str], bool]:
    """The stages of every way in which it may have gone, each followed by itself; and whether there was but one."""
    machine = walk.node.machine
    ways: set[tuple[str, int]] = {(machine.initial, 0)}
    certain = True
    for item, past in zip(walk.items, _past(walk), strict=True):
        following: set[tuple[str, int]] = set()
        for way in ways:
            stage, since = _later(machine, way, past.time)
            leaving = [
                (move.target, value)
                for move in machine.transitions
                if stage in move.sources
                and is_heard(move.match, item.kind, item.event.tool)
                and (value := evaluate(move.body, past.scope)) is not False
            ]
            following |= {(target, past.time) for target, _ in leaving}
            if all(value is E for _, value in leaving):
                following.add((stage, since))
        ways = following
        certain = certain and len(ways) == 1
    return {_later(machine, way, walk.now)[0] for way in ways}, certain


def _later(machine: ast.Machine, way: tuple[str, int], now: int) -> tuple[str, int]:
    for name, duration, then in machine.timed:
        if way[0] == name and now - way[1] > duration:
            way = (then, way[1] + duration)
    return way


def asked(walk: Walk, stages: set[str]) -> Any:
    """The answer, if these are the stages that are possible."""
    inside = [stage in walk.node.names for stage in stages]
    return True if all(inside) else E if any(inside) else False


def _past(walk: Walk) -> tuple[PastEvent, ...]:
    past: tuple[PastEvent, ...] = ()
    for item in walk.items:
        past = (*past, PastEvent(item.kind, item.event.tool, item.event.time, _scope(item, {}, past)))
    return past


def _scope(item: Item, state: dict[str, Any], past: tuple[PastEvent, ...] = ()) -> Scope:
    if item.because is not None:
        return denied_scope(item.event, item.because, TOOLS, _NOTHING_SAID, state, past)
    return event_scope(item.event, TOOLS, _NOTHING_SAID, state, past)


def _asking(walk: Walk, state: dict[str, Any], past: tuple[PastEvent, ...] = ()) -> Scope:
    return Scope({"now": walk.now}, {}, walk.now, {}, _NOTHING_SAID, state, past)


def _registers(node: ast.Expr) -> Iterator[ast.Register]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Register))


class _Nothing:
    """Provenance without a session: nothing was said, so nothing comes from anywhere."""

    def __getattr__(self, name: str) -> Callable[..., bool]:
        return lambda *args: False


def _nothing_said() -> Any:
    return _Nothing()


_NOTHING_SAID = _nothing_said
