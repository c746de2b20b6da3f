"""Session operators in detail: windows, keys, bounds, and a cost that does not grow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bartizan.guard import Event, Outcome, Request, Session, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.evaluation.registers import KEY_LIMIT
from bartizan.policies.history import begin, record

HEAD = """
version: 1
name: registers
tools:
  pay: {args: {to: str, cost: dec(2), "memo?": str}}
rules:
  - {id: any, allow: [pay]}
  - id: limit
    deny: [pay]
    when: >-
      """
HOUR = 3_600_000_000


def program(condition: str) -> Program:
    return compile_policy(HEAD + condition + "\n")


def pay(cost: Any = 1, to: str = "ann", **more: Any) -> ToolCall:
    return ToolCall.of("c", "pay", {"to": to, "cost": cost, **more})


def outcome(p: Program, session: Session, now: int, call: ToolCall | None = None) -> Outcome:
    return p.decide(Request(call or pay(), now), session).outcome


def after(p: Program, *calls: tuple[int, ToolCall]) -> Session:
    session = begin(p)
    for time, call in calls:
        session = record(p, session, Event("call", time, call=call))
    return session


def test_windows_are_closed() -> None:
    """A call exactly one window ago still counts; a microsecond later it does not."""
    p = program('session.count("pay", within="1h") >= 1')
    session = after(p, (0, pay()))
    assert outcome(p, session, HOUR) is Outcome.DENY
    assert outcome(p, session, HOUR + 1) is Outcome.ALLOW


def test_sum_is_exact_money() -> None:
    """0.10 ten times and 0.01 are 1.01, not more and not less."""
    p = program('session.sum("pay", "cost", within="24h") + args.cost > 1.01')
    session = after(p, *((i, pay(0.1)) for i in range(10)))
    assert outcome(p, session, 10, pay(0.01)) is Outcome.ALLOW
    assert outcome(p, session, 10, pay(0.02)) is Outcome.DENY


def test_keys_are_counted_apart() -> None:
    """``by:`` gives every key its own register."""
    p = program('session.count("pay", within="1h", by=args.to) >= 2')
    session = after(p, (0, pay(to="ann")), (1, pay(to="bob")), (2, pay(to="ann")))
    assert outcome(p, session, 3, pay(to="ann")) is Outcome.DENY
    assert outcome(p, session, 3, pay(to="bob")) is Outcome.ALLOW


def test_an_unknown_key_makes_every_key_unknown() -> None:
    """A past call whose key is E might have been any key's: the answer is E, and a deny rule fires."""
    p = program('session.count("pay", within="1h", by=args.memo) >= 2')
    known = after(p, (0, pay(memo="x")))
    unknown = after(p, (0, pay(memo="x")), (1, pay()))
    assert outcome(p, known, 2, pay(memo="x")) is Outcome.ALLOW
    assert outcome(p, unknown, 2, pay(memo="x")) is Outcome.DENY


def test_a_full_table_is_an_error_until_the_window_has_passed() -> None:
    """More keys than the table holds: E for every key, so that a deny rule fires; later it is exact again."""
    p = program('session.count("pay", within="1h", by=args.to) >= 2')
    calls = [(i, pay(to=f"key-{i}")) for i in range(KEY_LIMIT)]
    full = after(p, *calls)
    assert outcome(p, full, KEY_LIMIT, pay(to="fresh")) is Outcome.ALLOW
    over = record(p, full, Event("call", KEY_LIMIT, call=pay(to="one-more")))
    assert outcome(p, over, KEY_LIMIT + 1, pay(to="fresh")) is Outcome.DENY
    assert outcome(p, over, KEY_LIMIT + HOUR + 1, pay(to="fresh")) is Outcome.ALLOW


def test_a_register_that_the_session_did_not_start_with_is_an_error() -> None:
    """A newer policy does not pretend to know the beginning of an old session."""
    p = program('session.count("pay", within="1h") >= 1')
    old = Session("s", state={})
    assert outcome(p, old, 0) is Outcome.DENY
    later = record(p, old, Event("call", 0, call=pay()))
    assert later.state == {}


def test_state_is_small_json_of_constant_size() -> None:
    """After 10,000 calls the registers are as large as after 100, and survive a round trip through JSON."""
    p = program(
        'session.count("pay", within="1h") >= 5 && session.sum("pay", "cost") > 10.00'
        ' && session.once("call:pay", args.cost > 5.00, within="1h") && session.prev(event.kind == "call")'
        ' && session.since(event.kind == "call", event.kind == "prompt")'
    )
    sizes = {}
    session = begin(p)
    for index in range(10_000):
        event = Event("call", index, call=pay())
        session = Session("s", index, p.advance(event, session))
        if index + 1 in (100, 10_000):
            sizes[index + 1] = len(json.dumps(session.state))
    assert sizes[10_000] <= sizes[100] + 32
    assert json.loads(json.dumps(session.state)) == session.state


def test_sum_over_more_calls_than_it_holds_is_an_error() -> None:
    """A window with over 1,000 payments cannot be added up exactly: E, and the limit denies."""
    p = program('session.sum("pay", "cost", within="1h") > 1000000.00')
    few = after(p, *((i, pay()) for i in range(1_000)))
    many = after(p, *((i, pay()) for i in range(1_001)))
    assert outcome(p, few, 1_001) is Outcome.ALLOW
    assert outcome(p, many, 1_001) is Outcome.DENY


@pytest.mark.parametrize(
    "condition", ['session.max_signal("s") > 0.5', 'session.once("result", signal("s") > 0.5)']
)
def test_signals_of_the_past_are_asked_for_when_they_are_measured(condition: str) -> None:
    """The program asks for a signal on the events whose register needs it, and on no others."""
    p = compile_policy(
        HEAD.replace("rules:", "signals: {s: {on: result, monitor: m}}\nrules:") + condition + "\n"
    )
    assert p.signals("result", "pay") == ("s",)
    assert p.signals("call", "pay") == ()
