"""A client of a remote host needs no torch, and the batcher needs no server."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("host", ("torch", "numpy", "transformers", "starlette", "uvicorn", "httpx")),
        ("host.client", ("torch", "numpy", "transformers", "starlette", "uvicorn", "httpx")),
        ("host.serve", ("torch", "numpy", "transformers", "httpx")),
    ],
)
def test_modules_pull_in_only_what_they_need(module: str, unwanted: tuple[str, ...]) -> None:
    """Importing each in a fresh process leaves the heavy ones out, without a warning."""
    code = f"import sys, bartizan.monitors.{module}\nprint(sorted(set({unwanted!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
