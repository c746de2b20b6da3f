"""Processes of this machine that work for another one, and end with it, even if it was killed."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread


def workers(number: int) -> ProcessPoolExecutor:
    """A pool of ``number`` processes that share nothing with this one."""
    return ProcessPoolExecutor(number, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A pool's process waits for work on a pipe of which it has both ends: it would never hear that nobody is there."""
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
