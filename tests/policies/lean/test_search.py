"""Decision trees are found for what follows, and none for what does not; Python's checker agrees with the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.lean.calculus.build import app
from bartizan.policies.lean.calculus.declarations import Definition, Theorem
from bartizan.policies.lean.calculus.terms import Const
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.encoding.constructors import CannotDecode
from bartizan.policies.lean.encoding.emit import expr_term, ours, reflexivity, tree_term, value_term
from bartizan.policies.lean.encoding.model import Atom, Clause, Constant
from bartizan.policies.lean.encoding.tree import Blocked, Leaf, Linear, Split, Strict, Tree, size
from bartizan.policies.lean.kernel import KernelError
from bartizan.policies.lean.proving import facts
from bartizan.policies.lean.proving.claims import POLICY, Claims
from bartizan.policies.lean.proving.facts import Part
from bartizan.policies.lean.proving.search import Search, TooLarge
from bartizan.policies.lean.proving.trees import read_tree, verdict

POLICY_TEXT = """
version: 1
name: p
tools:
  pay: {args: {to: str, n: int, m: int, cost: "dec(2)", ok: bool, mode: "enum(fast, slow)"}, effect: write}
  look: {args: {n: int}, effect: read}
signals:
  risk: {on: call, monitor: m, missing: escalate}
rules:
RULES
invariants:
  - never: INVARIANT
