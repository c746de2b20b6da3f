"""The guard as middleware of ``create_agent``."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langgraph.types import Command

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import NotInnermost
from bartizan.integrations.langgraph.testing import calling


class _Other(AgentMiddleware):
    """Passes calls on."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        return handler(request)

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return await handler(request)


def test_middleware_decides(world, guard, run, results, events_of) -> None:
    """Listed last, the guard allows, denies, and knows the user's words."""
    script = calling(("read", {"path": "a"}), ("wipe", {}))
    agent = world.agent(script, middleware=[_Other(), guard.middleware()])
    out = run(agent, "Go.")
    assert [m.status for m in results(out)] == ["success", "error"]
    assert world.ran == [("read", "a")]
    assert events_of(guard, "t", "prompt", "call") == ["prompt -: Go.", "call read: "]


def test_middleware_asks(world, guard, run) -> None:
    """Escalated calls interrupt and are answered by the interrupt's id."""
    agent = world.agent(calling(("pay", {"amount": 1})), middleware=[guard.middleware()])
    [interrupt] = run(agent, "Go.")["__interrupt__"]
    run(agent, Command(resume={interrupt.id: {"type": "approve"}}))
    assert world.ran == [("pay", 1)]


def test_with_the_callbacks_an_answer_needs_no_id(world, guard, run) -> None:
    """An agent that carries the guard's callbacks takes an answer without the interrupt's id."""
    agent = world.agent(calling(("pay", {"amount": 1})), middleware=[guard.middleware()])
    agent = agent.with_config(callbacks=guard.callbacks())
    run(agent, "Go.")
    run(agent, Command(resume={"type": "approve"}))
    assert world.ran == [("pay", 1)]


@pytest.mark.parametrize(
    "inner", [_Other(), HumanInTheLoopMiddleware(interrupt_on={"send": True})], ids=["other", "hitl"]
)
def test_middleware_refuses_to_run_unless_it_is_innermost(world, guard, run, inner) -> None:
    """With other tool middleware listed after it, the run ends before any tool runs, and says what to do."""
    agent = world.agent(calling(("read", {"path": "a"})), middleware=[guard.middleware(), inner])
    with pytest.raises(NotInnermost, match="last middleware"):
        run(agent, "Go.")
    assert world.ran == []


def test_middleware_in_a_wrapped_agent_decides_once(world, guard, run, results, events_of) -> None:
    """An agent that has the middleware and is wrapped as well counts each call once."""
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), middleware=[guard.middleware()]))
    assert results(run(agent, "Go."))[0].status == "success"
    assert events_of(guard, "t", "call") == ["call read: "]


def test_a_run_without_a_thread_is_a_session(world, make_guard, run, results) -> None:
    """Without a thread the middleware names a session for each run."""
    guard = make_guard(StaticProgram(allow=["read"], budgets={"read": 1}))
    script = [calling(("read", {"path": "a"})), calling(("read", {"path": "b"})), AIMessage("ok")]
    agent = world.agent(*script, middleware=[guard.middleware()], checkpointer=None)
    for _ in range(2):
        out = run(agent, "Go.", {"configurable": {}})
        assert [m.status for m in results(out)] == ["success", "error"]
        assert "guard_session" not in out


def test_the_tool_node_still_handles_the_tools_errors(world, make_guard, run) -> None:
    """An exception of a tool ends the run as it does without the middleware."""

    def broken() -> str:
        """Break."""
        raise ValueError("broken")

    guard = make_guard(StaticProgram(allow=["broken"]))
    agent = world.agent(calling(("broken", {})), tools=[broken], middleware=[guard.middleware()])
    with pytest.raises(ValueError, match="broken"):
        run(agent, "Go.")
