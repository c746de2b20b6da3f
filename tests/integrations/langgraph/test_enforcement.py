"""Every call of a wrapped graph is decided, at the last moment, with the arguments that run."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware, AgentState, HumanInTheLoopMiddleware, hook_config
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.types import Command

from bartizan.guard import Decision, InMemoryStore, Principal, StoreUnavailable
from bartizan.guard.testing import UNAVAILABLE, FailingStore, StaticProgram
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}


def test_an_allowed_call_runs_and_its_result_is_the_tools(world, guard, run, results) -> None:
    """An allowed call runs once, and its message is what it would be without a guard."""
    out = run(guard.wrap(world.agent(calling(("read", {"path": "a"})))), "Read a.")
    [message] = results(out)
    assert world.ran == [("read", "a")]
    assert (message.content, message.status, message.name, message.artifact) == (
        "text of a",
        "success",
        "read",
        None,
    )


def test_a_denied_call_does_not_run_and_says_why(world, make_guard, run, results) -> None:
    """A denied call becomes an error message that names the rule; its tool does not run."""
    guard = make_guard(StaticProgram(deny=["read"]))
    out = run(guard.wrap(world.agent(calling(("read", {"path": "a"})))), "Read a.")
    [message] = results(out)
    assert world.ran == []
    assert message.status == "error"
    assert "denied" in message.content and "forbidden" in message.content
    assert message.artifact["guard"]["rules"] == ["forbidden"]
    assert message.tool_call_id == "call-0"


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_an_unknown_tool_is_denied(world, guard, run, results, kind) -> None:
    """A tool that the model made up is decided like any other; the program does not know it."""
    out = run(guard.wrap(getattr(world, kind)(calling(("wipe", {"disk": "/"})))), "Go.")
    [message] = results(out)
    assert message.status == "error"
    assert message.artifact["guard"]["rules"] == ["default"]


def test_parallel_calls_have_mixed_verdicts(world, guard, run, results) -> None:
    """Of the calls of one message each has its own verdict."""
    script = calling(("read", {"path": "a"}), ("wipe", {}), ("send", {"to": "bob"}))
    out = run(guard.wrap(world.agent(script)), "Go.")
    assert [(m.name, m.status) for m in results(out)] == [
        ("read", "success"),
        ("wipe", "error"),
        ("send", "success"),
    ]
    assert sorted(world.ran) == [("read", "a"), ("send", "bob")]


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_parallel_calls_cannot_race_a_budget(world, make_guard, run, results, kind) -> None:
    """Of 20 parallel calls under a budget of 7, seven run."""
    guard = make_guard(StaticProgram(allow=["read"], budgets={"read": 7}))
    script = calling(*(("read", {"path": str(n)}) for n in range(20)))
    out = run(guard.wrap(getattr(world, kind)(script)), "Go.")
    assert len(world.ran) == 7
    assert sorted(m.status for m in results(out)) == ["error"] * 13 + ["success"] * 7


class _Rewrites(AgentMiddleware):
    """Changes the arguments of every call: middleware that does not know of the guard."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(tool_call={**request.tool_call, "args": {"path": "/secret"}}))

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return await handler(request.override(tool_call={**request.tool_call, "args": {"path": "/secret"}}))


def test_middleware_cannot_rewrite_a_decided_call(world, guard, run, events_of) -> None:
    """What middleware makes of a call is what is decided, recorded and executed."""
    agent = world.agent(calling(("read", {"path": "a"})), middleware=[_Rewrites()])
    run(guard.wrap(agent), "Read a.")
    assert world.ran == [("read", "/secret")]
    [event] = [e for e in guard._portal.submit(guard.guard.session("t")).result().events if e.kind == "call"]
    assert dict(event.call.args) == {"path": "/secret"}


class _RedirectsTo(AgentMiddleware):
    """Sends every call to another tool."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self.target = target

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        call = {**request.tool_call, "name": self.target.name, "args": {"amount": 9}}
        return handler(request.override(tool_call=call, tool=self.target))

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return await handler(
            request.override(
                tool_call={**request.tool_call, "name": self.target.name, "args": {"amount": 9}},
                tool=self.target,
            )
        )


def test_middleware_cannot_redirect_a_call_past_the_guard(world, make_guard, run, results) -> None:
    """A call that middleware sends to another tool is decided as a call of that tool."""
    guard = make_guard(StaticProgram(allow=["read"], deny=["pay"]))
    agent = world.agent(calling(("read", {"path": "a"})), middleware=[_RedirectsTo(world.tools[0])])
    out = run(guard.wrap(agent), "Read a.")
    assert world.ran == []
    assert results(out)[0].status == "error"


class _RenamesOnly(AgentMiddleware):
    """Gives a call another name but leaves the tool: LangGraph then runs the old tool."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        return handler(
            request.override(tool_call={**request.tool_call, "name": "read", "args": {"amount": 9}})
        )

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return await handler(
            request.override(tool_call={**request.tool_call, "name": "read", "args": {"amount": 9}})
        )


