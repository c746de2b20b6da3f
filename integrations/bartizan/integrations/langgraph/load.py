"""A guard from files: the few lines that most applications need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.tools import tool as create_tool

from bartizan.guard import Guard
from bartizan.guard.audit import FileAuditLog
from bartizan.guard.sqlite import SqliteStore
from bartizan.policies import ToolDecl, load_policy
from bartizan.policies.tools import tools_from_langchain

from .guard import LangGraphGuard


def load_guard(
    policy_path: str | Path,
    *,
    audit: str | Path | None = None,
    store: str | Path | None = None,
    tools: Sequence[ToolDecl | BaseTool | Callable[..., Any]] = (),
    **options: Any,
) -> LangGraphGuard:
    """A guard for the policy of a file.

    ``audit`` is the directory of the audit log and ``store`` the file of the sessions; without them both live in
    memory, and approvals do not survive the process. ``tools`` adds the types of tools that the policy does not
    declare, from LangChain tools or as declarations. ``options`` are those of :class:`LangGraphGuard`.

    Raises ``PolicyError`` with located diagnostics for a policy that is not one, ``AuditLocked`` or
    ``AuditTampered`` for a log that cannot be continued.
    """
    declared = [tool for tool in tools if isinstance(tool, ToolDecl)]
    others = [tool for tool in tools if not isinstance(tool, ToolDecl)]
    langchain = [tool if isinstance(tool, BaseTool) else create_tool(tool) for tool in others]
    program = load_policy(policy_path, tools=(*declared, *tools_from_langchain(langchain)))
    guard = Guard(
        program,
        store=SqliteStore(store) if store is not None else None,
        audit=FileAuditLog(audit) if audit is not None else None,
    )
    return LangGraphGuard(guard, **options)
