"""The doors to LangGraph, the OpenAI Agents SDK and Pydantic AI do what every door must do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integrations.adapters.langgraph_harness import LangGraphHarness
from tests.integrations.adapters.openai_harness import OpenAIHarness
from tests.integrations.adapters.pydantic_ai_harness import PydanticAIHarness

from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import Harness

# No thread can be cancelled.
BLOCKING = [check for check in CHECKS if check.__name__ != "a_cancelled_tool_is_recorded"]


@pytest.mark.parametrize("harness", [LangGraphHarness, OpenAIHarness, PydanticAIHarness])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_door(check: Check, harness: Callable[[], Harness]) -> None:
    """An agent run in the framework's asynchronous way passes every check."""
    await check(harness())


@pytest.mark.parametrize("harness", [OpenAIHarness, PydanticAIHarness])
@pytest.mark.parametrize("check", BLOCKING, ids=lambda check: check.__name__)
async def test_a_door_of_a_run_that_blocks(check: Check, harness: Callable[..., Harness]) -> None:
    """An agent run in the blocking way, in a thread with an event loop of its own, does too."""
    await check(harness(blocking=True))
