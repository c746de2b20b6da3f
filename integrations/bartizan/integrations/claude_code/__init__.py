"""Claude Code's hooks, answered by a guard: what it is about to do, what came of it, what its user asked for.

:mod:`.events` reads what Claude Code posts, :mod:`.answers` writes what it understands, :mod:`.hooks` decides between
them. ``bartizan hook claude-code`` (:mod:`.command`) carries one event to a service's endpoint
(:mod:`..sidecar.hooks`) for a command hook, and fails closed. See docs/claude-code.md.
"""

from __future__ import annotations

from .answers import OnAllow
from .events import HookEvent, NotAHook, event_of
from .hooks import answer

__all__ = ["HookEvent", "NotAHook", "OnAllow", "answer", "event_of"]
