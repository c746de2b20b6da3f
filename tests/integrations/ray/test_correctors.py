"""A corrector's host on Ray Serve is a corrector's host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from tests.monitors.corrector_host.conformance import CorrectorConformance
from tests.monitors.host.gated import Running

from .shared import held


class TestOnServe(CorrectorConformance):
    """Behind Ray Serve's proxy, in a process of a replica's own."""

    @pytest.fixture
    def address(self, hosts: Mapping[str, Running]) -> Iterator[str]:
        host = hosts["corrector"]
        with held(host.folder / "in-use"):
            yield host.address
