"""What anybody may ask for is made once for all who ask at once."""

from __future__ import annotations

import asyncio

import pytest

from bartizan.guard import ToolCall
from bartizan.guard.approvals import ask
from bartizan.guard.types import Session
from bartizan.integrations.sidecar.inbox import LocalInbox
from bartizan.integrations.sidecar.sharing import Shared


async def test_an_answer_is_begun_after_it_was_asked_for_and_shared_by_all_who_wait() -> None:
    """A hundred who ask while one is made get the next one, all of them."""
    made, may = 0, asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        mine = made
        await may.wait()
        return mine

    shared = Shared(make)
    first = asyncio.create_task(shared.answer())
    await asyncio.sleep(0)
    others = [asyncio.create_task(shared.answer()) for _ in range(100)]
    await asyncio.sleep(0)
    may.set()
    assert await first == 1
    assert set(await asyncio.gather(*others)) == {2}
    assert (await shared.answer(), made) == (3, 3)


async def test_an_answer_that_cannot_be_made_is_tried_again_by_the_next_who_asks() -> None:
    """A failure is one's own, and nothing of it stays."""
    answers = iter([OSError("broken"), "fine"])

    async def make() -> str:
        found = next(answers)
        if isinstance(found, OSError):
            raise found
        return found

    shared = Shared(make)
    with pytest.raises(OSError, match="broken"):
        await shared.answer()
    assert await shared.answer() == "fine"


async def test_an_inbox_in_memory_is_bounded() -> None:
    """An agent that asks for ever, in session after session, does not fill the process; the oldest questions go."""
    inbox = LocalInbox(clock=lambda: 0, most=3)
    for number in range(5):
        session = Session(f"s{number}")
        inbox.opened(session.id, ask(session, ToolCall.of("1", "pay", {}), "p", (), number, 100))
    assert await inbox.sessions() == ["s2", "s3", "s4"]
