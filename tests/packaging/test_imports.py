from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)


def test_the_base_pulls_in_nothing_heavy(root: Path, tmp_path: Path) -> None:
    """Importing the kernel and the policies leaves torch, z3, langgraph, redis and the like unimported."""
    done = run(str(root / "tests/packaging/import_budget.py"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_budget_notices_a_heavy_module(root: Path, tmp_path: Path) -> None:
    """The import budget fails when one of the heavy modules is loaded, so its silence means something."""
    script = root / "tests/packaging/import_budget.py"
    code = f"import runpy, typer; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = run("-c", code, cwd=tmp_path)
    assert done.returncode == 1
    assert "typer" in done.stderr


@pytest.mark.parametrize("room", ["guard", "policies", "monitors"])
def test_importing_opens_no_connection(room: str, tmp_path: Path) -> None:
    """A light room imports with sockets forbidden and without warnings: nothing happens at import."""
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('a socket at import')\n"
        "socket.socket.__init__ = refuse\n"
        f"import bartizan.{room} as room\n"
        "print(len(room.__all__))\n"
    )
    done = run("-W", "error", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("room", ["guard", "policies", "monitors"])
def test_every_exported_name_exists(room: str, tmp_path: Path) -> None:
    """`from bartizan.<room> import *` finds everything that `__all__` promises, each name once."""
    code = (
        f"import bartizan.{room} as room\n"
        f"from bartizan.{room} import *\n"
        "assert len(set(room.__all__)) == len(room.__all__)\n"
        "assert all(name in globals() for name in room.__all__)\n"
    )
    done = run("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
