"""A beginning that many files share, read once: what follows is read as if all had been read again."""

from __future__ import annotations

from ..declarations import Declaration
from .lines import Source
from .reader import Reader, read


class Prefix:
    """The lines of a whole file, whose last one ends with a line break, and what they declare."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self._reader = Reader()
        self.declared: list[tuple[int, Declaration]] = list(self._reader.read(text))

    def read(self, source: bytes) -> list[tuple[int, Declaration]]:
        """Every declaration of ``source`` with its line, as :func:`.read` gives them. Raises :class:`KernelError`."""
        if not source.startswith(self.text):
            return list(read(source))
        rest: Source = source[len(self.text) :]
        return [*self.declared, *self._reader.copy().read(rest)]
