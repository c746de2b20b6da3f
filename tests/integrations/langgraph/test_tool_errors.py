"""What a tool raises is LangGraph's and the application's business, exactly as without a guard."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.tools import ToolException, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import RetryPolicy

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}
SCRIPT = calling(("parse", {"text": "x"}))


def _only_key_errors(error: KeyError) -> str:
    return f"no key {error}"


@pytest.fixture
def parse() -> Any:
    @tool
    def parse(text: str) -> str:
        """Fail to parse."""
        raise ValueError(f"cannot parse {text}")

    return parse


@pytest.mark.parametrize(
    "handle",
    [True, False, "it failed", ValueError, KeyError, (ValueError,), (KeyError,), _only_key_errors, None],
    ids=["true", "false", "text", "type", "other type", "types", "other types", "function", "none"],
)
def test_errors_are_handled_as_without_a_guard(world, make_guard, run, parse, handle) -> None:
    """For every setting of ``handle_tool_errors`` the guarded and the unguarded graph do the same."""
    node = {} if handle is None else {"handle_tool_errors": handle}

    def outcome(graph: Any) -> Any:
        try:
            return [m.content for m in run(graph, "Go.")["messages"]][1:]
        except Exception as error:  # noqa: BLE001 (whatever an unguarded graph raises)
            return type(error), str(error)

    guard = make_guard(StaticProgram(allow=["parse"]))
    plain = outcome(world.handmade(SCRIPT, tools=[parse], node=node))
    guarded = outcome(guard.wrap(world.handmade(SCRIPT, tools=[parse], node=node)))
    assert guarded == plain


def test_invalid_arguments_are_answered_as_without_a_guard(world, make_guard, run, results) -> None:
    """Arguments that the tool's schema refuses are explained to the model, as LangGraph does."""
    script = calling(("pay", {"amount": "three"}))
    plain = results(run(world.agent(script), "Go."))
    guard = make_guard(StaticProgram(allow=["pay"]))
    guarded = results(run(guard.wrap(world.agent(script)), "Go."))
    assert [(m.content, m.status) for m in guarded] == [(m.content, m.status) for m in plain]


def test_a_tool_exception_handled_by_the_tool_stays_an_error_message(world, make_guard, run, results) -> None:
    """A tool's own ``handle_tool_error`` text reaches the model with its error status."""

    @tool
    def parse(text: str) -> str:
        """Fail to parse."""
        raise ToolException("try again")

    parse.handle_tool_error = True
    guard = make_guard(StaticProgram(allow=["parse"]))
    [message] = results(run(guard.wrap(world.agent(SCRIPT, tools=[parse])), "Go."))
    assert (message.content, message.status) == ("try again", "error")


class _Flaky:
    """A tool that fails twice."""

    def __init__(self) -> None:
        self.attempts = 0

    def tool(self) -> Any:
        @tool
        def parse(text: str) -> str:
            """Parse at the third attempt."""
            self.attempts += 1
            if self.attempts < 3:
                raise ValueError("not yet")
            return "parsed"

        return parse


def test_retry_middleware_retries_and_each_attempt_counts(world, make_guard, run, results, events_of) -> None:
    """LangChain's retry middleware works as usual; every attempt is a decided, recorded call."""
    flaky = _Flaky()
    guard = make_guard(StaticProgram(allow=["parse"]))
    middleware = [ToolRetryMiddleware(max_retries=3, initial_delay=0.0, jitter=False)]
    agent = guard.wrap(world.agent(SCRIPT, tools=[flaky.tool()], middleware=middleware))
    [message] = results(run(agent, "Go."))
    assert (message.content, flaky.attempts) == ("parsed", 3)
    assert len(events_of(guard, "t", "call")) == 3


def test_a_budget_holds_for_retries(world, make_guard, run, results) -> None:
    """Retries do not get round a budget: the attempt beyond it is denied."""
    flaky = _Flaky()
    guard = make_guard(StaticProgram(allow=["parse"], budgets={"parse": 2}))
    middleware = [ToolRetryMiddleware(max_retries=5, initial_delay=0.0, jitter=False)]
    agent = guard.wrap(world.agent(SCRIPT, tools=[flaky.tool()], middleware=middleware))
    [message] = results(run(agent, "Go."))
    assert flaky.attempts == 2
    assert message.artifact["guard"]["rules"] == ["budget"]


def test_a_retry_policy_retries_only_what_failed(make_guard, run, results, world) -> None:
    """A retry policy of the node runs the step again: the call that failed is retried, its sibling is not."""
    flaky = _Flaky()
    node = ToolNode([flaky.tool(), *world.tools])
    builder = StateGraph(MessagesState)
    policy = RetryPolicy(max_attempts=5, initial_interval=0.0, jitter=False, retry_on=ValueError)
    builder.add_node("tools", node, retry_policy=policy)
    builder.add_edge(START, "tools")
    guard = make_guard(StaticProgram(allow=["parse", "send"]))
    graph = guard.wrap(builder.compile())
    script = calling(("parse", {"text": "x"}), ("send", {"to": "bob"}))
    out = run(graph, {"messages": [script]})
    assert [m.content for m in results(out)] == ["parsed", "sent to bob"]
    assert (flaky.attempts, world.ran) == (3, [("send", "bob")])


def test_a_failed_step_may_be_run_again(world, make_guard, run, results) -> None:
    """After a run that a tool's exception ended, running on tries the call again."""
    flaky = _Flaky()
    guard = make_guard(StaticProgram(allow=["parse"]))
    agent = guard.wrap(world.agent(SCRIPT, tools=[flaky.tool()]))
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            run(agent, "Go." if flaky.attempts == 0 else None)
    assert results(run(agent, None))[0].content == "parsed"


@pytest.mark.parametrize("error", [StopIteration("odd"), KeyboardInterrupt()])
def test_odd_exceptions_leave_as_they_are(world, make_guard, error) -> None:
    """Exceptions that coroutines cannot carry leave a synchronous run unchanged, and nothing hangs."""

    @tool
    def parse(text: str) -> str:
        """Fail oddly."""
        raise error

    node = ToolNode([parse], handle_tool_errors=False)
    builder = StateGraph(MessagesState)
    builder.add_node("tools", node)
    builder.add_edge(START, "tools")
    graph = make_guard(StaticProgram(allow=["parse"])).wrap(builder.compile())
    with pytest.raises((type(error), RuntimeError)):
        graph.invoke({"messages": [SCRIPT.model_copy()]}, THREAD)
