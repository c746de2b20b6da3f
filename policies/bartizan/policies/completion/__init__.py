"""Whether a call that is still arriving could become one that is let go."""

from __future__ import annotations

from .completion import Completion

__all__ = ["Completion"]
