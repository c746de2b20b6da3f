"""Whether a call that is still arriving could be let go: never wrong in one direction, and often right in the other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import Outcome, Principal, Request, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.completion import Completion
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Generator
from bartizan.policies.history import begin, record
from bartizan.policies.language import ast
from bartizan.policies.policy import CheckedPolicy, CheckedRule

ANN = Principal("ann", frozenset({"a"}))
EFFECTS = (("deny",), ("deny", "allow"), ("deny", "escalate", "allow"), ("allow", "allow"), ("escalate",))
OPENED = {
    "pay": {"/n": {"class": "clamp"}, "/memo": {"class": "drop"}, "/mode": {"class": "enum", "values": []}}
}


def generated(seed: int, repair: bool) -> tuple[Program, Generator, Any]:
    generator = Generator(Random(seed))
    case = generator.case(2)
    effects = generator.random.choice(EFFECTS)
    rules = tuple(
        CheckedRule(f"rule-{i}", effect, {"pay": generator.boolean(2)})  # type: ignore[arg-type]
        for i, effect in enumerate(effects)
    )
    if "allow" not in effects:
        rules = (*rules, CheckedRule("rest", "allow", {"pay": ast.TRUE}))
    return (
        Program(CheckedPolicy("generated", TOOLS, SIGNALS, rules, repair=OPENED if repair else {})),
        generator,
        case,
    )


@settings(max_examples=1500)
@given(st.integers(0, 10**9), st.booleans(), st.booleans(), st.data())
def test_what_could_be_let_go_is_never_called_hopeless(
    seed: int, repair: bool, told: bool, data: st.DataObject
) -> None:
    """For every part of every call that a generated policy allows or escalates, corrected in what is open or not."""
    program, generator, case = generated(seed, repair)
    session = begin(program)
    for event in case.history:
        session = record(program, session, event)
    call = case.call
    known = dict(call.args)
    if repair:  # what arrived before it was corrected
        other = generator.call("pay", "x").args
        for name in ("n", "memo", "mode"):
            known.pop(name, None)
            if name in other and data.draw(st.booleans()):
                known[name] = other[name]
    names = data.draw(st.permutations(sorted(known)))
    part = {name: known[name] for name in names[: data.draw(st.integers(0, len(names)))]}
    outcome = program.decide(Request(call, case.now, ANN, case.signals), session).outcome
    more = {"session": session, "principal": ANN} if told else {}
    sent = [name for name in part if name not in ("n", "memo", "mode")]
    if outcome is not Outcome.DENY:
        assert Completion(program, **more).possible("pay", part, sent), (seed, part)
        if not repair:
            assert Completion(program, corrected=False, **more).possible("pay", part), (seed, part)


def test_many_hopeless_calls_are_found() -> None:
    """Of the denied calls that are known as a whole, most are called hopeless: the rest depend on what is not known."""
    denied = found = 0
    for seed in range(600):
        program, _, case = generated(seed, repair=False)
        session = begin(program)
        for event in case.history:
            session = record(program, session, event)
        if program.decide(Request(case.call, case.now, ANN, case.signals), session).outcome is Outcome.DENY:
            denied += 1
            found += not Completion(program, session=session, principal=ANN).possible("pay", case.call.args)
    assert denied > 200 and found / denied > 0.5, (denied, found)


POLICY = """
version: 1
name: t
tools:
  pay: {args: {amount: int, "memo?": str, to: str}, effect: write}
  read: {args: {path: str}, effect: read}
signals: {risk: {on: call, monitor: m, missing: escalate}}
rules:
  - {id: pays, allow: [pay], when: 'args.to != "eve"'}
  - {id: big, deny: [pay], when: args.amount > 100}
  - {id: risky, deny: [read], when: signal("risk") > 0.5}
  - {id: reads, allow: [read], when: from_user(args.path)}
"""


@pytest.mark.parametrize(
    ("tool", "known", "possible"),
    [
        ("pay", {}, True),
        ("pay", {"amount": 100}, True),
        ("pay", {"amount": 101}, False),
        ("pay", {"amount": "many"}, False),
        ("pay", {"to": "eve"}, False),
        ("pay", {"to": "bob", "note": "x"}, False),
        ("pay", {"memo": None, "to": "bob"}, True),
        ("rob", {}, False),
        ("read", {"path": "/x"}, True),
    ],
)
def test_a_policy(tool: str, known: dict[str, Any], possible: bool) -> None:
    """Undeclared, ill-typed or denied whatever follows: hopeless."""
    assert Completion(compile_policy(POLICY)).possible(tool, known) is possible


def test_what_may_be_corrected_is_open_until_it_has_left() -> None:
    """An amount that can be clamped makes no call hopeless."""
    program = compile_policy(POLICY + "repair: {pay: {amount: clamp}}\n")
    assert Completion(program).possible("pay", {"amount": 101})
    assert not Completion(program).possible("pay", {"amount": 101}, ["amount"])
    assert not Completion(program, corrected=False).possible("pay", {"amount": 101})
    assert not Completion(program).possible("pay", {"amount": 101, "to": "eve"})


def test_a_person_may_be_asked() -> None:
    """An escalation is a way to be let go: also of what fails because a signal is missing."""
    program = compile_policy(POLICY)
    session = begin(program)
    args = {"path": "/etc/passwd"}
    call = ToolCall.of("1", "read", args)
    assert program.decide(Request(call, 0), session).outcome is Outcome.ESCALATE
    assert Completion(program, session=session).possible("read", args)
    neither = "version: 1\nname: t\ntools: {f: {args: {}}}\nsignals: {r: {on: call, monitor: m}}\nrules:\n"
    neither += '  - {id: odd, escalate: [f], when: \'signal("r") > 0.5 && !(signal("r") > 0.5)\'}\n'
    program = compile_policy(neither)
    assert program.decide(Request(ToolCall.of("1", "f", {}), 0), begin(program)).outcome is Outcome.ESCALATE
    assert Completion(program).possible("f", {})


def test_where_an_argument_comes_from_is_known_in_a_session() -> None:
    """Without one it could come from anywhere."""
    program = compile_policy(POLICY.replace("signals: {risk: {on: call, monitor: m, missing: escalate}}", "").replace(
        "  - {id: risky, deny: [read], when: signal(\"risk\") > 0.5}\n", ""))  # fmt: skip
    session = begin(program)
    assert Completion(program).possible("read", {"path": "/etc/passwd"})
    assert not Completion(program, session=session).possible("read", {"path": "/etc/passwd"})
    call = ToolCall.of("1", "read", {"path": "/etc/passwd"})
    assert program.decide(Request(call, 0), session).outcome is Outcome.DENY
