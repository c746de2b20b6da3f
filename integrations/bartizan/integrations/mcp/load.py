"""A guard for an MCP server, from the files that hold its policy, its sessions and its log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcp import types

from bartizan.guard import Guard
from bartizan.guard.audit import FileAuditLog
from bartizan.integrations.assembly import proposers_of, required, store_at
from bartizan.policies import ToolDecl, load_policy
from bartizan.policies.lean.certificates.levels import Level, Requirement
from bartizan.policies.tools import tools_from_mcp


def declarations(tools: Sequence[types.Tool], *, trust_annotations: bool = False) -> tuple[ToolDecl, ...]:
    """The declarations of a server's tools, for those that a policy does not declare itself.

    What a server says of its tools' effects (``readOnlyHint`` and the like) is a claim of the very program that is
    guarded. Unless it is trusted, a tool is what it is without the claim: the worst that it could be.
    """
    wire = [tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in tools]
    if not trust_annotations:
        wire = [{**tool, "annotations": None} for tool in wire]
    return tools_from_mcp(wire)


def guard_for(
    policy: str | Path,
    tools: Sequence[types.Tool] = (),
    *,
    audit: str | Path | None = None,
    store: str | Path | None = None,
    trust_annotations: bool = False,
    correct_within: float = 0.25,
    deadline: float = 2.0,
    approval_ttl: float = 3600.0,
    require: Level | Requirement | None = None,
) -> Guard:
    """A guard for the policy of a file, in which the server's tools are declared that the policy leaves out.

    ``audit`` is the directory of the audit log, ``store`` the file of the sessions or the URL of a Redis; without them
    both live in memory. ``deadline`` bounds all of a decision, corrections in ``correct_within`` included, in seconds.
    ``require``: the level that the policy's certificate must reach. Raises ``PolicyError`` for a policy that is none,
    ``Uncertified`` for one without that certificate, ``AuditLocked`` or ``AuditTampered`` for a log that cannot be
    continued.
    """
    program = load_policy(
        policy, declarations(tools, trust_annotations=trust_annotations), require=required(require)
    )
    return Guard(
        program,
        store=store_at(store) if store is not None else None,
        audit=FileAuditLog(audit) if audit is not None else None,
        proposers=proposers_of(program),
        correct_within=correct_within,
        deadline=deadline,
        approval_ttl=approval_ttl,
    )
