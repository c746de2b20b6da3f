"""``GET /v1/decisions``: what was decided lately and is decided from now on, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bartizan.guard import StoreError, now_us
from bartizan.guard.canonical import JSON

from .. import sse
from ..feed import Feed, Record
from ..places import Places
from ..problems import Problem
from ..service import Service
from .desk import problem_of

MOST = 2000
"""Records of the past that one request gets at most."""

QUIET = 15.0
"""Seconds after which a comment is sent, so that whoever reads on knows that the line is up."""

LONGEST = 900.0
"""Seconds after which a stream ends: whoever may still read comes again, and is asked for the token again."""


class Decisions:
    """The stream of decisions. An ASGI application: whatever becomes of a stream, nothing of it is left."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._places = Places(service.config.limits.streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``?recent=N`` records of the past come first."""
        request = Request(scope)
        tenant, _ = self._service.asked(request, "read", "approve")
        recent = _recent(request.query_params.get("recent", "0"))
        with self._places.taken():
            async with _following(tenant.feed) as (following, first):
                try:
                    past = await tenant.feed.recent(recent) if recent else []
                except StoreError as error:
                    raise problem_of(error) from error
                told = stream(past, following, first, lambda: self._service.draining)
                async with aclosing(told) as events:
                    answer = StreamingResponse(events, headers=sse.HEADERS, media_type=sse.MEDIA_TYPE)
                    await answer(scope, receive, send)


@asynccontextmanager
async def _following(feed: Feed) -> AsyncIterator[tuple[AsyncIterator[Record], asyncio.Future[Record]]]:
    """What is published from here on, and the first of it: nothing falls between this and a past that is read next."""
    following = feed.follow()
    first = asyncio.ensure_future(anext(following))
    try:
        await asyncio.sleep(0)
        yield following, first
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        if isinstance(following, AsyncGenerator):
            await following.aclose()


async def stream(
    past: Sequence[Record],
    following: AsyncIterator[Record],
    first: asyncio.Future[Record],
    ending: Callable[[], bool],
) -> AsyncGenerator[bytes, None]:
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


def _event(kind: str, value: JSON, id: JSON = None) -> bytes:
    return sse.event(dict(value), kind, id if isinstance(id, str) and id.isalnum() else None)


def _recent(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Problem(422, f"recent: expected a whole number, found {text!r:.40}")
    return min(int(text), MOST)
