from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOMS = ("guard", "policies", "monitors", "integrations")


def test_no_portion_claims_the_namespace(root: Path) -> None:
    """No `bartizan/__init__.py` exists: it would make one room's portion the whole package."""
    assert not list(root.glob("*/bartizan/__init__.py"))
    assert all((root / room / "bartizan" / room / "__init__.py").is_file() for room in ROOMS)


def test_an_application_with_the_same_names_shadows_nothing(tmp_path: Path) -> None:
    """An application that has its own `guard`, `policies`, ... gets both its own and ours, unmixed."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("OWNER = 'application'\n")
    code = "".join(
        f"import {room}, bartizan.{room}; assert {room}.OWNER == 'application'\n" for room in ROOMS
    )
    code += "import bartizan.policies as ours; print(hasattr(ours, 'OWNER'), callable(ours.load_policy))\n"
    (tmp_path / "main.py").write_text(code)
    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True"]
