"""A worker pauses briefly, and loses no garbage for good."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Self
from unittest.mock import patch
from weakref import ref

import pytest

from bartizan.integrations.sidecar.pauses import EVERY, TURN, YOUNG, brief_pauses, collect_when_quiet


class _Loop:
    """A cycle: nothing but a look for garbage frees it."""

    def __init__(self) -> None:
        self.me = self


def test_new_cycles_are_freed_by_themselves() -> None:
    """As many new values as make a look due free a cycle among them."""
    with brief_pauses():
        gone = ref(_Loop())
        kept = [[number] for number in range(2 * YOUNG)]
        assert gone() is None
        assert len(kept) == 2 * YOUNG


def test_what_survived_a_look_is_not_looked_at_again() -> None:
    """What is there after a look is frozen, so that the next look is as short."""
    with brief_pauses():
        before = gc.get_freeze_count()
        kept = [[number] for number in range(10 * YOUNG)]
        assert gc.get_freeze_count() - before > 8 * YOUNG
        assert gc.get_count()[0] < 2 * YOUNG
        assert len(kept) == 10 * YOUNG


def test_the_process_is_left_as_it_was() -> None:
    """Thresholds and frozen values are the process's: they are given back."""
    before, turn = gc.get_threshold(), sys.getswitchinterval()
    with brief_pauses():
        assert gc.get_threshold() != before
        assert sys.getswitchinterval() == pytest.approx(TURN)
    assert gc.get_threshold() == before
    assert sys.getswitchinterval() == turn
    assert gc.get_freeze_count() == 0


async def test_a_cycle_that_was_kept_is_freed_in_a_quiet_moment() -> None:
    """Not while somebody is answered, and then soon."""
    busy = True
    with brief_pauses(), _Clock() as clock:
        gone = _kept()
        tidying = asyncio.create_task(collect_when_quiet(lambda: not busy))
        await clock.passes(1.0)
        busy = False
        await clock.passes(EVERY - 2.0)
        assert gone() is not None
        busy = True
        await clock.passes(EVERY)
        assert gone() is not None
        busy = False
        await clock.passes(0.1)
        assert gone() is None
        tidying.cancel()


async def test_without_a_quiet_moment_it_is_freed_all_the_same() -> None:
    """A worker that is never idle looks at everything when twice the time has passed."""
    with brief_pauses(), _Clock() as clock:
        gone = _kept()
        tidying = asyncio.create_task(collect_when_quiet(lambda: False))
        await clock.passes(0.0)
        await clock.passes(EVERY + 1.0)
        await clock.passes(EVERY - 2.0)
        assert gone() is not None
        await clock.passes(2.1)
        assert gone() is None
        tidying.cancel()


def _kept() -> ref[_Loop]:
    """A cycle that nobody has any more, and that survived a look."""
    loop = _Loop()
    gone = ref(loop)
    gc.collect()
    return gone


class _Clock:
    """The running loop's clock, which stands still but for what a test lets pass."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        self._patch = patch.object(loop, "time", lambda: self._now)

    def __enter__(self) -> Self:
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    async def passes(self, seconds: float) -> None:
        """So many seconds, and what is due then happens."""
        await _turns()
        self._now += seconds
        await _turns()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
