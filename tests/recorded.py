"""Recorded runs of real agents, which are not part of the project: beside the checkout, or at ``$BARTIZAN_DATA``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NAMED = os.environ.get("BARTIZAN_DATA")
DATA = Path(NAMED) if NAMED else Path(__file__).resolve().parents[2] / "shared" / "data"


def require(*files: str) -> Path:
    """The folder, if it holds these files. Without them a test is skipped; a folder that was named fails it."""
    missing = [name for name in files if not (DATA / name).is_file()]
    if missing and NAMED:
        pytest.fail(f"BARTIZAN_DATA names {DATA}, which has no {', '.join(missing)}")
    if missing:
        pytest.skip(
            f"no {', '.join(missing)} in {DATA}: set BARTIZAN_DATA to a folder that has the recorded runs"
        )
    return DATA
