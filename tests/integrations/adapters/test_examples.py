"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples/adapters"


@pytest.mark.parametrize("name", ["openai_agents_desk.py", "pydantic_ai_desk.py"])
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    """The payment the user asked for is made, the injected one is asked about and rejected."""
    command = [sys.executable, str(EXAMPLES / name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "asked: may pay run with" in ran.stdout
    assert "tool: paid 90 to GB33" in ran.stdout
    assert "paid 40" not in ran.stdout
    assert "rejected it" in ran.stdout
