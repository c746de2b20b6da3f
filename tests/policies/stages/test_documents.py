"""Stages in a policy file: what they mean to calls, what is refused and where, and that other policies stay as they are."""

# ruff: noqa: E501 (the faults are texts of the policy)

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.policies.stages import policies

from bartizan.guard import Event, Outcome, Request, Session, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.casework import run_tests
from bartizan.policies.diagnostics import PolicyError
from bartizan.policies.document.schema import json_schema
from bartizan.policies.history import begin, record, record_denied

HOUR = 3_600_000_000
STRANGER = ToolCall.of("c", "send_mail", {"to": "eve@evil.com"})
COLLEAGUE = ToolCall.of("c", "send_mail", {"to": "ann@corp.com"})
READ = ToolCall.of("c", "read_file", {"path": "/a"})
REVIEW = ToolCall.of("c", "request_review", {"why": "it was a typo"})


@pytest.fixture
def program() -> Program:
    return Program(policies.mail())


def denied(program: Program, session: Session, call: ToolCall, now: int) -> Session:
    noted = record_denied(program, session, Request(call, now))
    assert noted is not None
    return noted[0]


def outcome(program: Program, session: Session, call: ToolCall, now: int) -> tuple[Outcome, tuple[str, ...]]:
    decision = program.decide(Request(call, now), session)
    return decision.outcome, tuple(reason.rule for reason in decision.reasons)


def test_a_sanction_begins_with_a_denial_and_ends_with_time(program: Program) -> None:
    """An hour of reading only, then a day of asking, then everything as before; each window is closed."""
    session = denied(program, begin(program), STRANGER, 0)
    assert outcome(program, session, COLLEAGUE, HOUR) == (Outcome.DENY, ("stage.quarantined",))
    assert outcome(program, session, READ, HOUR)[0] is Outcome.ALLOW
    assert outcome(program, session, COLLEAGUE, HOUR + 1) == (Outcome.ESCALATE, ("careful",))
    assert outcome(program, session, COLLEAGUE, 25 * HOUR)[0] is Outcome.ESCALATE
    assert outcome(program, session, COLLEAGUE, 25 * HOUR + 1)[0] is Outcome.ALLOW


