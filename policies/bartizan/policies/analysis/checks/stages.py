"""The stages of a session: which are never reached or left, which transitions never fire, and who gains by which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from ...evaluation.registers import register_id
from ...evaluation.stages import is_heard
from ...language import ast
from ...policy import CheckedPolicy
from ...stages.graph import CheckedStages, Drawn
from ..answers import Budget, Unknown
from ..encode.past import Established
from ..encode.symbols import Condition
from ..findings import Finding
from ..formula import FALSE, Formula, Formulas
from ..sequences.search import Search
from ..sequences.unroll import Option
from ..solve import Unsat
from .licence import Licence, StillOpen


def about_stages(policy: CheckedPolicy) -> tuple[ast.Expr, ...]:
    """A question that reads the stage, whether or not a rule asks one."""
    if policy.stages is None:
        return ()
    return (ast.InStage((policy.stages.machine.initial,), policy.stages.machine),)


def stage_findings(
    policy: CheckedPolicy, stages: CheckedStages, budget: Budget, facts: Established
) -> Iterator[Finding]:
    """Every finding about the stages of a policy."""
    study, licence = _Events(policy, stages, budget, facts), Licence(policy, budget, facts)
    try:
        yield from _about_states(study)
        yield from _about_transitions(study)
        yield from _about_gains(study, licence)
    except StillOpen as stopped:
        place = stages.places[stages.machine.initial]
        message = f"what stages there are: {stopped.answer.reason}"
        yield Finding.of("unknown", message, source=stages.source, span=place, answer=stopped.answer)


class _Events:
    """Any event, at any point of any session, and what it does to the stage."""

    def __init__(
        self, policy: CheckedPolicy, stages: CheckedStages, budget: Budget, facts: Established
    ) -> None:
        self.stages, self.machine = stages, stages.machine
        (node,) = about_stages(policy)
        assert isinstance(node, ast.InStage)
        self.search = Search(policy, (), budget, about=(node,), established=facts)
        step = self.search.unrolling.extend()
        self.encoder, self.options = self.search.encoder, step.options
        states = step.registers.states[register_id(node)].stages
        self.may = {name: stay.may for name, stay in states.items()}
        self.unreachable = {s for s in self.machine.stages if (self.machine.id, s) in facts.impossible}
        self._possible: dict[tuple[str, str | None], bool] = {}
        self.live = {
            (index, source)
            for index, drawn in enumerate(stages.drawn)
            for source in drawn.sources
            if self.is_ever(self.f.both(self.may[source], fires) for fires in self.fires(drawn))
        }

    @property
    def f(self) -> Formulas:
        return self.encoder.formulas

    def is_ever(self, formulas: Iterable[Formula]) -> bool:
        for formula in formulas:
            if formula is FALSE:
                continue
            found = self.search.check(formula)
            if isinstance(found, Unknown):
                raise StillOpen(found)
            if not isinstance(found, Unsat):
                return True
        return False

    def heard(self, drawn: Drawn) -> Iterator[tuple[Option, Condition]]:
        """The events that a transition listens to, with its condition there."""
        for option in self.options:
            event = option.happening
            for move in drawn.moves:
                if is_heard(move.match, event.kind, event.tool) and self._happens(option):
                    yield option, self.encoder.condition(move.body, option.moment)

    def fires(self, drawn: Drawn) -> Iterator[Formula]:
        """That the transition fires, for each event that it listens to, wherever it leads from."""
        for option, condition in self.heard(drawn):
            yield self.f.both(option.happens, condition.true)

    def _happens(self, option: Option) -> bool:
        """There is such an event at all: of a result, a call that it answers."""
        kind, tool = option.happening.kind, option.happening.tool
        if kind != "result":
            return True
        if (kind, tool) not in self._possible:
            call = next(o for o in self.options if o.happening.kind == "call" and o.happening.tool == tool)
            self._possible[kind, tool] = self.is_ever([call.happens])
        return self._possible[kind, tool]


def _about_states(study: _Events) -> Iterator[Finding]:
    machine, stages = study.machine, study.stages
    ends = {name for name, _, _ in machine.timed}
    for name in machine.stages:
        if name in study.unreachable:
            yield _at_stage(
                "stage-unreachable", stages, name, f"no session ever gets into the stage `{name}`"
            )
            continue
        leads_out = any(source == name and stages.drawn[index].target != name for index, source in study.live)
        if name not in ends and name not in stages.final and not leads_out:
            yield _at_stage(
                "stage-trap", stages, name, f"a session in the stage `{name}` stays there for ever"
            )


def _about_transitions(study: _Events) -> Iterator[Finding]:
    stages, f = study.stages, study.f
    for index, drawn in enumerate(stages.drawn):
        sources = [source for source in drawn.sources if source not in study.unreachable]
        live = [source for source in sources if (index, source) in study.live]
        if sources and not live:
            said = f"nothing ever makes a session go from {_either(sources)} to `{drawn.target}` here"
            yield _at_transition("transition-dead", stages, drawn, said)
        here = f.some(study.may[source] for source in live)
        clean = f.all(study.encoder.known)
        unsure = (
            f.both(here, clean, option.happens, f.neg(condition.true), f.neg(condition.false))
            for option, condition in study.heard(drawn)
        )
        if live and study.is_ever(unsure):
            said = "when an optional field is absent, this transition may or may not have happened"
            yield _at_transition("stage-doubt", stages, drawn, said)
    for (i, one), (j, other) in combinations(enumerate(stages.drawn), 2):
        shared = [s for s in one.sources if (i, s) in study.live and (j, s) in study.live]
        if one.target == other.target or not shared:
            continue
        here = f.some(study.may[source] for source in shared)
        both = (
            f.both(here, option.happens, first.true, second.true)
            for option, first in study.heard(one)
            for same, second in study.heard(other)
            if same is option
        )
        if study.is_ever(both):
            line, _ = stages.source.position(one.span.start)
            said = f"from {_either(shared)}, this and the transition on line {line} happen at one event"
            yield _at_transition("stage-overlap", stages, other, said)


def _about_gains(study: _Events, licence: Licence) -> Iterator[Finding]:
    """What an agent gains by a transition, and what it keeps by avoiding one."""
    stages, machine, f = study.stages, study.machine, study.f
    for index, drawn in enumerate(stages.drawn):
        kinds = {move.match.kind for move in drawn.moves}
        for source in [s for s in drawn.sources if (index, s) in study.live and s not in study.unreachable]:
            sooner = _sooner(machine, source, drawn.target)
            gained = [found for to in sooner if (found := licence.gained(source, to))]
            if not gained or not kinds & {"denied", "call", "text"}:
                continue
            tool, to = gained[0]
            if "denied" in kinds:
                said = (
                    f"a denied call leads from `{source}` to `{to}`, where `{tool}` may be used more freely"
                )
                yield _at_transition("stage-provoked", stages, drawn, said, tool)
                break
            unasked = (
                f.both(study.may[source], option.happens, condition.true,
                       *([option.verdict.allowed()] if option.verdict is not None else []))
                for option, condition in study.heard(drawn)
            )  # fmt: skip
            if study.is_ever(unasked):
                said = f"without being asked the agent gets from `{source}` to `{to}`, where more goes (`{tool}`)"
                yield _at_transition("stage-escape", stages, drawn, said, tool)
                break
        if "denied" in kinds:
            yield from _evaded(study, licence, drawn)


def _evaded(study: _Events, licence: Licence, drawn: Drawn) -> Iterator[Finding]:
    """Stages in which more goes than in the one that denials lead to, and where such a denial leads nowhere."""
    stages, f = study.stages, study.f
    for name in study.machine.stages:
        if name in drawn.sources or name == drawn.target or name in stages.final or name in study.unreachable:
            continue
        others = [other for other in stages.drawn if name in other.sources]
        unheard = []
        for option, condition in study.heard(drawn):
            stays = [
                f.neg(theirs.true)
                for other in others
                for same, theirs in study.heard(other)
                if same is option
            ]
            unheard.append(f.both(study.may[name], option.happens, condition.true, *stays))
        gained = licence.gained(drawn.target, name)
        if gained and study.is_ever(unheard):
            said = (
                f"in the stage `{name}` such a denial has no consequence, and `{gained[0]}` may be used there"
            )
            yield _at_transition("stage-evaded", stages, drawn, said, gained[0])


def _and_then(machine: ast.Machine, stage: str) -> Iterator[tuple[str, int]]:
    """A stage, and those that it becomes by itself, each with the time until then."""
    then = {name: (duration, following) for name, duration, following in machine.timed}
    passed = 0
    yield stage, passed
    while stage in then:
        duration, stage = then[stage]
        passed += duration
        yield stage, passed


def _sooner(machine: ast.Machine, source: str, target: str) -> Iterator[str]:
    """The stages that a session gets into by going from one stage to another, and not as soon by waiting."""
    waiting = dict(_and_then(machine, source))
    return (name for name, passed in _and_then(machine, target) if passed < waiting.get(name, passed + 1))


def _either(names: list[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _at_stage(code: str, stages: CheckedStages, name: str, message: str) -> Finding:
    place = stages.places[name]
    return Finding.of(code, message, rule=f"stage.{name}", source=stages.source, span=place)


def _at_transition(
    code: str, stages: CheckedStages, drawn: Drawn, message: str, tool: str | None = None
) -> Finding:
    """A finding about a transition, to be justified at the stage that it leads to."""
    return Finding.of(
        code, message, rule=f"stage.{drawn.target}", source=stages.source, span=drawn.span, tool=tool
    )
