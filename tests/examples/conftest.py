"""AgentDojo's suites, live: environments, graders and graphs are the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bartizan.integrations.agentdojo.attacks import ATTACKS
from bartizan.integrations.agentdojo.guarding import Protection
from bartizan.integrations.agentdojo.jobs import program_for
from bartizan.integrations.agentdojo.records import Run
from bartizan.integrations.agentdojo.runs import Setting, runs_of
from bartizan.integrations.agentdojo.suites import load_suite

Evaluate = Callable[..., list[Run]]


@pytest.fixture(scope="session")
def policies() -> Path:
    """The folder of the policies for the four suites."""
    return Path(__file__).parents[2] / "examples" / "agentdojo" / "policies"


@pytest.fixture
def evaluate(policies: Path) -> Evaluate:
    """All runs of some user tasks of a suite (default: all), under an attack or without one."""

    def evaluated(
        suite: str,
        attack: str | None = None,
        *,
        guarded: bool = False,
        tasks: list[str] | None = None,
        setting: Setting = Setting(),  # noqa: B008 (frozen)
    ) -> list[Run]:
        loaded = load_suite(suite)
        chosen = None if attack is None else ATTACKS[attack]
        runs: list[Run] = []
        for task in tasks or loaded.user_task_ids():
            if not guarded:
                runs += runs_of(loaded, task, chosen, setting, None)
                continue
            with Protection(program_for(suite, str(policies / f"{suite}.yaml"))) as protection:
                runs += runs_of(loaded, task, chosen, setting, protection)
        return runs

    return evaluated
