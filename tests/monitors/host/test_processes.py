"""A host process that is killed or stopped while it is asked: the guard goes on, as its policy says."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from bartizan.guard import Event, Guard, Outcome, Signal, ToolCall, ToolResult, Trace
from bartizan.monitors import Backend, Passage, Query
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.client import RemoteBackend
from bartizan.policies import compile_policy

from .conformance import browser
from .engines import HashedEngine, query
from .test_batcher import reason, value

SCRIPT = Path(__file__).with_name("host_process.py")
POLICY = """
version: 1
name: monitored
tools:
  send: {args: {text: str}}
  post: {args: {text: str}}
signals:
  soft: {on: call, monitor: injection, missing: escalate}
  hard: {on: call, monitor: injection, missing: deny}
rules:
  - {id: ok, allow: [send, post]}
  - {id: soft, deny: [send], when: 'signal("soft") >= 1'}
  - {id: hard, deny: [post], when: 'signal("hard") >= 1'}
"""


class Asking:
    """A monitor over a backend: the arguments of a call are measured, the signal says what came back."""

    def __init__(self, name: str, backend: Backend) -> None:
        self._name = name
        self._backend = backend

    async def measure(self, event: Event, trace: Trace) -> Signal:
        assert event.call is not None
        passage = Passage("call", str(event.call.args["text"]))
        found = await self._backend.measure(Query("injection", (passage,), tool=event.call.tool))
        return Signal(self._name, found.value, found.p_value, found.evidence)


class Process:
    """A host in a process of its own."""

    def __init__(self, where: str, seconds: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), where, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the host did not start"

    def end(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            os.kill(self.process.pid, signal.SIGCONT)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(where: str, seconds: float = 0.0) -> Process:
        started.append(Process(where, seconds))
        return started[-1]

    yield begin
    for process in started:
        process.end()


async def decide(guard: Guard, tool: str, n: int) -> Outcome:
    """What becomes of a call of the tool; it runs if and only if it is allowed."""
    ran = []

    async def execute(call: ToolCall) -> ToolResult:
        ran.append(call)
        return ToolResult("done")

    call = ToolCall.of(f"{tool}-{n}", tool, {"text": f"hello {n}"})
    outcome = (await guard.enforce(call, execute, session="s")).decision.outcome
    assert bool(ran) is (outcome is Outcome.ALLOW)
    return outcome


async def under_way(address: str) -> int:
    """How many queries a host has taken in and not answered, by its own metrics."""
    async with browser(address) as client:
        page = (await client.get("/metrics")).text
    names = ("bartizan_monitor_queue_depth ", "bartizan_monitor_computing ")
    return sum(int(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(names))


def guarded(backend: Backend, **settings: Any) -> Guard:
    monitors = {name: Asking(name, backend) for name in ("soft", "hard")}
    return Guard(compile_policy(POLICY), monitors=monitors, **settings)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
async def test_a_killed_host_escalates_or_denies_and_a_restart_recovers(
    kind: str, start: Callable[..., Process], port: int, tmp_path: Path
) -> None:
    """Killed in the middle of a measurement, it is missing; what was declared for that happens; then it is back."""
    where = f"unix:{tmp_path / 'm.sock'}" if kind == "unix" else f"tcp:{port}"
    host = start(where)
    breaker = Breaker(pause=0.05, longest=0.05)
    async with RemoteBackend(host.address, timeout=30.0, breaker=breaker) as backend:
        guard = guarded(backend, deadline=120.0)
        assert await decide(guard, "send", 0) is Outcome.ALLOW
        assert await decide(guard, "post", 0) is Outcome.ALLOW

        asked = [asyncio.create_task(backend.measure(query("stop"))) for _ in range(5)]  # holds the engine up
        deciding = [asyncio.create_task(decide(guard, tool, 1)) for tool in ("send", "post")]

        async def all_there() -> bool:
            return await under_way(host.address) == 7

        await until(all_there)
        os.kill(host.process.pid, signal.SIGKILL)
        assert await asyncio.gather(*deciding) == [Outcome.ESCALATE, Outcome.DENY]
        assert {reason(one) for one in await asyncio.gather(*asked)} == {"host down"}
        for n in range(2, 5):
            assert await decide(guard, "send", n) is Outcome.ESCALATE
            assert await decide(guard, "post", n) is Outcome.DENY
        assert breaker.open

        again = start(where)  # over the socket that the killed one left behind
        assert again.address == host.address
        await asyncio.sleep(0.06)  # at least the breaker's pause
        value(await backend.measure(query("w")))
        assert await decide(guard, "send", 5) is Outcome.ALLOW
        assert await decide(guard, "post", 5) is Outcome.ALLOW
        await guard.aclose()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A host that outlives what is done to it, for several tests."""
    process = Process(f"unix:{tmp_path_factory.mktemp('host') / 'm.sock'}")
    yield process
    process.end()


