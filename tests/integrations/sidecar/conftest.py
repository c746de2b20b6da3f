"""What tests of several workers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integrations.redis.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis for one test, which may stop it."""
    directory = tmp_path / "redis"
    directory.mkdir()
    with Server(directory) as running:
        yield running
