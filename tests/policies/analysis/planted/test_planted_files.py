"""The planted policies are what they say: they load, pass their own tests, and their tests bear the labels out.

What can be shown by running the evaluator is shown here, so that a wrong label is not blamed on an analysis.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bartizan.guard import Outcome
from bartizan.policies import Program, compile_policy, load_policy, run_tests
from bartizan.policies.casework import DEFAULT_NOW, prepare
from bartizan.policies.document.model import TestCase
from bartizan.policies.language.values import parse_duration
from bartizan.policies.policy import CheckedRule

from .planted import HERE, Pair, Planted, cases, header, name, pairs, sound, widenings

FILES = sorted(HERE.rglob("*.yaml"))
LEAST = {
    "vacuous": 10, "shadowed": 11, "conflict": 8, "racing": 10, "sequence": 14,
    "may-error": 3, "always": 3, "unanchored": 3, "path-in-deny": 3, "never-allowed": 3,
}  # fmt: skip
CODES = {
    "vacuous": {"vacuous"}, "shadowed": {"shadowed"}, "conflict": {"conflict"}, "racing": {"races"},
    "sequence": {"sequence", "unreachable"}, "may-error": {"may-error"}, "always": {"always"},
    "unanchored": {"unanchored"}, "path-in-deny": {"path-in-deny"}, "never-allowed": {"never-allowed"},
}  # fmt: skip
WITH_A_CALL = {"conflict", "races", "may-error", "unanchored", "path-in-deny"}
IDLE = {"vacuous", "shadowed", "unreachable"}
VIOLATED = {"never", "always-within"}


def named(found: list[Planted]) -> list[object]:
    return [pytest.param(planted, id=planted.name) for planted in found]


def files(found: list[Path]) -> list[object]:
    return [pytest.param(path, id=name(path)) for path in found]


loaded = cache(load_policy)


def calls(program: Program) -> list[TestCase]:
    return [case for case in program.policy.tests if case.call is not None]


def witnesses(path: Path) -> list[TestCase]:
    """The tests that show the fault."""
    return [case for case in calls(loaded(path)) if (case.name or "").startswith("planted: ")]


def outcome(program: Program, case: TestCase) -> Outcome:
    return program.decide(*prepare(program, case)).outcome


def without(program: Program, rule: CheckedRule) -> Program:
    rest = tuple(r for r in program.policy.rules if r is not rule)
    return Program(replace(program.policy, rules=rest))


def decides(program: Program, rule: CheckedRule) -> bool:
    """Some test has another outcome without this rule, where the rule is T."""
    other = without(program, rule)
    for case in calls(program):
        if outcome(program, case) is not outcome(other, case):
            traces = program.explain(*prepare(program, case)).rules
            if any(t.rule == rule.id and t.value == "T" for t in traces):
                return True
    return False


def enforced(program: Program) -> Iterator[CheckedRule]:
    """The rules about calls that are not in shadow mode."""
    for rule in program.policy.rules:
        if rule.effect in ("allow", "deny", "escalate") and not rule.shadow:
            yield rule


def monitored(planted: Planted) -> Program:
    """The policy with one more rule, which denies whatever the violated ``never`` describes."""
    assert planted.invariant is not None
    text = loaded(planted.path).policy.invariants[planted.invariant].text
    tools = sorted(set(re.findall(r"allowed\((\w+)\)", text)))
    condition = " ".join(re.sub(r"allowed\(\w+\)", "true", text).split())
    rule = f"\n  - id: monitor\n    deny: {json.dumps(tools)}\n    when: {json.dumps(condition)}\n"
    source = planted.path.read_text(encoding="utf-8").replace("\nrules:\n", f"\nrules:{rule}", 1)
    return compile_policy(source, str(planted.path))


def let_go(program: Program, case: TestCase) -> bool:
    """Whether the policy lets every call of the test's history go, and every result has its call."""
    seen = set()
    for index, past in enumerate(case.history):
        if past.call is not None:
            seen.add(past.call.tool)
            then = case.model_copy(update={"call": past.call, "history": case.history[:index]})
            request, session = prepare(program, then)
            time = DEFAULT_NOW - (parse_duration(past.at) if past.at is not None else 0)
            if program.decide(replace(request, now=time), session).outcome is Outcome.DENY:
                return False
        elif past.result is not None and past.result.tool not in seen:
            return False
    return True


def spent(program: Program, planted: Planted, case: TestCase) -> tuple[int, int]:
    """The most that some window of the invariant holds, with the call at hand, and what it may hold at most.

    Sums are in hundredths: the planted ones are all of dec(2).
    """
    assert planted.invariant is not None
    limit = program.policy.invariants[planted.invariant].parameters
    assert case.call is not None
    past = [(parse_duration(p.at) if p.at else 0, p.call) for p in case.history if p.call is not None]
    events = [(-ago, call) for ago, call in [*past, (0, case.call)] if call.tool == limit["tool"]]
    amounts = [
        (time, 1 if limit["sum"] is None else round(100 * call.args[limit["sum"]])) for time, call in events
    ]
    starts = [time for time, _ in amounts]
    return max(sum(a for t, a in amounts if s <= t <= s + limit["window"]) for s in starts), limit["at-most"]


@pytest.mark.parametrize("path", files(FILES))
def test_every_file_passes_its_own_tests(path: Path) -> None:
    """A planted policy loads, and the evaluator confirms its tests."""
    assert [result for result in run_tests(loaded(path)) if not result.passed] == []


