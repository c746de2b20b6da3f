"""The private event loop, and the way to it and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from tests.waiting import PATIENCE

from bartizan.integrations.portal import Portal

WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal

    async def nothing() -> None:
        return None

    portal.close(nothing)


async def _twice(send: Any) -> Any:
    first = await send(1)
    return first + await send(10)


def test_work_runs_there_and_errands_here(portal: Portal) -> None:
    """The work runs on the private thread in the caller's context; what it hands back runs in the caller's thread."""
    here = threading.get_ident()
    WHO.set("ann")

    async def work(send: Any) -> Any:
        assert threading.get_ident() != here
        return WHO.get(), await send(1)

    def errand(number: int) -> int:
        assert threading.get_ident() == here
        return number + 1

    assert portal.run(work, errand) == ("ann", 2)
    assert portal.run(_twice, errand) == 13


async def test_from_a_coroutine_errands_run_in_its_task(portal: Portal) -> None:
    """Asynchronous errands are awaited in the caller's own task."""
    task = asyncio.current_task()

    async def errand(number: int) -> int:
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        return number + 1

    assert await portal.arun(_twice, errand) == 13


def test_every_loop_and_thread_may_come(portal: Portal) -> None:
    """One portal serves one event loop after the other, and many threads at once."""

    async def errand(number: int) -> int:
        return number

    for _ in range(3):
        assert asyncio.run(portal.arun(_twice, errand)) == 11
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(portal.run(_twice, int))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [11] * 20


def test_exceptions_of_the_work_reach_the_caller(portal: Portal) -> None:
    """What the work raises is raised here."""

    async def work(send: Any) -> Any:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        portal.run(work, int)
    with pytest.raises(LookupError, match="lost"):
        asyncio.run(portal.arun(work, None))


async def test_cancelling_the_caller_cancels_the_work(portal: Portal) -> None:
    """A cancelled caller leaves at once, and the work on the private loop is cancelled."""
    started, cancelled = threading.Event(), threading.Event()

    async def work(send: Any) -> Any:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    calling = asyncio.create_task(portal.arun(work, None))
    assert await asyncio.to_thread(started.wait, PATIENCE)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await asyncio.to_thread(cancelled.wait, PATIENCE)


def test_an_interrupted_errand_ends_the_work(portal: Portal) -> None:
    """A KeyboardInterrupt in the caller's thread ends the call; the portal goes on serving others."""

    def errand(_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        portal.run(_twice, errand)
    assert portal.run(_twice, int) == 11


def test_a_closed_portal_says_so() -> None:
    """After closing, which may be done twice, work is refused and the thread is gone."""
    portal = Portal("closing")
    closed: list[bool] = []

    async def last() -> None:
        closed.append(True)

    assert portal.run(_twice, int) == 11
    portal.close(last)
    portal.close(last)
    assert closed == [True]
    assert "closing" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="closed"):
        portal.run(_twice, int)