def test_the_tool_that_runs_is_the_tool_that_is_decided(world, make_guard, run, results) -> None:
    """A call under one tool's name that would run another tool is denied."""
    guard = make_guard(StaticProgram(allow=["read"], deny=["pay"]))
    agent = world.agent(calling(("pay", {"amount": 1})), middleware=[_RenamesOnly()])
    out = run(guard.wrap(agent), "Pay.")
    assert world.ran == []
    assert results(out)[0].status == "error"


def test_a_humans_edit_elsewhere_is_decided(world, make_guard, run, results) -> None:
    """Arguments that a person edits in LangChain's own human-in-the-loop middleware do not pass undecided."""
    guard = make_guard(StaticProgram(allow=["read"], deny=["pay"]))
    middleware = [HumanInTheLoopMiddleware(interrupt_on={"read": True})]
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), middleware=middleware))
    run(agent, "Read a.")
    edit = {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 99}}}
    out = run(agent, Command(resume={"decisions": [edit]}))
    assert world.ran == []
    assert results(out)[0].status == "error"


class _Jumps(AgentMiddleware):
    """Writes a tool call of its own into the conversation and jumps to the tools."""

    @hook_config(can_jump_to=["tools"])
    def before_model(self, state: AgentState, runtime: Any) -> dict[str, Any] | None:
        if any(isinstance(message, ToolMessage) for message in state["messages"]):
            return None
        return {"messages": [calling(("pay", {"amount": 5}), ("read", {"path": "b"}))], "jump_to": "tools"}


def test_a_jump_to_the_tools_does_not_get_round_the_guard(world, make_guard, run, results) -> None:
    """Calls that reach the ToolNode without the model are decided, too."""
    guard = make_guard(StaticProgram(allow=["read"], deny=["pay"]))
    out = run(guard.wrap(world.agent(middleware=[_Jumps()])), "Go.")
    assert world.ran == [("read", "b")]
    assert [m.status for m in results(out)] == ["error", "success"]


def test_the_same_call_id_in_a_later_turn_is_a_new_call(world, guard, run, events_of) -> None:
    """A model that numbers its calls from zero in every message has each of them decided and run."""
    script = [
        calling(("read", {"path": "a"})),
        AIMessage("ok"),
        calling(("read", {"path": "a"})),
        AIMessage("ok"),
    ]
    agent = guard.wrap(world.agent(*script))
    run(agent, "Read a.")
    run(agent, "Again.")
    assert world.ran == [("read", "a"), ("read", "a")]
    assert len(events_of(guard, "t", "call")) == 2


def test_arguments_that_are_not_json_are_denied(world, guard, run, results) -> None:
    """A call whose arguments strict JSON cannot say is denied with a fixed text."""
    out = run(guard.wrap(world.agent(calling(("read", {"path": float("nan")})))), "Go.")
    assert world.ran == []
    assert "strict JSON" in results(out)[0].content


class _Broken(StaticProgram):
    def decide(self, request: Any, session: Any) -> Decision:
        raise RuntimeError("the secret inside the guard")


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_a_bug_of_the_guard_never_reaches_the_model(world, make_guard, run, results, kind) -> None:
    """When the program breaks, the call is denied and the model reads a fixed text, whatever the ToolNode handles."""
    options = {"node": {"handle_tool_errors": True}} if kind == "handmade" else {}
    guard = make_guard(_Broken(allow=["read"]))
    out = run(guard.wrap(getattr(world, kind)(calling(("read", {"path": "a"})), **options)), "Go.")
    [message] = results(out)
    assert world.ran == [] and message.status == "error"
    assert "secret" not in str(message)


@pytest.mark.parametrize("option", ["session", "principal", "prompts"])
def test_a_bug_of_the_application_denies(world, make_guard, run, results, option) -> None:
    """An exception in what the application supplied denies the call; its text does not reach the model."""

    def broken(_: Any) -> Any:
        raise RuntimeError("the secret inside the application")

    guard = make_guard(**{option: broken})
    out = run(guard.wrap(world.agent(calling(("read", {"path": "a"})))), "Go.")
    assert world.ran == []
    assert results(out)[0].status == "error" and "secret" not in str(results(out)[0])


