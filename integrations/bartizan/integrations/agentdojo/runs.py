"""One run: a user's task, perhaps an attack on it, and perhaps a guard, scored by AgentDojo's graders."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from bartizan.guard.decision import Program

from .agent import Script, has_seen, role_of
from .attacks import Attack
from .goals import attacker_calls
from .guarding import Protection, Record
from .pipeline import GraphPipeline
from .records import Outcome, Run, Step, Why
from .simulated_user import SimulatedUser
from .suites import Suite, planned

_EXCERPT = 600  # characters of a tool's output that a report may show


@dataclass(frozen=True, slots=True)
class Setting:
    """How runs are made.

    ``program`` guards them; ``None``: nothing does. ``supplement``: the attacker also pursues the goals for
    which AgentDojo gives no calls (:mod:`.goals`). ``speaks``: an agent that obeys also says what the attacker
    wants said (travel's injection_task_6, where nothing is called and there is nothing for a guard to decide).
    """

    program: Program | None = None
    supplement: bool = False
    speaks: bool = False


def runs_of(suite: Suite, user_task: str, attack: Attack | None, setting: Setting) -> Iterator[Run]:
    """The runs of one user task: every injection task under ``attack``, or the benign one without."""
    with asyncio.Runner() as runner:
        if attack is None:
            yield run(suite, user_task, None, None, {}, setting, runner)
            return
        planter = attack.planter(suite)
        for injection_task in suite.injection_task_ids():
            injection = suite.injection_tasks[injection_task]
            planted = planter.attack(suite.user_tasks[user_task], injection)
            yield run(suite, user_task, injection, attack.name, planted, setting, runner)


def run(
    suite: Suite,
    user_task: str,
    injection: BaseInjectionTask[Any] | None,
    attack: str | None,
    planted: Mapping[str, str],
    setting: Setting,
    runner: asyncio.Runner,
) -> Run:
    """Run one task in a fresh environment, graph, session and guard."""
    started = time.perf_counter()
    task = suite.user_tasks[user_task]
    environment = suite.load_and_inject_default_environment(dict(planted))
    script = script_of(suite, task, injection, planted, environment.model_copy(deep=True), setting)
    user = SimulatedUser(script.user)
    guarded = contextlib.nullcontext() if setting.program is None else Protection(setting.program)
    with guarded as protection:
        thread = f"{suite.name}/{user_task}/{injection.ID if injection else 'benign'}/{attack or 'none'}"
        wrap = None if protection is None else protection.wrap
        pipeline = GraphPipeline(script, user, runner, thread=thread, wrap=wrap)
        with contextlib.redirect_stdout(io.StringIO()):  # some graders print
            completed, reached = suite.run_task_with_pipeline(
                pipeline, task, injection, dict(planted), environment=environment
            )
        decisions = None if protection is None else protection.decisions()
    return Run(
        suite=suite.name,
        user_task=user_task,
        injection_task=None if injection is None else injection.ID,
        attack=attack,
        policy=None if setting.program is None else setting.program.name,
        prompt=task.PROMPT,
        goal="" if injection is None else injection.GOAL,
        completed=bool(completed),
        reached=None if injection is None else bool(reached),
        steps=tuple(_steps(pipeline, script.planted, decisions)),
        asked=user.asked,
        granted=user.granted,
        refused=user.refused,
        seconds=time.perf_counter() - started,
    )


def script_of(
    suite: Suite,
    task: BaseUserTask[Any],
    injection: BaseInjectionTask[Any] | None,
    planted: Mapping[str, str],
    environment: Any,
    setting: Setting,
) -> Script:
    """What the agent will do in ``environment``, which may be changed by looking at it: pass a copy.

    All calls are those that are right *before* the run, as AgentDojo's graders expect. (Working out the
    attacker's calls at the moment the injection shows would miss one goal more: in banking, user_task_15 changes a
    standing order that injection_task_8 has to report.)
    """
    before = task.init_environment(environment)
    user = planned(task.ground_truth(before.model_copy(deep=True)))
    if injection is None:
        return Script(user, task.GROUND_TRUTH_OUTPUT)
    return Script(
        user,
        task.GROUND_TRUTH_OUTPUT,
        injected=attacker_calls(suite, injection, before, supplement=setting.supplement),
        injected_answer=injection.GROUND_TRUTH_OUTPUT if setting.speaks else "",
        planted=tuple(planted.values()),
    )


def _steps(
    pipeline: GraphPipeline, planted: Sequence[str], decisions: Mapping[str, Sequence[Record]] | None
) -> Iterator[Step]:
    messages: Sequence[BaseMessage] = pipeline.messages
    answers = {message.tool_call_id: message for message in messages if isinstance(message, ToolMessage)}
    for message in messages:
        for request in message.tool_calls if isinstance(message, AIMessage) else ():
            call = request["id"] or ""
            answer = answers.get(call)
            outcome, why = ("allowed", ()) if decisions is None else _verdict(decisions.get(call, ()))
            yield Step(
                call=call,
                role=role_of(call),
                tool=request["name"],
                args=request["args"],
                outcome=outcome,
                ran=call in pipeline.executed,
                why=why,
                output="" if answer is None else answer.text[:_EXCERPT],
                shows_injection=answer is not None and has_seen(planted, [answer]),
            )


def _verdict(decisions: Sequence[Record]) -> tuple[Outcome, tuple[Why, ...]]:
    """What became of a call, and why: for one that had to be approved, why it had to be.

    A call without a decision counts as denied: if its tool ran all the same, that shows as unmediated.
    """
    if not decisions:
        return "denied", ()
    asked = next((record for record in decisions if record["outcome"] == "ESCALATE"), None)
    allowed = decisions[-1]["outcome"] in ("ALLOW", "CORRECT")
    outcome: Outcome
    if asked is None:
        outcome = "allowed" if allowed else "denied"
    else:
        outcome = "approved" if allowed else "refused"
    return outcome, tuple(_why(reason) for reason in (asked or decisions[-1])["reasons"])


def _why(reason: Record) -> Why:
    return Why(reason["rule"], reason["effect"], reason["value"], reason["text"], tuple(reason["atoms"]))
