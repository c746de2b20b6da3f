"""Random identifiers, drawn from the operating system ahead: a system call may cost more than a decision.

Unpredictable and never repeated, in threads and after a fork too.
"""

from __future__ import annotations

import os
import threading

_AHEAD = 4096
_turn = threading.Lock()
_pool = bytearray()


def token(size: int) -> str:
    """``size`` random bytes, in hexadecimal."""
    with _turn:
        if len(_pool) < size:
            _pool.extend(os.urandom(_AHEAD))
        drawn = bytes(_pool[-size:])
        del _pool[-size:]
    return drawn.hex()


def _forget() -> None:
    """A child must not draw what its parent draws."""
    global _turn
    _turn = threading.Lock()
    _pool.clear()


os.register_at_fork(after_in_child=_forget)
