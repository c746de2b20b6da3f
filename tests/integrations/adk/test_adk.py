"""The door for Google's ADK does what every door must do, and refuses what would run beside it."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("google.adk", reason="google-adk is installed in a layer of its own: make test-adk")

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.code_executors import UnsafeLocalCodeExecutor
from google.adk.plugins import BasePlugin
from google.adk.runners import InMemoryRunner
from google.adk.tools import AgentTool, FunctionTool
from google.adk.tools.url_context_tool import UrlContextTool
from google.genai import types
from tests.integrations.adk.adk_harness import ADKHarness, ScriptedLlm, calling

from bartizan.guard import Guard, MemoryAuditLog
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.adk import ADKGuard, Unguarded
from bartizan.integrations.adk.plugin import CONFIRMATION
from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import World, logged


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_adk(check: Check) -> None:
    """An agent run with ``run_async`` passes every check."""
    await check(ADKHarness())


def _agent(*script: list[Any], **options: Any) -> LlmAgent:
    options.setdefault("name", "agent")
    return LlmAgent(model=ScriptedLlm(model="gemini-scripted", script=list(script)), **options)


async def _run(agent: LlmAgent, *plugins: Any, prompt: Any = "Go.", user: str = "user") -> list[Any]:
    """The events of one run in a session of its own."""
    runner = InMemoryRunner(app=App(name="app", root_agent=agent, plugins=list(plugins)))
    await runner.session_service.create_session(app_name="app", user_id=user, session_id="s")
    message = types.Content(role="user", parts=[types.Part(text=prompt)])
    return [event async for event in runner.run_async(user_id=user, session_id="s", new_message=message)]


def _responses(events: list[Any]) -> list[Any]:
    return [response.response for event in events for response in event.get_function_responses()]


PAY = calling("pay", {"amount": 1, "to": "bob"})


async def test_what_runs_beside_the_guard_is_refused() -> None:
    """Tools of the provider, code executors and agents without plugins end the run, unless they are named."""
    hidden = AgentTool(_agent(name="hidden"), include_plugins=False)
    for agent, name in (
        (_agent(tools=[UrlContextTool()]), "url_context"),
        (_agent(code_executor=UnsafeLocalCodeExecutor()), "code_executor"),
        (_agent([calling("hidden", {"request": "x"})], tools=[hidden]), "hidden"),
    ):
        with pytest.raises(Exception, match=name) as caught:
            await _run(agent, ADKGuard(Guard(StaticProgram(allow=["hidden"]))))
        assert isinstance(caught.value, Unguarded) or isinstance(caught.value.__cause__, Unguarded)
    named = ADKGuard(Guard(StaticProgram(allow=["hidden"])), unguarded=["hidden"])
    assert "done" in str((await _run(agent, named))[-1])


async def test_a_live_run_is_refused() -> None:
    """A live run ends before anything is said."""
    guard = ADKGuard(Guard(StaticProgram()))
    context = SimpleNamespace(live_request_queue=object())
    with pytest.raises(Unguarded, match="live"):
        await guard.before_run_callback(invocation_context=context)
    await ADKGuard(Guard(StaticProgram()), unguarded=["live"]).before_run_callback(invocation_context=context)


async def test_what_a_callback_rewrites_is_what_is_decided() -> None:
    """Callbacks of the agent and of later plugins that change arguments change them before the guard."""
    program = StaticProgram(allow=["pay"], limits={"amount": 100})

    class Later(BasePlugin):
        async def before_tool_callback(
            self, *, tool: Any, tool_args: dict[str, Any], tool_context: Any
        ) -> None:
            tool_args["amount"] = 5000

    def rewrite(tool: Any, args: dict[str, Any], tool_context: Any) -> None:
        args["amount"] = 5000

    for options, plugins in (({"before_tool_callback": rewrite}, []), ({}, [Later(name="later")])):
        world = World()
        agent = _agent([PAY], tools=world.tools, **options)
        events = await _run(agent, ADKGuard(Guard(program)), *plugins)
        assert world.ran == []
        assert "denied" in str(_responses(events))


@pytest.mark.filterwarnings(
    "ignore:The `plugins` argument is deprecated:DeprecationWarning"
)  # by ADK's AgentTool
async def test_sub_agents_and_agents_as_tools_are_guarded() -> None:
    """Whichever agent of the runner calls a tool, the guard stands before it; so it does before hand-overs."""
    world = World()
    inner = _agent([PAY], name="inner", tools=world.tools)
    for agent in (
        _agent([calling("inner", {"request": "x"}, "c1")], tools=[AgentTool(inner)]),
        _agent([calling("transfer_to_agent", {"agent_name": "inner"}, "c1")], sub_agents=[inner]),
    ):
        audit = MemoryAuditLog()
        await _run(agent, ADKGuard(Guard(StaticProgram(allow=["inner", "transfer_to_agent"]), audit=audit)))
        assert world.ran == []
        assert [(r["tool"], r["outcome"]) for r in logged(audit, "decision")][1] == ("pay", "DENY")


async def test_a_tool_has_one_guard() -> None:
    """A tool that another runner's guard is bound to is refused; the same guard binds it once, its copies anew."""
    world, audit = World(), MemoryAuditLog()
    tool = FunctionTool(world.tools[1])
    guard = ADKGuard(Guard(StaticProgram(allow=["read", "b_read"]), audit=audit))
    agent = _agent([calling("read", {"path": "a"})], tools=[tool])
    await _run(agent, guard)
    await _run(agent, guard, user="another")
    assert len(logged(audit, "decision")) == len(logged(audit, "result")) == 2
    with pytest.raises(Exception, match="another guard"):
        await _run(agent, ADKGuard(Guard(StaticProgram())))
    renamed = copy.copy(tool)
    renamed.name = "b_read"
    await _run(_agent([calling("b_read", {"path": "a"})], tools=[renamed]), guard, user="third")
    assert [record["tool"] for record in logged(audit, "decision")] == ["read", "read", "b_read"]


