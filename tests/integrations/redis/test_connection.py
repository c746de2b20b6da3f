"""A cancellation that the client loses is not lost."""

from __future__ import annotations

import asyncio

import pytest

from bartizan.integrations.redis.connection import heard


@pytest.mark.parametrize("ends", ["answer", "failure"])
async def test_who_was_cancelled_while_it_asked_ends(ends: str) -> None:
    """Whatever the question ended in: a loop that asks again and again would else never end."""

    async def deaf() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if ends == "failure":
                raise OSError("the line was cut") from None
        return "answer"

    asking = asyncio.create_task(heard(deaf()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_what_is_asked_after_a_cancellation_is_answered() -> None:
    """Who tidies up has been told already."""

    async def tidying() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return await heard(asyncio.sleep(0, "answer"))
        return ""

    asking = asyncio.create_task(tidying())
    await asyncio.sleep(0)
    asking.cancel()
    assert await asking == "answer"


async def test_a_time_that_is_over_is_told() -> None:
    """``asyncio.timeout`` cancels, too: what the client lost of it ends as the timeout that it was."""

    async def deaf() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heard(deaf())
