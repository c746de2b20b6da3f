"""A service that ends closes what it has, though some of it does not let itself be closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bartizan.integrations.sidecar import Service

from .in_process import configured


class Broken:
    """A part at a Redis that is away: closing it fails, after a while."""

    async def aclose(self) -> None:
        await asyncio.sleep(0.01)
        raise ConnectionError("the server is away")


@pytest.mark.parametrize("part", ["revisions", "feed", "inbox"])
async def test_each_log_is_closed_whatever_becomes_of_the_rest(
    tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Both tenants' logs are free for the service that starts next, and what went wrong is said."""
    config = configured(tmp_path)
    logs = {
        name: tenant.model_copy(update={"audit": tmp_path / name}) for name, tenant in config.tenants.items()
    }
    config = config.model_copy(update={"tenants": logs})
    service = await asyncio.to_thread(Service.open, config)
    setattr(service.tenants["default"], part, Broken())
    await service.aclose()
    assert "tenant default could not be closed" in caplog.text
    again = await asyncio.to_thread(Service.open, config)
    await again.aclose()
