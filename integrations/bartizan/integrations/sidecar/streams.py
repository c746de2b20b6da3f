"""``/v1/streams``: a model's stream in, what may leave of it out, as it arrives.

``POST`` with ``text/event-stream``: the provider's events as they are, answered by such events while more arrive; with
``application/json``: all frames at once. As a WebSocket: a frame a message, both ways. ``session`` and ``provider``
stand in the query (in the body of JSON). Whatever goes wrong with a stream that has begun ends it as aborted, in the
provider's words; calls are reviewed, not let go: they must be proposed when they run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json

from . import sse
from .bodies import Disconnected, read_json
from .places import Places
from .problems import Problem
from .service import Service
from .speaking import DONE, Speech, Wanted

AHEAD = 16
"""Pieces of a body that are kept until they are read."""

NOTES = "bartizan.notes"
"""The name of the last event, where notes are asked for."""


def routes(service: Service) -> list[BaseRoute]:
    """Streams over HTTP and WebSocket."""
    streams = _Streams(service)
    return [
        Route("/v1/streams", _Http(streams), methods=["POST"]),
        WebSocketRoute("/v1/streams", streams.websocket),
    ]


class _Streams:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.places = Places(service.config.limits.streams)

    def begin(self, connection: HTTPConnection, wanted: Wanted) -> Speech:
        """Raises :class:`Problem` 403."""
        tenant, identity = self.service.asked(connection, "decide")
        return Speech(wanted, tenant, identity)

    async def websocket(self, socket: WebSocket) -> None:
        try:
            with self.places.taken():
                speech = self.begin(socket, Wanted.of_query(socket.query_params.multi_items()))
                await socket.accept()
                messages = _Messages(socket)
                with suppress(WebSocketDisconnect, RuntimeError):  # closed while something was being said
                    await _while_there(messages, _converse(socket, speech, messages.said()))
        except Problem as problem:  # before it was accepted: an HTTP answer with status 403 to the handshake
            await socket.close(1013 if problem.status == 503 else 1008, problem.detail[:120])


class _Http:
    """An ASGI application: it answers while it is still being asked."""

    def __init__(self, streams: _Streams) -> None:
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
        with self._streams.places.taken():
            if kind == sse.MEDIA_TYPE:
                wanted = Wanted.of_query(QueryParams(scope["query_string"]).multi_items())
                await self._events(receive, send, self._streams.begin(connection, wanted))
            elif kind == "application/json":
                await self._whole(scope, receive, send)
            else:
                raise Problem(415, f"expected content-type: {sse.MEDIA_TYPE} or application/json")

    async def _events(self, receive: Receive, send: Send, speech: Speech) -> None:
        body = _Body(receive, self._streams.service.config.limits.body)
        if not await _while_there(body, _answer(send, speech, body)):
            raise Disconnected

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._streams.service
        fields = await read_json(scope, receive, service.config.limits.body, service.config.limits.read)
        if not isinstance(fields, Mapping) or not isinstance(fields.get("frames"), list):
            raise Problem(
                422, "expected an object with session, provider and frames, a list of the provider's"
            )
        frames: list[Any] = fields["frames"]
        wanted = Wanted.of({name: value for name, value in fields.items() if name != "frames"})
        speech = self._streams.begin(HTTPConnection(scope), wanted)

        async def said() -> AsyncIterator[Any]:
            for frame in frames:
                yield frame
            yield DONE

        found = [frame async for frame in speech.frames(said())]
        await service.answer({"frames": found, "notes": speech.notes()})(scope, receive, send)


class _Body:
    """A request's body, read ahead a little; ``gone`` is set when the client is."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.gone = asyncio.Event()
        self._receive = receive
        self._events = sse.EventReader(limit)
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                self.gone.set()
                return
            if message.get("body"):
                await self._pieces.put(message["body"])
            if not message.get("more_body", False):
                await self._pieces.put(None)

    async def said(self) -> AsyncIterator[str]:
        """The data of its events. Raises ``BrokenStream``."""
        while (piece := await self._pieces.get()) is not None:
            for data in self._events.feed(piece):
                yield data


async def _answer(send: Send, speech: Speech, body: _Body) -> None:
    headers = [(name.encode(), value.encode()) for name, value in sse.HEADERS.items()]
    kind = (b"content-type", f"{sse.MEDIA_TYPE}; charset=utf-8".encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, kind]})

    async def tell(data: bytes, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": more})

    async for frame in speech.frames(body.said()):
        await tell(sse.event(frame, str(frame["type"]) if speech.names else None))
    if speech.wants_notes:
        await tell(sse.event(speech.notes(), NOTES))
    await tell(f"data: {speech.done}\n\n".encode() if speech.done is not None else b"", more=False)


class _Messages:
    """What a WebSocket says; ``gone`` is set when it is closed."""

    def __init__(self, socket: WebSocket) -> None:
        self.gone = asyncio.Event()
        self._socket = socket
        self._texts: asyncio.Queue[str] = asyncio.Queue(AHEAD)
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            await self._texts.put(message.get("text") or "")  # bytes are no frame, and refused as such
        self.gone.set()

    async def said(self) -> AsyncIterator[str]:
        while True:
            yield await self._texts.get()


async def _converse(socket: WebSocket, speech: Speech, said: AsyncIterator[str]) -> None:
    """A frame a message; then the notes, :data:`DONE` where the provider says so, and the close."""

    async def tell(value: JSON) -> None:
        await socket.send_text(canonical_json(value, max_depth=WRAPPED_DEPTH).decode())

    async for frame in speech.frames(said):
        await tell(frame)
    if speech.wants_notes:
        await tell({NOTES: speech.notes()})
    if speech.done is not None:
        await socket.send_text(speech.done)
    await socket.close()


async def _while_there(who: _Body | _Messages, answer: Coroutine[Any, Any, None]) -> bool:
    """Answer, unless who asked goes away: then it is stopped at once. Whether it was answered."""
    answering = asyncio.create_task(answer)
    leaving = asyncio.create_task(who.gone.wait())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
        return answering.done()
    finally:
        for task in (answering, leaving, who.reading):
            task.cancel()
        await asyncio.gather(answering, leaving, who.reading, return_exceptions=True)
