"""One Ray for all tests of a process: two CPUs of this machine, no dashboard, nothing reported."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bartizan.integrations.ray import connected


@pytest.fixture(scope="session")
def on_this_machine() -> Iterator[None]:
    with connected(cpus=2):
        yield
