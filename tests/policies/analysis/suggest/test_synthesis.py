"""Synthesised tests pass, are needed, cover what they say, and notice when the policy changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bartizan.policies.analysis.answers import Proved, Unknown
from bartizan.policies.analysis.suggest.bench import Bench
from bartizan.policies.analysis.suggest.goals import Goal, atoms, goals_of, substituted
from bartizan.policies.analysis.suggest.near import edge
from bartizan.policies.analysis.suggest.tests import (
    Coverage,
    ReachedGoal,
    SynthesisedTest,
    UnreachedGoal,
    synthesise,
    with_tests,
)
from bartizan.policies.casework import case_of, run_tests
from bartizan.policies.evaluation.plan import language_of
from bartizan.policies.language import ast
from bartizan.policies.language.types import Bool, Str
from bartizan.policies.load import compile_policy, load_policy
from bartizan.policies.policy import CheckedPolicy, CheckedRule
from bartizan.policies.program import Program

POLICIES = Path(__file__).parents[4] / "examples" / "agentdojo" / "policies"
SURVIVORS = {str(POLICIES / "banking.yaml"): 5, "payments": 0, "email": 3, "databases": 0}
"""How many small mistakes in a policy may go unnoticed."""
PACKS = [*SURVIVORS, "files", "web", "shell"]
# One pack after the other, as it takes long to find tests for one: a process that has them runs all that ask for them.
each_pack = pytest.mark.parametrize("pack", PACKS, ids=lambda name: Path(name).stem, scope="module")


@cache
def found_for(name: str) -> tuple[Program, list[Any]]:
    """A policy and what was synthesised for it, once."""
    program = load_policy(name)
    return program, list(synthesise(program))


def made(found: list[Any]) -> list[SynthesisedTest]:
    return [each for each in found if isinstance(each, SynthesisedTest)]


def goals_in(found: list[Any]) -> list[Goal]:
    listed: list[Goal] = []
    for each in found:
        listed += each.goals if isinstance(each, SynthesisedTest) else [each.goal]
    return listed


@each_pack
def test_synthesised_tests_pass(pack: str) -> None:
    """Added to the policy they pass with its own, and their names and rules are known to the loader."""
    program, found = found_for(pack)
    results = list(run_tests(Program(with_tests(program.policy, found))))
    assert made(found)
    assert [r for r in results if not r.passed] == []


@each_pack
def test_every_goal_is_accounted_for(pack: str) -> None:
    """Each goal is reached by one test, reached already, proved unreachable, or unknown, and is so once."""
    program, found = found_for(pack)
    listed = goals_in(found)
    policy, on = program.policy, ("call", "result")
    wanted = [str(goal) for tool in policy.tools for each in on for goal in goals_of(policy, tool, each)]
    assert sorted(map(str, listed)) == sorted(wanted)
    coverage = Coverage.of(found)
    assert coverage.reached + coverage.unreachable + coverage.unknown == len(wanted)
    assert coverage.unknown <= coverage.reached / 4


@each_pack
def test_each_test_shows_something_new(pack: str) -> None:
    """No test is there for nothing, none occurs twice, and each shows the goals that it claims."""
    program, found = found_for(pack)
    bench = Bench(program.policy, goals_in(found))
    contents = set()
    for test in made(found):
        assert test.goals
        shown = bench.shows(case_of(test.entry))[1]
        assert set(test.goals) <= set(shown)
        contents.add(repr({**test.entry, "name": None}))
    assert len(contents) == len(made(found))


def test_the_same_policy_gives_the_same_tests() -> None:
    """In the same order, to the letter."""
    program, found = found_for("payments")
    again = list(synthesise(load_policy("payments")))
    assert [t.entry for t in made(found)] == [t.entry for t in made(again)]
    assert [str(goal) for goal in goals_in(found)] == [str(goal) for goal in goals_in(again)]
    assert program.policy.name == "payments"


# --- mutants


def mutants(policy: CheckedPolicy) -> Iterator[tuple[str, CheckedPolicy]]:
    """Small mistakes: a rule dropped, a bound moved, a comparison that forgets the bound, a part of a condition that
    is always true or always false."""
    for rule in policy.rules:
        yield f"without {rule.id}", replace(policy, rules=tuple(r for r in policy.rules if r is not rule))
        seen: set[ast.Expr] = set()
        for condition in rule.conditions.values():
            for atom, _, _ in atoms(condition):
                if atom not in seen and not isinstance(atom, ast.Const):
                    seen.add(atom)
                    for what, other in mutations(atom):
                        yield f"{rule.id}: {rule.text_of(atom)} {what}", mutated(policy, rule, atom, other)


def mutations(atom: ast.Expr) -> Iterator[tuple[str, ast.Expr]]:
    yield "is true", ast.TRUE
    yield "is false", ast.Const(False, Bool())
    match atom:
        case ast.Compare("<=", left, right):
            yield "with <", ast.Compare("<", left, right)
        case ast.Compare("<", left, right):
            yield "with <=", ast.Compare("<=", left, right)
    match atom:
        case ast.Compare(op, left, ast.Const(int() as value, type_)) if not isinstance(value, bool):
            for other in (value - 1, value + 1):
                yield f"with {other}", ast.Compare(op, left, ast.Const(other, type_))


def mutated(policy: CheckedPolicy, rule: CheckedRule, old: ast.Expr, new: ast.Expr) -> CheckedPolicy:
    conditions = {tool: substituted(c, old, new) for tool, c in rule.conditions.items()}
    other = replace(rule, conditions=conditions)
    return replace(policy, rules=tuple(other if r is rule else r for r in policy.rules))


@pytest.mark.parametrize("pack", SURVIVORS, ids=lambda name: Path(name).stem, scope="module")
def test_small_mistakes_are_noticed(pack: str) -> None:
    """A policy with one mistake fails one of its tests; the few that do not were reported: no session was found."""
    program, found = found_for(pack)
    tested = with_tests(program.policy, found)
    unreached = [each.goal for each in found if isinstance(each, UnreachedGoal)]
    alive = [
        name
        for name, mutant in mutants(tested)
        if all(result.passed for result in run_tests(Program(mutant)))
    ]
    excused = [
        name for name in alive if any(goal.rule in name.split(": ")[0] for goal in unreached if goal.rule)
    ]
    assert [name for name in alive if name not in excused] == []
    assert len(alive) <= SURVIVORS[pack]


# --- small policies

HEAD = """version: 1
name: small
tools:
  pay: {args: {to: str, amount: dec(2), "memo?": str, "n?": int, tags: "list(str, 4)"}, effect: write}
