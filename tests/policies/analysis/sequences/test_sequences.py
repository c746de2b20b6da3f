"""Planted bugs that need several events, their sound twins, and replays of every violation."""

from __future__ import annotations

from pathlib import Path
from sys import path

import pytest

from bartizan.guard import Outcome
from bartizan.policies import Program
from bartizan.policies.analysis.answers import Budget, Proved
from bartizan.policies.analysis.encode.decision import Verdict
from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.formula import Formula
from bartizan.policies.analysis.sequences.established import establish
from bartizan.policies.analysis.sequences.history import find_history
from bartizan.policies.analysis.sequences.invariants import check, establish_all
from bartizan.policies.analysis.sequences.reach import Race, race, racing_rules, reach
from bartizan.policies.analysis.sequences.search import NotFound
from bartizan.policies.analysis.sequences.trace import Trace
from bartizan.policies.diagnostics import Source
from bartizan.policies.document.loading import plain
from bartizan.policies.document.source import parse_yaml
from bartizan.policies.load import check_policy, read_source
from bartizan.policies.policy import CheckedPolicy

path.insert(0, str(Path(__file__).parent))
from replay import replayed

BUDGET = Budget(seconds=600)
PLANTED = Path(__file__).parent.parent / "planted"
HOUR = 3_600_000_000

TOOLS = """
version: 1
name: sequences
tools:
  look: {args: {item: int}, effect: read}
  pay: {args: {to: str(20), amount: dec(2), "tip?": dec(2)}, effect: destructive, result: {label: trusted}}
rules:
  - {id: tools, allow: [look, pay]}
"""
POSITIVE = """
  - {id: positive, deny: [pay], when: args.amount <= 0.00}
"""
WITHIN = """
invariants:
  - always-within: {tool: pay, sum: amount, window: 24h, at-most: 1000.00}
"""
THREE = """
invariants:
  - always-within: {tool: pay, window: 1h, at-most: 3}
"""


def policy(rules: str, invariants: str) -> CheckedPolicy:
    return check_policy(Source("sequences.yaml", TOOLS + rules + invariants))


def deny(condition: str) -> str:
    return f"  - id: limit\n    deny: [pay]\n    when: >-\n      {condition}\n"


def budget(window: str = "24h", more: str = "", limit: str = "1000.00") -> str:
    return deny(f'session.sum("pay", "amount", within="{window}"{more}) + args.amount > {limit}')


VIOLATED = {
    "negative refund": (budget(), WITHIN, 2),
    "no refund at once, but later": (deny('session.sum("pay", "amount") + args.amount > 1000.00'), WITHIN, 2),
    "per recipient, not in total": (POSITIVE + budget(more=", by=args.to"), WITHIN, 2),
    "a shorter window": (POSITIVE + budget("12h"), WITHIN, 2),
    "off by a cent": (POSITIVE + budget(limit="1000.01"), WITHIN, 1),
    "only large ones count": (POSITIVE + budget(more=", where=args.amount > 100.00"), WITHIN, 2),
    "asks instead of denying": (
        POSITIVE + budget().replace("deny", "escalate"),
        WITHIN,
        1,
    ),
    "off by one": (deny('session.count("pay", within="1h") > 3'), THREE, 4),
    "an hour less a second": (deny('session.count("pay", within="3599s") >= 3'), THREE, 4),
    "the window is closed": (
        POSITIVE + deny('session.sum("pay", "amount", within="24h") + args.amount > 1000.00'),
        WITHIN.replace("24h", "86400001ms"),
        2,
    ),
    "once by result": (
        deny('session.once("result:pay")'),
        '\ninvariants:\n  - never: allowed(pay) && session.once("call:pay")\n',
        2,
    ),
    "since is reset by a prompt": (
        deny('session.since(event.kind != "prompt", event.kind == "result" && event.tool == "look")'),
        '\ninvariants:\n  - never: allowed(pay) && session.once("result:look")\n',
        4,
    ),
    "previous is forgotten": (
        deny('session.prev(event.kind == "call" && event.tool == "look")'),
        '\ninvariants:\n  - never: allowed(pay) && session.once("call:look")\n',
        3,
    ),
    "results of failed calls": (
        deny('!session.once("call:look", by=args.item)').replace(", by=args.item", ""),
        '\ninvariants:\n  - never: allowed(pay) && !session.once("result:look", !result.is_error)\n',
        2,
    ),
}

