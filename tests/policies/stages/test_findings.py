"""What ``lint`` says of stages: nothing of a sound policy, and each planted fault at its place."""

# ruff: noqa: E501 (the faults are texts of the policy)

from __future__ import annotations

import pytest
from tests.policies.stages import policies

from bartizan.policies.analysis import lint
from bartizan.policies.analysis.findings import Finding, Options
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.policy import CheckedPolicy

ABOUT = ("stage-", "transition-")


def found(policy: CheckedPolicy) -> list[Finding]:
    findings = apply_justifications(lint(policy, Options(isolated=False)), policy)
    return [finding for finding in findings if finding.code.startswith((*ABOUT, "stale", "unknown"))]


def line(finding: Finding) -> str:
    assert finding.source is not None
    return finding.source.line(finding.source.position(finding.span.start)[0]).strip()


def test_a_sound_graph_has_no_findings() -> None:
    """Every stage is reached and left, every transition fires, none overlap, and nobody gains by being denied."""
    assert found(policies.mail()) == []


def test_a_denial_that_starts_a_sanction_anew_is_no_gain() -> None:
    """What comes when the time is over would have come sooner without the denial."""
    again = ("from: [quarantined, probation], on: denied, because: [strangers], to: suspended",
             "from: [active, quarantined, probation], on: denied, because: [strangers], to: quarantined")  # fmt: skip
    once = ("    - {from: [active], on: denied, because: [strangers], to: quarantined}\n", "")
    assert "stage-provoked" not in {finding.code for finding in found(policies.mail(again, once))}


FAULTS = {
    "a stage that nothing leads to": (
        [("    closed:", "    parked: {}\n    closed:")], "stage-unreachable", "parked: {}", "`parked`",
    ),
    "a stage that its transition's condition keeps out": (
        [('result.text.contains("STOP")', "false")], "stage-unreachable", "closed: {only: [], final: true}", "`closed`",
    ),
    "a stage without a way out": (
        [("final: true", "final: false")], "stage-trap", "closed: {only: [], final: false}", "for ever",
    ),
    "a way out that never opens": (
        [("tools: [request_review], to: probation", "tools: [request_review], when: 'args.why == \"a\" && args.why == \"b\"', to: probation")],
        "stage-trap", "suspended: {only: [request_review]}", "for ever",
    ),
    "a transition that waits for a denial by a rule that never fires": (
        [("  - {id: careful", "  - {id: empty, deny: [send_mail], when: false}\n  - {id: careful"),
         ("  transitions:", "  transitions:\n    - {from: [active], on: denied, because: [empty], to: suspended}")],
        "transition-dead", "- {from: [active], on: denied, because: [empty], to: suspended}", "`active` to `suspended`",
    ),
    "a transition on a call that the stage lets nobody make": (
        [("  transitions:", "  transitions:\n    - {from: [quarantined], on: call, tools: [send_mail], to: suspended}")],
        "transition-dead", "- {from: [quarantined], on: call, tools: [send_mail], to: suspended}", "`quarantined`",
    ),
    "two ways to go at one event": (
        [("  transitions:", "  transitions:\n    - {from: [active], on: denied, tools: [send_mail], to: suspended}")],
        "stage-overlap", "- {from: [active], on: denied, because: [strangers], to: quarantined}", "line 21",
    ),
    "a condition on an optional argument": (
        [("on: denied, because: [strangers], to: quarantined", "on: denied, tools: [send_mail], when: args.note == \"x\", to: quarantined")],
        "stage-doubt", "- {from: [active], on: denied, tools: [send_mail], when: args.note == \"x\", to: quarantined}", "optional",
    ),
    "a stage in which the sanction does not apply": (
        [("from: [quarantined, probation]", "from: [quarantined]")],
        "stage-evaded", "- {from: [quarantined], on: denied, because: [strangers], to: suspended}", "`probation`",
    ),
    "a denial that sets the session free": (
        [("  transitions:", "  transitions:\n    - {from: [suspended], on: denied, tools: [read_file], to: active}")],
        "stage-provoked", "- {from: [suspended], on: denied, tools: [read_file], to: active}", "`suspended` to `active`",
    ),
    "a denial that shortens a sanction": (
        [("for: 1h\n      then: probation", "for: 30d\n      then: probation"),
         ("from: [quarantined, probation], on: denied, because: [strangers], to: suspended", "from: [quarantined, probation], on: denied, because: [strangers], to: probation")],
        "stage-provoked", "- {from: [quarantined, probation], on: denied, because: [strangers], to: probation}", "`quarantined` to `active`",
    ),
    "a denial that shortens a sanction by way of another": (
        [("from: [quarantined, probation], on: denied, because: [strangers], to: suspended",
          "from: [quarantined, probation], on: denied, because: [strangers], to: brief"),
         ("    suspended: {only", "    brief: {only: [], for: 1m, then: active}\n    suspended: {only")],
        "stage-provoked", "- {from: [quarantined, probation], on: denied, because: [strangers], to: brief}", "to `active`",
    ),
    "a way out that the agent opens itself": (
        [("  - {id: review, escalate: [request_review]}", "  - {id: review, allow: [request_review]}")],
        "stage-escape", "- {from: [suspended], on: call, tools: [request_review], to: probation}", "without being asked",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_at_its_place(name: str) -> None:
    """Each fault has its finding, which points at the stage or the transition and says which stages it is about."""
    changes, code, place, says = FAULTS[name]
    findings = found(policies.mail(*changes))
    assert [f.code for f in findings if f.code == code], [(f.code, f.message) for f in findings]
    hits = [f for f in findings if f.code == code and line(f).startswith(place[:60]) and says in f.message]
    assert hits, [(f.code, line(f), f.message) for f in findings]
    assert hits[0].help


def test_what_is_meant_is_justified_at_the_stage() -> None:
    """A finding about a stage or a transition into it becomes a note with the reason, and a reason can go stale."""
    meant = 'closed: {only: [], justified: {stage-trap: "closed for good"}}'
    [finding] = found(policies.mail(("closed: {only: [], final: true}", meant)))
    assert (finding.severity, finding.justification) == ("note", "closed for good")
    stale = 'closed: {only: [], final: true, justified: {stage-trap: "closed for good"}}'
    [finding] = found(policies.mail(("closed: {only: [], final: true}", stale)))
    assert finding.code == "stale-justification" and "stage-trap" in finding.message