async def test_the_frameworks_own_error_callbacks_hear_of_a_tool() -> None:
    """What a tool raises reaches ``on_tool_error_callback``, and is recorded."""
    world, audit, heard = World(), MemoryAuditLog(), list[str]()

    def told(tool: Any, args: Any, tool_context: Any, error: Exception) -> dict[str, str]:
        heard.append(str(error))
        return {"error": "handled"}

    script = [calling("fail", {"why": "stand"})]
    agent = _agent(script, tools=world.tools, on_tool_error_callback=told)
    events = await _run(agent, ADKGuard(Guard(StaticProgram(allow=["fail"]), audit=audit)))
    assert (heard, _responses(events)) == (["cannot stand"], [{"error": "handled"}])
    assert len(logged(audit, "error")) == 1


async def test_a_question_says_what_a_person_should_see() -> None:
    """The confirmation's payload names the approval, the arguments and the rules."""
    events = await _run(_agent([PAY], tools=World().tools), ADKGuard(Guard(StaticProgram(escalate=["pay"]))))
    [asked] = [call for event in events for call in event.get_function_calls() if call.name == CONFIRMATION]
    payload = asked.args["toolConfirmation"]["payload"]
    assert (payload["tool"], payload["args"]) == ("pay", {"amount": 1, "to": "bob"})
    assert [reason["rule"] for reason in payload["reasons"]] == ["ask"]


async def test_a_session_is_that_of_a_user_of_an_app() -> None:
    """Sessions of different users with the same id are apart."""
    audit = MemoryAuditLog()
    guard = ADKGuard(Guard(StaticProgram(), audit=audit))
    for user in ("ann", "ben"):
        await _run(_agent([PAY], tools=World().tools), guard, user=user)
    assert [record["session"] for record in logged(audit, "decision")] == ["app/ann/s", "app/ben/s"]


async def test_an_error_a_tool_answers_is_recorded_as_one() -> None:
    """Arguments that the tool itself refuses are explained to the model, and recorded as an error."""
    audit = MemoryAuditLog()
    guard = ADKGuard(Guard(StaticProgram(allow=["pay"]), audit=audit))
    events = await _run(_agent([calling("pay", {"amount": 1})], tools=World().tools), guard)
    assert "mandatory" in str(_responses(events))
    assert [record["is_error"] for record in logged(audit, "result")] == [True]


def test_the_example_runs(tmp_path: Path) -> None:
    """The payment the user asked for is made, the injected one is asked about and rejected."""
    command = [sys.executable, str(Path(__file__).parents[3] / "examples/adapters/adk_desk.py")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "asked: may pay run with {'amount': 40, 'to': 'EVIL99'}?" in ran.stdout
    assert "paid 90 to GB33" in ran.stdout
    assert "paid 40" not in ran.stdout