def test_a_second_denial_suspends_and_a_person_restores(program: Program) -> None:
    """Where a stage's transition is on a call that must be approved, only an approval leads out of it."""
    session = denied(program, begin(program), STRANGER, 0)
    session = denied(program, session, STRANGER, HOUR // 2)
    late = 1_000 * HOUR
    assert outcome(program, session, READ, late) == (Outcome.DENY, ("stage.suspended",))
    assert outcome(program, session, REVIEW, late)[0] is Outcome.ESCALATE
    session = record(program, session, Event("call", late, call=REVIEW))
    assert outcome(program, session, READ, late)[0] is Outcome.ALLOW
    assert outcome(program, session, COLLEAGUE, late)[0] is Outcome.ESCALATE


def test_the_author_says_why(program: Program) -> None:
    """The reason of a stage is what a denial in it says; without one it names the stage and its tools."""
    session = denied(program, begin(program), STRANGER, 0)
    [reason] = program.decide(Request(COLLEAGUE, 1), session).reasons
    assert reason.text == "A mail to a stranger was stopped."
    session = denied(program, session, STRANGER, 2)
    assert "suspended, request_review" in program.decide(Request(READ, 3), session).reasons[0].text


@pytest.mark.parametrize(
    "call", [ToolCall.of("c", "send_mail", {"to": 3}), ToolCall.of("c", "no_such_tool", {})]
)
def test_what_is_no_call_is_no_denial(program: Program, call: ToolCall) -> None:
    """Malformed calls and unknown tools are denied and lead nowhere: they were never a try of anything."""
    session = begin(program)
    assert denied(program, session, call, 0).state == session.state


def test_denials_touch_stages_only() -> None:
    """A denied call is no event to other operators: nobody resets them by being denied."""
    text = policies.MAIL.replace(
        "  - {id: careful",
        """  - {id: after, escalate: [read_file], when: 'session.prev(event.kind == "prompt")'}
  - {id: still, escalate: [read_file], when: 'session.since(event.kind == "prompt", event.kind == "prompt")'}
  - {id: careful""",
    )
    program = compile_policy(text)
    session = record(program, begin(program), Event("prompt", 0, "Go."))
    for id, state in denied(program, session, STRANGER, 1).state.items():
        assert id.startswith("stage-") or state == session.state[id]


def test_an_unknown_stage_stops_and_never_lets_go() -> None:
    """While the session may be in either of two stages, what is denied in one is denied, and what is allowed only in
    the other is not."""
    text = """
version: 1
name: doubt
tools:
  read: {args: {n: int}, effect: read}
  write: {args: {n: int}, effect: write}
signals: {spy: {on: call, monitor: spy}}
stages:
  initial: free
  states:
    free: {}
    watched: {only: [read], final: true}
  transitions:
    - {from: [free], on: call, tools: [read], when: signal("spy") > 0.5, to: watched}
rules:
  - {id: reads, allow: [read]}
  - {id: writes, allow: [write], in: [free]}
"""
    program = compile_policy(text)
    session = record(program, begin(program), Event("call", 0, call=ToolCall.of("c", "read", {"n": 1})))
    decision = program.decide(Request(ToolCall.of("c", "write", {"n": 1}), 1), session)
    assert decision.outcome is Outcome.DENY
    assert [(reason.rule, reason.value) for reason in decision.reasons] == [("stage.watched", "E")]


def test_tests_have_denied_calls_in_their_history() -> None:
    """``denied:`` proposes a call that the policy must deny; a test that says so of one that goes fails."""
    more = """
tests:
  - history: [{denied: {tool: send_mail, args: {to: eve@evil.com}}, at: 30m}]
    call: {tool: send_mail, args: {to: ann@corp.com}}
    expect: deny
    because: [stage.quarantined]
  - history: [{denied: {tool: send_mail, args: {to: ann@corp.com}}, at: 30m}]
    call: {tool: read_file, args: {path: a}}
    expect: allow
"""
    first, second = run_tests(Program(policies.mail(more=more)))
    assert first.passed
    assert not second.passed and "send_mail in its history: not denied" in second.found


def test_a_rule_is_in_a_stage() -> None:
    """``in:`` and ``session.stage`` say the same."""
    operator = policies.mail(
        ("{id: careful, escalate: [send_mail], in: [probation]}",
         "{id: careful, escalate: [send_mail], when: 'session.stage(\"probation\")'}"),
    )  # fmt: skip
    assert operator.hash == policies.mail().hash


def test_the_hash_is_of_what_decides() -> None:
    """The order of transitions, tools and rules plays no part; a duration, a source or a condition does."""
    same = policies.mail()
    lines = [line for line in policies.MAIL.splitlines() if "- {from:" in line]
    turned = policies.MAIL.replace("\n".join(lines), "\n".join(reversed(lines)))
    assert compile_policy(turned).hash == same.hash
    for change in [
        ("for: 24h", "for: 23h"),
        ("from: [quarantined, probation]", "from: [probation]"),
        ('contains("STOP")', 'contains("HALT")'),
        ("because: [strangers], to: quarantined", "to: quarantined"),
    ]:
        assert policies.mail(change).hash != same.hash


def test_the_schema_accepts_what_loads() -> None:
    """Editors are told of stages."""
    from bartizan.policies.document.loading import plain
    from bartizan.policies.document.source import parse_yaml

    document = _lists(plain(parse_yaml(policies.mail().source)))
    jsonschema.validate(document, json_schema())
    del document["stages"]["states"]["quarantined"]["then"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


REFUSED = {
    "an initial stage that is none": (("initial: active", "initial: activ"), "activ", "did you mean `active`"),
    "a target that is none": (("tools: [request_review], to: probation", "tools: [request_review], to: probatio"), "probatio", "did you mean"),
    "a source that is none": (("from: [suspended]", "from: [suspend]"), "suspend", "did you mean"),
    "a follower that is none": (("then: probation", "then: nowhere"), "nowhere", "the stages are"),
    "a rule in no stage": (("in: [probation]", "in: [probatoin]"), "probatoin", "did you mean"),
    "a question about no stage": (("in: [probation]", "when: 'session.stage(\"probatoin\")'"), '"probatoin"', "did you mean"),
    "an end without what comes then": (("for: 24h, then: active", "for: 24h"), "for: 24h", "then:"),
    "a follower without a time": (("for: 24h, then: active", "then: active"), "then: active", "for:"),
    "an end of the initial stage": (("active: {}", "active: {for: 1h, then: closed}"), "1h", "let an event lead"),
    "times in a circle": (("for: 24h, then: active", "for: 24h, then: quarantined"), "probation", "let an event lead out"),
    "a final stage that ends": (("final: true", "final: true, for: 1h, then: active"), "final", "remove"),
    "a way out of a final stage": (("from: [suspended]", "from: [closed]"), "closed", "remove final"),
    "a tool that is none": (("tools: [request_review]", "tools: [request_reviw]"), "request_reviw", "did you mean"),
    "a tag that is none": (('only: ["@read"]', 'only: ["@reed"]'), '"@reed"', "did you mean"),
    "a tool of a prompt": (("on: call, tools: [request_review]", "on: prompt, tools: [request_review]"), "tools", "remove"),
    "a reason of what is not denied": (("on: call, tools", "on: call, because: [strangers], tools"), "because", "remove"),
    "a denial because of no rule": (("because: [strangers], to: quarantined", "because: [stranger], to: quarantined"), "stranger", "did you mean"),
    "a denial because of a rule that denies nothing": (("because: [strangers], to: quarantined", "because: [mails], to: quarantined"), "mails", "deny rules are"),
    "a condition that asks for the stage": (('result.text.contains("STOP")', "'session.stage(\"active\")'"), 'session.stage("active")', "from:"),
    "a condition about what such an event has not": (('result.text.contains("STOP")', "prompt.text == \"\""), "prompt", "here one can use"),
    "an event that is none": (("on: result", "on: reslt"), "reslt", "did you mean `result`"),
    "a key that is none": (("reason: A mail", "resaon: A mail"), "resaon", "did you mean `reason`"),
    "a rule with a stage's name": (("id: mails", "id: stage.closed"), "{id: stage.closed", "rename"),
    "a duration that is none": (("for: 24h", "for: a day"), "a day", "durations are like"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_document_is_refused_at_its_place(name: str) -> None:
    """Whatever is wrong with stages is an error that points at it and says what to do."""
    change, at, remedy = REFUSED[name]
    with pytest.raises(PolicyError) as refused:
        policies.mail(change)
    diagnostics = refused.value.diagnostics
    source = refused.value.source
    texts = [source.text[d.span.start : d.span.end] for d in diagnostics]
    assert any(text.startswith(at) or at.startswith(text) for text in texts), (texts, str(refused.value))
    assert any(remedy in (d.help or "") for d in diagnostics), str(refused.value)


def test_stages_are_declared_once(tmp_path: Path) -> None:
    """An included file and the policy cannot both say which stages there are."""
    (tmp_path / "base.yaml").write_text(policies.MAIL, encoding="utf-8")
    main = tmp_path / "main.yaml"
    main.write_text(
        "version: 1\nname: main\ninclude: [base.yaml]\nstages: {initial: a, states: {a: {}}}\n",
        encoding="utf-8",
    )
    from bartizan.policies import load_policy

    with pytest.raises(PolicyError, match=r"stages are declared in .*main.yaml already"):
        load_policy(main)
    main.write_text("version: 1\nname: main\ninclude: [base.yaml]\n", encoding="utf-8")
    assert load_policy(main).policy.stages is not None


def test_an_explanation_asks_for_the_stage(program: Program) -> None:
    """The atoms of rules that stages were compiled to read as one would write them."""
    session = denied(program, begin(program), STRANGER, 0)
    explained = program.explain(Request(COLLEAGUE, 1), session)
    atoms = {trace.rule: trace.atoms for trace in explained.rules}
    assert atoms["stage.quarantined"] == (('session.stage("quarantined")', "T"),)
    assert atoms["careful"] == (('session.stage("probation")', "F"),)
    assert list(explained.changes()) == [
        'stage.quarantined: one of these would have to differ: session.stage("quarantined")'
    ]


def test_a_session_keeps_its_stage_under_a_policy_that_asks_more_of_it(program: Program) -> None:
    """A new question about the same stages has its answer; about other stages the session knows nothing, and is stopped."""
    session = denied(program, begin(program), STRANGER, 0)
    asking = "  - {id: curious, escalate: [read_file], in: [quarantined, probation]}\n"
    newer = Program(policies.mail(more=asking))
    assert outcome(newer, session, READ, 1) == (Outcome.ESCALATE, ("curious",))
    assert outcome(newer, begin(program), READ, 1)[0] is Outcome.ALLOW
    other = Program(policies.mail(("for: 24h", "for: 25h")))
    assert outcome(other, begin(program), READ, 1)[0] is Outcome.DENY
