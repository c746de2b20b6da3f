"""A few seconds of the soak; the whole is :mod:`.soak`."""

from __future__ import annotations

from pathlib import Path

from .soak import DEADLINE, soak


async def test_nothing_is_overspent_lost_or_shown_to_others_while_things_are_killed(tmp_path: Path) -> None:
    """Two workers and one Redis; Redis is killed and comes back, then a worker; the logs tell what happened."""
    result = await soak(tmp_path, seconds=6, clients=16, sessions=8)
    assert result.problems == []
    for facts in result.facts.values():
        assert facts["let go"] > 0 and facts["denied by the budget"] > 0
        assert facts["denied, store or time"] and facts["longest denial of the store s"] < 60 * DEADLINE
