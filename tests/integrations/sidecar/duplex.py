"""A client that reads an answer while it is still asking: chunks both ways, by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self


class Duplex:
    """One ``POST`` to ``/v1/streams``. ``frames`` yields what is said back, with the names of the events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self._text = b""

    @classmethod
    @asynccontextmanager
    async def to(
        cls, address: tuple[str, int], query: str, token: str = "agent-token", body: str = "text/event-stream"
    ) -> AsyncIterator[Self]:
        """A connection on which the head was sent; leaving it breaks it off, wherever it is."""
        reader, writer = await asyncio.open_connection(*address)
        head = [
            f"POST /v1/streams?{query} HTTP/1.1",
            "host: test",
            f"authorization: Bearer {token}",
            f"content-type: {body}",
            "transfer-encoding: chunked",
        ]
        try:
            writer.write("\r\n".join([*head, "", ""]).encode())
            yield cls(reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def say(self, data: bytes) -> None:
        """One chunk of the body."""
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self._writer.drain()

    async def tell(self, frame: Any) -> None:
        """One frame as an event."""
        await self.say(f"data: {frame if isinstance(frame, str) else json.dumps(frame)}\n\n".encode())

    async def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def answered(self) -> int:
        """The status, once it is there."""
        if not self.status:
            line = await self._reader.readline()
            self.status = int(line.split()[1])
            while (await self._reader.readline()).strip():
                pass
        return self.status

    async def frames(self) -> AsyncIterator[tuple[str, Any]]:
        """(name of the event, its data), until the answer ends."""
        assert await self.answered() == 200, self.status
        while size := int(await self._reader.readline(), 16):
            self._text += await self._reader.readexactly(size)
            await self._reader.readline()
            while b"\n\n" in self._text:
                event, _, self._text = self._text.partition(b"\n\n")
                fields = dict(line.partition(": ")[::2] for line in event.decode().split("\n"))
                data = fields["data"]
                yield fields.get("event", ""), data if data == "[DONE]" else json.loads(data)
