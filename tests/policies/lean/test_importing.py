"""A policy that somebody wrote as a kernel term becomes a file that decides the same, and keeps its theorems."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.policies.lean.certified import Pair
from tests.policies.lean.handmade import File

from bartizan.guard import Outcome, Request, Session, ToolCall
from bartizan.policies import CheckedPolicy, Program, Source, check_policy, compile_policy
from bartizan.policies.lean.certificates.certify import Further, certify
from bartizan.policies.lean.certificates.importing import CannotImport, imported
from bartizan.policies.policy import canonical_text

YAML = """
version: 1
name: mine
tools:
  pay: {args: {to: str, amount: int}, effect: write}
rules:
  - {id: small, allow: [pay], when: args.amount <= 500, reason: Small amounts.}
  - {id: odd, deny: [pay], when: '!args.to.startsWith("a") && !(args.to == "bob")'}
"""
AMOUNT = {"node": "Input", "path": ["args", "amount"], "type": "int"}
TO = {"node": "Input", "path": ["args", "to"], "type": "str"}
STARTS = {"node": "StringTest", "operand": TO, "params": ["a"], "predicate": "startsWith", "type": "bool"}
ODD: dict[str, Any] = {
    "number": {**STARTS, "params": [float("nan")]},
    "depth": json.loads('{"a":' * 900 + "1" + "}" * 900),
}
"""Leaves that are JSON to some readers, and no condition."""


def by_hand(change: str = "", theory: str | None = None) -> File:
    """The policy above, with helpers, arithmetic, a function, an unused leaf, and leaves in an order of its own."""
    f = File(theory)
    header = check_policy(Source("mine.yaml", YAML)).document() | {"rules": []}
    text_type, expr, rule = f.const("Bartizan.Text"), f.const("Bartizan.Expr"), f.const("Bartizan.Rule")
    nat, true, false = f.const("Nat"), f.const("Bool.true"), f.const("Bool.false")
    five_hundred = f.app(f.const("Nat.mul"), f.nat(5), f.app(f.const("Nat.add"), f.nat(99), f.nat(1)))
    limit = f.define("Mine.limit", nat, five_hundred)
    num = f.const("Bartizan.Num")
    amount = f.define("Mine.amount", num, f.make("Bartizan.Num.var", f.nat(2)))
    small = f.make("Bartizan.Expr.cmp", f.const("Bartizan.Cmp.le"), amount,
                   f.make("Bartizan.Num.lit", f.make("Int.ofNat", limit)))  # fmt: skip
    bob = f.nat(int.from_bytes(b"\x01bob", "big"))
    is_bob = f.make("Bartizan.Expr.cmp", f.const("Bartizan.Cmp.eq"), f.make("Bartizan.Num.var", f.nat(0)),
                    f.make("Bartizan.Num.lit", f.make("Int.ofNat", bob)))  # fmt: skip
    negate = f.define(
        "Mine.neither",
        f._line(
            "ie", {"forallE": {"binderInfo": "default", "name": f.name("x"), "type": expr, "body": expr}}
        ),
        f.lam("x", expr, f.make("Bartizan.Expr.not", f.bvar(0))),
    )
    starts = f.make("Bartizan.Expr.atom", f.nat(3))
    odd = f.make("Bartizan.Expr.and", f.app(negate, starts), f.app(negate, is_bob))
    empty = f.list(nat, [])

    if change == "header":
        document = check_policy(Source("mine.yaml", YAML)).document()
        header = document | {"rules": [document["rules"][0] | {"id": "ghost"}]}

    def about(reason: str) -> int:
        more = {"effect": "deny"} if change == "about" and reason else {}
        return f.text(json.dumps({"label": None, "reason": reason, **more}))

    soft = f.list(nat, [f.nat(0)]) if change == "soft" else empty

    tool = f.text("pay" if change != "tool" else "pai")
    rules = [
        f.make("Bartizan.Rule.mk", f.text("odd"), f.const("Bartizan.Effect.deny"), tool, odd, soft, false, about("")),
        f.make("Bartizan.Rule.mk", f.text("small"), f.const("Bartizan.Effect.allow"), f.text("pay"), small, empty,
               true if change == "shadow" else false, about("Small amounts.")),
    ]  # fmt: skip
    leaves = [TO, {"node": "Unused"}, AMOUNT, ODD.get(change, STARTS)]
    policy = f.make(
        "Bartizan.Policy.mk", f.text(canonical_text(header)),
        f.list(text_type, [f.text(json.dumps(leaf)) for leaf in leaves]), f.list(rule, rules),
    )  # fmt: skip
    constant = f.define("Mine.policy", f.const("Bartizan.Policy"), policy)
    if change != "no theorems":
        _theorems(f, constant, small, tool)
    return f


def _theorems(f: File, policy: int, small: int, tool: int) -> None:
    """What is allowed is at most 500, by a tree of the author's own; and losing information never allows."""
    too_much = f.make("Bartizan.Expr.not", small)
    no_hypotheses = f.list(f.const("Bartizan.Clause"), [])
    arguments = [policy, no_hypotheses, tool, f.nat(9), f.const("Bool.true"),
                 f.make("Bartizan.Expr.and", f.make("Bartizan.Expr.atom", f.nat(9)), too_much)]  # fmt: skip
    leaf = f.const("Bartizan.Tree.leaf")

    def some(value: str) -> int:
        return f.app(f.const("Option.some", 0), f.const("Bool"), f.const(f"Bool.{value}"))

    inner = f.make("Bartizan.Tree.split", small, some("false"), leaf, leaf)
    tree = f.make("Bartizan.Tree.split", small, some("true"), leaf, inner)
    one = f._line("il", {"succ": 0})
    yes = f.app(f.const("Eq.refl", one), f.const("Bool"), f.const("Bool.true"))
    f.theorem(
        "Mine.at_most_500",
        f.make("Bartizan.Never", *arguments),
        f.make("Bartizan.check_sound", *arguments, tree, yes),
    )
    f.theorem("Mine.true_anyway", f.const("True"), f.const("True.intro"))


