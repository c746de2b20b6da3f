"""Identifiers are drawn ahead, and none comes twice."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from bartizan.guard import fresh


def test_no_token_comes_twice_whoever_draws() -> None:
    """Across threads and across refills of what was drawn ahead."""
    with ThreadPoolExecutor(4) as pool:
        drawn = [
            each
            for part in pool.map(lambda _: [fresh.token(8) for _ in range(2000)], range(4))
            for each in part
        ]
    assert len(set(drawn)) == len(drawn)
    assert all(len(each) == 16 for each in drawn)


def test_a_child_does_not_draw_what_its_parent_draws() -> None:
    """What was drawn ahead before a fork is the parent's alone."""
    fresh.token(8)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(fresh.token(8) for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 50 * 16).decode()
    os.close(reading)
    os.close(writing)
    ours = {fresh.token(8) for _ in range(600)}
    assert ours.isdisjoint(told[at : at + 16] for at in range(0, len(told), 16))
