"""What authors justify: findings that are meant become notes with their reason, and reasons that outlived them show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..justified import Justification
from ..policy import CheckedPolicy
from .findings import Finding, ordered, placed


def apply_justifications(findings: Iterable[Finding], policy: CheckedPolicy) -> tuple[Finding, ...]:
    """The findings in order, those that the file justifies as notes with the reason, and ``stale-justification``.

    A finding about a rule is justified at the rule, one about a stage or its rule at the stage, one about a tool alone
    at the tool. A reason is stale when
    nothing that it justifies was found, unless a question about that rule or tool stayed open; in an included
    file, which other policies include too, that is a note.
    """
    used: set[tuple[str, str, str]] = set()
    undecided: set[tuple[str, str]] = set()
    found: list[Finding] = []
    for finding in findings:
        owner = ("rule", finding.rule) if finding.rule is not None else ("tool", finding.tool or "")
        if finding.code == "unknown":
            undecided.add(owner)
        given = _justified(policy, *owner).get(finding.code)
        if given is not None:
            used.add((*owner, finding.code))
            finding = replace(finding, severity="note", justification=given.reason)
        found.append(placed(finding, policy))
    found += _stale(policy, used, undecided)
    return ordered(found)


def _justified(policy: CheckedPolicy, kind: str, name: str) -> Mapping[str, Justification]:
    if kind == "tool":
        declared = policy.declarations.get(name)
        return declared.justified if declared is not None else {}
    stages = policy.stages.justified if policy.stages is not None else {}
    if name.startswith("stage.") and name.removeprefix("stage.") in stages:
        return stages[name.removeprefix("stage.")]
    return next((rule.justified for rule in policy.rules if rule.id == name), {})


def _stale(
    policy: CheckedPolicy, used: set[tuple[str, str, str]], undecided: set[tuple[str, str]]
) -> Iterable[Finding]:
    owners = [("rule", rule.id, rule.source, rule.justified) for rule in policy.rules]
    if policy.stages is not None:
        declared = policy.stages
        owners += [("rule", f"stage.{n}", declared.source, given) for n, given in declared.justified.items()]
    owners += [("tool", name, d.source, d.justified) for name, d in policy.declarations.items()]
    for kind, name, source, justified in owners:
        for code, given in justified.items():
            if (kind, name, code) in used or (kind, name) in undecided:
                continue
            own = policy.source is None or source == policy.source
            message = f"`{name}` justifies `{code}`, which was not found"
            yield Finding.of(
                "stale-justification",
                message,
                rule=name if kind == "rule" else None,
                tool=name if kind == "tool" else None,
                source=source,
                span=given.span,
                severity=None if own else "note",
            )
