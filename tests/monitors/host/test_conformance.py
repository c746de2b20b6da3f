"""The host that is one process does what hosts do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bartizan.monitors.host.serve import hosting

from .conformance import HostConformance
from .gated import SETTINGS, GatedEngine, Running


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Running]:
    setting = SETTINGS[name]
    host = Running("", folder)
    host.hold()
    async with hosting(
        GatedEngine(folder), limits=setting.limits, tokens=setting.tokens, wire=setting.wire
    ) as hosted:
        yield Running(hosted.address, folder)
        host.go()


class TestOneProcess(HostConformance):
    """In this event loop, on a socket of its own."""

    @pytest.fixture
    async def roomy(self, tmp_path: Path) -> AsyncIterator[Running]:
        async with running("roomy", tmp_path) as host:
            yield host

    @pytest.fixture
    async def narrow(self, tmp_path: Path) -> AsyncIterator[Running]:
        async with running("narrow", tmp_path) as host:
            yield host

    @pytest.fixture
    async def impatient(self, tmp_path: Path) -> AsyncIterator[Running]:
        async with running("impatient", tmp_path) as host:
            yield host
