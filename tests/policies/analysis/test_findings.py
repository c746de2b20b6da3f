"""Findings and reports: what fails, what is justified, what machines read."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from bartizan.guard import Outcome
from bartizan.policies import CheckedPolicy, check_policy
from bartizan.policies.analysis.answers import Counterexample, Proved, Refuted, Unknown
from bartizan.policies.analysis.catalogue import CODES
from bartizan.policies.analysis.findings import Change, Difference, Finding, Proof, Report, exit_code, ordered
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.diagnostics import Source

POLICY = """\
version: 1
name: x
tools:
  send:
    args: {to: str}
    justified: {unconstrained: free text}
rules:
  - {id: all, allow: [send]}
  - id: ask
    escalate: [send]
    when: args.to == "x"
    justified: {shadowed: a second line, always: to be seen}
invariants:
  - never: allowed(send) && args.to == "x"
"""
CASE = {"call": {"tool": "send", "args": {"to": "x"}}}


@pytest.fixture
def policy() -> CheckedPolicy:
    return check_policy(Source("p.yaml", POLICY))


def about(policy: CheckedPolicy, code: str, rule: str) -> Finding:
    found = next(r for r in policy.rules if r.id == rule)
    return Finding.of(code, "m", rule=rule, source=found.source, span=found.span)


def test_every_kind_is_explained() -> None:
    """A kind has a title, a meaning and a remedy, each without the final full stop or with it as documented."""
    for code, kind in CODES.items():
        assert kind.code == code
        assert kind.title and not kind.title.endswith(".")
        assert kind.means.endswith(".")
        assert kind.remedy and not kind.remedy.endswith(".")


def test_the_documentation_lists_every_finding_of_lint() -> None:
    """The table has each kind with its severity."""
    text = (Path(__file__).parents[3] / "docs/analysis.md").read_text("utf-8")
    for kind in CODES.values():
        if kind.code not in ("refuted", "newly-allowed", "newly-denied"):
            assert f"| `{kind.code}` | {kind.severity} | " in text


def test_justified_findings_become_notes_with_the_reason(policy: CheckedPolicy) -> None:
    """A reason at the rule or at the tool makes a note of its finding, and of no other."""
    found = apply_justifications(
        [
            about(policy, "shadowed", "ask"),
            about(policy, "always", "ask"),
            about(policy, "shadowed", "all"),
            Finding.of("unconstrained", "m", tool="send"),
        ],
        policy,
    )
    assert [(f.code, f.rule or f.tool, f.severity, f.justification) for f in found] == [
        ("unconstrained", "send", "note", "free text"),
        ("shadowed", "all", "warning", None),
        ("always", "ask", "note", "to be seen"),
        ("shadowed", "ask", "note", "a second line"),
    ]
    assert exit_code(found) == 1
    assert exit_code(f for f in found if f.rule != "all") == 0


def test_a_reason_without_a_finding_is_stale(policy: CheckedPolicy) -> None:
    """A reason that justifies nothing is a warning at the reason itself."""
    found = apply_justifications([about(policy, "shadowed", "ask")], policy)
    stale = [f for f in found if f.code == "stale-justification"]
    assert [(f.rule, f.tool) for f in stale] == [(None, "send"), ("ask", None)]
    for finding in stale:
        assert finding.source is not None
        assert finding.severity == "warning"
        text = finding.source.text[finding.span.start : finding.span.end]
        assert text in ("always", "unconstrained")


def test_an_open_question_makes_no_reason_stale(policy: CheckedPolicy) -> None:
    """Where a question about the rule stayed open, its reasons may still be needed."""
    found = apply_justifications(
        [about(policy, "unknown", "ask"), Finding.of("unknown", "m", tool="send")], policy
    )
    assert {f.code for f in found} == {"unknown"}
    assert exit_code(found) == 2


def test_an_open_question_cannot_be_justified_away(policy: CheckedPolicy) -> None:
    """Even next to warnings the exit code says that something is open."""
    assert exit_code([about(policy, "shadowed", "ask"), about(policy, "unknown", "ask")]) == 2


def test_a_stale_reason_in_an_included_file_is_a_note(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Other policies include that file too, and there the finding may occur."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "pack.yaml").write_text(POLICY.replace("invariants:\n  - never", "# - never"))
    main = folder / "main.yaml"
    main.write_text("version: 1\nname: main\ninclude: [pack.yaml]\n")
    policy = check_policy(Source(str(main), main.read_text()))
    found = apply_justifications([], policy)
    assert {f.code for f in found} == {"stale-justification"}
    assert {f.severity for f in found} == {"note"}


def test_findings_come_in_the_order_of_the_file_and_once(policy: CheckedPolicy) -> None:
    """The order does not depend on that of the questions, and the same finding twice is one."""
    some = [
        about(policy, "shadowed", "ask"),
        about(policy, "vacuous", "all"),
        about(policy, "conflict", "all"),
    ]
    assert ordered([*some, *some]) == ordered(some[::-1])
    assert [f.code for f in ordered(some)] == ["vacuous", "conflict", "shadowed"]


def test_what_says_no_place_is_at_its_tool(policy: CheckedPolicy) -> None:
    """A finding about a tool points at its declaration, one about nothing in particular at the policy."""
    tool, none = sorted(
        (f for f in apply_justifications([Finding.of("never-allowed", "m", tool="send"), Finding.of("unknown", "m")],
         policy) if f.code != "stale-justification"), key=lambda f: f.code)  # fmt: skip
    assert tool.source is not None and none.source is policy.source
    assert tool.source.position(tool.span.start) == (4, 3)


def test_reports_add_up(policy: CheckedPolicy) -> None:
    """Refuted invariants count as errors (exit code 1), open ones fail with 2, proved ones pass."""
    (invariant,) = policy.invariants
    refuted = Proof(invariant, Refuted(Counterexample(CASE, Outcome.ALLOW, ("all",))))
    proved, unknown = Proof(invariant, Proved("2-induction")), Proof(invariant, Unknown("too long"))
    assert Report(policy, proofs=(proved,)).exit_code == 0
    assert Report(policy, proofs=(proved, refuted)).exit_code == 1
    assert Report(policy, proofs=(refuted, unknown)).exit_code == 2
    assert Report(policy, proofs=(Proof(invariant, Refuted(None)),)).exit_code == 1
    report = Report(policy, (about(policy, "conflict", "all"),), (refuted, unknown, proved), 1.5)
    assert report.counts == {"error": 2, "warning": 0, "note": 1, "justified": 0}
    assert report.shown(notes=False).findings == ()
    read = json.loads(json.dumps(report.to_json()))
    assert read["file"] == "p.yaml"
    assert read["findings"][0]["place"] == {
        "file": "p.yaml",
        "line": 8,
        "column": 5,
        "end_line": 8,
        "end_column": 29,
    }
    assert [p["answer"]["answer"] for p in read["proofs"]] == ["refuted", "unknown", "proved"]
    assert read["proofs"][0]["answer"]["witness"]["outcome"] == "ALLOW"


def test_differences_fail_on_what_is_newly_allowed(policy: CheckedPolicy) -> None:
    """Newly denied calls fail only when strict; what is unknown fails always."""
    witness = Counterexample(CASE, Outcome.ALLOW, ("all",))
    looser = Change("send", ("default",), ("all",), Outcome.DENY, Outcome.ALLOW, witness)
    stricter = Change("send", ("all",), ("default",), Outcome.ALLOW, Outcome.DENY, witness)
    assert [Difference().exit_code(), Difference((looser,)).exit_code()] == [0, 1]
    assert [Difference((), (stricter,)).exit_code(s) for s in (False, True)] == [0, 1]
    assert Difference((looser,), (), ("calls of send: too hard",)).exit_code() == 2
    for strict in (False, True):
        difference = Difference((looser,), (stricter,), ())
        assert exit_code(difference.findings(policy, strict)) == difference.exit_code(strict)
    allowed, denied = Difference((looser,), (stricter,)).findings(policy)
    assert (allowed.rule, allowed.witness) == ("all", witness)
    assert "DENY (because of default) becomes ALLOW (because of all)" in allowed.message
    assert denied.severity == "note"
    assert denied.witness == replace(witness, outcome=None, because=())  # that was the old version's answer


def test_findings_travel_between_processes(policy: CheckedPolicy) -> None:
    """A worker process hands over findings whole, with their source."""
    finding = about(policy, "shadowed", "ask")
    assert pickle.loads(pickle.dumps(finding)) == finding
    again: Finding = pickle.loads(pickle.dumps(finding))
    assert again.source is not None
    assert again.source.position(again.span.start) == (9, 5)
