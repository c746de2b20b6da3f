"""Invariants of whole sessions that no short induction proves, and an inductive invariant does; false twins."""

from __future__ import annotations

import pytest

from bartizan.policies.analysis.answers import Budget, Proved
from bartizan.policies.analysis.formula import FALSE, Flag, Formulas, Whole
from bartizan.policies.analysis.sequences import chc
from bartizan.policies.analysis.sequences.chc import inductive
from bartizan.policies.analysis.sequences.invariants import check, establish_all
from bartizan.policies.analysis.sequences.trace import Trace
from bartizan.policies.analysis.solve.spacer import System, never_wrong
from bartizan.policies.diagnostics import Source
from bartizan.policies.load import check_policy
from bartizan.policies.policy import CheckedPolicy

BUDGET = Budget(seconds=600)
TOOLS = """
version: 1
name: chc
tools:
  a: {args: {n: int}, effect: read}
  b: {args: {n: int, to: str(20), "maybe?": int}, effect: read}
  c: {args: {n: int}, effect: read}
rules:
  - {id: tools, allow: [a, b, c]}
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's time for the search for an invariant, which ends by what it costs."""
    monkeypatch.setattr(chc, "_MILLISECONDS", 60_000)


def deny(tools: str, condition: str) -> str:
    number = sum(map(ord, tools + condition))
    return f"  - id: d{number}\n    deny: [{tools}]\n    when: >-\n      {condition}\n"


def policy(rules: str, invariant: str) -> CheckedPolicy:
    return check_policy(Source("chc.yaml", f"{TOOLS}{rules}\ninvariants:\n  - {invariant}\n"))


def count(tool: str, more: str = "") -> str:
    return f'session.count("{tool}"{more})'


def total(tool: str, more: str = "") -> str:
    return f'session.sum("{tool}", "n"{more})'


POSITIVE = deny("a, b, c", "args.n < 0")
COUNTERS = deny("b", f"{count('b')} >= {count('a')}") + deny("c", f"{count('c')} >= {count('b')}")
SUMS = deny("b", f"{total('b')} + args.n > {total('a')}") + deny("c", f"{total('c')} + args.n > {total('b')}")
FEWER = f"never: allowed(a) && {count('c')} > {count('a')}"
LESS = f"never: allowed(a) && {total('c')} > {total('a')}"
HOUR = ', within="1h"'

ONLY_SPACER = {
    "counters": (COUNTERS, FEWER),
    "sums": (POSITIVE + SUMS, LESS),
    "sums in a window": (POSITIVE + SUMS, LESS.replace('"c", "n"', f'"c", "n"{HOUR}')),
    "sums by key": (POSITIVE + SUMS, LESS.replace('"c", "n"', '"c", "n", by=args.n')),
    "of one text": (
        deny("b", 'args.to != "x"')
        + COUNTERS.replace(count("b") + " >=", f'args.to == "x" && {count("b")} >='),
        FEWER,
    ),
}
FALSE_TWINS = {
    "counters, off by one": (COUNTERS.replace(">=", ">", 1), FEWER),
    "sums of what may be negative": (SUMS, LESS),
    "the limit is of a window": (
        POSITIVE + SUMS.replace(total("c") + " +", total("c", HOUR) + " +"),
        LESS,
    ),
    "the limit is of a key": (
        POSITIVE + SUMS.replace(total("c") + " +", total("c", ", by=args.n") + " +"),
        LESS,
    ),
    "of one text only": (COUNTERS.replace(count("b") + " >=", f'args.to == "x" && {count("b")} >='), FEWER),
    "of a text that another shows": (
        deny("b", 'args.to.startsWith("x")'),
        'never: allowed(a) && session.once("call:b", args.to == "y")',
    ),
    "something goes on after it was held": (
        "",
        'never: allowed(a) && session.once("call:b", args.n == 1) && session.prev(event.kind == "prompt")',
    ),
    "something held after it was unsure": (
        "",
        'never: allowed(a) && session.once("call:b", args.maybe == 1) && session.count("b") >= 2',
    ),
    "something began": (
        "",
        'never: allowed(a) && session.since(true, event.kind == "prompt") && session.count("c") >= 2',
    ),
    "a result has a call": ("", 'never: allowed(a) && session.once("result:b") && session.once("call:b")'),
}


def proved(checked: CheckedPolicy) -> bool:
    """Whether Spacer is enough, asked at once."""
    invariant = checked.invariants[0]

    def question(unrolling, option):  # type: ignore[no-untyped-def]
        return unrolling.encoder.condition(invariant.conditions[option.happening.tool], option.moment).true

    found = inductive(
        checked,
        tuple(sorted(invariant.conditions)),
        question,
        BUDGET,
        about=tuple(invariant.conditions.values()),
        established=establish_all(checked, BUDGET),
    )
    return isinstance(found, Proved)


@pytest.mark.parametrize("name", ONLY_SPACER)
def test_an_inductive_invariant_proves_what_induction_does_not(name: str) -> None:
    """That two numbers move in step is a fact about the past that nobody stated."""
    rules, invariant = ONLY_SPACER[name]
    checked = policy(rules, invariant)
    found = check(checked, checked.invariants[0], BUDGET, 3)
    assert isinstance(found, Proved) and "Spacer" in found.how, found


@pytest.mark.parametrize("name", FALSE_TWINS)
def test_false_twins_are_not_proved(name: str) -> None:
    """There is a session that violates it, and no invariant that rules it out."""
    rules, invariant = FALSE_TWINS[name]
    checked = policy(rules, invariant)
    assert not proved(checked)
    assert isinstance(check(checked, checked.invariants[0], BUDGET, 6), Trace)


def test_what_only_texts_rule_out_is_left_open() -> None:
    """Texts are free in the system: two conditions that exclude each other may both hold."""
    rules = deny("b", 'args.to.startsWith("x")') + COUNTERS.replace(
        count("b") + " >=", f'!args.to.startsWith("xy") && {count("b")} >='
    )
    assert not proved(policy(rules, FEWER))


def test_an_exhausted_search_proves_nothing() -> None:
    """With nothing to spend there is no answer; with enough, there is."""
    f = Formulas()
    number = f.whole("x")
    ((x, _),) = number.terms
    free = f.flag("free")
    assert isinstance(x, Whole) and isinstance(free, Flag)
    grows = f.pick(free, f.plus(number, f.constant(1)), number)
    negative = f.less(number, f.constant(0))
    system = System({x: 0}, {x: grows}, [f.truth(True)], [negative, FALSE])
    assert never_wrong(system, 1_000_000, 5_000)
    assert not never_wrong(system, 1, 5_000)
    assert not never_wrong(System({x: 0}, {x: grows}, [f.truth(True)], [f.neg(negative)]), 1_000_000, 5_000)