def outcomes(program: Program) -> list[Outcome]:
    calls = [(to, amount) for to in ("alice", "bob", "carl", "") for amount in (-1, 0, 499, 500, 501, 10**30)]
    session = Session("s", state=program.initial())
    return [
        program.decide(Request(ToolCall.of("1", "pay", {"to": to, "amount": amount}), 0), session).outcome
        for to, amount in calls
    ]


def nothing(policy: CheckedPolicy) -> Any:
    return iter(())


def test_a_hand_made_policy_is_the_policy_that_its_author_meant() -> None:
    """It has the hash of the YAML that says the same, is written as a file with that hash, and decides the same."""
    found = imported(by_hand().bytes(), "Mine.policy")
    meant = check_policy(Source("mine.yaml", YAML))
    assert found.policy.hash == meant.hash
    again = compile_policy(found.text)
    assert again.hash == meant.hash
    assert outcomes(again) == outcomes(Program(meant))
    assert set(outcomes(again)) == {Outcome.ALLOW, Outcome.DENY}


def test_it_keeps_its_theorems(tmp_path: Path) -> None:
    """The certificate tells the author's theorem, and is taken at every level; any change of it is refused."""
    found = imported(by_hand().bytes(), "Mine.policy")
    assert [each.name for each in found.further.theorems] == ["Mine.at_most_500"]
    made = certify(found.policy, nothing, found.further)
    assert made.certificate is not None
    pair = Pair(found.policy, made.certificate, made.proof)
    assert pair.passes() == ("hash", "recheck", "kernel")
    (told,) = (each for each in made.certificate.theorems if each.constant == "Mine.policy")
    assert "Bartizan.Never Mine.policy" in told.english
    index = made.certificate.theorems.index(told)

    def put(key: str, value: str) -> Pair:
        return pair.with_json(lambda body: body["theorems"][index].update({key: value}))

    assert put("english", "It is safe.").passes() == ("hash", "recheck")
    assert put("statement", "0" * 64).passes() == ("hash", "recheck")
    assert put("name", "Mine.other").passes() == ("hash", "recheck")
    assert put("constant", "Mine.limit").passes() == ("hash", "recheck")
    assert put("constant", "Certified.policy").passes() == ()


def test_theorems_of_another_policy_do_not_come_along() -> None:
    """A constant that decodes to another policy is refused, although its theorem is true."""
    found = imported(by_hand("shadow").bytes(), "Mine.policy")
    other = check_policy(Source("mine.yaml", YAML))
    assert found.policy.hash != other.hash
    made = certify(other, nothing, found.further)
    assert made.certificate is not None
    assert Pair(other, made.certificate, made.proof).passes() == ("hash", "recheck")


