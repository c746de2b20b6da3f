"""Several workers: one of them may be killed at any time."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.integrations.redis.server import Server
from tests.waiting import block_until

from bartizan.guard.audit import query, verify

from .serving import Running, proposed, written


def test_a_killed_worker_comes_back_and_what_it_counted_is_not_lost(tmp_path: Path, server: Server) -> None:
    """Workers share budgets through Redis; the log of a killed one is taken up where it ended."""
    tenant = {"policy": "policy.yaml", "audit": "audit", "store": server.patient}
    config = written(tmp_path, workers=2, tenants={"default": tenant})
    with Running(config) as running:
        spent = 0
        for number in range(30):
            status, answer = _patiently(running, proposed(str(number), "pay", to="a", amount=50))
            assert status == 200
            spent += 50 if answer["outcome"] == "allow" else 0
            if number == 8:
                os.kill(running.started()[0], signal.SIGKILL)
        assert spent == 1000
        block_until(lambda: len(running.started()) == 3)
        block_until(lambda: running.ask("/readyz", token=None)[0] == 200)
    let_go = 0
    for worker in ("worker-0", "worker-1"):
        checked = verify(tmp_path / "audit" / worker)
        assert checked.ok, checked.problems
        entries = [entry.record for entry in query(tmp_path / "audit" / worker)]
        undone = {record["superseded"] for record in entries if record["kind"] == "superseded"}
        let_go += sum(
            record["kind"] == "decision" and record["outcome"] == "ALLOW" and record["id"] not in undone
            for record in entries
        )
    assert let_go >= 20


def test_a_worker_that_cannot_start_is_tried_again_later_each_time(tmp_path: Path, server: Server) -> None:
    """The supervisor neither gives up nor turns in circles; it ends when it is told to."""
    tenant = {"policy": "policy.yaml", "audit": "audit", "store": server.patient}
    config = written(tmp_path, workers=2, tenants={"default": tenant})
    with Running(config) as running:
        block_until(lambda: len(running.started()) == 2)
        policy = (tmp_path / "policy.yaml").read_text()
        (tmp_path / "policy.yaml").write_text("rules: [")
        os.kill(running.started()[0], signal.SIGKILL)
        block_until(lambda: running.log.count("it is started again") >= 2)
        (tmp_path / "policy.yaml").write_text(policy)
        block_until(lambda: len(running.started()) >= 3)
        assert _patiently(running, proposed("1", "look", what="a"))[0] == 200


def _patiently(running: Running, body: object) -> tuple[int, dict[str, str]]:
    """A client that asks again where a line was cut: under one call id, a second decision is a second call."""
    answers: list[tuple[int, dict[str, str]]] = []

    def answered() -> bool:
        with suppress(OSError):
            answers.append(running.ask("/v1/calls", body))
        return bool(answers)

    block_until(answered)
    return answers[0]
