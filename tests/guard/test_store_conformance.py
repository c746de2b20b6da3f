"""Both built-in stores do what every store must do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.guard import InMemoryStore, SessionStore, SqliteStore
from bartizan.guard.testing.store_conformance import CHECKS, DURABLE_CHECKS, Check, OpenStore


def in_memory(_: Path) -> OpenStore:
    store = InMemoryStore()

    async def open_store() -> SessionStore:
        return store

    return open_store


def sqlite(path: Path) -> OpenStore:
    async def open_store() -> SessionStore:
        return SqliteStore(path / "sessions.db", synchronous="NORMAL")

    return open_store


@pytest.mark.parametrize("opener", [in_memory, sqlite])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_store(check: Check, opener: object, tmp_path: Path) -> None:
    """Every store passes every check."""
    assert callable(opener)
    await check(opener(tmp_path))


@pytest.mark.parametrize("check", DURABLE_CHECKS, ids=lambda check: check.__name__)
async def test_durable_store(check: Check, tmp_path: Path) -> None:
    """A store that outlives its process passes these besides."""
    await check(sqlite(tmp_path))
