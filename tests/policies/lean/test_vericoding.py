"""Tasks for provers: the benchmark's fields, complete files, and statements that are the theory's and the policy's."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.lean.calculus.build import spine
from bartizan.policies.lean.calculus.declarations import Definition, Theorem
from bartizan.policies.lean.calculus.terms import Const
from bartizan.policies.lean.certificates.certificate import Certificate, Mismatch
from bartizan.policies.lean.certificates.certify import certify
from bartizan.policies.lean.encoding.emit import clauses_term
from bartizan.policies.lean.proving.claims import POLICY, Claims
from bartizan.policies.lean.source import vericoding
from bartizan.policies.lean.source.commands import read_module
from bartizan.policies.lean.theory import NAMESPACE, theory

from .reader.project import Comparison, plain

PROJECT = Path(__file__).parents[3] / "policies" / "lean"
FIELDS = [
    *("id", "language", "source", "source-id", "source-notes", "vc-description", "vc-preamble", "vc-helpers"),
    *(
        "vc-definitions",
        "vc-theorems",
        "vc-postamble",
        "qa-issue",
        "qa-issue-type",
        "qa-definitions-with-sorry",
    ),
    *("qa-near-duplicate-group", "qa-score"),
]
"""Those of the benchmark's Lean tasks, in its order."""


TEXT = """
version: 1
name: desk
tools:
  pay: {args: {to: str, amount: "dec(2)"}, effect: write}
rules:
  - {id: tools, allow: [pay]}
  - {id: much, deny: [pay], when: args.amount > 100.00}
  - {id: known, deny: [pay], unless: 'args.to.endsWith("@corp.com")'}
  - {id: none, deny: [pay], when: args.amount < 0.00}
  - {id: day, deny: [pay], when: 'session.sum("pay", "amount", within="24h") + args.amount > 500.00'}
invariants:
  - always-within: {tool: pay, sum: amount, window: 24h, at-most: 500.00}
  - never: allowed(pay) && args.amount > 150.00
  - never: allowed(pay) && args.to.fullmatches("[a-z]+@evil.org")
"""


@cache
def policy() -> CheckedPolicy:
    return check_policy(Source("desk.yaml", TEXT))


@cache
def certificate() -> Certificate:
    made = certify(policy(), lambda asked: iter(()))
    assert made.certificate is not None, made.unproved
    return made.certificate


@cache
def specification() -> dict[str, vericoding.Task]:
    return {task["source-id"]: task for task in vericoding.specification_tasks(PROJECT)}


def desk() -> vericoding.Task:
    task = vericoding.policy_task(policy(), certificate(), PROJECT)
    assert task is not None
    return task


def test_tasks_have_the_benchmarks_fields(tmp_path: Path) -> None:
    """Every line is a JSON object with the fields of the benchmark's Lean tasks, and no name occurs twice."""
    target = tmp_path / "tasks.jsonl"
    assert vericoding.write_tasks(target, [*specification().values(), desk()]) == len(specification()) + 1
    tasks = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert all(list(task) == FIELDS for task in tasks)
    assert len({task["id"] for task in tasks}) == len(tasks) > 20
    assert all(isinstance(task[part], str) for task in tasks for part in vericoding.PARTS)


def test_each_task_leaves_something_to_prove_and_nothing_else_open() -> None:
    """What is asked for is a sorry in the theorems, or in the definition of a function; the preamble has none."""
    for name, task in [*specification().items(), ("", desk())]:
        assert "sorry" not in task["vc-preamble"]
        assert task["vc-theorems"].count("sorry") == task["vc-theorems"].count("theorem ") > 0
        assert task["qa-definitions-with-sorry"] == (1 if name.endswith("-function") else 0)


@pytest.mark.parametrize("name", ["deny_overrides", "check_sound", "register_correct_since", "accepts_exact"])
def test_a_theorems_task_is_a_whole_file_and_states_the_theorem(name: str) -> None:
    """The parts together define all that the statement needs, and the statement is the theory's where it has one."""
    task = specification()[name]
    module = read_module("Task", vericoding.lean_file(task))
    assert module.imports == ()
    comparison = Comparison(theory()).read([module])
    assert [str(each) for each in comparison.differences] == []
    assert f"{NAMESPACE}.{name}" in comparison.compared
    assert task["vc-preamble"].startswith("namespace Bartizan")
    assert task["vc-postamble"] == "end Bartizan"


def test_a_functions_task_asks_for_it_with_its_theorems() -> None:
    """The gate's task has its type and no body, and states its two theorems."""
    task = specification()["gate-function"]
    assert task["vc-definitions"].startswith("def gate (p : Policy)")
    assert task["vc-definitions"].endswith(":=\n  sorry")
    assert "def gate" not in task["vc-preamble"]
    assert re.findall(r"^theorem (\w+)", task["vc-theorems"], re.MULTILINE) == [
        "gate_sound",
        "gate_transparent",
    ]


def test_a_policys_task_is_the_policy_and_its_invariants() -> None:
    """Read back, the definition is the policy's very term, and the theorems state what the certificate states."""
    task, claims = desk(), Claims.of(policy())
    stated = {each.name for each in certificate().theorems if ".invariant_" in each.name}
    wanted = {claim.name: claim.statement for claim in vericoding.invariant_claims(claims, certificate())}
    assert set(wanted) == stated
    assert any(spine(statement)[1][1] is not clauses_term([]) for statement in wanted.values())
    declarations = [
        *theory(),
        Definition(POLICY, (), Const(f"{NAMESPACE}.Policy"), claims.term),
        *(Theorem(name, (), statement, statement) for name, statement in wanted.items()),
    ]
    comparison = Comparison(declarations).read([read_module("Preamble", task["vc-preamble"])])
    comparison.namespace, comparison.opened = "Certified", (NAMESPACE,)
    comparison.read([read_module("Policy", f"{task['vc-definitions']}\n\n{task['vc-theorems']}")])
    assert [str(each) for each in comparison.differences] == []
    assert set(wanted) <= set(comparison.compared)
    (equation,) = [each for each in comparison.equations if each.name.startswith(f"{POLICY}.")]
    assert plain(spine(equation.type)[1][2]) is claims.term


def test_a_certificate_that_is_not_about_the_policy_is_refused() -> None:
    """A fact about what the policy does not test, or an invariant less: a task is not made of such a certificate."""
    good, claims = certificate(), Claims.of(policy())
    (fact,) = good.facts
    part = fact.parts[0].model_copy(update={"condition": {"node": 1}})
    nonsense = fact.model_copy(update={"parts": (part,)})
    for change in ({"facts": (nonsense,)}, {"invariants": good.invariants[:2]}, {"facts": ()}):
        with pytest.raises(Mismatch):
            list(vericoding.invariant_claims(claims, good.model_copy(update=change)))


def test_a_policy_without_such_invariants_has_no_task() -> None:
    """Only what a policy must never do is a statement about all its calls."""
    text = TEXT.partition("invariants:")[0]
    assert vericoding.policy_task(check_policy(Source("desk.yaml", text)), None, PROJECT) is None


def test_a_folder_that_is_not_the_project_is_refused(tmp_path: Path) -> None:
    """Where the Lean project is not, the error says which folder is meant."""
    with pytest.raises(vericoding.NoProject, match="policies/lean"):
        list(vericoding.specification_tasks(tmp_path))
