"""The client needs the kernel, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
before = set(sys.modules)
import bartizan.integrations.client
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - sys.stdlib_module_names))
"""


def test_the_client_is_light(tmp_path: Path) -> None:
    """Importing it brings the standard library, OpenTelemetry's API, what that is made of, and us."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(eval(done.stdout)) <= {
        "bartizan",
        "opentelemetry",
        "typing_extensions",
        "importlib_metadata",
        "zipp",
    }
