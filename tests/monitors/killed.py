"""A run that is killed in the middle, however fast it is beside its test."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.forked import Forked


def kill_midway(
    begin: Callable[[], Forked], out: Path, *, begun: Callable[[], bool], over: Callable[[], bool]
) -> None:
    """Begin a run that writes into ``out`` and kill it after ``begun`` and before ``over``; anew if that was missed."""
    while True:
        run = begin()
        while not begun() and run.poll() is None:
            time.sleep(0.01)
        run.kill()
        said = run.communicate()[0]
        assert begun() and run.returncode in (0, -signal.SIGKILL), said
        if not over():
            return
        shutil.rmtree(out)  # the test stood still meanwhile
