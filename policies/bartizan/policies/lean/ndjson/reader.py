"""Reading: from lines to declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..calculus.declarations import Declaration
from ..kernel.errors import KernelError
from .entries import KINDS
from .fields import fields_of
from .lines import Object, Source, lines
from .tables import Tables

VERSION = "3.1.0"
TAGS = "in", "il", "ie"


def read(source: Source) -> Iterator[tuple[int, Declaration]]:
    """Each declaration with the number of its line.

    Raises:
        KernelError: a line is malformed; ``line`` says which.
    """
    reader = Reader()
    yield from reader.read(source)
    if not reader.lines:
        raise KernelError("the file is empty", line=1)


class Reader:
    """Reads a file, in one or several pieces that end between lines. ``lines``: how many were read."""

    def __init__(self) -> None:
        self.tables, self.lines = Tables(), 0

    def copy(self) -> Reader:
        """A reader that goes on from here on its own."""
        copy = Reader()
        copy.tables, copy.lines = self.tables.copy(), self.lines
        return copy

    def read(self, source: Source) -> Iterator[tuple[int, Declaration]]:
        """The declarations of the next piece, as :func:`read` gives them."""
        for number, found in lines(source, self.lines + 1):
            self.lines = number
            try:
                if number == 1:
                    _check_meta(found)
                    continue
                declaration = _entry(self.tables, found)
            except KernelError as error:
                raise type(error)(error.reason, error.declaration, number) from None
            if declaration is not None:
                yield number, declaration


def _check_meta(found: Object) -> None:
    meta = fields_of(fields_of(found, "meta")["meta"], "exporter", "lean", "format")
    fields_of(meta["exporter"], "name", "version")
    fields_of(meta["lean"], "githash", "version")
    version = fields_of(meta["format"], "version")["version"]
    if version != VERSION:
        raise KernelError(
            f"the format is {version!r:.40}, expected {VERSION!r}: export again with that version"
        )


def _entry(tables: Tables, found: Object) -> Declaration | None:
    for tag in TAGS:
        if tag in found:
            kind, what = _only({key: value for key, value in found.items() if key != tag})
            tables.take(tag, found[tag], kind, what)
            return None
    kind, what = _only(found)
    declare = KINDS.get(kind)
    if declare is None:
        raise KernelError(f"an entry of unknown kind {kind!r:.40}")
    return declare(tables, what)


def _only(found: Object) -> tuple[str, Any]:
    if len(found) != 1:
        raise KernelError(f"a line must hold one entry, found {sorted(found)!r:.100}")
    return next(iter(found.items()))
