"""What a worker does so that no call waits for the interpreter: short searches for garbage, short turns of threads.

CPython frees nearly all by counting references; looking for cycles stops the process for a time that grows with what
it looks at. Sessions are many values that stay and hardly ever a cycle, so what survived one look is taken to stay
(:func:`gc.freeze`), and a look takes a millisecond, however much the worker remembers. So that a cycle which did come
to be does not stay for ever, everything is looked at now and then, between two calls.

The thread that counts and traces decisions takes turns with the one that decides. Whoever waits for its turn waits for
one interval of the interpreter, 5 ms unless it is told otherwise, which is several decisions.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

YOUNG = 700
"""How many new values there are when they are looked at."""

EVERY = 600.0
"""Seconds between two looks at everything, if there is a quiet moment; without one, at most twice as many."""

TURN = 0.0005
"""Seconds for which a thread keeps its turn while another one waits."""

_NEVER = 1_000_000_000


@contextmanager
def brief_pauses() -> Iterator[None]:
    """For as long as this lasts, only new values are looked at by themselves, and turns are short. For the process."""
    before, turn = gc.get_threshold(), sys.getswitchinterval()
    gc.freeze()
    gc.set_threshold(YOUNG, _NEVER, _NEVER)
    gc.callbacks.append(_keep)
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        gc.callbacks.remove(_keep)
        gc.set_threshold(*before)
        gc.unfreeze()


async def collect_when_quiet(quiet: Callable[[], bool], every: float = EVERY) -> None:
    """Looks at everything each ``every`` seconds, as soon as ``quiet`` then. Never ends."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every)
        latest = loop.time() + every
        while not quiet() and loop.time() < latest:  # noqa: ASYNC110 (there is a moment each few milliseconds)
            await asyncio.sleep(min(0.05, every))
        gc.unfreeze()
        gc.collect()  # what survives is kept by _keep


def _keep(phase: str, _: object) -> None:
    if phase == "stop":
        gc.freeze()
