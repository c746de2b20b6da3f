"""Observed calls, and what each allow rule let go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any as Json
from typing import Protocol

from bartizan.guard import MalformedCall, Outcome, Request, Session, ToolCall

from ...language.types import Record
from ...language.values import Nonconforming, conform
from ...policy import CheckedPolicy
from ...program import Program


@dataclass(frozen=True, slots=True)
class Observed:
    """A call that was made, with what the policy decided.

    Attributes:
        rules: those that determined the outcome; None where that is not known: then every allow rule in whose
            scope the call is may have let it go.
        moment: the request and the session in which it was made, where they are known. With them, the new
            policy decides the call itself.
    """

    call: ToolCall
    outcome: Outcome
    rules: tuple[str, ...] | None = None
    moment: tuple[Request, Session] | None = field(default=None, repr=False)


class ReplayedCall(Protocol):
    """What replaying a recording yields for each call (``bartizan.integrations.replay``)."""

    @property
    def tool(self) -> str: ...
    @property
    def args(self) -> Json: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def rules(self) -> tuple[str, ...]: ...


def observe(program: Program, request: Request, session: Session) -> Observed:
    """A call in its session, as the program decides it."""
    decision = program.decide(request, session)
    rules = tuple(reason.rule for reason in decision.reasons)
    return Observed(request.call, decision.outcome, rules, (request, session))


def replayed(calls: Iterable[ReplayedCall]) -> Iterable[Observed]:
    """The calls of a replay. What was recorded and is no call (its arguments are no object) is left out."""
    for index, each in enumerate(calls):
        try:
            call = ToolCall.of(f"observed-{index}", each.tool, each.args)
        except MalformedCall:
            continue
        yield Observed(call, each.outcome, each.rules)


@dataclass(slots=True)
class Usage:
    """What was observed, sorted by who let it go.

    Attributes:
        let_go: the arguments, as values of their types, by allow rule and tool.
        calls: the observed calls that went without asking and belong to this policy.
        seen: how many calls of each tool were observed, whatever became of them.
        foreign: how many of the calls that went do not conform to their tool's declaration, or have none.
    """

    let_go: Mapping[tuple[str, str], list[Mapping[str, Json]]]
    calls: list[Observed]
    seen: Mapping[str, int]
    foreign: int


def usage(policy: CheckedPolicy, calls: Iterable[Observed | tuple[ToolCall, Outcome]]) -> Usage:
    """Sort observed calls by the allow rules that let them go."""
    allowing = {r.id: r for r in policy.rules if r.effect == "allow" and not r.shadow}
    let_go: dict[tuple[str, str], list[Mapping[str, Json]]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    kept: list[Observed] = []
    foreign = 0
    for each in calls:
        observed = each if isinstance(each, Observed) else Observed(*each)
        tool = observed.call.tool
        seen[tool] += 1
        if observed.outcome is not Outcome.ALLOW:
            continue
        args = conforming(policy, observed.call)
        if args is None:
            foreign += 1
            continue
        kept.append(observed)
        for id in allowing if observed.rules is None else observed.rules:
            if id in allowing and tool in allowing[id].conditions:
                let_go[id, tool].append(args)
    return Usage(let_go, kept, seen, foreign)


def conforming(policy: CheckedPolicy, call: ToolCall) -> Mapping[str, Json] | None:
    """A call's arguments as values of their types, or None; of a tool that takes anything, nothing is known."""
    declared = policy.tools.get(call.tool)
    if declared is None:
        return None
    if not isinstance(declared.args, Record):
        return {}
    try:
        args: Mapping[str, Json] = conform(dict(call.args), declared.args)
    except Nonconforming:
        return None
    return args
