"""Runs the tasks through a real LangGraph agent: not guarded, blocked, corrected.

``python -m bartizan.integrations.service_desk.runs`` prints Markdown. Two agents: one gives up on a call that was
denied, the other reads why and tries once more, with what the rule's words suggest.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from bartizan.guard import Guard, Proposer
from bartizan.integrations.langgraph import LangGraphGuard, correction_of
from bartizan.integrations.langgraph.testing import calling
from bartizan.policies import load_policy
from bartizan.policies.program import Program
from bartizan.policies.repair import SolverProposer

from .tasks import Kind, Task, tasks
from .world import Books, violations

Mode = Literal["off", "block", "correct"]
POLICY = Path(str(files("bartizan.integrations.service_desk") / "policy.yaml"))


class Clerk(BaseChatModel):
    """Makes the calls of a task, one a turn. ``retries``: after a denial, the second attempt if the task has one."""

    task: Any
    retries: bool = False

    @property
    def _llm_type(self) -> str:
        return "bartizan-clerk"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Clerk:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _next(self, messages: Sequence[BaseMessage]) -> AIMessage:
        task: Task = self.task
        answers = [message for message in messages if isinstance(message, ToolMessage)]
        place = 0
        for number, answer in enumerate(answers):
            second = answer.tool_call_id.endswith("again")
            retry = task.second[place] if place < len(task.second) else None
            last = number == len(answers) - 1
            if answer.status == "error" and last and self.retries and retry is not None and not second:
                return calling(retry, ids=[f"call-{place}-again"])
            if not (answer.status == "error" and self.retries and retry is not None and not second):
                place += 1
        if place < len(task.proposed):
            return calling(task.proposed[place], ids=[f"call-{place}"])
        return AIMessage("That is all.")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a task: ``turns`` of the model, rules that were broken, calls corrected, and seconds."""

    task: Task
    mode: Mode
    retries: bool
    done: bool
    broken: int
    corrected: int
    turns: int
    seconds: float


def run(task: Task, mode: Mode, *, retries: bool, proposers: Sequence[Proposer] | None = None) -> Result:
    """One task in a fresh session. ``proposers`` in the place of the solver, where ``mode`` corrects."""
    books = Books()
    agent: Any = create_agent(Clerk(task=task, retries=retries), books.tools())
    guard: LangGraphGuard | None = None
    if mode != "off":
        chosen = (SolverProposer(),) if proposers is None else proposers
        kernel = Guard(
            _program(), proposers=chosen if mode == "correct" else (), deadline=20, correct_within=10
        )
        guard = LangGraphGuard(kernel)
        agent = guard.wrap(agent)
    began = time.perf_counter()
    try:
        out = agent.invoke({"messages": [("user", task.prompt)]}, {"configurable": {"thread_id": task.name}})
    finally:
        if guard is not None:
            guard.close()
    messages = out["messages"]
    return Result(
        task,
        mode,
        retries,
        task.done(books.entries),
        len(violations(books.entries)),
        sum(correction_of(message) is not None for message in messages if isinstance(message, ToolMessage)),
        sum(isinstance(message, AIMessage) for message in messages),
        time.perf_counter() - began,
    )


@cache
def _program() -> Program:
    return load_policy(POLICY)


def table(results: Sequence[Result]) -> str:
    rows = [
        "| agent | kind | n | done: off | block | correct | rules broken: off | block | correct | corrected "
        "| turns of the model: block | correct |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for retries in (False, True):
        for kind in (*get_args(Kind), "all"):
            found = [one for one in results if one.retries is retries and kind in (one.task.kind, "all")]
            by = {mode: [one for one in found if one.mode == mode] for mode in get_args(Mode)}
            done = " | ".join(str(sum(one.done for one in by[mode])) for mode in by)
            broken = " | ".join(str(sum(one.broken for one in by[mode])) for mode in by)
            turns = " | ".join(str(sum(one.turns for one in by[mode])) for mode in ("block", "correct"))
            corrected = sum(one.corrected for one in by["correct"])
            who = "tries again" if retries else "gives up"
            rows.append(f"| {who} | {kind} | {len(by['off'])} | {done} | {broken} | {corrected} | {turns} |")
    return "\n".join(rows) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if a rule was broken under the guard."""
    parser = argparse.ArgumentParser(prog="python -m bartizan.integrations.service_desk.runs")
    parser.add_argument(
        "--each", type=int, default=20, help="tasks of each of the 13 templates (default: 20)"
    )
    options = parser.parse_args(argv)
    results = [
        run(task, mode, retries=retries)
        for retries in (False, True)
        for mode in get_args(Mode)
        for task in tasks(options.each)
    ]
    sys.stdout.write(table(results))
    return 1 if any(one.broken for one in results if one.mode != "off") else 0


if __name__ == "__main__":
    sys.exit(main())
