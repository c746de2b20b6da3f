"""From a policy to the question that a stream asks of a call which is still arriving: can it still be let go?

A call is hopeless when some deny rule is T or E, or every allow and escalate rule is out of reach, for every value of
what is not known yet; when it names no declared tool; or when an argument does not have its type. An argument that may
be corrected counts as not known, until it has left. Of what is found hopeless every completion is denied; what is not
found may be hopeless all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any as Json

from bartizan.guard import Principal, Session

from ..evaluation.registers import direct_signals
from ..language.types import Record, ToolDecl
from ..language.values import E, Nonconforming, conform
from ..policy import CheckedRule
from ..program import Program
from .partial import Evaluate, Known, plan


@dataclass(frozen=True, slots=True)
class _Rule:
    values: Evaluate
    softened: bool  # a missing signal may turn its E into an escalation


@dataclass(frozen=True, slots=True)
class _Rules:
    deny: tuple[_Rule, ...]
    escalate: tuple[_Rule, ...]
    allow: tuple[_Rule, ...]


class Completion:
    """Asks a program about calls that are still arriving.

    Attributes:
        session, principal: in which the calls will be decided, if that is known: then it is known where arguments come
            from, and who asks. What a session remembers otherwise is not relied on, since it may change meanwhile.
        corrected: whether calls may be corrected; else what is complete is fixed.
    """

    def __init__(
        self,
        program: Program,
        *,
        session: Session | None = None,
        principal: Principal | None = None,
        corrected: bool = True,
    ) -> None:
        self._program = program
        self._session = session
        self._corrected = corrected
        self._principal = (
            {"id": principal.id, "roles": tuple(sorted(principal.roles))} if principal is not None else None
        )
        self._rules = program.kept(
            "completion", lambda: {tool: _rules(program, tool) for tool in program.tools}
        )

    def possible(self, tool: str, known: Mapping[str, Json], sent: Collection[str] = ()) -> bool:
        """Whether some call of ``tool`` with these arguments could be let go, or be let go by a person.

        ``known`` are arguments that are complete; those in ``sent`` cannot be corrected any more.
        """
        decl = self._program.tools.get(tool)
        if decl is None:
            return False
        opened = {opening.path[0] for opening in self._program.openings(tool)} if self._corrected else set()
        fixed = {name: value for name, value in known.items() if name not in opened or name in sent}
        try:
            args = _conform(fixed, decl)
        except Nonconforming:
            return False
        sources = self._program.sources(self._session) if self._session is not None else None
        here = Known(tool, frozenset(fixed), args, fixed, self._principal, sources)
        return _possible(self._rules[tool], here)


def _possible(rules: _Rules, known: Known) -> bool:
    asked = False  # whether a person might be
    for rule in rules.deny:
        values = rule.values(known) or ()
        failing = any(value is E for value in values)
        if not any(value is False for value in values) and not (rule.softened and failing):
            return False
        asked = asked or (rule.softened and failing)
    if asked or any(_may(rule, known, True, E) for rule in rules.escalate):
        return True
    return any(_may(rule, known, True) for rule in rules.allow)


def _may(rule: _Rule, known: Known, *wanted: Json) -> bool:
    values = rule.values(known)
    return values is None or any(value is one for value in values for one in wanted)


def _conform(fixed: Mapping[str, Json], decl: ToolDecl) -> dict[str, Json]:
    if not isinstance(decl.args, Record):
        return dict(fixed)
    found = {}
    for name, value in fixed.items():
        field = decl.args.get(name)
        if field is None:
            raise Nonconforming(f"args.{name}", "no such field", "one that the tool does not declare")
        if value is not None or not field.optional:
            found[name] = conform(value, field.type, f"args.{name}")
    return found


def _rules(program: Program, tool: str) -> _Rules:
    def softened(rule: CheckedRule) -> bool:
        names = direct_signals(rule.conditions[tool])
        return any(program.policy.signals[name].missing == "escalate" for name in names)

    def of(effect: str) -> tuple[_Rule, ...]:
        here = [rule for rule in program.policy.rules if rule.effect == effect and tool in rule.conditions]
        return tuple(_Rule(plan(rule.conditions[tool]), softened(rule)) for rule in here if not rule.shadow)

    return _Rules(of("deny"), of("escalate"), of("allow"))
