"""What the LangGraph integration raises on purpose.

::

    BartizanError
    └── LangGraphGuardError
        ├── NothingToGuard      no ToolNode was found in a graph given to ``wrap``
        ├── AlreadyGuarded      the ToolNode belongs to another guard
        ├── NotInnermost        another wrapper runs inside the guard's middleware and could rewrite a decided call
        ├── PolicyElsewhere     the guard is a service, and what was asked for needs its policy here
    ├── InvalidAnswer       a resume value that does not answer the approval it was given for
        ├── UnguardedToolCall   a tool started that no decision let go
        └── CallDenied          a tool guarded by ``guard_tools`` was called by code, and the call was denied

``NotInnermost`` and ``InvalidAnswer`` are also LangGraph's ``GraphBubbleUp``: they speak to the application, so no
``handle_tool_errors`` setting and no retry middleware may turn them into a message for the model.
"""

from __future__ import annotations

from langchain_core.tools import ToolException
from langgraph.errors import GraphBubbleUp

from bartizan.guard import BartizanError


class LangGraphGuardError(BartizanError):
    """The root of this integration's errors."""


class NothingToGuard(LangGraphGuardError):
    """There is no ToolNode in the graph, so there is nothing the guard could stand in front of."""


class AlreadyGuarded(LangGraphGuardError):
    """A ToolNode can have one guard only: two would count every call twice."""


class NotInnermost(LangGraphGuardError, GraphBubbleUp):
    """The guard's middleware is not the last in the list."""


class PolicyElsewhere(LangGraphGuardError):
    """The policy is known to the service alone."""


class InvalidAnswer(LangGraphGuardError, GraphBubbleUp):
    """A resume value was refused. No tool ran and nothing was recorded: resume again with a valid one."""


class UnguardedToolCall(LangGraphGuardError):
    """A tool started without a decision that lets this very call go."""


class CallDenied(LangGraphGuardError, ToolException):
    """A guarded tool was called directly, outside any tool call message, and the call was denied."""
