"""A beginning that many files share, read once: what follows is read, or written, as if all had been done again."""

from __future__ import annotations

from collections.abc import Iterable

from ..calculus.declarations import Declaration
from .lines import Source
from .reader import Reader, read
from .writer import Writer


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

    def write(self, declarations: Iterable[Declaration]) -> bytes:
        """The file that declares these after what is declared here, as :func:`.write` makes it."""
        tables, writer = self._reader.tables, Writer()
        writer.lines.clear()
        writer.names = {name: number for number, name in enumerate(tables.names)}
        writer.levels = {level: number for number, level in enumerate(tables.levels)}
        writer.exprs = {expr: number for number, expr in enumerate(tables.exprs)}
        for declaration in declarations:
            writer.declaration(declaration)
        return self.text + "".join(f"{line}\n" for line in writer.lines).encode()
