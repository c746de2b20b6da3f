"""A monitor host on Ray Serve is a monitor host; and its replicas come and go."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import ray
from tests.monitors.host.conformance import HostConformance, reason
from tests.monitors.host.engines import query
from tests.monitors.host.gated import GatedEngine, Running
from tests.waiting import PATIENCE, until

from bartizan.integrations.ray.monitors import MonitorHost
from bartizan.integrations.ray.scale import Scale
from bartizan.integrations.ray.serving import deployed
from bartizan.monitors.host import Limits, WireLimits
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.listening import CannotServe

from .shared import held


@contextmanager
def alone(host: Running) -> Iterator[Running]:
    """Other processes of the test run wait."""
    with held(host.folder / "in-use"):
        yield host


class TestOnServe(HostConformance):
    """Behind Ray Serve's proxy, in a process of a replica's own."""

    @pytest.fixture
    def roomy(self, hosts: Mapping[str, Running]) -> Iterator[Running]:
        with alone(hosts["roomy"]) as host:
            yield host

    @pytest.fixture
    def narrow(self, hosts: Mapping[str, Running]) -> Iterator[Running]:
        with alone(hosts["narrow"]) as host:
            yield host

    @pytest.fixture
    def impatient(self, hosts: Mapping[str, Running]) -> Iterator[Running]:
        with alone(hosts["impatient"]) as host:
            yield host

    async def test_a_killed_replica_is_missing_and_another_takes_its_place(
        self, hosts: Mapping[str, Running]
    ) -> None:
        """Killed in the middle of a measurement, that one is missing; without anybody's doing there is another."""
        host = hosts["mortal"]
        host.hold()
        killed = int((host.folder / "pid").read_text())
        breaker = Breaker(pause=0.05, longest=0.05)
        async with RemoteBackend(host.address, timeout=PATIENCE, breaker=breaker) as backend:
            asked = asyncio.create_task(backend.measure(query("stop")))
            await until(lambda: host.seen() == ["stop"])
            os.kill(killed, signal.SIGKILL)
            host.go()
            found = await asked
            # Ray Serve may have asked the next replica by itself: measuring twice changes nothing
            assert isinstance(found.value, float) or reason(found) in (
                "host error",
                "host down",
                "overloaded",
            )

            async def answers() -> bool:
                return isinstance((await backend.measure(query("w"))).value, float)

            await until(answers)
        assert int((host.folder / "pid").read_text()) != killed


def test_a_stuck_engine_fails_its_replica_s_health(tmp_path: Path) -> None:
    """What only a restart helps is told to Ray; what is well is not."""

    async def stuck() -> None:
        limits = Limits(timeout=PATIENCE, stuck_after=0.05)
        host = MonitorHost(partial(GatedEngine, tmp_path), limits, None, WireLimits(), None)
        host.check_health()

        def fails() -> bool:
            try:
                host.check_health()
            except RuntimeError as error:
                return str(error) == "engine stuck"
            return False

        asked = asyncio.create_task(host._batcher.measure(query("stop")))
        await until(fails)
        (tmp_path / "go").touch()
        await asked

    asyncio.run(stuck())


def test_serve_has_patience_with_a_proxy_that_starts_slowly(on_this_machine: None) -> None:
    """The processes of a Ray of our own know that a busy machine needs more than Ray's five seconds."""
    found = ray.get(ray.remote(os.getenv).options(num_cpus=0).remote("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S"))
    assert found == "60"


def test_an_address_that_others_reach_needs_tokens() -> None:
    """Without them nothing is started."""
    with pytest.raises(CannotServe, match="expected tokens"), deployed({}, host="0.0.0.0"):
        pass


def test_a_scale_is_checked() -> None:
    """Replicas are at least one, and grow with what is under way only where there may be more."""
    with pytest.raises(ValueError, match="1 <= least <= most"):
        Scale(least=3, most=2)
    with pytest.raises(ValueError, match="busy above 0"):
        Scale(busy=0)
    assert Scale().options()["num_replicas"] == 1
    scaling = Scale(least=1, most=4, busy=8.0, gpus=0.5).options()
    assert scaling["autoscaling_config"] == {
        "min_replicas": 1,
        "max_replicas": 4,
        "target_ongoing_requests": 8.0,
    }
    assert scaling["ray_actor_options"]["num_gpus"] == 0.5
