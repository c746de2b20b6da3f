"""What the hosts of this room do with a request before they look at what it asks: bounds, names, patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from typing import Any, TypeVar

from starlette.requests import Request

A = TypeVar("A")


class Unacceptable(Exception):
    """A request that is refused: a status of HTTP, the place, and the problem. Never holds what was sent."""

    def __init__(self, status: int, place: str, problem: str) -> None:
        self.status = status
        self.place = place
        self.problem = problem
        super().__init__(f"{place}: {problem}")


def check_name(host: str, names: Collection[str] | None) -> None:
    """Raises :class:`Unacceptable` for a Host header that names another: a web page that had its name rebound."""
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if names is not None and bare.lower() not in names:
        raise Unacceptable(421, "Host", "expected a name of this host")


def check_json(request: Request) -> None:
    """Raises :class:`Unacceptable` for a body of another type.

    So no web page can ask without a preflight, which is not answered.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Unacceptable(415, "Content-Type", "expected application/json")


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """At most ``most`` bytes within ``seconds``, or :class:`Unacceptable`."""
    too_large = Unacceptable(413, "body", f"expected at most {most} bytes")
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise Unacceptable(408, "body", f"expected within {seconds} s") from None
    return bytes(body)


async def while_connected(request: Request, answer: Awaitable[A]) -> A:
    """The answer; if whoever asked hangs up, it is cancelled and :class:`Unacceptable` raised."""
    answering = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_hung_up(request))
    either: set[asyncio.Future[Any]] = {answering, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise Unacceptable(499, "connection", "closed by the client")
        return answering.result()
    finally:
        for future in either:
            future.cancel()
        await asyncio.gather(*either, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
