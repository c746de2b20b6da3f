"""``GET /v1/decisions``: what was decided lately and is decided from now on, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bartizan.guard import StoreError, now_us
from bartizan.guard.canonical import JSON

from .. import sse
from ..feed import Record
from ..problems import Problem, unavailable
from ..service import Service
from .desk import Endpoint, problem_of

MOST = 2000
"""Records of the past that one request gets at most."""

QUIET = 15.0
"""Seconds after which a comment is sent, so that whoever reads on knows that the line is up."""

LONGEST = 900.0
"""Seconds after which a stream ends: whoever may still read comes again, and is asked for the token again."""


def decisions(service: Service) -> Endpoint:
    """The stream of decisions."""
    open_streams = 0

    async def answer(request: Request) -> Response:
        """``?recent=N`` records of the past come first."""
        tenant, _ = service.asked(request, "read", "approve")
        feed = tenant.feed
        recent = _recent(request.query_params.get("recent", "0"))
        if open_streams >= service.config.limits.streams:
            raise unavailable("too many streams are open", 5)
        following = feed.follow()
        first = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)  # it follows from here on: nothing falls between the past and the stream
        try:
            past = await feed.recent(recent) if recent else []
        except StoreError as error:
            first.cancel()
            raise problem_of(error) from error
        events = counted(stream(past, following, first, lambda: service.draining))
        return StreamingResponse(events, headers=sse.HEADERS, media_type=sse.MEDIA_TYPE)

    async def counted(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        nonlocal open_streams
        open_streams += 1
        try:
            async for event in events:
                yield event
        finally:
            open_streams -= 1
            await events.aclose()  # type: ignore[attr-defined]

    return answer


async def stream(
    past: Sequence[Record],
    following: AsyncIterator[Record],
    first: asyncio.Future[Record],
    ending: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """``record`` for each record, ``live`` where the past ends, and a comment now and then."""
    started = spoke = time.monotonic()
    waiting = first
    try:
        seen = {record.get("id") for record in past}
        for record in past:
            yield _event("record", record, record.get("id"))
        yield _event("live", {"now": now_us()})
        while not ending() and time.monotonic() - started < LONGEST:
            done, _ = await asyncio.wait({waiting}, timeout=1.0)
            if done:
                record = waiting.result()
                waiting = asyncio.ensure_future(anext(following))
                if record.get("id") in seen:
                    continue
                yield _event("record", record, record.get("id"))
            elif time.monotonic() - spoke < QUIET:
                continue
            else:
                yield b": \n\n"
            spoke = time.monotonic()
    except StopAsyncIteration:
        return
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if isinstance(following, AsyncGenerator):
            await following.aclose()


def _event(kind: str, value: JSON, id: JSON = None) -> bytes:
    return sse.event(dict(value), kind, id if isinstance(id, str) and id.isalnum() else None)


def _recent(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Problem(422, f"recent: expected a whole number, found {text!r:.40}")
    return min(int(text), MOST)