def test_a_store_that_is_down_denies(world, make_guard, run, results) -> None:
    """Without the session's state no call runs."""
    guard = make_guard(kernel={"store": FailingStore(InMemoryStore(), itertools.repeat(UNAVAILABLE))})
    out = run(guard.wrap(world.agent(calling(("read", {"path": "a"})))), "Go.")
    assert world.ran == []
    assert results(out)[0].status == "error"
    assert StoreUnavailable.__name__ not in str(results(out)[0])


def test_the_principal_comes_from_the_application(world, make_guard, run) -> None:
    """Who asks is what the application derives from the run's configuration, not what a tool call says."""
    asked: list[Principal] = []

    class Program(StaticProgram):
        def decide(self, request: Any, session: Any) -> Decision:
            asked.append(request.principal)
            return super().decide(request, session)

    guard = make_guard(Program(allow=["read"]), principal=lambda c: Principal(c["configurable"]["user"]))
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"}))))
    run(agent, "Go.", {"configurable": {"thread_id": "t", "user": "ann", "principal": "root"}})
    assert asked == [Principal("ann")]


def test_a_thread_is_a_session(world, make_guard, run, results) -> None:
    """Budgets are kept by thread: another thread has its own."""
    guard = make_guard(StaticProgram(allow=["read"], budgets={"read": 1}))
    script = [calling(("read", {"path": "a"})), AIMessage("ok"), calling(("read", {"path": "b"}))]
    agent = guard.wrap(world.agent(*script))
    run(agent, "One.")
    assert results(run(agent, "Two."))[-1].status == "error"
    other = run(agent, "One.", {"configurable": {"thread_id": "other"}})
    assert results(other)[-1].status == "success"


def test_a_run_without_a_thread_is_a_session(world, make_guard, run, results) -> None:
    """Without a thread a single run is the session, from its first step to its last."""
    guard = make_guard(StaticProgram(allow=["read"], budgets={"read": 1}))
    script = [calling(("read", {"path": "a"})), calling(("read", {"path": "b"}))]
    agent = guard.wrap(world.agent(*script, checkpointer=None))
    for _ in range(2):
        out = run(agent, "Go.", {"configurable": {}})
        assert [m.status for m in results(out)] == ["success", "error"]


def test_an_explicit_run_id_is_a_session(world, guard, run, session_of) -> None:
    """A run id given by the application names the session of a run without a thread."""
    run_id = "6e0f3ec4-6a6f-4e35-a0b9-2cf6f4b83a11"
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), checkpointer=None))
    run(agent, "Go.", {"run_id": run_id, "configurable": {}})
    assert session_of(guard, f"run:{run_id}").version > 0


def test_the_application_may_name_the_session(world, make_guard, run, session_of) -> None:
    """A callable derives the session from the run's configuration."""
    guard = make_guard(session=lambda config: f"tenant:{config['configurable']['tenant']}")
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"}))))
    run(agent, "Go.", {"configurable": {"thread_id": "t", "tenant": "acme"}})
    assert session_of(guard, "tenant:acme").version > 0
    assert session_of(guard, "t").version == 0


async def test_a_slow_synchronous_tool_does_not_block_the_event_loop(world, guard) -> None:
    """While a synchronous tool waits, the event loop of an asynchronous run goes on."""
    loop, ticked = asyncio.get_running_loop(), threading.Event()
    read_in: list[int] = []

    @tool
    def read(path: str) -> str:
        """Read once the loop has gone on."""
        loop.call_soon_threadsafe(ticked.set)
        assert ticked.wait(60)
        read_in.append(threading.get_ident())
        return path

    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read]))
    await agent.ainvoke({"messages": [("user", "Go.")]}, THREAD)
    assert read_in and read_in != [threading.get_ident()]


async def test_a_synchronous_run_inside_a_running_loop_works(world, guard, results) -> None:
    """``invoke`` called from a coroutine neither deadlocks nor needs a second loop in that thread."""
    out = guard.wrap(world.agent(calling(("read", {"path": "a"})))).invoke(
        {"messages": [("user", "Go.")]}, THREAD
    )
    assert results(out)[0].content == "text of a"


def test_tools_run_where_the_caller_is(world, guard) -> None:
    """A synchronous tool runs in a thread of the caller's, never on the guard's event loop."""
    names: list[str] = []

    @tool
    def read(path: str) -> str:
        """Read."""
        names.append(threading.current_thread().name)
        return path

    guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read])).invoke(
        {"messages": [("user", "x")]}, THREAD
    )
    assert names and "bartizan" not in names[0]
