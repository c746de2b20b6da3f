"""How rules combine into a decision: deny overrides, default deny, order plays no part."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import Missing, Outcome, Request, Session, Signal, ToolCall
from bartizan.policies import Program, compile_policy

HEAD = """
version: 1
name: combine
tools:
  act:
    args: {"d1?": bool, "d2?": bool, "q1?": bool, "q2?": bool, "a1?": bool, "a2?": bool}
rules:
"""
EFFECTS = {"d": "deny", "q": "escalate", "a": "allow"}
NAMES = ("d1", "d2", "q1", "q2", "a1", "a2")


def policy_of(names: Sequence[str], *extra: str) -> Program:
    """One rule per name, which is T, F or E as the optional argument of that name is."""
    rules = [f"  - {{id: {n}-{i}, {EFFECTS[n[0]]}: [act], when: args.{n}}}" for i, n in enumerate(names)]
    return compile_policy(HEAD + "\n".join([*rules, *extra]))


def decide(program: Program, values: Mapping[str, bool | None], approved: bool = False) -> Outcome:
    args = {name: value for name, value in values.items() if value is not None}
    request = Request(ToolCall.of("c", "act", args), 0, approved=approved)
    return program.decide(request, Session("s", state=program.initial())).outcome


def meaning(values: Mapping[str, bool | None], approved: bool = False) -> Outcome:
    """The four lines of the language's definition; None is E."""
    if any(values[name] is not False for name in ("d1", "d2")):
        return Outcome.DENY
    if any(values[name] is not False for name in ("q1", "q2")):
        return Outcome.ALLOW if approved else Outcome.ESCALATE
    if any(values[name] is True for name in ("a1", "a2")):
        return Outcome.ALLOW
    return Outcome.DENY


ASSIGNMENTS = [
    dict(zip(NAMES, values, strict=True)) for values in itertools.product((True, False, None), repeat=6)
]


@pytest.mark.parametrize("approved", [False, True])
def test_all_729_combinations_of_six_rules_mean_what_the_definition_says(approved: bool) -> None:
    """deny iff some deny is T or E; else escalate iff some escalate is; else allow iff some allow is T; else deny."""
    program = policy_of(NAMES)
    for values in ASSIGNMENTS:
        assert decide(program, values, approved) is meaning(values, approved), values


def test_losing_information_never_creates_an_allow() -> None:
    """Whatever is turned into E, a call that was not allowed stays not allowed."""
    program = policy_of(NAMES)
    outcomes = {tuple(values.values()): decide(program, values) for values in ASSIGNMENTS}
    for values, outcome in outcomes.items():
        for index, value in enumerate(values):
            if value is not None:
                less = (*values[:index], None, *values[index + 1 :])
                assert outcomes[less] >= Outcome.ESCALATE or outcome is Outcome.ALLOW


@given(st.permutations([*NAMES, *NAMES]), st.sampled_from(ASSIGNMENTS), st.booleans())
def test_order_and_duplicates_play_no_part(
    names: list[str], values: dict[str, bool | None], approved: bool
) -> None:
    """Any order of the rules, each written twice, decides as the plain list does."""
    assert decide(policy_of(names), values, approved) is meaning(values, approved)


def test_hash_does_not_depend_on_the_order_of_rules() -> None:
    """Reordered rules are the same policy."""
    a = HEAD + "  - {id: x, allow: [act], when: args.a1}\n  - {id: y, deny: [act], when: args.d1}\n"
    b = HEAD + "  - {id: y, deny: [act], when: args.d1}\n  - {id: x, allow: [act], when: args.a1}\n"
    assert compile_policy(a).hash == compile_policy(b).hash
    assert compile_policy(a).hash != compile_policy(a.replace("a1}", "a2}")).hash


def test_no_rule_no_call() -> None:
    """A policy without a matching allow rule denies, and says so."""
    program = policy_of(["a1"])
    decision = program.decide(Request(ToolCall.of("c", "act", {}), 0), Session("s", state=program.initial()))
    assert (decision.outcome, decision.reasons[0].rule) == (Outcome.DENY, "default")


