"""Server-sent events (WHATWG HTML, 9.2), read from bytes in any pieces, and written."""

from __future__ import annotations

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json
from bartizan.guard.stream.errors import BrokenStream

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # a proxy that collects the events would show them late
    "x-content-type-options": "nosniff",
}


class EventReader:
    """Fed what arrives, gives the data of the events that are complete; names, ids and comments are not needed.

    Raises :class:`BrokenStream` for an event above ``limit`` bytes and for what is not UTF-8.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, piece: bytes) -> list[str]:
        """The data of the events that are complete with this piece."""
        self._buffer += piece
        found: list[str] = []
        while (line := self._line()) is not None:
            if not line:
                if self._data:
                    found.append(_text(b"\n".join(self._data)))
                self._data, self._size = [], 0
                continue
            self._size += len(line)
            self._bounded(self._size)
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
        self._bounded(self._size + len(self._buffer))
        return found

    def _line(self) -> bytes | None:
        """The next line that is complete, without its end: LF, CR or both."""
        ends = [at for at in (self._buffer.find(b"\n"), self._buffer.find(b"\r")) if at >= 0]
        if not ends:
            return None
        end = min(ends)
        after = end + 1
        if self._buffer[end] == 0x0D:
            if after == len(self._buffer):
                return None  # the LF that belongs to it may still come
            after += self._buffer[after] == 0x0A
        line = bytes(self._buffer[:end])
        del self._buffer[:after]
        if self._first:
            self._first, line = False, line.removeprefix(b"\xef\xbb\xbf")
        return line

    def _bounded(self, size: int) -> None:
        if size > self._limit:
            raise BrokenStream(f"expected an event of at most {self._limit} bytes")


def event(value: JSON, name: str | None = None, id: str | None = None) -> bytes:
    """An event with a JSON value, in one line of data: JSON escapes what would end it."""
    fields = ((field, text) for field, text in (("id", id), ("event", name)) if text is not None)
    head = "".join(f"{field}: {text}\n" for field, text in fields)
    return head.encode() + b"data: " + canonical_json(value, max_depth=WRAPPED_DEPTH + 1) + b"\n\n"


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BrokenStream("expected events in UTF-8") from error
