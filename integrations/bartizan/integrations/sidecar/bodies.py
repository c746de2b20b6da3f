"""Reading what a client sends: bounded in size and time, strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Receive, Scope

from bartizan.guard import MalformedJSON
from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, parse_json

from .problems import Problem

CLOSE = {"connection": "close"}
"""Headers of a refusal before the whole body was read: the rest of it is not waited for."""


class Disconnected(Exception):
    """The client is gone: nobody reads an answer."""


async def read_json(scope: Scope, receive: Receive, limit: int, within: float) -> JSON:
    """The JSON value of a request's body, of at most ``limit`` bytes, all there in ``within`` seconds.

    Raises :class:`Problem` 400 (no strict JSON), 408 (too slow), 413 (too long) and 415 (said to be something else).
    """
    length = _expect_json(scope["headers"])
    if length is not None and length > limit:
        raise _too_long(limit)
    try:
        async with asyncio.timeout(within):
            body = await read_body(receive, limit)
    except TimeoutError:
        raise Problem(408, f"the request did not arrive within {within:g} s", CLOSE) from None
    try:
        return parse_json(body, max_depth=WRAPPED_DEPTH)
    except MalformedJSON as error:
        raise Problem(400, f"expected strict JSON: {error}") from error


async def read_body(receive: Receive, limit: int) -> bytes:
    """Raises :class:`Problem` 413 and :class:`Disconnected`."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")  # nearly every request: one piece
        if len(body) > limit:
            raise _too_long(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_long(limit)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


async def json_of(request: Request, limit: int, within: float) -> JSON:
    """As :func:`read_json`, for a route."""
    return await read_json(request.scope, request.receive, limit, within)


def _expect_json(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length that the headers announce. Raises :class:`Problem` 415 unless they announce JSON in the clear."""
    length: int | None = None
    kind: bytes | None = None
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise Problem(415, "expected a body that is not compressed", CLOSE)
    if kind != b"application/json":
        media, _, parameters = (kind or b"").partition(b";")
        charset = parameters.replace(b" ", b"").replace(b'"', b"").lower()
        if media.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8"):
            raise Problem(415, "expected content-type: application/json", CLOSE)
    return length


def _too_long(limit: int) -> Problem:
    return Problem(413, f"expected a body of at most {limit} bytes", CLOSE)
