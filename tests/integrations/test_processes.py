"""Processes that work for another one."""

from __future__ import annotations

import subprocess
import sys

from tests.waiting import PATIENCE

SCRIPT = """
import os, time
from bartizan.integrations.processes import workers
with workers(2) as pool:
    pool.submit(os.getpid).result()
    for _ in range(8):
        pool.submit(time.sleep, 600)
    print("at work", flush=True)
    time.sleep(600)
"""


def test_workers_end_when_the_process_that_they_work_for_is_killed() -> None:
    """In the middle of their work, too: it is for nobody any more."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "at work\n"
        started.kill()
        started.communicate(timeout=PATIENCE)  # they have its output, too: it ends with the last of them
