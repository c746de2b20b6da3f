"""The example runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bartizan.guard.audit import verify

ROOT = Path(__file__).parents[3]


def test_the_quickstart_runs(tmp_path: Path) -> None:
    """The guarded payment is made, the injected one is asked about and rejected, and the record verifies."""
    command = [sys.executable, str(ROOT / "examples" / "quickstart_langgraph.py")]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={"TMPDIR": str(tmp_path)}
    )
    assert ran.returncode == 0, ran.stderr
    assert "asked: may pay run with {'amount': 40, 'to': 'EVIL99'}?" in ran.stdout
    assert "tool: paid 90 to GB33" in ran.stdout
    assert "paid 40" not in ran.stdout
    [audit] = tmp_path.glob("bartizan-*/audit")
    assert verify(audit).ok
