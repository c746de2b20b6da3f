"""The Lean project in policies/lean states what the theory states, which the kernel has checked; no Lean is needed.

Types and statements are read from the Lean source, elaborated, and must be the theory's. A definition's equations must
hold by computation of the theory's definition, and must leave no argument out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bartizan.policies.lean.calculus.build import constants
from bartizan.policies.lean.calculus.declarations import Declaration, Definition, Inductive, Theorem
from bartizan.policies.lean.calculus.terms import Pi
from bartizan.policies.lean.kernel import Environment, KernelError
from bartizan.policies.lean.source.commands import Module, read_module, read_project
from bartizan.policies.lean.theory import NAMESPACE, theory

from .reader.project import Comparison

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "policies" / "lean"
DECISION = (ROOT / "docs/decisions/0020-lean.md").read_text("utf-8")
MAIN = [
    found[1] or found[2]
    for found in re.finditer(r"^(?:theorem|--) (\w+) \(|`(\w+_sound)` says", DECISION, re.MULTILINE)
]
"""The theorems that the decision states."""

CHECKED, UNCHECKED = "kernel-checked here", "source only, not compiled here"


@cache
def declared() -> tuple[Declaration, ...]:
    return tuple(theory())


@cache
def checked() -> Environment:
    return Environment().add_all(declared())


@cache
def modules() -> tuple[Module, ...]:
    return (*read_project(PROJECT, "Spec"), *read_project(PROJECT, "Thm"))


def compared(source: Iterable[Module] = (), declarations: Sequence[Declaration] = ()) -> Comparison:
    return Comparison(declarations or declared()).read(source or modules())


@cache
def as_it_is() -> Comparison:
    return compared()


def refused(comparison: Comparison, name: str) -> bool:
    """Whether the kernel refuses some equation of a definition."""
    environment = checked().fork()
    try:
        environment.add_all(each for each in comparison.equations if each.name.startswith(f"{name}.equation"))
    except KernelError:
        return True
    return False


def test_the_source_states_what_the_theory_states() -> None:
    """Every type, constructor, field and theorem that both declare is the same in both."""
    comparison = as_it_is()
    assert [str(each) for each in comparison.differences] == []
    assert set(map(NAMESPACE.__add__, (f".{name}" for name in MAIN))) <= set(comparison.compared)


def test_the_definitions_of_the_source_are_the_theorys() -> None:
    """The kernel accepts every equation of every definition, by computing with the theory's definitions."""
    equations = as_it_is().equations
    assert len(equations) > 300
    checked().fork().add_all(equations)


def test_no_word_of_a_statement_is_left_uncompared() -> None:
    """Whatever the statements of the main theorems mean, down to the last definition, is compared."""
    by_name = {each.name: each for each in declared()}
    comparison, waiting, seen = as_it_is(), [f"{NAMESPACE}.{name}" for name in MAIN], set[str]()
    while waiting:
        name = waiting.pop()
        each = by_name.get(name)
        if name in seen or each is None or not name.startswith(NAMESPACE):
            continue
        seen.add(name)
        if isinstance(each, Inductive):
            waiting += constants(c.type for family in each.types for c in family.constructors)
        else:
            waiting += constants([each.type, *([each.value] if isinstance(each, Definition) else [])])
    assert len(seen) > 60
    assert seen - set(comparison.compared) == set()


# --- what would be noticed

