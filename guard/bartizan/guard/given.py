"""What is handed to a guard, wherever it decides: refused before anything happens if it is of another type."""

from __future__ import annotations

from .types import ToolCall


def check_call(call: object, once: object = None) -> None:
    """Raises ``TypeError`` for what is no call, or no key of one."""
    if not isinstance(call, ToolCall):
        raise TypeError(f"expected a ToolCall, found {type(call).__name__}")
    if not isinstance(once, str | None):
        raise TypeError(f"expected once as a text or None, found {type(once).__name__}")


def check_event(kind: object, text: object, call: object = None) -> None:
    """Raises ``ValueError`` for another kind of event, ``TypeError`` for what is no text, or no call it belongs to."""
    if kind not in ("prompt", "text", "result"):
        raise ValueError(f"expected 'prompt', 'text' or 'result', found {kind!r}; calls go through enforce")
    if not isinstance(text, str):
        raise TypeError(f"expected what happened as a text, found {type(text).__name__}")
    if not isinstance(call, ToolCall | None):
        raise TypeError(f"expected a ToolCall or None, found {type(call).__name__}")
