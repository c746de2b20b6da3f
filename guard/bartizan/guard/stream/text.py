"""Text that arrives in pieces, cut anywhere."""

from __future__ import annotations


class Joiner:
    """Puts letters together that were cut between their two UTF-16 halves, as frames of JSON may be.

    ``"".join`` of what :meth:`push` and :meth:`finish` give is the text; only a half without its other half stays one.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text.isascii():
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def finish(self) -> str:
        half, self._half = self._half, ""
        return half
