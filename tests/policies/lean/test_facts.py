"""Facts about leaves: found where they are so, refused where they are not, and shown by closed sets of derivatives."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.language import ast
from bartizan.policies.lean.proving.facts import Found, Part, contradiction, objection
from bartizan.policies.lean.proving.languages import closed_set
from bartizan.policies.regular import contains, prefix, regex
from bartizan.policies.regular.algebra import intersection
from bartizan.policies.regular.derivative import Derivatives

POLICY = """
version: 1
name: p
tools:
  send: {args: {path: str, to: str, n: int, cc: "list(str, 8)", bcc: "list(str, 8)"}, effect: write}
  read: {args: {}, effect: read}
rules:
  - id: r
    deny: [send]
    when: 'CONDITION'
  - {id: all, allow: ["*"]}
stages:
  initial: a
  states: {a: {}, b: {}, c: {final: true}}
  transitions:
    - {from: [a], on: prompt, to: b}
    - {from: [b], on: prompt, to: c}
"""


def policy_of(condition: str) -> CheckedPolicy:
    return check_policy(Source("p.yaml", POLICY.replace("CONDITION", condition.replace("'", "''"))))


def parts(condition: str) -> tuple[list[Part], CheckedPolicy]:
    """The conditions joined by ``&&``, each with whether it stands there without ``!``."""
    policy = policy_of(condition)
    found: list[Part] = []

    def walk(node: ast.Expr) -> None:
        if isinstance(node, ast.And):
            walk(node.left)
            walk(node.right)
        elif isinstance(node, ast.Not):
            found.append(Part(ast.to_json(node.operand), False))
        else:
            found.append(Part(ast.to_json(node), True))

    walk(policy.rules[0].conditions["send"])
    return found, policy


IMPOSSIBLE = [
    ('args.to.fullmatches("[a-z]+@corp.com") && !args.to.endsWith("com")', "language", 2),
    (
        'args.path.startsWith("/srv/") && !args.path.contains("..") && args.path.contains("/../")',
        "language",
        2,
    ),
    ('args.to == "a" && args.to == "b"', "language", 2),
    ('args.to == "a" && !(args.to in ["a", "b"])', "language", 2),
    ('path_under(args.path, "/srv/a") && !path_under(args.path, "/srv") && args.n > 3', "language", 2),
    ('size(args.to) < 3 && args.to.startsWith("abc")', "language", 2),
    ('2 < size(args.to) && args.to == "ab"', "language", 2),
    ('!(size(args.to) <= 3) && args.to.fullmatches("[a-z]{3}")', "language", 2),
    ("size(args.to) < 0 && args.n > 0", "language", 1),
    ("from_user(args.to) && !grounded(args.to) && args.n > 1", "law", 2),
    ('session.once("call:read", within="1h") && !session.once("call:read", within="2h")', "law", 2),
    ('session.once("call:read", within="1h") && !session.once("call:read")', "law", 2),
    ('session.once("call:send", args.n > 1) && !session.once("call:send")', "law", 2),
    (
        'session.once("call:send", within="1h", by=args.to) && !session.once("call:send", within="2h")',
        "law",
        2,
    ),
    ('session.once("call:send") && !session.once("call")', "law", 2),
    (
        "args.cc.exists(a, !from_user(a)) && args.cc.all(a, from_user(a) || grounded(a) && from_user(a))",
        "element",
        2,
    ),
    ('args.cc.exists(a, a == "eve@x.org") && args.cc.all(a, email_domain(a, ["y.org"]))', "element", 2),
    ("!args.cc.all(a, from_user(a)) && !args.cc.exists(a, !from_user(a)) && args.n > 1", "element", 2),
    (
        'args.cc.exists(a, a.startsWith("ab")) && args.cc.all(a, size(a) < 3) && !args.cc.exists(a, a == "ab")',
        "element",
        3,
    ),
    ('tool == "read"', "tool", 1),
    ('!(tool in ["send", "read"])', "tool", 1),
    ('session.stage("a") && session.stage("b", "c")', "stage", 2),
    ('!session.stage("a") && !session.stage("b", "c")', "stage", 2),
    ('session.stage("a", "b") && !session.stage("b") && !session.stage("a")', "stage", 3),
]
POSSIBLE = [
    'args.to.fullmatches("[a-z]+@corp.com") && args.to.endsWith("com")',
    'args.to == "a" && args.path == "b"',
    "grounded(args.to) && !from_user(args.to)",
    "from_user(args.to) && !grounded(args.path)",
    'session.once("call:read", within="2h") && !session.once("call:read", within="1h")',
    'session.once("call:read") && !session.once("call:read", within="1h")',
    'session.once("call:send") && !session.once("call:send", args.n > 1)',
    'session.once("call:send", args.n > 1) && !session.once("call:send", args.n > 2)',
    'session.once("call:send") && !session.once("call:send", within="2h", by=args.to)',
    'session.once("call") && !session.once("call:send")',
    'session.once("call:read", within="1h") && !session.once("call:send", within="2h")',
    "args.cc.exists(a, !from_user(a)) && args.bcc.all(a, from_user(a))",
    "args.cc.exists(a, from_user(a)) && args.cc.exists(a, !from_user(a))",
    "args.cc.all(a, from_user(a)) && args.cc.all(a, !from_user(a))",  # nothing is in an empty list
    "args.cc.exists(a, !from_user(a) || grounded(a)) && args.cc.all(a, from_user(a))",
    'tool == "send"',
    '!(tool == "read")',
    'session.stage("a", "b") && !session.stage("b")',
    "args.n > 1 && !(args.n > 0)",
    'size(args.to) <= 3 && args.to.startsWith("abc")',
    "size(args.to) < 3 && size(args.path) > 3",
]


@pytest.mark.parametrize(("condition", "reason", "needed"), IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_what_cannot_be_at_once_is_found(condition: str, reason: str, needed: int) -> None:
    """With its reason and no part that is not needed; and it is found again from its parts alone."""
    known, policy = parts(condition)
    found = contradiction(known, "send", policy)
    assert found is not None
    assert (found.reason, len(found.parts)) == (reason, needed)
    assert len(found.derivatives) in (0, found.states)
    assert objection(found.parts, found.reason, "send", policy) == found
    assert found.english.startswith("not at once: `")


@pytest.mark.parametrize("condition", POSSIBLE, ids=range(len(POSSIBLE)))
def test_what_can_be_at_once_is_no_fact(condition: str) -> None:
    """Neither found nor believed, whatever reason a certificate gives."""
    known, policy = parts(condition)
    assert contradiction(known, "send", policy) is None
    for reason in ("language", "law", "tool", "stage", "element"):
        assert isinstance(objection(known, reason, "send", policy), str)


def test_a_part_that_says_otherwise_is_no_fact() -> None:
    """Flipping the value of a part, dropping one, or asking about another tool makes a fact none."""
    for condition, _, _ in IMPOSSIBLE:
        known, policy = parts(condition)
        found = contradiction(known, "send", policy)
        assert isinstance(found, Found)
        for index, part in enumerate(found.parts):
            flipped = (*found.parts[:index], Part(part.condition, not part.value), *found.parts[index + 1 :])
            assert isinstance(objection(flipped, found.reason, "send", policy), str)
            dropped = (*found.parts[:index], *found.parts[index + 1 :])
            assert isinstance(objection(dropped, found.reason, "send", policy), str)
    known, policy = parts('tool == "read"')
    assert isinstance(objection(known, "tool", "read", policy), str)


def test_the_set_of_derivatives_is_closed() -> None:
    """No derivative by any character leads out of it, and a set without the empty word has no word."""
    derive = Derivatives()
    for left, right in product([prefix("ab"), contains("aba"), regex("[ab]{2,4}c*", mode="full")], repeat=2):
        states = closed_set(intersection([left.term, right.term]))
        assert states is not None
        members = set(states)
        for state in states:
            assert all(derive(state, ord(letter)) in members for letter in "abcxé")


def test_a_set_that_is_too_large_is_no_evidence() -> None:
    """What cannot be closed in bounds is not closed."""
    wide: Any = regex("(a|b)*a(a|b){14}", mode="full").term
    assert closed_set(wide) is None
