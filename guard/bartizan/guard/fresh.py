"""Random identifiers, drawn from the operating system ahead: a system call may cost more than a decision.

Unpredictable and never repeated, in threads and after a fork too.
"""

from __future__ import annotations

import os
import threading

AHEAD = 4096
"""Bytes that are drawn at once."""


class _Drawn:
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._bytes = bytearray()

    def take(self, size: int) -> bytes:
        with self._turn:
            if len(self._bytes) < size:
                self._bytes.extend(os.urandom(AHEAD))
            taken = bytes(self._bytes[-size:])
            del self._bytes[-size:]
        return taken

    def forget(self) -> None:
        """A child must not draw what its parent draws; the lock may be held by a thread that it does not have."""
        self._turn = threading.Lock()
        self._bytes.clear()


_drawn = _Drawn()
os.register_at_fork(after_in_child=_drawn.forget)


def token(size: int) -> str:
    """``size`` random bytes, in hexadecimal."""
    return _drawn.take(size).hex()
