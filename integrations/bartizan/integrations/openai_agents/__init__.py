"""Guarding agents of the OpenAI Agents SDK: ``OpenAIAgentsGuard(guard, session=...).wrap(agent)``."""

from __future__ import annotations

try:
    import agents  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[openai-agents]"') from error

from ..door import Unguarded
from .guard import OpenAIAgentsGuard

__all__ = ["OpenAIAgentsGuard", "Unguarded"]
