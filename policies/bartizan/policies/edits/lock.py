"""The lock: whether one call is a permitted edit of another.

What its author did not open is locked, whoever proposes to change it. Two calls are compared member by member; where
they differ, there must be an opening at that very place that makes just this of the value. Nothing else is looked at:
not who proposes, not what it is good for, not whether the edited call is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any as Json

from .openings import ABSENT, Opening, same


def permitted(before: Json, after: Json, openings: Mapping[tuple[str, ...], Opening]) -> bool:
    """Whether the arguments ``after`` are those ``before`` but for what the openings (by path) allow."""
    return _permitted(before, after, (), openings)


def _permitted(
    before: Json, after: Json, path: tuple[str, ...], openings: Mapping[tuple[str, ...], Opening]
) -> bool:
    opening = openings.get(path)
    if after is ABSENT:
        return opening is not None and opening.admits(before, ABSENT)
    if same(before, after) or (opening is not None and opening.admits(before, after)):
        return True
    if not isinstance(before, dict) or not isinstance(after, dict) or not after.keys() <= before.keys():
        return False
    return all(_permitted(before[key], after.get(key, ABSENT), (*path, key), openings) for key in before)
