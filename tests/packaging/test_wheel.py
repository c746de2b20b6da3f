from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOMS = ("guard", "policies", "monitors", "integrations")


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The Python of a fresh environment that holds the wheel; its dependencies are lent by this environment."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    install = ["-m", "pip", "--python", str(python), "install", "-qq", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True, text=True)
    # A plain path in a .pth adds the lender's packages and ignores its .pth files, so not its editable Bartizan.
    (site / "lender.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_ships_every_module(root: Path, names: list[str]) -> None:
    """What lies in the four rooms' packages is in the wheel, modules and data alike, and nothing else is."""
    sources = {
        path.relative_to(root / room).as_posix()
        for room in ROOMS
        for path in (root / room / "bartizan").rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }
    assert {name for name in names if ".dist-info/" not in name} == sources


def test_the_wheel_is_typed_and_carries_the_library(names: list[str]) -> None:
    """Each room has its `py.typed`, and the policy packs are shipped."""
    assert {f"bartizan/{room}/py.typed" for room in ROOMS} <= set(names)
    assert "bartizan/policies/library/baseline.yaml" in names


def test_the_wheel_has_one_licence_and_no_strays(names: list[str]) -> None:
    """One licence; no tests, no caches, and no `bartizan/__init__.py` that would hide other portions."""
    assert [name for name in names if "LICENSE" in name.upper()] == [
        "bartizan-0.1.0.dist-info/licenses/LICENSE"
    ]
    assert not [name for name in names if name.startswith(("tests/", "examples/")) or "__pycache__" in name]
    assert "bartizan/__init__.py" not in names


def test_the_installed_wheel_imports(installed: Path, root: Path, tmp_path: Path) -> None:
    """In an environment that holds the wheel, the rooms come from the wheel and the import budget holds."""
    code = "import bartizan.guard, bartizan.policies; print(bartizan.guard.__file__); print(bartizan.policies.__file__)"
    where = subprocess.run(
        [str(installed), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert all(line.startswith(str(tmp_path / "venv")) for line in where.stdout.splitlines())
    budget = root / "tests/packaging/import_budget.py"
    done = subprocess.run([str(installed), str(budget)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_installed_wheel_has_the_command(installed: Path, tmp_path: Path) -> None:
    """`bartizan` is on the environment's path and answers."""
    command = [str(installed.with_name("bartizan")), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "check" in done.stdout