"""

FOLLOWS = [
    ("allow pay: args.n <= 10", "allowed(pay) && args.n > 10"),
    ("allow pay: args.n <= 10", "allowed(pay) && args.n >= 20 && args.ok"),
    ("allow pay: args.n < args.m && args.m < 5", "allowed(pay) && args.n > 3"),
    ("allow pay: args.n + args.m <= 10", "allowed(pay) && args.n > 7 && args.m > 2"),
    ("allow pay: 2 * args.n - args.m == 3", "allowed(pay) && args.m == 0 && args.n > 1"),
    ("allow pay: args.cost <= 100.00", "allowed(pay) && args.cost > 99.99 && args.cost > 100.00"),
    ("allow pay: args.ok | deny pay: args.n > 3", "allowed(pay) && (args.n > 3 || !args.ok)"),
    ("allow pay: args.ok ? args.n > 3 : args.n < -3", "allowed(pay) && args.n == 0"),
    ('allow pay: args.mode == "fast"', 'allowed(pay) && args.mode == "slow"'),
    ('allow pay: args.mode in ["fast"] | deny pay: args.n in [1, 2]', "allowed(pay) && args.n in [1, 2]"),
    ('allow pay: true | escalate pay: signal("risk") >= 0.5', 'allowed(pay) && signal("risk") >= 0.5'),
    ('allow pay: true | deny pay: signal("risk") >= 0.5', 'allowed(pay) && signal("risk") >= 0.5'),
    ("allow pay: true | deny pay: args.n > 5", "args.n > 5"),
    ("escalate pay: true", "allowed(pay)"),
    ('allow pay: args.to == "a"', 'allowed(pay) && args.to == "b"'),
    ('allow pay: args.to.startsWith("ab") | deny pay: args.to.contains("x")', 'args.to.endsWith("x")'),
    ("allow pay: grounded(args.to)", "allowed(pay) && from_user(args.to) && !grounded(args.to)"),
    ('allow pay: session.count("pay") < 3', 'allowed(pay) && session.count("pay") >= 3'),
    ("deny pay: true", "args.ok"),
]
DOES_NOT = [
    ("allow pay: args.n <= 10", "allowed(pay) && args.n > 9"),
    ("allow pay: args.n <= 10 || args.ok", "allowed(pay) && args.n > 10"),
    ("allow pay: true | deny pay: args.n > 5", "args.n > 4"),
    ("allow pay: true | escalate pay: args.n > 5", "args.n > 5"),  # it may be approved
    ('allow pay: args.mode == "fast"', 'allowed(pay) && args.mode == "fast"'),
    ('allow pay: true | deny pay: args.to.startsWith("a")', 'allowed(pay) && args.to.contains("a")'),
    ("allow pay: true", "allowed(pay) && args.n < args.m && args.m < args.n + 2"),
    ("allow pay: from_user(args.to)", "allowed(pay) && grounded(args.to)"),
]


def policy_of(rules: str, invariant: str) -> CheckedPolicy:
    lines = []
    for number, rule in enumerate(rules.split(" | ")):
        head, _, condition = rule.partition(": ")
        effect, tool = head.split()
        quoted = condition.replace("'", "''")
        lines.append(f"  - {{id: r{number}, {effect}: [{tool}], when: '{quoted}'}}")
    quoted = "'" + invariant.replace("'", "''") + "'"
    text = POLICY_TEXT.replace("RULES", "\n".join(lines)).replace("INVARIANT", quoted)
    if "allowed" not in invariant:
        text = text.replace("look: {args: {n: int}, effect: read}", "")
    return check_policy(Source("p.yaml", text))


def found(policy: CheckedPolicy) -> tuple[Claims, Tree | None, list[Clause], tuple[tuple[Part, ...], ...]]:
    claims = Claims.of(policy)
    restorer = claims.restorer
    search = Search(
        claims.question(0, "pay"),
        lambda parts: facts.contradiction(parts, "pay", policy),
        lambda expr: Part(restorer.condition(expr), True),
    )
    tree = search.tree()
    parts = tuple(fact.parts for fact in search.facts)
    return claims, tree, [claims.clause(each) for each in parts], parts


def kernel_accepts(claims: Claims, tree: Tree, parts: tuple[tuple[Part, ...], ...]) -> bool:
    claim = claims.never(0, "pay", parts)
    proof = app(ours("check_sound"), *claim.arguments, tree_term(tree), reflexivity())
    environment = checked_theory().fork()
    environment.add(Definition(POLICY, (), Const("Bartizan.Policy"), claims.term))
    try:
        environment.add(Theorem("T", (), claim.statement, proof))
    except KernelError:
        return False
    return True


@pytest.mark.parametrize(("rules", "invariant"), FOLLOWS, ids=range(len(FOLLOWS)))
def test_what_follows_has_a_tree(rules: str, invariant: str) -> None:
    """It is found, it comes back from its term, and Python and the kernel take it."""
    claims, tree, clauses, parts = found(policy_of(rules, invariant))
    assert tree is not None
    assert read_tree(tree_term(tree)) == tree
    assert verdict(tree, claims.question(0, "pay"), clauses) is None
    assert kernel_accepts(claims, tree, parts)


@pytest.mark.parametrize(("rules", "invariant"), DOES_NOT, ids=range(len(DOES_NOT)))
def test_what_does_not_follow_has_none(rules: str, invariant: str) -> None:
    """The search gives up, and a tree that pretends is taken by neither checker."""
    claims, tree, clauses, parts = found(policy_of(rules, invariant))
    assert tree is None
    assert verdict(Leaf(), claims.question(0, "pay"), clauses) is not None
    assert not kernel_accepts(claims, Leaf(), parts)


def changes(tree: Tree) -> Iterator[Tree]:
    """The tree with one step of it changed."""
    match tree:
        case Split(expr, value, yes, no):
            for other in {True, False, None} - {value}:
                yield Split(expr, other, yes, no)
            yield Split(expr, value, no, yes)
            yield Leaf()
            yield from (Split(expr, value, each, no) for each in changes(yes))
            yield from (Split(expr, value, yes, each) for each in changes(no))
        case Blocked(hyp):
            yield from (Blocked(hyp + 1), Leaf())
        case Strict(known, unknown):
            yield from (Strict(unknown, known), Leaf())
        case Linear(added):
            yield from (Linear(added[1:]), Linear(added[:-1]), Leaf())
            yield Linear((replace(added[0], weight=added[0].weight + 1), *added[1:]))
            yield Linear((replace(added[0], value=not added[0].value), *added[1:]))
        case Leaf():
            yield from (Blocked(0), Linear(()))


def test_python_and_the_kernel_agree_about_every_change() -> None:
    """Whatever one takes the other takes: of every single change of some trees, most are no proofs any more."""
    refused = total = 0
    for rules, invariant in (FOLLOWS[2], FOLLOWS[7], FOLLOWS[15]):
        claims, tree, clauses, parts = found(policy_of(rules, invariant))
        assert tree is not None
        for changed in list(changes(tree))[:40]:
            mine = verdict(changed, claims.question(0, "pay"), clauses) is None
            assert mine is kernel_accepts(claims, changed, parts), changed
            total, refused = total + 1, refused + (not mine)
    assert total > 60
    assert refused > total / 2


def test_only_a_comparison_must_have_a_value_where_its_variables_have() -> None:
    """That any other condition has none contradicts nothing: `a && !a` asks just where `a` is not known."""
    claims = Claims.of(policy_of("escalate pay: args.ok && !args.ok", "args.n > 0"))
    (unknown,) = (expr for expr in claims.tested.values() if isinstance(expr, Atom))
    known = Split(unknown, True, Leaf(), Leaf())
    for reason in (
        Strict(Constant(True), unknown),
        Strict(unknown, unknown),
        Strict(known.expr, Constant(True)),
    ):
        tree = Split(unknown, None, reason, known)
        assert verdict(tree, claims.question(0, "pay"), []) is not None
        assert not kernel_accepts(claims, tree, ())


def test_a_tree_that_is_shared_in_itself_is_no_tree() -> None:
    """Two hundred terms may unfold to 2^200 places, or one place to as many parts: neither is read to the end."""
    condition, tree = expr_term(Constant(True)), tree_term(Leaf())
    for _ in range(200):
        condition = app(ours("Expr.and"), condition, condition)
        tree = app(ours("Tree.split"), expr_term(Atom(0)), value_term(True), tree, tree)
    with pytest.raises(CannotDecode, match="places"):
        read_tree(tree)
    with pytest.raises(CannotDecode, match="too many parts"):
        read_tree(app(ours("Tree.strict"), condition, condition))


def test_a_search_ends() -> None:
    """What would take too many places is given up."""
    many = " && ".join(f"(args.n == {n} || args.m == {n})" for n in range(24))
    policy = policy_of("allow pay: args.ok", f"allowed(pay) && {many} && args.cost > 1.00")
    try:
        _, tree, _, _ = found(policy)
    except TooLarge:
        return
    assert tree is None or size(tree) <= 4_000