rules:
"""


def small(rules: str) -> list[Any]:
    return list(synthesise(compile_policy(HEAD + rules)))


def entries(found: list[Any], kind: str) -> dict[str, Any]:
    return {goal.what: test.entry for test in made(found) for goal in test.goals if goal.kind == kind}


def test_boundaries_are_below_at_and_above() -> None:
    """A number compared with a literal is tested with the literal and both neighbours, in units of its type."""
    found = small("  - {id: pay, allow: [pay], when: args.amount <= 500.00}\n")
    got = {e["call"]["args"]["amount"]: e["expect"] for e in entries(found, "boundary").values()}
    assert got == {499.99: "allow", 500: "allow", 500.01: "deny"}


def test_boundaries_of_two_arguments() -> None:
    """Two amounts are tested equal and one unit apart."""
    found = small("  - {id: pay, allow: [pay], when: size(args.to) < size(args.tags)}\n")
    assert set(entries(found, "boundary")) == {
        "`size(args.to) < size(args.tags)` just below",
        "`size(args.to) < size(args.tags)` with both equal",
        "`size(args.to) < size(args.tags)` just above",
    }


def test_texts_are_just_inside_and_just_outside() -> None:
    """Near misses of a path are those that an attacker would try."""
    found = small("  - {id: pay, allow: [pay], when: 'path_under(args.to, \"/srv\")'}\n")
    outside = [e["call"]["args"]["to"] for e in entries(found, "outside").values()]
    inside = [e["call"]["args"]["to"] for e in entries(found, "inside").values()]
    assert outside == ["/srv/../x", "/srvx", "/srv/"]
    assert inside == ["/srv", "/srv/x"]


@pytest.mark.parametrize(
    ("predicate", "params"),
    [
        ("startsWith", ("abc",)), ("endsWith", ("abc",)), ("contains", ("abc",)), ("ieq", ("aBc",)),
        ("matches", ("a.c",)), ("fullmatches", ("[a-z]{2,3}",)), ("glob", ("*.txt",)), ("path_under", ("/srv",)),
        ("host_under", ("a.com", "b.org")), ("email_domain", ("a.com",)), ("contains", ("",)), ("matches", ("^$",)),
    ],
)  # fmt: skip
def test_near_texts_are_on_their_side(predicate: str, params: tuple[str, ...]) -> None:
    """What is called inside matches, what is called outside does not."""
    test = ast.StringTest(predicate, ast.Input(("args", "to"), Str()), params)
    inside, outside = edge(test)
    assert inside
    assert all(language_of(test).matches(text) for text in inside)
    assert not any(language_of(test).matches(text) for text in outside)


def test_results_are_tested_too() -> None:
    """What a redact rule matches is redacted, and what it just does not match is left alone."""
    found = small("  - {id: hide, redact: [pay], when: 'result.text.contains(\"secret\")'}\n")
    got = {t.entry["result"]["text"]: t.entry["expect"]["text"] for t in made(found)}
    assert got["secret"] == "[redacted:hide]"
    assert got["secet" if "secet" in got else "seret"] in ("secet", "seret")


def test_optional_arguments_are_there_and_not() -> None:
    """Given and left out; and a rule that needs one cannot be evaluated without it."""
    found = small("  - {id: pay, allow: [pay], when: args.n == 1}\n")
    assert {goal.kind for goal in goals_in(found)} >= {"present", "absent", "error", "holds", "fails"}
    (error,) = [t for t in made(found) if any(g.kind == "error" for g in t.goals)]
    assert "n" not in error.entry["call"]["args"]
    assert error.entry["expect"] == "deny"


@pytest.mark.parametrize("about", ["has(args.urgent)", "from_user(args.urgent)", "grounded(args.urgent)"])
def test_a_flag_that_is_asked_about_and_looked_at(about: str) -> None:
    """Whether an argument is there, or where it is from, is an atom of its own beside the argument's value."""
    found = compile_policy(
        'version: 1\nname: flag\ntools: {pay: {args: {"urgent?": bool}}}\n'
        f"rules: [{{id: pay, allow: [pay], when: {about} && args.urgent}}]\n"
    )
    tests = made(list(synthesise(found)))
    assert {test.entry["expect"] for test in tests} == {"allow", "deny"}


