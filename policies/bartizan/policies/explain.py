"""Why a call was decided as it was, in full: what ``bartizan explain`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any as Json
from typing import Literal

from bartizan.guard import Decision, Outcome

from .evaluation.determine import Explained, atoms, determining
from .evaluation.scope import Scope
from .language import ast
from .language.values import E
from .policy import CheckedRule, Effect
from .provenance import Origin, Provenance

Truth = Literal["T", "F", "E"]


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule: its truth value, every atom of its condition with its value, and the atoms that decided."""

    rule: str
    effect: Effect
    shadow: bool
    value: Truth
    atoms: tuple[tuple[str, str], ...]
    determining: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ArgumentOrigin:
    """One scalar argument, and where its value occurs in the session."""

    path: str
    value: Json
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    decision: Decision
    rules: tuple[RuleTrace, ...]
    arguments: tuple[ArgumentOrigin, ...]

    def changes(self) -> Iterator[str]:
        """What would have to be otherwise for a better outcome, one sentence each."""
        outcome = self.decision.outcome
        if outcome is Outcome.ALLOW:
            return
        blocking = [
            r for r in self.rules if not r.shadow and r.effect in _BLOCKING[outcome] and r.value != "F"
        ]
        for rule in blocking:
            if rule.determining:
                yield f"{rule.rule}: one of these would have to differ: {'; '.join(rule.determining)}"
            else:
                yield f"{rule.rule}: applies to every call of this tool"
        if not blocking:
            for rule in self.rules:
                if rule.effect == "allow" and not rule.shadow:
                    yield f"{rule.rule}: would allow it if these were true: {'; '.join(rule.determining)}"
        elif outcome is Outcome.ESCALATE:
            yield "an approval of exactly this call would let it go"


_BLOCKING: Mapping[Outcome, tuple[Effect, ...]] = {
    Outcome.DENY: ("deny",),
    Outcome.ESCALATE: ("escalate", "deny"),
}


def trace_rule(rule: CheckedRule, tree: Explained, scope: Scope) -> RuleTrace:
    value = tree.evaluate(scope)
    named = tuple(rule.text_of(node) for node, _ in determining(tree, scope) if node != ast.TRUE)
    every = tuple((rule.text_of(node), _show(v)) for node, v in atoms(tree, scope) if node != ast.TRUE)
    return RuleTrace(rule.id, rule.effect, rule.shadow, _truth(value), every, named, rule.reason)


def argument_origins(args: Mapping[str, Json], provenance: Provenance) -> tuple[ArgumentOrigin, ...]:
    """Each scalar in the arguments with its origins, in order of path."""
    return tuple(
        ArgumentOrigin(path, value, provenance.origins(value)) for path, value in _scalars("args", args)
    )


def _scalars(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(f"{path}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _scalars(f"{path}[{index}]", item)
    else:
        yield path, value


def _truth(value: Json) -> Truth:
    return "E" if value is E else "T" if value else "F"


def _show(value: Json) -> str:
    return _truth(value) if value is E or isinstance(value, bool) else str(value)
