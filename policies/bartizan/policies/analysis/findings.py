"""What the analyses report: findings, proofs, differences, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any as Json

from bartizan.guard import Outcome

from ..diagnostics import Source
from ..language.syntax import Span
from ..policy import CheckedInvariant, CheckedPolicy
from .answers import Answer, Budget, Counterexample, Proved, Refuted, Unknown
from .catalogue import CODES, SEVERITIES, Severity

NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Options:
    """How questions are asked.

    Attributes:
        budget: what one question may cost.
        isolated: solve in a worker process that can be killed.
        ablation: for ``without``, also ask what lying signals could let through.
    """

    budget: Budget = Budget()
    isolated: bool = True
    ablation: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an analysis found.

    Attributes:
        code: its kind, a key of :data:`.catalogue.CODES`.
        severity: ``note`` never fails; ``warning`` and ``error`` do.
        message: what is so, in one sentence.
        help: what to do about it.
        rule: the id of the rule that it is about, if it is about one.
        tool: the tool that it is about, if it is about one.
        source: the file that it points into, at ``span``; None where no file says it.
        answer: what was proved, or the counterexample that shows it, or why it is unknown.
        related: ids of other rules that play a part.
        justification: the author's reason, if the file gives one.
    """

    code: str
    severity: Severity
    message: str
    help: str | None = None
    rule: str | None = None
    tool: str | None = None
    source: Source | None = field(default=None, repr=False)
    span: Span = NOWHERE
    answer: Answer | None = None
    related: tuple[str, ...] = ()
    justification: str | None = None

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        *,
        rule: str | None = None,
        tool: str | None = None,
        source: Source | None = None,
        span: Span = NOWHERE,
        answer: Answer | None = None,
        related: tuple[str, ...] = (),
        severity: Severity | None = None,
        help: str | None = None,
    ) -> Finding:
        """A finding with the severity and the help of its kind, unless it has its own."""
        kind = CODES[code]
        return cls(
            code, severity or kind.severity, message, help or kind.remedy, rule, tool, source, span, answer, related
        )  # fmt: skip

    @property
    def witness(self) -> Counterexample | None:
        return self.answer.counterexample if isinstance(self.answer, Refuted) else None

    def to_json(self) -> dict[str, Json]:
        return {
            "code": self.code, "severity": self.severity, "message": self.message, "help": self.help,
            "rule": self.rule, "tool": self.tool, "place": place_json(self.source, self.span),
            "answer": None if self.answer is None else answer_json(self.answer),
            "related": list(self.related), "justification": self.justification,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one invariant.

    ``lying``: asked of signals that say anything at all, where the invariant is about missing ones. A refutation is
    then a note: every rule that trusts a signal can be widened by a lie.
    """

    invariant: CheckedInvariant
    answer: Answer
    seconds: float = 0.0
    lying: bool = False

    @property
    def claim(self) -> str:
        """What was asked, in the words of the file."""
        return f"{self.invariant.written}, if they lie" if self.lying else self.invariant.written

    def finding(self) -> Finding | None:
        """A refuted or undecided invariant as a finding."""
        match self.answer:
            case Proved():
                return None
            case Refuted():
                code, message = "refuted", f"this does not hold: {self.claim}"
            case Unknown(reason):
                code, message = "unknown", f"not decided: {self.claim}: {reason}"
        source, span = self.invariant.source, self.invariant.span
        severity: Severity | None = "note" if self.lying and code == "refuted" else None
        return Finding.of(code, message, source=source, span=span, answer=self.answer, severity=severity)

    def to_json(self) -> dict[str, Json]:
        return {
            "kind": self.invariant.kind, "invariant": self.claim,
            "place": place_json(self.invariant.source, self.invariant.span),
            "answer": answer_json(self.answer), "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A class of calls of one tool that the new version decides otherwise, with one of them.

    ``because_old`` and ``because_new`` are the rules that make the versions decide as they do.
    """

    tool: str
    because_old: tuple[str, ...]
    because_new: tuple[str, ...]
    old: Outcome
    new: Outcome
    witness: Counterexample

    @property
    def message(self) -> str:
        before, after = ", ".join(self.because_old), ", ".join(self.because_new)
        if "result" in self.witness.case:
            return f"results of `{self.tool}`: {before} before, {after} now"
        was, becomes = (f"{o.name} (because of {why})" for o, why in ((self.old, before), (self.new, after)))
        return f"calls of `{self.tool}`: {was} becomes {becomes}"

    def to_json(self) -> dict[str, Json]:
        return {
            "tool": self.tool, "old": self.old.name, "new": self.new.name, "because_old": list(self.because_old),
            "because_new": list(self.because_new), "witness": witness_json(self.witness),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new version of a policy lets go that the old one did not, and the other way round.

    ``unknown`` are the questions that stayed open, a sentence each.
    """

    newly_allowed: tuple[Change, ...] = ()
    newly_denied: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()

    def exit_code(self, strict: bool = False) -> int:
        """0 when nothing more is let go (``strict``: nothing less either), 1 otherwise, 2 when that is unknown."""
        if self.unknown:
            return 2
        return int(bool(self.newly_allowed or (strict and self.newly_denied)))

    def findings(self, new: CheckedPolicy, strict: bool = False) -> tuple[Finding, ...]:
        """The changes at the rules of the new version that decide now."""
        found = [_changed("newly-allowed", change, new, "warning") for change in self.newly_allowed]
        severity: Severity = "warning" if strict else "note"
        found += [_changed("newly-denied", change, new, severity) for change in self.newly_denied]
        return (*found, *(Finding.of("unknown", text, source=new.source) for text in self.unknown))

    def to_json(self) -> dict[str, Json]:
        return {
            "newly_allowed": [change.to_json() for change in self.newly_allowed],
            "newly_denied": [change.to_json() for change in self.newly_denied],
            "unknown": list(self.unknown),
        }  # fmt: skip


def _changed(code: str, change: Change, new: CheckedPolicy, severity: Severity) -> Finding:
    rule = next((r for r in new.rules if r.id in change.because_new), None)
    witness = change.witness
    if witness.outcome is not change.new:  # it is what the old version answers: the message says both
        witness = replace(witness, outcome=None, because=())
    finding = Finding.of(
        code, change.message, tool=change.tool, answer=Refuted(witness), severity=severity,
        related=change.because_old,
    )  # fmt: skip
    if rule is not None:
        return replace(finding, rule=rule.id, source=rule.source, span=rule.span)
    return placed(replace(finding, source=None), new)


@dataclass(frozen=True, slots=True)
class Report:
    """What one command found in one policy."""

    policy: CheckedPolicy = field(repr=False)
    findings: tuple[Finding, ...] = ()
    proofs: tuple[Proof, ...] = ()
    seconds: float = 0.0

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings, those of the invariants included."""
        return (*self.findings, *(f for proof in self.proofs if (f := proof.finding()) is not None))

    @property
    def counts(self) -> dict[str, int]:
        """How many problems there are of each severity; a justified one counts as ``justified`` only."""
        found = dict.fromkeys((*SEVERITIES, "justified"), 0)
        for finding in self.problems:
            found["justified" if finding.justification is not None else finding.severity] += 1
        return found

    @property
    def exit_code(self) -> int:
        return exit_code(self.problems)

    def shown(self, notes: bool) -> Report:
        """The report, or the report without its notes."""
        if notes:
            return self
        return replace(self, findings=tuple(f for f in self.findings if f.severity != "note"))

    def to_json(self) -> dict[str, Json]:
        return {
            "policy": self.policy.name, "hash": self.policy.hash,
            "file": self.policy.source.file if self.policy.source is not None else None,
            "findings": [finding.to_json() for finding in self.findings],
            "proofs": [proof.to_json() for proof in self.proofs],
            "counts": self.counts, "seconds": round(self.seconds, 3), "exit": self.exit_code,
        }  # fmt: skip


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing to do. 1: a warning or an error. 2: a question stayed open, so there may be more."""
    code = 0
    for finding in findings:
        if finding.code == "unknown":
            return 2
        if finding.severity != "note":
            code = 1
    return code


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once; by file and place, then by severity and kind."""

    def key(finding: Finding) -> tuple[Json, ...]:
        file = finding.source.file if finding.source is not None else ""
        severity = SEVERITIES.index(finding.severity)
        return file, finding.span, severity, finding.code, finding.tool or "", finding.message

    seen: dict[tuple[Json, ...], Finding] = {}
    for finding in findings:
        seen.setdefault((key(finding), finding.rule), finding)
    return tuple(sorted(seen.values(), key=key))


def placed(finding: Finding, policy: CheckedPolicy) -> Finding:
    """A finding that says no place, at the declaration of its tool, or at the beginning of the policy."""
    if finding.source is not None:
        return finding
    declared = policy.declarations.get(finding.tool or "")
    if declared is not None:
        return replace(finding, source=declared.source, span=declared.span)
    return replace(finding, source=policy.source)


def place_json(source: Source | None, span: Span) -> dict[str, Json] | None:
    """A place as machines take it: lines and columns from 1, the end column is that after the last character."""
    if source is None:
        return None
    line, column = source.position(span.start)
    end_line, end_column = source.position(max(span.end, span.start))
    return {
        "file": source.file, "line": line, "column": column, "end_line": end_line, "end_column": end_column
    }  # fmt: skip


def answer_json(answer: Answer) -> dict[str, Json]:
    match answer:
        case Proved(how, core, witness):
            return {"answer": "proved", "how": how, "core": list(core), "witness": witness_json(witness)}
        case Refuted(counterexample):
            return {"answer": "refuted", "witness": witness_json(counterexample)}
        case Unknown(reason):
            return {"answer": "unknown", "reason": reason}


def witness_json(witness: Counterexample | None) -> dict[str, Json] | None:
    if witness is None:
        return None
    return {
        "case": dict(witness.case),
        "outcome": witness.outcome.name if witness.outcome is not None else None,
        "because": list(witness.because), "assumed": list(witness.assumed),
    }  # fmt: skip