def test_elements_of_lists_have_boundaries_too() -> None:
    """An atom about the elements of a list is decided by an element."""
    found = small("  - {id: pay, allow: [pay], when: 'args.tags.all(t, size(t) <= 2)'}\n")
    sizes = {len(tag) for e in entries(found, "boundary").values() for tag in e["call"]["args"]["tags"]}
    assert {1, 2, 3} <= sizes


def test_what_no_call_can_show_is_proved() -> None:
    """A contradiction never holds, and that is a proof, not a gap."""
    found = small("  - {id: pay, allow: [pay], when: args.amount < 1.00 && args.amount > 2.00}\n")
    (holds,) = [e for e in found if isinstance(e, UnreachedGoal) and e.goal.kind == "holds"]
    assert isinstance(holds.answer, Proved)


def test_tests_that_are_there_count() -> None:
    """A goal that a test of the policy shows gets no other one."""
    program, found = found_for("payments")
    reached = [each for each in found if isinstance(each, ReachedGoal)]
    assert {each.test for each in reached} <= {case.name for case in program.policy.tests}
    assert reached
    done = list(synthesise(Program(with_tests(program.policy, found))))
    assert made(done) == []
    assert Coverage.of(done) == Coverage.of(found)


def test_a_goal_without_a_session_is_unknown() -> None:
    """What only a session with dropped events shows is not claimed, in either direction."""
    _, found = found_for("payments")
    unknown = [e for e in found if isinstance(e, UnreachedGoal) and isinstance(e.answer, Unknown)]
    assert all("session" in e.answer.reason for e in unknown if isinstance(e.answer, Unknown))


def test_no_test_is_longer_than_a_page() -> None:
    """A call with a text over its bound is no test that somebody would keep."""
    found = small("  - {id: pay, allow: [pay], when: 'args.to.startsWith(\"a\")'}\n")
    assert max(len(repr(test.entry)) for test in made(found)) < 5000