async def test_answers_are_the_engine_s_own_across_processes(lasting: Process) -> None:
    """Two hundred concurrent queries over a socket, of several tenants, get what the engine here would answer."""
    asked = [
        query(" ".join(f"w{n * k % 97}" for k in range(1, 2 + n % 40)), tenant=f"t{n % 3}")
        for n in range(200)
    ]
    reference = HashedEngine()
    async with RemoteBackend(lasting.address, timeout=60.0) as backend:
        requests = await asyncio.gather(*(backend.measure_all(asked[n : n + 4]) for n in range(0, 200, 4)))
    answers = [answer for request in requests for answer in request]
    for one, answer in zip(asked, answers, strict=True):
        assert value(answer) == pytest.approx(reference.measure([one])[0].value, abs=1e-6)
        assert answer.evidence["tenant"] == one.tenant
    assert max(answer.evidence["host"]["batch"] for answer in answers) > 1


@contextmanager
def frozen(host: Process) -> Iterator[None]:
    """It stands still until the block ends."""
    os.kill(host.process.pid, signal.SIGSTOP)
    try:
        os.waitpid(host.process.pid, os.WUNTRACED)
        yield
    finally:
        os.kill(host.process.pid, signal.SIGCONT)


async def test_a_stopped_host_is_missing_in_time_and_goes_on_afterwards(lasting: Process) -> None:
    """Frozen in the middle of requests it times out, the calls are decided without it, and thawed it answers."""
    breaker = Breaker(pause=0.05, longest=0.05)
    async with RemoteBackend(lasting.address, timeout=0.5, breaker=breaker) as backend:
        guard = guarded(backend, deadline=120.0)
        with frozen(lasting):
            deciding = [decide(guard, tool, 1) for tool in ("send", "post")]
            asked = [backend.measure(query(f"w{n}")) for n in range(8)]
            *answers, first, second = await asyncio.gather(*asked, *deciding)
        assert [first, second] == [Outcome.ESCALATE, Outcome.DENY]
        assert {reason(one) for one in answers} == {"timeout"}
        assert breaker.open
        for tool in ("send", "post"):
            n = 2
            while await decide(guard, tool, n) is not Outcome.ALLOW:  # the first may find it still waking up
                n += 1
                await asyncio.sleep(0.06)
        await guard.aclose()


async def test_a_guard_with_a_shorter_deadline_does_not_wait_for_a_stopped_host_again_and_again(
    lasting: Process,
) -> None:
    """The guard cancels its monitors before they time out; after a few calls the host is known to be down."""
    breaker = Breaker(pause=600.0, longest=600.0)
    late = count(step=40.0).__next__  # whenever it is asked, more than half of the time has passed
    async with RemoteBackend(lasting.address, timeout=60.0, breaker=breaker, clock=late) as backend:
        guard = guarded(backend, deadline=6.0)  # of which monitors get half
        with frozen(lasting):
            deciding = [decide(guard, "send", n) for n in range(3)]
            assert set(await asyncio.gather(*deciding)) == {Outcome.ESCALATE}
            assert breaker.open
            assert reason(await backend.measure(query("w"))) == "host down"
        await guard.aclose()


def test_a_terminated_host_ends_cleanly(start: Callable[..., Process], tmp_path: Path) -> None:
    """On SIGTERM `serve` returns, the process ends with 0, and the socket is gone."""
    path = tmp_path / "m.sock"
    host = start(f"unix:{path}")
    assert path.exists()
    host.process.terminate()
    out, _ = host.process.communicate(timeout=300)
    assert (out, host.process.returncode) == ("stopped\n", 0)
    assert not path.exists()
