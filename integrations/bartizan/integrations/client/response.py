"""One HTTP/1.1 response from bytes, strictly (RFC 9112), whatever pieces they come in.

There is one way to say how long a body is: a ``Content-Length``, or chunks without extensions and trailers. What other
readers might read otherwise (both, two lengths, folded or bare lines, a coding nobody asked for, interim answers) is no
answer, nor is what is followed by more bytes than it announced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import BadAnswer

MAX_HEAD = 16_384
"""Bytes of a status line and headers."""

_MAX_CHUNK_LINE = 10  # eight hexadecimal digits and CRLF
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_HEX = b"0123456789abcdefABCDEF"
_PRINTABLE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
"""What a header may hold: no control characters but the tab."""


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` have lower-case names. ``reusable``: the connection may carry another request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reusable: bool


class ResponseParser:
    """Fed what arrives, until it gives the response. Raises :class:`BadAnswer`; then the connection is of no use."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._buffer = bytearray()
        self._body = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._left = 0
        self._step: Callable[[], bool] = self._head
        self._done = False

    def feed(self, data: bytes) -> Response | None:
        """The response, once it is complete."""
        self._buffer += data
        while not self._done:
            if not self._step():
                return None
        if self._buffer:
            raise BadAnswer(f"expected the end of the answer, found {len(self._buffer)} bytes more")
        connection = self._headers.get("connection")
        closing = connection is not None and "close" in _words(connection)
        return Response(self._status, self._headers, bytes(self._body), not closing)

    # Each step takes what it needs from the buffer and says whether it had enough.

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                raise BadAnswer(f"expected a head of at most {MAX_HEAD} bytes")
            return False
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        self._status = _status(lines[0])
        self._headers = _headers(lines[1:])
        self._step = self._framing()
        return True

    def _framing(self) -> Callable[[], bool]:
        coding, length = self._headers.get("transfer-encoding"), self._headers.get("content-length")
        if self._headers.get("content-encoding", "identity") != "identity":
            raise BadAnswer("expected a body as it is, found it encoded: nobody asked for that")
        if self._status in (204, 304):
            if coding is not None or length not in (None, "0"):
                raise BadAnswer(f"expected no body with status {self._status}")
            return self._end
        if coding is not None:
            if length is not None or coding.lower() != "chunked":
                raise BadAnswer("expected either chunks or a length, found something else")
            return self._chunk_line
        if length is None or not length or len(length) > 12 or not _only(_DIGITS, length.encode("latin-1")):
            raise BadAnswer(f"expected the length of the body as a number, found {length!r:.40}")
        self._left = self._bounded(int(length))
        return self._whole

    def _whole(self) -> bool:
        if len(self._buffer) < self._left:
            return False
        self._body += self._buffer[: self._left]
        del self._buffer[: self._left]
        return self._end()

    def _chunk_line(self) -> bool:
        end = self._buffer.find(b"\r\n", 0, _MAX_CHUNK_LINE)
        if end < 0:
            if len(self._buffer) >= _MAX_CHUNK_LINE:
                raise BadAnswer("expected the size of a chunk")
            return False
        digits = bytes(self._buffer[:end])
        if not digits or not _only(_HEX, digits):
            raise BadAnswer(f"expected the size of a chunk, found {digits!r}")
        del self._buffer[: end + 2]
        self._left = int(digits, 16)
        self._bounded(len(self._body) + self._left)
        self._step = self._chunk if self._left else self._last
        return True

    def _chunk(self) -> bool:
        if len(self._buffer) < self._left + 2:
            return False
        self._body += self._buffer[: self._left]
        self._line_end(self._left)
        self._step = self._chunk_line
        return True

    def _last(self) -> bool:
        if len(self._buffer) < 2:
            return False
        self._line_end(0)
        return self._end()

    def _line_end(self, at: int) -> None:
        if self._buffer[at : at + 2] != b"\r\n":
            raise BadAnswer("expected the end of a chunk: trailers are not read")
        del self._buffer[: at + 2]

    def _end(self) -> bool:
        self._done = True
        return True

    def _bounded(self, size: int) -> int:
        if size > self._max_body:
            raise BadAnswer(f"expected an answer of at most {self._max_body} bytes, found {size} announced")
        return size


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    digits, space, reason = rest.partition(b" ")
    if version != b"HTTP/1.1" or len(digits) != 3 or not _only(_DIGITS, digits):
        raise BadAnswer(f"expected an answer of HTTP/1.1, found {line[:40]!r}")
    if not space or not _only(_PRINTABLE, reason):
        raise BadAnswer(f"expected a status line, found {line[:40]!r}")
    status = int(digits)
    if not 200 <= status <= 599:
        raise BadAnswer(f"expected a final status, found {status}")
    return status


def _headers(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or not _only(_TOKEN, name):
            raise BadAnswer(f"expected a header, found {line[:40]!r}")
        value = value.strip(b" \t")
        if not _only(_PRINTABLE, value):
            raise BadAnswer(f"expected a header's value in one line, found {line[:40]!r}")
        key = name.decode("ascii").lower()
        if key in found and key in (
            "content-length",
            "transfer-encoding",
            "content-type",
            "content-encoding",
        ):
            raise BadAnswer(f"expected the header {key} once")
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _only(allowed: bytes, value: bytes) -> bool:
    return not value.translate(None, allowed)


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",")]
