"""Guarding LangGraph and LangChain agents.

``LangGraphGuard.wrap(graph)`` guards a compiled graph at the innermost point, sub-graphs included: start there.
``guard_tools`` guards single tools, ``LangGraphGuard.middleware()`` is middleware for ``create_agent``.
``LangGraphGuard.model`` guards what a chat model says, streamed or not.
"""

from __future__ import annotations

try:
    import langchain.agents  # noqa: F401
    import langgraph.prebuilt  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[langgraph]"') from error

from .answers import Approve, Edit, Reject
from .callbacks import RunObserver
from .connect import connect_guard
from .corrections import correction_of
from .errors import (
    AlreadyGuarded,
    CallDenied,
    InvalidAnswer,
    LangGraphGuardError,
    NothingToGuard,
    NotInnermost,
    PolicyElsewhere,
    UnguardedToolCall,
)
from .guard import LangGraphGuard, guard_tools
from .history import spoken_by_user
from .load import load_guard
from .middleware import GuardMiddleware
from .model import GuardedModel
from .speech import Speech
from .tools import GuardedTool

__all__ = [
    "AlreadyGuarded",
    "Approve",
    "CallDenied",
    "Edit",
    "GuardMiddleware",
    "GuardedModel",
    "GuardedTool",
    "InvalidAnswer",
    "LangGraphGuard",
    "LangGraphGuardError",
    "NotInnermost",
    "NothingToGuard",
    "PolicyElsewhere",
    "Reject",
    "RunObserver",
    "Speech",
    "UnguardedToolCall",
    "connect_guard",
    "correction_of",
    "guard_tools",
    "load_guard",
    "spoken_by_user",
]
