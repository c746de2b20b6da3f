"""Guarding Pydantic AI agents: ``Agent(..., capabilities=[PydanticAIGuard(guard)])``."""

from __future__ import annotations

try:
    import pydantic_ai.capabilities  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[pydantic-ai]"') from error

from ..door import Unguarded
from .guard import PydanticAIGuard

__all__ = ["PydanticAIGuard", "Unguarded"]
