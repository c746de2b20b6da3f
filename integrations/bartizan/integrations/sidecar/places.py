"""How many streams are open at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .problems import unavailable


class Places:
    """``most`` at once; who finds none is told so, and does not wait."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Raises :class:`~.problems.Problem` 503 where there is none."""
        if self._free < 1:
            raise unavailable("too many streams are open")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
