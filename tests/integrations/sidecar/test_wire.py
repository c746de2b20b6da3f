"""A slice of the wire fuzzer's requests; the whole is :mod:`.fuzz`."""

from __future__ import annotations

from pathlib import Path

from .fuzz import memory, run
from .hostile import cases
from .serving import Running, proposed, written


async def test_hostile_requests_neither_break_nor_hang_the_service(tmp_path: Path) -> None:
    """No 5xx, no answer to what is hidden in another request, no memory kept, no traceback; and it goes on deciding."""
    with Running(written(tmp_path, limits={"read": 1.0})) as service:
        before = memory(service.process.pid)
        report = await run(service.address, cases(7, 300, 3, 20_000_000), at_once=100)
        assert report.wrong == []
        assert sum(report.statuses.values()) == 300
        assert memory(service.process.pid) - before < 200 * 2**20
        status, answer = service.ask("/v1/calls", proposed("1", "look", what="a"))
        assert status == 200 and answer["allowed"]
    assert "Traceback" not in service.log