@pytest.mark.parametrize(
    ("tool", "args", "rule"),
    [
        ("other", {}, "unknown-tool"),
        ("act", {"d1": 1}, "schema"),
        ("act", {"zz": True}, "schema"),
        ("act", {"d1": "true"}, "schema"),
    ],
)
def test_a_call_must_conform_to_its_declared_tool(tool: str, args: dict[str, Any], rule: str) -> None:
    """Unknown tools, wrong types and undeclared fields are denied before any rule, even if approved."""
    program = compile_policy(HEAD + "  - {id: all, allow: [act]}\n")
    request = Request(ToolCall.of("c", tool, args), 0, approved=True)
    decision = program.decide(request, Session("s", state=program.initial()))
    assert (decision.outcome, decision.reasons[0].rule) == (Outcome.DENY, rule)


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("wait", {"lasts": "1s" * 500_000}),
        ("wait", {"lasts": "9" * 1_000_000}),
        ("wait", {"at": "2026-01-01T" + "0" * 1_000_000}),
        ("wait", {"x" * 1_000_000: 1}),
        ("w" * 1_000_000, {}),
    ],
    ids=["duration", "digits", "time", "field", "tool"],
)
def test_a_text_of_a_megabyte_costs_nothing_and_is_not_repeated(tool: str, args: dict[str, str]) -> None:
    """A call that does not conform is denied in a sentence, however long the agent's words in it are."""
    program = compile_policy(
        'version: 1\nname: long\ntools: {wait: {args: {"lasts?": duration, "at?": time}}}\n'
        "rules: [{id: all, allow: [wait]}]\n"
    )
    request = Request(ToolCall.of("c", tool, args), 0)
    decision = program.decide(request, Session("s", state=program.initial()))
    assert decision.outcome is Outcome.DENY
    assert len(decision.reasons[0].text) < 250


def test_shadow_rules_are_reported_and_not_enforced() -> None:
    """A shadow deny leaves the outcome alone and is named in ``Decision.shadow``."""
    program = policy_of(["a1"], "  - {id: strict, deny: [act], when: args.d1, mode: shadow}")
    request = Request(ToolCall.of("c", "act", {"a1": True, "d1": True}), 0)
    decision = program.decide(request, Session("s", state=program.initial()))
    assert decision.outcome is Outcome.ALLOW
    assert [reason.rule for reason in decision.shadow] == ["strict"]


SIGNALS = """
version: 1
name: signals
tools: {act: {args: {n: int}}}
signals:
  soft: {on: call, monitor: m, missing: escalate}
  hard: {on: call, monitor: m, missing: deny}
rules:
  - {id: ok, allow: [act]}
  - {id: soft, deny: [act], when: 'args.n > 10 || signal("soft") > 0.5'}
  - {id: hard, deny: [act], when: 'signal("hard") > 0.5'}
"""


@pytest.mark.parametrize(
    ("n", "soft", "hard", "outcome"),
    [
        (1, 0.1, 0.1, Outcome.ALLOW),
        (1, 0.9, 0.1, Outcome.DENY),
        (1, None, 0.1, Outcome.ESCALATE),
        (11, None, 0.1, Outcome.DENY),
        (1, 0.1, None, Outcome.DENY),
        (1, None, None, Outcome.DENY),
    ],
)
def test_missing_signals_escalate_or_deny_as_declared(
    n: int, soft: float | None, hard: float | None, outcome: Outcome
) -> None:
    """``missing: escalate`` softens a deny rule that is E into an escalation; never into an allow."""
    program = compile_policy(SIGNALS)
    measured = {"soft": soft, "hard": hard}
    signals = {name: Signal(name, Missing("down") if v is None else v) for name, v in measured.items()}
    request = Request(ToolCall.of("c", "act", {"n": n}), 0, signals=signals)
    assert program.decide(request, Session("s", state=program.initial())).outcome is outcome


def test_reasons_name_the_atoms_that_decided() -> None:
    """A denial carries the source text of the conditions that made it so, and of no others."""
    program = compile_policy(HEAD + "  - {id: stop, deny: [act], when: 'args.d1 && (args.q1 || args.a1)'}\n")
    call = ToolCall.of("c", "act", {"d1": True, "q1": False, "a1": True})
    decision = program.decide(Request(call, 0), Session("s", state=program.initial()))
    assert decision.reasons[0].atoms == ("args.d1", "args.a1")


def test_a_thousand_random_calls_never_raise() -> None:
    """``decide`` is total: hostile arguments give a decision, whatever they are."""
    program = policy_of(NAMES)
    random_ = random.Random(0)
    values = (None, True, 0, -1, 1e308, 10**40, "", "\u202e", "x" * 70_000, [], [[[]]], {}, {"a": [{}]})
    for index in range(1_000):
        args = {random_.choice((*NAMES, "x", "")): random_.choice(values) for _ in range(3)}
        request = Request(ToolCall.of(str(index), random_.choice(("act", "nope")), args), index)
        assert program.decide(request, Session("s", state=program.initial())).outcome in Outcome
