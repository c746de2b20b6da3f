"""Providers' frames, read as events and written from them.

A frame is a provider's JSON object as Python has it (what an SDK's chunk gives by ``model_dump()``); how it travels is
the caller's. A :class:`Provider` serves one stream: it remembers what its own frames need (ids, names, counters).

What a frame holds that is not known raises :class:`~bartizan.guard.stream.errors.UnknownFrame`: a guard that passes on
what it does not understand is no guard. Parts that may be dropped are named by ``ignored``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..events import StreamEvent
from .anthropic import AnthropicMessages
from .openai_chat import OpenAIChat
from .openai_responses import OpenAIResponses

__all__ = ["AnthropicMessages", "OpenAIChat", "OpenAIResponses", "Provider"]


class Provider(Protocol):
    """One stream of one provider."""

    def read(self, frame: Mapping[str, Any]) -> list[StreamEvent]:
        """What the frame says. Raises :class:`UnknownFrame` and :class:`BrokenStream`."""
        ...

    def write(self, event: StreamEvent) -> list[dict[str, Any]]:
        """Frames that say it. Call it for events in order, the last being ``End``."""
        ...
