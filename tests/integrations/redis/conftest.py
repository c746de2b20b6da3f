"""A Redis for the tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server; each test has a tenant, or sessions, of its own."""
    with Server(tmp_path_factory.mktemp("redis")) as running:
        yield running
