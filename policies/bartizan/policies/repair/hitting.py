"""The cheapest way to loosen what is too tight: implicit hitting sets over contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

Caps = tuple[int, ...]
"""For each field, how far up its scale of costs an edit may go: 0 keeps it."""

MOST = 20_000
"""Caps that are looked at."""


class TooMany(Exception):
    """More than :data:`MOST` caps would have to be looked at."""


def cheapest(costs: Sequence[Sequence[int]], cores: Sequence[Mapping[int, int]]) -> Caps | None:
    """The cheapest caps that are above each contradiction somewhere.

    Args:
        costs: for each field its possible costs, ascending, the first of them 0.
        cores: contradictions: these fields, capped at these levels, cannot be.

    None if a contradiction cannot be avoided. Exact: a search by cost, small since each core is a few fields. Raises
    :class:`TooMany` if it is not small.
    """
    queue: list[tuple[int, Caps]] = [(0, (0,) * len(costs))]
    seen: set[Caps] = set()
    while queue:
        cost, caps = heappop(queue)
        core = next((c for c in cores if all(caps[index] <= level for index, level in c.items())), None)
        if core is None:
            return caps
        for index, level in core.items():
            if level + 1 < len(costs[index]):
                raised = (*caps[:index], level + 1, *caps[index + 1 :])
                if raised not in seen:
                    seen.add(raised)
                    heappush(queue, (cost - costs[index][caps[index]] + costs[index][level + 1], raised))
        if len(seen) > MOST:
            raise TooMany
    return None
