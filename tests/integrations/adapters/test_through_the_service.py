"""The small doors with the guard behind the real service and its client do what every door must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.integrations.adapters.openai_harness import OpenAIHarness
from tests.integrations.adapters.pydantic_ai_harness import PydanticAIHarness
from tests.integrations.client.test_conformance import Served, serving
from tests.integrations.sidecar.serving import SECRETS

from bartizan.guard import Guard
from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import Conversation, Harness


class Remote:
    """Another harness, whose guards are behind the service."""

    def __init__(self, harness: Harness, served: Served) -> None:
        self.edits = harness.edits
        self.has_own_approvals = harness.has_own_approvals
        self.resumes = harness.resumes
        self._harness = harness
        self._served = served

    def start(self, guard: Guard, *args: Any, **options: Any) -> Conversation:
        remote: Any = RemoteGuard(
            self._served.url(guard), token=SECRETS["AGENT"], approver_token=SECRETS["ANN"], deadline=10.0
        )
        return self._harness.start(remote, *args, **options)


# How arguments are read does not depend on where the guard is.
ELSEWHERE = [check for check in CHECKS if not check.__module__.endswith(".hostile")]


@pytest.mark.parametrize("harness", [OpenAIHarness, PydanticAIHarness])
@pytest.mark.parametrize("check", ELSEWHERE, ids=lambda check: check.__name__)
async def test_through_the_service(
    check: Check, harness: Callable[[], Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both frameworks pass the checks."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    with serving() as served:
        await check(Remote(harness(), served))
