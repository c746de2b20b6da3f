"""``bartizan demo``: real attacks on a guarded agent."""

from __future__ import annotations


def demo() -> None:
    """Not wired yet."""