SOUND = {
    "budget": (POSITIVE + budget(), WITHIN),
    "a longer window": (POSITIVE + budget("7d"), WITHIN),
    "of the whole session": (
        POSITIVE + deny('session.sum("pay", "amount") + args.amount > 1000.00'),
        WITHIN,
    ),
    "a smaller limit": (POSITIVE + budget(limit="999.99"), WITHIN),
    "what is positive counts": (POSITIVE + budget(more=", where=args.amount > 0.00"), WITHIN),
    "few and small": (
        POSITIVE + deny('args.amount > 100.00 || session.count("pay", within="24h") >= 10'),
        WITHIN,
    ),
    "three": (deny('session.count("pay", within="1h") >= 3'), THREE),
    "three in a longer window": (deny('session.count("pay", within="2h") >= 3'), THREE),
    "once by call": (
        deny('session.once("call:pay")'),
        '\ninvariants:\n  - never: allowed(pay) && session.once("call:pay", within="24h")\n',
    ),
    "a result has a call": (
        deny('!session.once("result:look", !result.is_error)'),
        '\ninvariants:\n  - never: allowed(pay) && !session.once("call:look")\n',
    ),
    "the sum stays below": (
        POSITIVE + budget(),
        '\ninvariants:\n  - never: session.sum("pay", "amount", within="24h") > 1000.00\n',
    ),
    "since is not reset": (
        deny('session.since(true, event.kind == "result" && event.tool == "look")'),
        '\ninvariants:\n  - never: allowed(pay) && session.once("result:look")\n',
    ),
}


@pytest.mark.parametrize("name", VIOLATED)
def test_planted_sequences_are_found_as_short_as_they_can_be(name: str) -> None:
    """The violation is found with its list of events, and the real program lets every call of it go."""
    rules, invariants, length = VIOLATED[name]
    checked = policy(rules, invariants)
    found = check(checked, checked.invariants[0], BUDGET)
    assert isinstance(found, Trace), found
    assert len(found.events) == length, [str(event.happening) for event in found.events]
    outcome, _, _ = replayed(Program(checked), found)
    assert outcome is Outcome.ALLOW


@pytest.mark.parametrize("name", SOUND)
def test_sound_twins_are_proved_for_all_lengths(name: str) -> None:
    """No length of a session is left open."""
    rules, invariants = SOUND[name]
    checked = policy(rules, invariants)
    assert isinstance(check(checked, checked.invariants[0], BUDGET), Proved)


def test_a_deep_violation_is_found() -> None:
    """Thirty calls are let go where twenty-nine may be: the list has all thirty of them."""
    checked = policy(
        POSITIVE + deny('session.count("pay", within="24h") >= 30'),
        THREE.replace("at-most: 3", "at-most: 29"),
    )
    found = check(checked, checked.invariants[0], BUDGET)
    assert isinstance(found, Trace) and len(found.events) == 30
    assert replayed(Program(checked), found)[0] is Outcome.ALLOW


def test_what_is_possible_comes_with_a_recipe() -> None:
    """``possible`` is shown by a session, and refuted by a proof that there is none."""
    wish = '\ninvariants:\n  - possible: allowed(pay) && session.count("look") >= 2\n'
    checked = policy("", wish)
    recipe = check(checked, checked.invariants[0], BUDGET)
    assert isinstance(recipe, Trace) and [e.happening.tool for e in recipe.events] == ["look", "look", "pay"]
    assert replayed(Program(checked), recipe)[0] is Outcome.ALLOW
    never = policy("  - {id: once, deny: [look], when: 'session.once(\"call:look\")'}\n", wish)
    assert isinstance(check(never, never.invariants[0], BUDGET), Proved)