def test_a_file_with_definitions_of_its_own_gives_its_policy_only() -> None:
    """Where the theory is not this one, what is proved is about other definitions, and is left behind."""
    from bartizan.policies.lean.theory import text

    lines = text().splitlines()
    cut = next(i for i, line in enumerate(lines) if '"thm"' in line and i > len(lines) - 40)
    shorter = "\n".join(lines[:cut])
    found = imported(by_hand("no theorems", shorter).bytes(), "Mine.policy")
    assert found.policy.hash == check_policy(Source("mine.yaml", YAML)).hash
    assert found.further == Further()


@pytest.mark.parametrize(
    ("change", "constant", "why"),
    [
        (lambda data: b"", "Mine.policy", "the file is empty"),
        (lambda data: b"{}\n", "Mine.policy", "refuses"),
        (lambda data: data, "Mine.polisy", "its policies are: Mine.policy"),
        (lambda data: data, "Mine.limit", "of type Bartizan.Policy"),
        (lambda data: data[:-40], "Mine.policy", "cannot be read"),
        (
            lambda data: data.replace(b'"Policy"', b'"Polity"'),
            "Mine.policy",
            "does not declare Bartizan.Policy",
        ),
    ],
    ids=range(6),
)
def test_what_is_no_policy_is_refused(change: Any, constant: str, why: str) -> None:
    """No file, another constant, a cut file, another datatype: one error that says what was expected."""
    with pytest.raises(CannotImport, match=why):
        imported(change(by_hand().bytes()), constant)


def test_another_term_is_another_policy() -> None:
    """A number that is different, and a rule for a tool that is not declared, which no file could say."""
    changed = by_hand("no theorems").bytes().replace(b'"natVal": "99"', b'"natVal": "98"')
    assert imported(changed, "Mine.policy").policy.hash != check_policy(Source("mine.yaml", YAML)).hash
    with pytest.raises(CannotImport, match=r"Mine.policy: .* cannot be written"):
        imported(by_hand("tool").bytes(), "Mine.policy")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("header", "a rule with conditions, which would not be in force"),
        ("about", "more, or less, than its label and reason"),
        ("soft", "`soft` of a deny rule"),
        ("number", "Mine.policy: .*JSON"),
        ("depth", "Mine.policy: "),
    ],
)
def test_a_term_that_means_something_else_than_its_document_is_refused(change: str, why: str) -> None:
    """What would be read as one policy and computed as another: a rule in the header, a second effect, softness."""
    with pytest.raises(CannotImport, match=why):
        imported(by_hand(change).bytes(), "Mine.policy")


def test_a_constant_of_several_universes_is_no_policy() -> None:
    """A definition with level parameters is one constant for each level, none of which is named."""
    f = by_hand("no theorems")
    definition = json.loads(f.lines.pop(-2))
    definition["def"]["levelParams"] = [f.name("u")]
    f._line("il", {"param": f.name("u")})
    f.lines.append(json.dumps(definition))
    with pytest.raises(CannotImport, match=r"Mine\.policy"):
        imported(f.bytes(), "Mine.policy")


def test_names_of_certificates_are_not_free() -> None:
    """A file that declares what certificates declare is refused by name."""
    f = by_hand()
    f.theorem("Certified.policy", f.const("True"), f.const("True.intro"))
    with pytest.raises(CannotImport, match="names under Certified"):
        imported(f.bytes(), "Mine.policy")


def test_axioms_come_only_by_name_and_take_no_theorem_along() -> None:
    """An axiom is refused unless it is allowed; then the policy is read, and its theorems are left."""
    f = by_hand()
    one = f._line("il", {"succ": 0})
    prop = f._line("ie", {"sort": 0})
    same = f.app(f.const("Eq", one), prop, f.bvar(2), f.bvar(1))
    made = f.app(f.const("Iff"), f.bvar(1), f.bvar(0))
    for name, kind, domain in (("h", "default", made), ("b", "implicit", prop), ("a", "implicit", prop)):
        about = {"binderInfo": kind, "name": f.name(name), "type": domain, "body": same}
        same = f._line("ie", {"forallE": about})
    axiom = {"isUnsafe": False, "levelParams": [], "name": f.name("propext"), "type": same}
    f.lines.append(json.dumps({"axiom": axiom}))
    with pytest.raises(CannotImport, match="axioms are not allowed"):
        imported(f.bytes(), "Mine.policy")
    found = imported(f.bytes(), "Mine.policy", ["propext"])
    assert found.further == Further()
    assert found.left == ("Mine.at_most_500",)
    assert replace(found, left=()).policy.name == "mine"
