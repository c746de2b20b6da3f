"""Words for groups of texts that are to be different from each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")

_TRIES = 100_000


class TooMany(Exception):
    """The search for distinct words was given up. Stays inside this package."""


def neighbours(edges: Iterable[tuple[K, K]]) -> dict[K, set[K]]:
    """For each end of an edge, the other ends."""
    found: dict[K, set[K]] = {}
    for left, right in edges:
        found.setdefault(left, set()).add(right)
        found.setdefault(right, set()).add(left)
    return found


def choose(candidates: Mapping[K, Sequence[str]], unlike: Mapping[K, set[K]]) -> dict[K, str] | None:
    """One of its candidates for each key, different from those of the keys that it is to be unlike.

    A key with more candidates than neighbours always finds one, so such keys are put off until only the others
    are left; those are searched in full (colouring of a list-assigned graph).

    Raises:
        TooMany: the search was given up.
    """
    left = set(candidates)
    postponed: list[K] = []
    easy = [key for key in candidates if len(candidates[key]) > len(unlike.get(key, set()) & left)]
    while easy:
        key = easy.pop()
        if key not in left:
            continue
        left.discard(key)
        postponed.append(key)
        for other in unlike.get(key, set()) & left:
            if len(candidates[other]) > len(unlike[other] & left):
                easy.append(other)
    chosen = _search(sorted(left, key=lambda key: len(candidates[key])), candidates, unlike)
    if chosen is not None:
        for key in reversed(postponed):
            chosen[key] = _possible(key, candidates, unlike, chosen)[0]
    return chosen


def _possible(
    key: K, candidates: Mapping[K, Sequence[str]], unlike: Mapping[K, set[K]], chosen: Mapping[K, str]
) -> list[str]:
    taken = {chosen[other] for other in unlike.get(key, ()) if other in chosen}
    return [word for word in candidates[key] if word not in taken]


def _search(
    keys: Sequence[K], candidates: Mapping[K, Sequence[str]], unlike: Mapping[K, set[K]]
) -> dict[K, str] | None:
    """Depth-first, the key with the fewest possibilities next."""
    chosen: dict[K, str] = {}
    waiting = list(keys)
    trail: list[tuple[K, list[str]]] = []
    tries = 0
    while True:
        if not waiting:
            return chosen
        options = {key: _possible(key, candidates, unlike, chosen) for key in waiting}
        key = min(waiting, key=lambda each: len(options[each]))
        waiting.remove(key)
        trail.append((key, options[key]))
        while not trail[-1][1]:
            last, _ = trail.pop()
            chosen.pop(last, None)
            waiting.append(last)
            if not trail:
                return None
            chosen.pop(trail[-1][0], None)
        tries += 1
        if tries > _TRIES:
            raise TooMany
        chosen[trail[-1][0]] = trail[-1][1].pop(0)
