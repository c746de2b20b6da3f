"""AgentDojo's suites at a fixed benchmark version, with environments parsed by libyaml."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml
from agentdojo.functions_runtime import FunctionCall, TaskEnvironment
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.task_suite.task_suite import TaskSuite, read_suite_file, validate_injections

from .agent import PlannedCall

BENCHMARK = "v1.2.2"
SUITES = ("banking", "slack", "travel", "workspace")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Suite(TaskSuite[Any]):
    """A suite whose environments are the same values as AgentDojo's, loaded about ten times faster.

    AgentDojo parses 50 kB of YAML in pure Python before every run; that, not the agent, would be most of an
    evaluation's time.
    """

    @classmethod
    def of(cls, suite: TaskSuite[Any]) -> Suite:
        copy = cls(suite.name, suite.environment_type, suite.tools, suite.data_path, suite.benchmark_version)
        copy._user_tasks = suite._user_tasks
        copy._injection_tasks = suite._injection_tasks
        return copy

    def load_and_inject_default_environment(self, injections: dict[str, str]) -> TaskEnvironment:
        defaults = self.get_injection_vector_defaults()
        validate_injections(injections, defaults)
        text = read_suite_file(self.name, "environment.yaml", self.data_path)
        values = yaml.load(text.format(**(defaults | injections)), Loader=_Loader)  # noqa: S506 (a safe loader)
        environment: TaskEnvironment = self.environment_type.model_validate(values)
        return environment

    def user_task_ids(self) -> list[str]:
        return sorted(self.user_tasks, key=_number)

    def injection_task_ids(self) -> list[str]:
        return sorted(self.injection_tasks, key=_number)


@cache
def load_suite(name: str) -> Suite:
    """The suite called ``name``. Raises :class:`ValueError` for a name that AgentDojo does not have."""
    if name not in SUITES:
        raise ValueError(f"unknown suite {name!r}: expected one of {', '.join(SUITES)}")
    return Suite.of(get_suites(BENCHMARK)[name])


def planned(calls: list[FunctionCall]) -> tuple[PlannedCall, ...]:
    """AgentDojo's calls as plain names and arguments."""
    return tuple(PlannedCall(call.function, dict(call.args)) for call in calls)


def _number(task: str) -> int:
    return int(task.rsplit("_", 1)[1])