def test_there_are_enough_of_each_kind() -> None:
    """The numbers of faulty, sound and paired policies, by class."""
    found = Counter(planted.path.parent.name for planted in cases())
    assert {label: number for label, number in LEAST.items() if found[label] < number} == {}
    assert len(widenings()) >= 13
    assert len(cases()) + len(widenings()) >= 66
    assert len(sound()) >= 66
    assert {pair.relation for pair in pairs()} == {"widening", "narrowing", "equivalent"}


@pytest.mark.parametrize("planted", named([*cases(), *widenings()]))
def test_headers_say_what_is_there(planted: Planted) -> None:
    """The code belongs to the folder, the rules, the tool and the invariant exist, and prose follows."""
    policy = loaded(planted.path).policy
    rules = {rule.id for rule in policy.rules}
    folder = planted.path.parent.name
    if planted.code == "widening":
        old = {rule.id for rule in loaded(planted.path.with_name("old.yaml")).policy.rules}
        assert planted.kind is not None
        assert planted.rule in rules | old
    else:
        assert planted.code in CODES[folder]
        assert planted.tool in policy.tools if planted.rule is None else planted.rule in rules
        assert planted.tool is None or planted.tool in policy.tools
        assert (planted.other in rules) is (planted.code == "conflict")
    if planted.code == "sequence":
        assert planted.invariant is not None
        assert policy.invariants[planted.invariant].kind == planted.kind
    assert planted.path.read_text(encoding="utf-8").splitlines()[1].startswith("# ")


@pytest.mark.parametrize("path", files(sound()))
def test_every_rule_of_a_sound_policy_decides(path: Path) -> None:
    """Each rule is T in a test whose outcome would be another without it, and F in one if it has a condition."""
    program = loaded(path)
    assert header(path) is None
    assert [rule.id for rule in enforced(program) if not decides(program, rule)] == []
    values = {
        (t.rule, t.value) for case in calls(program) for t in program.explain(*prepare(program, case)).rules
    }
    bare = {
        r.id for r in enforced(program) if all(type(c).__name__ == "Const" for c in r.conditions.values())
    }
    assert [r.id for r in enforced(program) if r.id not in bare and (r.id, "F") not in values] == []


@pytest.mark.parametrize("path", files(sound()))
def test_every_tool_of_a_sound_policy_is_let_go_somewhere(path: Path) -> None:
    """For each tool a test has a call that is not denied, after a history that the policy lets happen."""
    program = loaded(path)
    reachable = [case for case in calls(program) if let_go(program, case)]
    assert {c.call.tool for c in reachable if c.call and outcome(program, c) is not Outcome.DENY} == {
        *program.tools
    }


@pytest.mark.parametrize("planted", named(cases()))
def test_only_the_planted_rule_is_idle(planted: Planted) -> None:
    """Every rule but an idle one at fault decides some test; an idle one decides none."""
    program = loaded(planted.path)
    idle = {rule.id for rule in enforced(program) if not decides(program, rule)}
    allowed = {planted.rule} if planted.code in IDLE | {"always", "may-error"} else set()
    assert idle <= allowed
    if planted.code in IDLE and planted.rule in {rule.id for rule in enforced(program)}:
        assert idle == {planted.rule}


@pytest.mark.parametrize(
    "planted", named([c for c in cases() if c.code in WITH_A_CALL or c.kind in VIOLATED])
)
def test_the_fault_has_a_witness(planted: Planted) -> None:
    """A test shows the fault, at the end of a history that the policy lets happen."""
    shown = witnesses(planted.path)
    assert shown
    assert all(let_go(loaded(planted.path), case) for case in shown)


@pytest.mark.parametrize("planted", named([c for c in cases() if c.kind == "never"]))
def test_what_must_never_be_is_allowed(planted: Planted) -> None:
    """The witness is allowed without an approval, and the invariant describes it."""
    (case,) = witnesses(planted.path)
    assert not case.approved
    assert outcome(loaded(planted.path), case) is Outcome.ALLOW
    decision = monitored(planted).decide(*prepare(monitored(planted), case))
    assert [(reason.rule, reason.value) for reason in decision.reasons] == [("monitor", "T")]


@pytest.mark.parametrize("planted", named([c for c in cases() if c.kind == "always-within"]))
def test_more_than_the_limit_is_let_go(planted: Planted) -> None:
    """With the witness, the calls of one window exceed the invariant's limit."""
    program = loaded(planted.path)
    (case,) = witnesses(planted.path)
    assert outcome(program, case) is Outcome.ALLOW
    most, limit = spent(program, planted, case)
    assert most > limit


@pytest.mark.parametrize("planted", named(widenings()))
def test_the_new_version_lets_the_witness_go(planted: Planted) -> None:
    """The witness is allowed by the new version, and not by the old one."""
    old = loaded(planted.path.with_name("old.yaml"))
    (case,) = witnesses(planted.path)
    assert outcome(loaded(planted.path), case) is Outcome.ALLOW
    assert outcome(old, case) is not Outcome.ALLOW


@pytest.mark.parametrize("pair", [pytest.param(p, id=p.name) for p in pairs() if p.relation != "widening"])
def test_refinements_agree_on_their_tests(pair: Pair) -> None:
    """On the tests of both versions the new one allows nothing more, and an equivalent one decides the same."""
    old, new = loaded(pair.old), loaded(pair.new)
    both = [(outcome(old, case), outcome(new, case)) for case in (*calls(old), *calls(new))]
    assert all(after >= before for before, after in both)
    if pair.relation == "equivalent":
        assert all(after is before for before, after in both)
