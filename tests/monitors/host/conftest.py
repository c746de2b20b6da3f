"""Fixtures of the host's tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .engines import FaultyEngine, HashedEngine


@pytest.fixture
def engine() -> HashedEngine:
    return HashedEngine()


@pytest.fixture
def faulty() -> Iterator[FaultyEngine]:
    engine = FaultyEngine()
    yield engine
    engine.go.set()


@pytest.fixture
def port() -> Iterator[int]:
    """On loopback; nobody listens there, and nobody is given it but who asks for it by number."""
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])
