"""One run: a user's task, perhaps an attack on it, and perhaps a guard, scored by AgentDojo's graders."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from .agent import Script, has_seen, role_of
from .attacks import Attack, planter
from .goals import attacker_calls
from .guarding import Protecting, Record
from .pipeline import GraphPipeline
from .records import Outcome, Run, Step, Why
from .simulated_user import SimulatedUser
from .slips import SLIPS, with_all
from .suites import Suite, planned

_EXCERPT = 600  # characters of a tool's output that a report may show


@dataclass(frozen=True, slots=True)
class Setting:
    """How attacker and user behave.

    ``supplement``: the attacker also pursues the goals for which AgentDojo gives no calls (:mod:`.goals`).
    ``speaks``: an agent that obeys also says what the attacker wants said (travel's injection_task_6, where
    nothing is called and there is nothing for a guard to decide). ``careless``: the user approves everything. ``slip``:
    the agent makes this mistake in the user's own calls (:mod:`.slips`). ``overreach``: the attacker's calls have every
    mistake that fits them, so that they break limits and a correction of them is tried.
    """

    supplement: bool = False
    speaks: bool = False
    careless: bool = False
    slip: str | None = None
    overreach: bool = False


def runs_of(
    suite: Suite, user_task: str, attack: Attack | None, setting: Setting, protection: Protecting | None
) -> Iterator[Run]:
    """The runs of one user task: every injection task under ``attack``, or the benign one without."""
    for injection_task in [None] if attack is None else suite.injection_task_ids():
        yield run(suite, user_task, injection_task, attack, setting, protection)


def run(
    suite: Suite,
    user_task: str,
    injection_task: str | None,
    attack: Attack | None,
    setting: Setting,
    protection: Protecting | None,
) -> Run:
    """Run one task in a fresh environment, graph and session, guarded by ``protection`` or by nothing."""
    started = time.perf_counter()
    task = suite.user_tasks[user_task]
    injection = None if injection_task is None else suite.injection_tasks[injection_task]
    planted = {} if attack is None or injection is None else planter(attack, suite).attack(task, injection)
    environment = suite.load_and_inject_default_environment(planted)
    script = script_of(suite, task, injection, planted, environment.model_copy(deep=True), setting)
    user = SimulatedUser(script.user, setting.careless)
    if setting.slip is not None:
        script = replace(script, user=SLIPS[setting.slip].made_in(script.user))
    if setting.overreach:
        script = replace(script, injected=with_all(script.injected))
    session = f"{suite.name}/{user_task}/{injection_task or 'benign'}/{attack.name if attack else 'none'}"
    wrap = None if protection is None else protection.wrap
    with asyncio.Runner() as runner, contextlib.redirect_stdout(io.StringIO()):  # some graders print
        pipeline = GraphPipeline(script, user, runner, thread=session, wrap=wrap)
        completed, reached = suite.run_task_with_pipeline(
            pipeline, task, injection, planted, environment=environment
        )
    decisions = None if protection is None else protection.decisions(session)
    return Run(
        suite=suite.name,
        user_task=user_task,
        injection_task=injection_task,
        attack=None if attack is None else attack.name,
        policy=None if protection is None else protection.policy,
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
                corrected=decisions is not None and _corrected(decisions.get(call, ())),
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


def _corrected(decisions: Sequence[Record]) -> bool:
    return any(record["outcome"] == "CORRECT" for record in decisions)


def _why(reason: Record) -> Why:
    return Why(reason["rule"], reason["effect"], reason["value"], reason["text"], tuple(reason["atoms"]))
