"""The theory: what its sources say, accepted by the kernel, without axioms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bartizan.policies.lean.calculus.declarations import Axiom, Theorem
from bartizan.policies.lean.calculus.digests import Digester
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.theory import NAMESPACE, text, theory
from bartizan.policies.lean.theory.elaborate import Elaborator, Mistake
from bartizan.policies.lean.theory.make import made
from bartizan.policies.lean.theory.parse import Malformed

ROOT = Path(__file__).parents[3]
DIGEST = "928988315cbd71970a75bcf0af0ad7001b42fb07b675794fea2a35001bd13018"


def test_the_kept_file_is_what_the_kernel_accepts_of_the_sources() -> None:
    """The sources give, line by line, the file that is shipped, and the kernel accepts it."""
    assert made() == text()


def test_the_theory_is_the_pinned_one() -> None:
    """A change to any statement or proof changes the digest, with which certificates name the theory."""
    assert Digester().declarations(theory()) == DIGEST


def test_nothing_is_assumed() -> None:
    """There is no axiom in the theory, and the kernel is given none to allow."""
    assert not [each for each in theory() if isinstance(each, Axiom)]
    assert checked_theory().axioms == []


def test_every_theorem_of_the_decision_is_proved() -> None:
    """Each theorem that decision 0020 states is a theorem of the theory."""
    decision = (ROOT / "docs/decisions/0020-lean.md").read_text(encoding="utf-8")
    stated = re.findall(r"^theorem (\w+)", decision, re.MULTILINE)
    proved = {each.name for each in theory() if isinstance(each, Theorem)}
    assert len(stated) >= 15
    assert {
        f"{NAMESPACE}.{name}" for name in (*stated, "always_within_sound", "always_within_once_sound")
    } <= proved


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("theorem wrong : Bool.true = Bool.false := rfl", "expected Eq Bool"),
        ("theorem missing (a : Bool) : a = a := match a with | true => rfl", "no arm for false"),
        ("theorem unknown : nothing := rfl", "unknown name 'nothing'"),
        ("theorem rfl : Bool.true = Bool.true := Eq.refl", "this name is taken"),
        ("theorem open : Bool.true = Bool.false := auto", "not obvious"),
    ],
)
def test_what_does_not_follow_is_refused_when_it_is_written(source: str, message: str) -> None:
    """A theorem without a proof is refused with its name and what is missing."""
    elaborator = Elaborator()
    for each in theory_source():
        elaborator.run(each)
    with pytest.raises(Mistake, match=re.escape(message)):
        elaborator.run(source)


def test_what_cannot_be_read_is_refused() -> None:
    """A command that breaks off is refused with the place."""
    with pytest.raises(Malformed, match="expected a term"):
        Elaborator().run("def broken : Nat :=")


def theory_source() -> list[str]:
    return [
        "inductive Bool : Type\n| false\n| true",
        "inductive Eq [u] {α : Sort u} (a : α) : α → Prop\n| refl : Eq a a",
        "inductive False : Prop",
        "theorem rfl [u] {α : Sort u} {a : α} : a = a := Eq.refl",
    ]