STATEMENTS = {
    "deny_overrides": ("env r = Vote.deny → decide", "env r = Vote.ask → decide"),
    "info_monotone": ("Below less more → decide p tool less =", "decide p tool less ="),
    "check_sound": ("every condition t = true → Never", "true condition t = true → Never"),
    "gate_sound": ("theorem gate_sound", "theorem gate_sounds"),
    "Vote": ("  | deny | ask | permit | silent\n", "  | deny | ask | permit\n"),
    "Outcome": ("  | allow | escalate | deny\n", "  | allow | deny | escalate\n"),
    "Env.nums": ("  nums : Nat → Option Int", "  nums : Nat → Option Nat"),
    "Rule.mk": ("  soft : List Nat\n  shadow : Bool", "  shadow : Bool\n  soft : List Nat"),
    "and3": ("  | none, some false => some false\n", ""),
    "Expr.eval": ("  | Expr.not a, env => not3 (Expr.eval a env)\n", ""),
}
DEFINITIONS = {
    "and3": ("  | some false, _ => some false\n", "  | some false, b => b\n"),
    "votes": ("  | Effect.deny, false, none => Vote.deny", "  | Effect.deny, false, none => Vote.silent"),
    "outcome": ("  | false, true, _ => Outcome.escalate", "  | false, true, _ => Outcome.allow"),
    "Rule.applies": ("!r.shadow && Text.beq r.tool tool", "Text.beq r.tool tool"),
    "gate": ("permits call c && allows p c) proposals\n\nend", "permits call c) proposals\n\nend"),
    "impossible": ("Nat.ble (Nat.succ (Form.const q.large))", "Nat.ble (Form.const q.large)"),
    "may": ("  | Expr.ite c a b => mayIte", "  | Expr.ite a c b => mayIte"),
    "possibly": ("bif same3 right (some false) then bif", "bif same3 right (some true) then bif"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_changed_statement_or_type_is_noticed(name: str) -> None:
    """A statement, a constructor, a field or an equation that is changed in the Lean source is a difference."""
    comparison = compared(_changed(*STATEMENTS[name]))
    full = f"{NAMESPACE}.{name}"
    assert full in {each.name for each in comparison.differences} or full not in comparison.compared


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_changed_definition_is_refused_by_the_kernel(name: str) -> None:
    """An equation that does not say what the theory's definition computes is no theorem."""
    comparison = compared(_changed(*DEFINITIONS[name]))
    assert not comparison.differences
    assert refused(comparison, f"{NAMESPACE}.{name}")


def _changed(old: str, new: str) -> list[Module]:
    """The modules up to the one file that has a text, with that text replaced."""
    found: list[Module] = []
    for module in modules():
        text = (PROJECT / f"{module.name.replace('.', '/')}.lean").read_text("utf-8")
        if old in text:
            assert text.count(old) == 1
            return [*found, read_module(module.name, text.replace(old, new))]
        found.append(module)
    raise AssertionError(f"not in the source: {old!r}")


def test_a_changed_theory_is_noticed() -> None:
    """A statement, a name or a constructor that is changed in the theory is a difference."""
    by_name = {each.name: each for each in declared()}
    theorem, kind = by_name[f"{NAMESPACE}.info_monotone"], by_name[f"{NAMESPACE}.Outcome"]
    assert isinstance(theorem, Theorem) and isinstance(theorem.type, Pi) and isinstance(kind, Inductive)
    (family,) = kind.types
    changes: list[tuple[Declaration, Declaration]] = [
        (theorem, replace(theorem, type=theorem.type.body)),
        (theorem, replace(theorem, name=f"{NAMESPACE}.other")),
        (kind, replace(kind, types=(replace(family, constructors=family.constructors[::-1]),))),
        (kind, replace(kind, types=(replace(family, constructors=family.constructors[:2]),))),
    ]
    for old, new in changes:
        comparison = compared(declarations=[new if each is old else each for each in declared()])
        assert comparison.differences or theorem.name not in comparison.compared


# --- the project itself


def code_of(path: Path) -> str:
    """A file without its comments."""
    return re.sub(r"/-.*?-/|--[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)


def test_nothing_in_the_source_needs_trust_or_more_than_core_lean() -> None:
    """No gap, no axiom, no compiled evaluation, no texts or doubles, and no import from outside the project."""
    forbidden = re.compile(
        r"\b(sorry|admit|axiom|unsafe|partial|opaque|native_decide|bv_decide|implemented_by|extern|Float|String|Classical"
        r"|macro|elab|syntax|set_option|attribute|noncomputable)\b|\""
    )
    for path in sorted(PROJECT.rglob("*.lean")):
        code = code_of(path)
        assert not forbidden.search(code), f"{path.name}: {forbidden.search(code)}"
        assert all(
            re.match(r"(Spec|Thm)(\.\w+)?$", name)
            for name in re.findall(r"^import (\S+)", code, re.MULTILINE)
        )
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in (PROJECT / "Spec").glob("*.lean"))
    assert lines <= 900


def test_no_command_changes_what_the_compared_ones_mean() -> None:
    """The source is types, definitions and theorems in one namespace: no notation, no instance, nothing opened."""
    read = re.compile(r"(inductive|structure|abbrev|def|theorem) \w|(namespace|end) Bartizan$|import ")
    for library in ("Spec", "Thm"):
        for path in sorted((PROJECT / library).glob("*.lean")):
            commands = re.findall(r"^\S.*", code_of(path), re.MULTILINE)
            assert [each for each in commands if not read.match(each)] == [], path.name


def test_every_module_is_built() -> None:
    """The two libraries' roots import every module."""
    for library in ("Spec", "Thm"):
        root = re.findall(r"^import (\S+)", (PROJECT / f"{library}.lean").read_text("utf-8"), re.MULTILINE)
        assert sorted(root) == sorted(f"{library}.{path.stem}" for path in (PROJECT / library).glob("*.lean"))


def test_the_readme_says_of_each_theorem_what_is_so() -> None:
    """Each theorem with a sentence about it stands in the README, with the status that this test finds."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| .+ \| (.+) \|$", (PROJECT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    told = [
        command
        for module in modules()
        for command in module.commands
        if command.kind == "theorem" and command.doc
    ]
    compared_as = as_it_is().compared
    statuses = {
        each.name: CHECKED if compared_as.get(f"{NAMESPACE}.{each.name}") == "Theorem" else UNCHECKED
        for each in told
    }
    assert dict(rows) == statuses
    assert {name for name, status in statuses.items() if status == CHECKED} >= set(MAIN)


def test_the_axioms_of_every_told_theorem_are_printed_where_lean_is() -> None:
    """The file with which the workflow asks for axioms asks about each theorem of the README."""
    asked = re.findall(
        r"^#print axioms Bartizan\.(\S+)$", (PROJECT / "Axioms.lean").read_text("utf-8"), re.MULTILINE
    )
    told = [c.name for module in modules() for c in module.commands if c.kind == "theorem" and c.doc]
    assert sorted(asked) == sorted(told)
