"""The differential checks notice when the analysis is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants import MUTANTS, Mutant
from .subset import DISAGREEMENT

ROOT = Path(__file__).parents[4]
PACKAGE = Path("bartizan/policies")
MODULE = "tests.policies.analysis.differential.subset"


def copied(directory: Path) -> Path:
    """A copy of the room of the policies, with what is compiled."""
    room = directory / "policies"
    shutil.copytree(ROOT / "policies" / PACKAGE, room / PACKAGE)
    return room


def checked(room: Path) -> subprocess.CompletedProcess[str]:
    """The subset of the differential checks, in an interpreter that loads the package from ``room``."""
    path = os.pathsep.join((str(room), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-m", MODULE, str(room)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_unchanged_package_passes(tmp_path: Path) -> None:
    """A copy of the package in which nothing was changed has no disagreement."""
    found = checked(copied(tmp_path))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{Path(m.file).stem}-{MUTANTS.index(m)}")
def test_a_mutant_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    """With one operator of the analysis changed, some implementation disagrees with another."""
    room = copied(tmp_path)
    file = room / PACKAGE / mutant.file
    source = file.read_text(encoding="utf-8")
    count = source.count(mutant.before)
    assert count == 1, (
        f"expected the snippet of this mutant once in {mutant.file}, found it {count} times: {mutant.before!r}; "
        "the source has changed, so write the mutant anew in mutants.py"
    )
    file.write_text(source.replace(mutant.before, mutant.after), encoding="utf-8")
    found = checked(room)
    shutil.rmtree(room)
    assert found.returncode != 0, f"nobody noticed in {mutant.file}: {mutant.because}"
    assert found.returncode == DISAGREEMENT, found.stdout + found.stderr