def test_facts_about_all_sessions() -> None:
    """Amounts that rules keep positive are never negative; what no rule lets happen has never happened."""
    reads = deny(
        'session.sum("pay", "amount", within="1h") > 5.00 || session.once("call:look", args.item > 9)'
    )
    few = establish(policy(POSITIVE + reads, ""), BUDGET)
    assert len(few.nonnegative) == len(few.unfiltered) == 1 and not few.silent
    some = establish(policy(reads, ""), BUDGET)
    assert not some.nonnegative
    closed = "  - {id: small, deny: [look], unless: args.item < 9}\n"
    assert [name[:4] for name in establish(policy(closed + reads, ""), BUDGET).silent] == ["once"]


def test_a_tool_is_reached_without_approvals_if_it_can_be() -> None:
    """The shortest way without an approval; with one if there is no other; a proof if there is none at all."""
    ask = '  - {id: ask, escalate: [pay], unless: session.once("result:look")}\n'
    found = reach(policy(ask, ""), "pay", BUDGET)
    assert isinstance(found, Trace)
    assert [str(event.happening) for event in found.events] == ["call look", "result look", "call pay"]
    always = reach(policy("  - {id: ask, escalate: [pay]}\n", ""), "pay", BUDGET)
    assert isinstance(always, Trace) and [event.approved for event in always.events] == [True]
    needs = "  - id: first\n    deny: [pay]\n    unless: session.once('call:look', args.item > 5)\n"
    few = "  - {id: few, deny: [look], when: args.item > 5}\n"
    assert isinstance(reach(policy(needs + few, ""), "pay", BUDGET), Proved)


def test_a_race_is_two_calls_that_a_result_would_have_kept_apart() -> None:
    """Both calls are let go by the program; with the result in between, the second is not."""
    checked = policy(deny('session.once("result:pay")'), "")
    ((rule, tool, other),) = racing_rules(checked)
    found = race(checked, rule, tool, other, BUDGET)
    assert isinstance(found, Race)
    program = Program(checked)
    assert replayed(program, found.trace)[0] is Outcome.ALLOW
    assert [str(event.happening) for event in found.trace.events] == ["call pay", "call pay"]
    counted = policy(deny('session.once("call:pay")'), "")
    assert not list(racing_rules(counted))


def test_a_history_is_found_for_what_a_call_should_read() -> None:
    """An explicit past in which the rule about it is true; none where there is none."""
    checked = policy(deny('session.count("pay", args.amount > 5.00, within="1h") >= 2'), "")

    def limited(encoder: Encoder, moment: Moment, verdict: Verdict) -> Formula:
        return encoder.formulas.some(h.condition.true for h in verdict.hits if h.id == "limit")

    found = find_history(checked, "pay", limited, BUDGET)
    assert isinstance(found, Trace) and len(found.history) == 2
    assert replayed(Program(checked), found)[0] is Outcome.DENY
    assert isinstance(find_history(checked, "pay", limited, BUDGET, depth=1), NotFound)


def _corpus(folder: str) -> list[Path]:
    return [p for p in sorted((PLANTED / folder).glob("*.yaml")) if "invariants:" in p.read_text()]


@pytest.mark.parametrize("file", _corpus("sound"), ids=lambda file: file.stem)
def test_invariants_of_sound_policies_hold(file: Path) -> None:
    """Proved for all lengths; what should be possible is."""
    checked = check_policy(read_source(file))
    established = establish_all(checked, BUDGET)
    for invariant in checked.invariants:
        if invariant.kind != "without":
            found = check(checked, invariant, BUDGET, established=established)
            assert isinstance(found, Trace if invariant.kind == "possible" else Proved), invariant.written


@pytest.mark.parametrize("file", _corpus("faulty/sequence"), ids=lambda file: file.stem)
def test_planted_invariants_fail(file: Path) -> None:
    """The invariant that the file says is broken is, if it names one, and no other."""
    text = file.read_text()
    planted = parse_yaml(Source("planted", text.splitlines()[0].removeprefix("# planted: ")))
    index = plain(planted).get("invariant")
    checked = check_policy(read_source(file))
    for number, invariant in enumerate(checked.invariants):
        if invariant.kind != "without":
            found = check(checked, invariant, BUDGET)
            holds = isinstance(found, Trace if invariant.kind == "possible" else Proved)
            assert holds == (number != index), f"{invariant.written}: {found}"
