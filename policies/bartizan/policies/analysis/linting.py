"""``bartizan lint``: every question about every rule and tool of one policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..policy import CheckedPolicy, CheckedRule
from ..program import Program
from .answers import Budget
from .checks.conflicts import conflicts
from .checks.coverage import never_allowed, unconstrained
from .checks.polarity import misplaced_tests
from .checks.races import races
from .checks.rules import about_results, fires_never, may_fail, says_nothing
from .checks.shadowing import shadowed
from .checks.stages import about_stages, stage_findings
from .checks.study import Study
from .checks.witnesses import Witnesses
from .findings import Finding
from .sequences.established import establish
from .solve.worker import Asking


def questions(policy: CheckedPolicy, budget: Budget, skip: frozenset[str]) -> Iterator[Asking | Finding]:
    """The findings, each question announced before it is asked. Questions in ``skip`` are not asked."""
    plain = Study(policy, budget)
    facts = establish(policy, budget, about_stages(policy))
    study = Study(policy, budget, facts)
    program = Program(policy)
    witnesses = Witnesses(program, budget)
    asks: tuple[tuple[str, Callable[[CheckedRule], Iterator[Finding]]], ...] = (
        ("can it fire", partial(fires_never, study, plain)),
        ("does it always", partial(says_nothing, study)),
        ("can it be E", partial(may_fail, study, witnesses)),
        ("does it matter", partial(shadowed, study)),
        ("can it be raced", partial(races, program, budget)),
        ("are its texts tested well", misplaced_tests),
    )
    for rule in study.call_rules:
        dead = False
        for name, ask in asks:
            if f"{rule.id}: {name}" not in skip and not dead:
                yield Asking(f"{rule.id}: {name}")
                for finding in ask(rule):
                    dead = dead or finding.code in ("vacuous", "unreachable")  # changes nothing, said once
                    yield finding
    for rule in policy.rules:
        if rule.effect in ("redact", "label") and not rule.shadow and f"{rule.id}: results" not in skip:
            yield Asking(f"{rule.id}: results")
            yield from about_results(study, rule)
    yield from _about_tools(study, witnesses, skip)
    if policy.stages is not None and "stages" not in skip:
        yield Asking("stages")
        yield from stage_findings(policy, policy.stages, budget, facts)


def _about_tools(study: Study, witnesses: Witnesses, skip: frozenset[str]) -> Iterator[Asking | Finding]:
    reported: set[tuple[str, str]] = set()
    for tool in sorted(study.policy.tools):
        yield from unconstrained(study.policy, tool)
        if f"{tool}: calls" not in skip:
            yield Asking(f"{tool}: calls")
            yield from never_allowed(study, tool)
        if f"{tool}: conflicts" not in skip and any(tool in r.conditions for r in study.call_rules):
            yield Asking(f"{tool}: conflicts")
            yield from conflicts(witnesses, study.tool(tool), reported)
