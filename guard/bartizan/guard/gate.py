"""The gate: whoever proposes a call, only one that the program allows leaves, in canonical bytes.

Proposers (rules, a solver, a model, a person) are not trusted, and neither is what they say about their proposals. The
gate asks two things of each: is it an edit that the policy permits of *this* call, and does the program allow it?

* **Soundness**: what is emitted is allowed, whoever proposed it.
* **Transparency**: a call that is allowed is emitted as it is, and nobody is asked for another.
* **Locked fields**: what the policy does not permit to be changed is never changed.
* **Accountability**: an edit comes with its JSON Patch (RFC 6902) and the name of its proposer.

A pure function of its arguments: what decides, and how long a proposer may take, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from .canonical import JSON, canonical_json
from .types import ToolCall

Patch: TypeAlias = tuple[Mapping[str, Any], ...]
"""Operations of RFC 6902: ``add``, ``remove`` and ``replace``, in order."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Other arguments for a call, and who proposes them.

    ``evidence`` is what the proposer says of it, as JSON (the cost of the edit, what was ruled out): it is written
    down even where content is not captured, and decides nothing.
    """

    args: Mapping[str, Any]
    origin: str
    evidence: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Emission:
    """A call that may leave. ``origin`` is None, and ``patch`` empty, for the call as it was."""

    call: ToolCall
    origin: str | None = None
    patch: Patch = ()
    evidence: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def gate(
    call: ToolCall,
    proposals: Iterable[Proposal],
    *,
    allows: Callable[[ToolCall], bool],
    permits: Callable[[ToolCall, ToolCall], bool],
) -> Emission | None:
    """The call itself if it is allowed, else the first proposal that is permitted and allowed, else nothing.

    ``proposals`` is read no further than needed, and not at all for a call that is allowed. A proposal that is no
    arguments, or on which ``permits`` or ``allows`` raise, is passed over; where they raise for the call itself, it is
    as not allowed.
    """
    if _holds(allows, call):
        return Emission(call)
    for proposal in _all(proposals):
        edited = _edited(call, proposal)
        if edited is None or edited.canonical == call.canonical:
            continue
        if _holds(permits, call, edited) and _holds(allows, edited):
            steps = patch(call.arguments(), edited.arguments())
            return Emission(edited, str(proposal.origin), steps, proposal.evidence)
    return None


def patch(before: JSON, after: JSON, at: str = "") -> Patch:
    """What makes ``after`` of ``before``: the least of members, lists as a whole if their lengths differ."""
    if canonical_json(before) == canonical_json(after):
        return ()
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[Mapping[str, Any]] = []
        for key in sorted(before.keys() | after.keys()):
            where = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                found.append({"op": "remove", "path": where})
            elif key not in before:
                found.append({"op": "add", "path": where, "value": after[key]})
            else:
                found += patch(before[key], after[key], where)
        return tuple(found)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return tuple(step for index, (old, new) in pairs for step in patch(old, new, f"{at}/{index}"))
    return ({"op": "replace", "path": at, "value": after},)


def _all(proposals: Iterable[Proposal]) -> Iterable[Proposal]:
    """As many as a proposer gives before it fails."""
    try:
        yield from proposals
    except Exception:  # noqa: BLE001 (a proposer that fails proposes nothing more)
        return


def _edited(call: ToolCall, proposal: Proposal) -> ToolCall | None:
    try:
        return ToolCall.of(call.id, call.tool, proposal.args)
    except Exception:  # noqa: BLE001 (what is no call is no proposal)
        return None


def _holds(question: Callable[..., bool], *calls: ToolCall) -> bool:
    try:
        return question(*calls) is True
    except Exception:  # noqa: BLE001 (what cannot be told does not hold)
        return False
