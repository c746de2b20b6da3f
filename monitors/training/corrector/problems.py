"""Calls to learn from, made of a policy alone: near every number that its conditions compare with, on either side.

A :class:`Problem` is a call with who asks, when, and what was paid before; its label is what the solver makes of it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from constants import Constants

from bartizan.guard import Decision, Event, Principal, Request, Session, ToolCall
from bartizan.guard.correction import Refused
from bartizan.monitors.corrector.reading import ToolReading
from bartizan.monitors.corrector.script import CallScript, Word, path_text, script_of
from bartizan.policies.edits import Listed
from bartizan.policies.language.types import Record
from bartizan.policies.program import Program
from bartizan.policies.repair import repair

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000
MIX = {"compliant": 0.45, "one": 0.35, "several": 0.12, "deny": 0.08}
TRAINING_MIX = {"compliant": 0.25, "one": 0.38, "several": 0.29, "deny": 0.08}
"""More of what is hard: to leave alone what no condition refuses is learned in a minute."""
LOOKALIKES = str.maketrans(dict(zip("aceopxy", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443", strict=True)))
"""Latin letters to Cyrillic ones that look the same."""
TRIES = 4_000
"""After so many calls in a row that are none that is wanted, they are not to be had."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A call that somebody makes in a session, as JSON: ``spent`` are its earlier calls, (hours ago, arguments)."""

    tool: str
    args: Mapping[str, Any]
    roles: tuple[str, ...]
    spent: tuple[tuple[int, Mapping[str, Any]], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "tool": self.tool, "args": dict(self.args), "roles": list(self.roles),
            "spent": [[hours, dict(args)] for hours, args in self.spent],
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Problem:
        spent = tuple((hours, args) for hours, args in found["spent"])
        return cls(found["tool"], found["args"], tuple(found["roles"]), spent)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A problem, how it was refused, and the nearest allowed call as a script (None: nothing permitted helps)."""

    problem: Problem
    refused: Refused
    script: CallScript
    kind: str
    cost: tuple[int, float]

    @property
    def rules(self) -> tuple[str, ...]:
        return (
            tuple(sorted(reason.rule for reason in self.refused.decision.reasons))
            if self.kind != "compliant"
            else ()
        )


def readings(program: Program) -> dict[str, ToolReading]:
    """What may be edited of each tool, as a corrector is told."""
    return {
        name: ToolReading(
            {
                path_text(o.path): tuple(v for v, _ in o.values) if isinstance(o, Listed) else ()
                for o in program.openings(name)
            }
        )
        for name in program.tools
    }


class Synthesiser:
    """Makes labelled problems for the tools of a program that open something to be edited."""

    def __init__(self, program: Program, seed: int) -> None:
        self.program = program
        self.random = random.Random(seed)
        self.readings = readings(program)
        self.tools = [name for name, reading in self.readings.items() if reading.editable]
        self._constants = {tool: Constants(program, tool) for tool in self.tools}
        self._seen: Counter[str] = Counter()
        self._hopeless: set[str] = set()

    def problems(
        self,
        count: int,
        wanted: Callable[[Sequence[str]], bool] = lambda rules: True,
        mix: Mapping[str, float] | None = None,
    ) -> Iterator[Labelled]:
        """``count`` labelled problems, in the proportions of ``mix``, every rule about as often as the others.

        ``wanted`` says which sets of violated rules may come. A kind that does not come (nothing is locked, so nothing
        is ever denied for good) is given up, and the others take its share; if none comes, there are fewer.
        """
        shares = dict(mix or MIX)
        kinds, given = Counter[str](), 0
        idle = 0
        while given < count:
            idle += 1
            if idle > TRIES:
                missing = [kind for kind in shares if kinds[kind] <= shares[kind] * given]
                shares = {kind: share for kind, share in shares.items() if kind not in missing}
                if not shares:
                    return
                shares = {kind: share / sum(shares.values()) for kind, share in shares.items()}
                idle = 0
            problem = self._problem(self.random.choice(self.tools))
            refused = refused_of(self.program, problem)
            rules = (
                () if refused.decision.allowed else tuple(sorted(r.rule for r in refused.decision.reasons))
            )
            likely = self._likely(rules)
            enough = kinds[likely] > shares.get(likely, -1) * given
            if enough and rules and kinds["deny"] <= shares.get("deny", -1) * given:
                enough = self.random.random() > 0.1  # it may turn out to be one that nothing helps
            if enough or (rules and not (wanted(rules) and self._rare(rules))):
                continue
            labelled = label(self.program, problem, refused)
            if labelled.kind == "deny" and len(rules) == 1:
                self._hopeless.add(rules[0])
            if kinds[labelled.kind] > shares.get(labelled.kind, -1) * given:
                continue
            kinds[labelled.kind] += 1
            self._seen.update(rules)
            idle, given = 0, given + 1
            yield labelled

    def _likely(self, rules: tuple[str, ...]) -> str:
        if self._hopeless.intersection(rules):
            return "deny"
        return ("compliant", "one", "several")[min(2, len(rules))]

    def _rare(self, rules: tuple[str, ...]) -> bool:
        """Whether to take one more that violates these: always the rarest rule, the more often the rarer."""
        rarest = min(self._seen[rule] for rule in rules)
        average = sum(self._seen.values()) / max(1, len(self._seen))
        return self.random.random() < (average + 2) / (rarest + 2)

    def _problem(self, tool: str) -> Problem:
        constants, draw = self._constants[tool], self.random
        record = self.program.tools[tool].args
        assert isinstance(record, Record)
        args = {
            name: constants.value(field, name, draw)
            for name, field in record.fields
            if not field.optional or draw.random() < 0.5
        }
        if draw.random() < 0.1:
            args = self._mutated(args)
        roles = tuple(role for role in constants.roles if draw.random() < 0.3)
        spent: list[tuple[int, Mapping[str, Any]]] = []
        if constants.budgets and draw.random() < 0.35:
            name, limit, digits = draw.choice(constants.budgets)
            left = limit * draw.choice((0.3, 0.6, 0.9, 0.99, 1.0))
            for _ in range(draw.randint(1, 3)):
                part = round(left * draw.random(), digits)
                spent.append((draw.choice((1, 3, 12, 23, 30)), {**args, name: part}))
                left -= part
        return Problem(tool, args, roles, tuple(spent))

    def _mutated(self, args: dict[str, Any]) -> dict[str, Any]:
        """One text spelt otherwise: what looks the same is not the same."""
        texts = [name for name, value in args.items() if isinstance(value, str) and value]
        if not texts:
            return args
        name = self.random.choice(texts)
        value = args[name]
        changed = self.random.choice(
            (value.upper(), value.title(), value.translate(LOOKALIKES), value + " ", value[1:])
        )
        return {**args, name: changed}


def refused_of(program: Program, problem: Problem) -> Refused:
    """The problem's call, decided in its session."""
    session = Session("training", state=program.initial())
    for hours, args in sorted(problem.spent, key=lambda part: -part[0]):
        event = Event("call", NOW - hours * HOUR, call=ToolCall.of("before", problem.tool, args))
        state = program.advance(event, session)
        session = Session("training", state=state, events=(*session.events, event), updated=event.time)
    request = Request(
        ToolCall.of("call", problem.tool, problem.args), NOW, Principal("clerk", frozenset(problem.roles))
    )
    return Refused(request, session, program.decide(request, session), program)


def label(program: Program, problem: Problem, refused: Refused) -> Labelled:
    """The solver's answer as a script; ``DENY`` where it knows none."""
    decision: Decision = refused.decision
    if decision.allowed:
        return Labelled(problem, refused, Word.UNCHANGED, "compliant", (0, 0.0))
    kind = "one" if len(decision.reasons) == 1 else "several"
    found = repair(program, refused.request, refused.session)
    if found is None:
        return Labelled(problem, refused, Word.DENY, "deny", (0, 0.0))
    args = found.call.arguments()
    edits = script_of(problem.args, args)
    if isinstance(edits, tuple):
        edits = tuple(replace(edit, value=_plain(edit.value)) for edit in edits)
    return Labelled(problem, refused, edits, kind, cost(program, problem, args))


def _plain(value: Any) -> Any:
    """A whole number as an integer: 100.0 and 100 are one amount, and one way to write it is easier to learn."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def cost(program: Program, problem: Problem, args: Mapping[str, Any]) -> tuple[int, float]:
    """What an edit costs: what its fields do, and then how far their numbers move."""
    openings = {o.path[0]: o for o in program.openings(problem.tool) if len(o.path) == 1}
    total, moved = 0, 0.0
    for name, value in problem.args.items():
        after = args.get(name)
        if value == after and type(value) is type(after):
            continue
        opening = openings.get(name)
        if opening is None:
            return (1_000_000, 0.0)
        total += next((a.cost for a in opening.alternatives(value) if a.value == after), opening.cost)
        numbers = [x for x in (value, after) if isinstance(x, int | float) and not isinstance(x, bool)]
        moved += abs(float(numbers[0]) - float(numbers[1])) if len(numbers) == 2 else 0.0
    return (total, round(moved, 6))
