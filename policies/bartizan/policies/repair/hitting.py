"""The cheapest way to loosen what is too tight: implicit hitting sets over contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Caps = tuple[int, ...]
"""For each field, how far up its scale of costs an edit may go: 0 keeps it."""


def cheapest(costs: Sequence[Sequence[int]], cores: Sequence[Mapping[int, int]]) -> Caps | None:
    """The cheapest caps that are above each contradiction somewhere; of equals, the last fields are changed first.

    Args:
        costs: for each field its possible costs, ascending, the first of them 0.
        cores: contradictions: these fields, capped at these levels, cannot be.

    None if a contradiction cannot be avoided. Branch and bound: exact, and small, since each core is a few fields.
    """
    best: tuple[int, Caps] | None = None
    stack: list[tuple[int, Caps]] = [(0, (0,) * len(costs))]
    seen: set[Caps] = set()
    while stack:
        cost, caps = stack.pop()
        if caps in seen or (best is not None and (cost, caps) >= best):
            continue
        seen.add(caps)
        core = next((c for c in cores if all(caps[index] <= level for index, level in c.items())), None)
        if core is None:
            best = (cost, caps)
            continue
        for index, level in core.items():
            if level + 1 < len(costs[index]):
                raised = (*caps[:index], level + 1, *caps[index + 1 :])
                stack.append((cost - costs[index][caps[index]] + costs[index][level + 1], raised))
    return None if best is None else best[1]
