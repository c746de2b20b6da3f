"""A beginning that many files share, read once: what follows is read as if all had been read again."""

from __future__ import annotations

from ..declarations import Declaration
from ..kernel.errors import KernelError
from .lines import lines
from .reader import _Reader, read


class Prefix:
    """The lines of a whole file, whose last one ends with a line break, and what they declare."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self.declared: list[tuple[int, Declaration]] = []
        self._lines = 0
        self._reader = _Reader()
        for number, found in lines(text):
            declaration = self._reader.line(found, first=number == 1)
            self._lines = number
            if declaration is not None:
                self.declared.append((number, declaration))

    def read(self, source: bytes) -> list[tuple[int, Declaration]]:
        """Every declaration of ``source`` with its line, as :func:`.read` gives them. Raises :class:`KernelError`."""
        if not source.startswith(self.text):
            return list(read(source))
        reader = _Reader()
        reader.names, reader.rendered = [*self._reader.names], [*self._reader.rendered]
        reader.levels, reader.exprs = [*self._reader.levels], [*self._reader.exprs]
        found = [*self.declared]
        for number, entry in lines(source[len(self.text) :]):
            line = number + self._lines
            try:
                declaration = reader.line(entry, first=False)
            except KernelError as error:
                raise type(error)(error.reason, error.declaration, line) from None
            if declaration is not None:
                found.append((line, declaration))
        return found
