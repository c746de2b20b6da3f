"""The LangGraph integration does what every door must do."""

from __future__ import annotations

import pytest
from tests.integrations.adapters.langgraph_harness import LangGraphHarness

from bartizan.integrations.testing.adapter_conformance import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_langgraph(check: Check) -> None:
    """An agent of ``create_agent`` passes every check."""
    await check(LangGraphHarness())
