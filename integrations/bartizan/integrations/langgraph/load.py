"""A guard from files: the few lines that most applications need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.tools import tool as create_tool

from bartizan.guard import Guard, Proposer, SessionStore
from bartizan.guard.audit import FileAuditLog
from bartizan.guard.gather import Monitor
from bartizan.guard.stream.reviewing import measured
from bartizan.integrations.assembly import monitors_of, proposers_of, required, store_at
from bartizan.monitors import Backend
from bartizan.policies import ToolDecl, load_policy
from bartizan.policies.lean.certificates.levels import Level, Requirement
from bartizan.policies.tools import tools_from_langchain

from .guard import LangGraphGuard


def load_guard(
    policy_path: str | Path,
    *,
    audit: str | Path | None = None,
    store: str | Path | SessionStore | None = None,
    tools: Sequence[ToolDecl | BaseTool | Callable[..., Any]] = (),
    monitors: Mapping[str, Monitor] | Backend | None = None,
    correct: bool | Sequence[Proposer] = True,
    correct_within: float = 0.25,
    deadline: float = 2.0,
    require: Level | Requirement | None = None,
    **options: Any,
) -> LangGraphGuard:
    """A guard for the policy of a file.

    ``audit`` is the directory of the audit log and ``store`` the file of the sessions, the URL of a Redis that guards
    elsewhere share (``redis://``, ``rediss://``, ``unix://``; extra ``redis``), or a store; without them both live in
    memory, and approvals do not survive the process. ``tools`` adds the types of tools that the policy does not
    declare, from LangChain tools or as declarations. ``monitors`` measures the policy's signals: monitors by the
    signals' names, or a backend (an engine in this process, a host elsewhere) that has the probes which the policy
    names under ``monitor:``; a signal without one is missing. ``correct``: what the policy opens under ``repair:`` is
    corrected by the solver (extra ``prove``), or by the proposers given, in ``correct_within`` seconds; ``False``
    denies as if it opened nothing. ``deadline`` bounds all of a decision, corrections included, in seconds.
    ``require``: the level that the policy's certificate must reach, as in :func:`~bartizan.policies.load_policy`.
    ``options`` are those of :class:`LangGraphGuard`.

    Raises ``PolicyError`` with located diagnostics for a policy that is not one, ``Uncertified`` for one without the
    certificate that is required, ``AuditLocked`` or ``AuditTampered`` for a log that cannot be continued.
    """
    declared = [tool for tool in tools if isinstance(tool, ToolDecl)]
    others = [tool for tool in tools if not isinstance(tool, ToolDecl)]
    langchain = [tool if isinstance(tool, BaseTool) else create_tool(tool) for tool in others]
    program = load_policy(
        policy_path, tools=(*declared, *tools_from_langchain(langchain)), require=required(require)
    )
    measuring = monitors_of(program, monitors)
    guard = Guard(
        program,
        store=store_at(store) if isinstance(store, str | Path) else store,
        audit=FileAuditLog(audit) if audit is not None else None,
        monitors=measuring,
        proposers=proposers_of(program) if correct is True else correct or (),
        correct_within=correct_within,
        deadline=deadline,
    )
    if program.text.scores:
        options.setdefault("score", measured(measuring))
    return LangGraphGuard(guard, **options)
