"""What is started once for all processes of a test run, by whichever needs it first, and ended after the last."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path


@contextmanager
def shared(folder: Path, name: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """What ``start`` yields, to everybody who asks for ``name`` in ``folder``; whoever started it ends it, last."""
    state = folder / f"{name}.json"
    started: AbstractContextManager[str] | None = None
    with held(folder / f"{name}.lock"):
        users, what = _read(state)
        if not users:
            started = start()
            what = started.__enter__()
        _write(state, [*users, os.getpid()], what)
    try:
        yield what
    finally:
        _leave(folder, name)
        if started is not None:
            while not _ended(folder, name):
                time.sleep(0.05)
            started.__exit__(None, None, None)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Alone with something, among all processes."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _leave(folder: Path, name: str) -> None:
    with held(folder / f"{name}.lock"):
        users, what = _read(folder / f"{name}.json")
        users.remove(os.getpid())
        _write(folder / f"{name}.json", users, what)


def _ended(folder: Path, name: str) -> bool:
    with held(folder / f"{name}.lock"):
        users, _ = _read(folder / f"{name}.json")
        return not users


def _read(state: Path) -> tuple[list[int], str]:
    """Who uses it, those that have died left out, and what it is."""
    if not state.exists():
        return [], ""
    users, what = json.loads(state.read_text())
    return [user for user in users if _lives(user)], what


def _write(state: Path, users: list[int], what: str) -> None:
    state.write_text(json.dumps([users, what]))


def _lives(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False
