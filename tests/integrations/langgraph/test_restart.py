"""An approval outlives the process that asked for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bartizan.guard.audit import verify

SCRIPT = Path(__file__).with_name("restart_script.py")


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_an_approval_is_given_after_the_process_was_killed(tmp_path: Path, kind: str) -> None:
    """A process is killed while it waits for approval; another one resumes. Each call runs exactly once."""
    command = [sys.executable, str(SCRIPT), str(tmp_path), kind]
    with subprocess.Popen([*command, "ask"], stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "asked\n"
        asking.kill()
    assert (tmp_path / "effects").read_text() == "read a\n"

    resumed = subprocess.run([*command, "resume"], capture_output=True, text=True, timeout=300, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.splitlines() == [
        "success text of a",
        "success paid 3",
        "['prompt', 'call', 'result', 'call', 'result']",
    ]
    assert (tmp_path / "effects").read_text() == "read a\npay 3\n"
    assert verify(tmp_path / "audit").ok
