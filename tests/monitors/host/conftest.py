"""Fixtures of the host's tests."""

from __future__ import annotations

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
