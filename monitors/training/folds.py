"""What calibrates, what verifies and what trains: folds of groups, fixed before anything was measured."""

from __future__ import annotations

import hashlib

CALIBRATE, VERIFY = (1,), (0, 2)  # of five; the others train


def fold_of(group: str) -> int:
    """Of five. Texts with one context, runs of one task, never stand on both sides of a split."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 5
