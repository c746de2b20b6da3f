"""The small doors with the guard behind the real service and its client do what every door must do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integrations.adapters.openai_harness import OpenAIHarness
from tests.integrations.adapters.pydantic_ai_harness import PydanticAIHarness
from tests.integrations.client.remote import check_remotely

from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import Harness

# How arguments are read does not depend on where the guard is.
ELSEWHERE = [check for check in CHECKS if not check.__module__.endswith(".hostile")]


@pytest.mark.parametrize("harness", [OpenAIHarness, PydanticAIHarness])
@pytest.mark.parametrize("check", ELSEWHERE, ids=lambda check: check.__name__)
async def test_through_the_service(
    check: Check, harness: Callable[[], Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both frameworks pass the checks."""
    await check_remotely(check, harness(), monkeypatch)
