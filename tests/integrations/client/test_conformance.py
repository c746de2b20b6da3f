"""LangGraph with the guard behind the real service and its client does what every door must do."""

from __future__ import annotations

import pytest
from tests.integrations.adapters.langgraph_harness import LangGraphHarness
from tests.integrations.client.remote import check_remotely

from bartizan.integrations.testing.adapter_conformance import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_langgraph_through_the_service(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of ``create_agent`` passes every check."""
    await check_remotely(check, LangGraphHarness(), monkeypatch)
