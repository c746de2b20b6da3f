"""Findings, proofs and differences for people: where, what, the call that shows it, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any as Json

from rich.console import Console
from rich.text import Text

from bartizan.policies import CheckedPolicy
from bartizan.policies.analysis.answers import Counterexample, Proved
from bartizan.policies.analysis.findings import Difference, Finding, Proof, Report
from bartizan.policies.diagnostics import Diagnostic, visible

from .inert import json_text

LINES = 8  # of a rule that are shown
_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def print_findings(report: Report, console: Console, notes: bool = True) -> None:
    """What ``lint`` says about one policy."""
    console.print(_headline(report, "clean"))
    for finding in report.findings:
        if notes or finding.severity != "note":
            print_finding(finding, console)


def print_proofs(report: Report, console: Console) -> None:
    """What ``prove`` says about one policy: every invariant, in order."""
    nothing = "no invariants" if not report.proofs else f"{_plural(len(report.proofs), 'invariant')} proved"
    console.print(_headline(report, nothing))
    for proof in report.proofs:
        _print_proof(proof, console)
    for finding in report.findings:
        print_finding(finding, console)


def print_difference(
    difference: Difference,
    old: CheckedPolicy,
    new: CheckedPolicy,
    seconds: float,
    console: Console,
    strict: bool = False,
) -> None:
    """What ``diff`` says: how many classes of calls change, and one call of each."""
    console.print(Text(f"{_named(old)} -> {_named(new)} ({seconds:.1f} s)"))
    findings = difference.findings(new, strict)
    for code, title in (("newly-allowed", "newly allowed"), ("newly-denied", "newly denied")):
        some = [finding for finding in findings if finding.code == code]
        count = _plural(len(some), "class", "classes") if some else "nothing"
        style = _STYLES["warning" if some and some[0].severity == "warning" else "note"] if some else "green"
        console.print()
        console.print(Text(f"{title}: {count}", style=style))
        for finding in some:
            print_finding(finding, console)
    for finding in findings:
        if finding.code == "unknown":
            print_finding(finding, console)


def print_finding(finding: Finding, console: Console) -> None:
    """The place, the rule's text, the call that shows it, what to do."""
    console.print()
    console.print(_excerpt(finding))
    if finding.justification is not None:
        console.print(Text(f"  justified: {visible(finding.justification)}", style="dim"))
    if finding.related:
        console.print(Text(f"  see also: {visible(', '.join(finding.related))}", style="dim"))
    if finding.witness is not None:
        _print_lines(witness_lines(finding.witness), console)


def _excerpt(finding: Finding) -> Text:
    style = _STYLES[finding.severity]
    help = finding.help if finding.justification is None else None
    if finding.source is None:
        text = f"{finding.severity}[{finding.code}]: {visible(finding.message)}"
        text += f"\n = help: {visible(help)}" if help else ""
    else:
        diagnostic = Diagnostic(finding.code, finding.message, finding.span, help)
        text = finding.source.render(diagnostic, finding.severity, LINES)
    shown = Text(text)
    label = f"{finding.severity}[{finding.code}]"
    start = text.find(label)
    shown.stylize(style, start, start + len(label))
    return shown


def _print_proof(proof: Proof, console: Console) -> None:
    invariant, answer = proof.invariant, proof.answer
    if not isinstance(answer, Proved):
        finding = proof.finding()
        assert finding is not None
        print_finding(finding, console)
        return
    place = ""
    if invariant.source is not None:
        line, column = invariant.source.position(invariant.span.start)
        place = f"{visible(invariant.source.file)}:{line}:{column}: "
    how = f", {visible(answer.how)}" if answer.how else ""
    console.print()
    timing = f" ({proof.seconds:.1f} s{how})"
    text = Text.assemble(place, ("proved", "bold green"), f": {visible(proof.claim)}", (timing, "dim"))
    console.print(text)
    if answer.witness is not None:
        _print_lines(witness_lines(answer.witness), console)


def _print_lines(lines: Iterable[str], console: Console) -> None:
    for line in lines:
        console.print(Text(f"  {line}".rstrip()))


def witness_lines(witness: Counterexample) -> Iterator[str]:
    """A counterexample: what the policy answers and why, the call, what happened before, what is assumed."""
    case = witness.case
    subject = "call" if "call" in case else "result"
    because = f", because of {', '.join(witness.because)}" if witness.because else ""
    answered = f" is {witness.outcome.name}{because}" if witness.outcome is not None else " shows it"
    yield visible(f"this {subject}{answered}:")
    yield from _indented(json_text(case.get(subject), 2))
    for key in ("principal", "now", "signals", "approved"):
        if case.get(key):
            yield f"with {key}: {json_text(case[key])}"
    if events := list(_events(case)):
        yield "after:"
        yield from (f"  {number}. {event}" for number, event in enumerate(events, 1))
    for assumption in witness.assumed:
        yield visible(f"assuming that {assumption}")


def _events(case: Mapping[str, Json]) -> Iterator[str]:
    if case.get("prompt") is not None:
        yield f"prompt {json_text(case['prompt'])}"
    for event in case.get("history", ()):
        kind = next(
            (kind for kind in ("prompt", "text", "call", "denied", "result") if kind in event), "event"
        )
        at = f", {visible(str(event['at']))} before" if event.get("at") else ""
        signals = f", signals {json_text(event['signals'])}" if event.get("signals") else ""
        yield f"{kind} {json_text(event.get(kind))}{at}{signals}"


def _indented(text: str) -> Iterator[str]:
    yield from (f"  {line}" for line in text.split("\n"))


def _headline(report: Report, nothing: str) -> Text:
    counts = [
        (_plural(number, name) if name != "justified" else f"{number} justified", _STYLES.get(name, "dim"))
        for name, number in report.counts.items()
        if number
    ]
    text = Text(f"{_named(report.policy)}: ")
    for index, part in enumerate(counts or [(nothing, "green")]):
        text.append(", " if index else "").append(*part)
    return text.append(f" ({report.seconds:.1f} s)", "dim")


def _named(policy: CheckedPolicy) -> str:
    file = policy.source.file if policy.source is not None else policy.name
    return visible(f"{file}: {policy.name}, policy {policy.hash[:12]}")


def _plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
