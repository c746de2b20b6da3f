"""A hand-made ToolNode runs all calls of a message in one step, and runs them all again when it is resumed."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy, interrupt

from bartizan.guard import InMemoryStore
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import guard_tools
from bartizan.integrations.langgraph.approvals import Steps
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}
MIXED = calling(("read", {"path": "a"}), ("pay", {"amount": 1}), ("send", {"to": "bob"}))


def test_a_sibling_that_ran_is_not_run_again(world, guard, run, results, events_of) -> None:
    """Calls beside an escalated one run before the interrupt, once; the resumed step returns their results."""
    agent = guard.wrap(world.handmade(MIXED))
    assert run(agent, "Go.")["__interrupt__"]
    assert sorted(world.ran) == [("read", "a"), ("send", "bob")]
    out = run(agent, Command(resume={"type": "approve"}))
    assert sorted(world.ran) == [("pay", 1), ("read", "a"), ("send", "bob")]
    assert [m.content for m in results(out)] == ["text of a", "paid 1", "sent to bob"]
    assert len(events_of(guard, "t", "call")) == 3


def test_a_result_known_only_to_the_store_is_returned(world, make_guard, run, results) -> None:
    """A guard that did not run the sibling itself (another process) returns what was recorded of it."""
    store = InMemoryStore()
    program = StaticProgram(allow=["read", "send"], escalate=["pay"], secrets=["text"])
    graph = world.handmade(MIXED)
    first = make_guard(program, kernel={"store": store})
    run(first.wrap(graph), "Go.")
    other = world.handmade(MIXED, checkpointer=graph.checkpointer)
    second = make_guard(program, kernel={"store": store})
    out = run(second.wrap(other), Command(resume={"type": "approve"}))
    assert sorted(world.ran) == [("pay", 1), ("read", "a"), ("send", "bob")]
    assert [m.content for m in results(out)] == ["[redacted] of a", "paid 1", "sent to bob"]


def test_running_siblings_finish_before_the_question_is_asked(world, make_guard, run, results) -> None:
    """An interrupt does not cut off a slower call of the same step."""
    finished: list[str] = []

    @tool
    def read(path: str) -> str:
        """Read slowly."""
        time.sleep(0.3)
        finished.append(path)
        return path

    guard = make_guard()
    agent = guard.wrap(world.handmade(MIXED, tools=[*world.tools[:1], read, world.tools[2]]))
    run(agent, "Go.")
    assert finished == ["a"]
    out = run(agent, Command(resume={"type": "approve"}))
    assert finished == ["a"]
    assert [m.status for m in results(out)] == ["success"] * 3


@pytest.mark.parametrize("restarted", [False, True])
def test_a_command_of_a_sibling(world, make_guard, run, results, restarted) -> None:
    """A sibling's state update is applied once after the resume; what was lost with a process is never made up."""
    calls: list[str] = []

    @tool
    def note(text: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command:
        """Note something in the state."""
        calls.append(text)
        return Command(update={"messages": [ToolMessage(f"noted {text}", tool_call_id=tool_call_id)]})

    store = InMemoryStore()
    program = StaticProgram(allow=["note"], escalate=["pay"])
    script = calling(("note", {"text": "x"}), ("pay", {"amount": 1}))
    graph = world.handmade(script, tools=[*world.tools, note])
    first = make_guard(program, kernel={"store": store})
    agent = first.wrap(graph)
    run(agent, "Go.")
    if restarted:
        graph = world.handmade(script, tools=[*world.tools, note], checkpointer=graph.checkpointer)
        agent = make_guard(program, kernel={"store": store}).wrap(graph)
    out = run(agent, Command(resume={"type": "approve"}))
    assert calls == ["x"]
    noted, paid = sorted(results(out), key=lambda m: m.tool_call_id)
    assert paid.content == "paid 1"
    if restarted:
        assert noted.status == "error" and "could not be restored" in noted.content
    else:
        assert noted.content == "noted x"


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_a_tool_may_ask_its_own_questions(world, make_guard, run, results, events_of, kind) -> None:
    """A tool that interrupts is run again with its answer, under the decision that let it go first."""
    answers: list[Any] = []

    @tool
    def book(city: str) -> str:
        """Book a journey, asking for the class."""
        answers.append(interrupt(f"Which class to {city}?"))
        return f"booked {city}, {answers[-1]}"

    guard = make_guard(StaticProgram(allow=["book"], budgets={"book": 1}))
    agent = guard.wrap(getattr(world, kind)(calling(("book", {"city": "Rome"})), tools=[book]))
    out = run(agent, "Go.")
    assert out["__interrupt__"][0].value == "Which class to Rome?"
    out = run(agent, Command(resume="second"))
    assert results(out)[0].content == "booked Rome, second"
    assert events_of(guard, "t", "call") == ["call book: "]


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_approval_and_the_tools_own_question_do_not_mix(world, make_guard, run, results, kind) -> None:
    """The answer to the approval is not taken for the tool's answer, nor the other way round."""

    @tool
    def book(city: str) -> str:
        """Book a journey, asking for the class."""
        return f"booked {city}, {interrupt('Which class?')}, {interrupt('Which seat?')}"

    guard = make_guard(StaticProgram(escalate=["book"]))
    agent = guard.wrap(getattr(world, kind)(calling(("book", {"city": "Rome"})), tools=[book]))
    assert run(agent, "Go.")["__interrupt__"][0].value["type"] == "tool_approval"
    assert run(agent, Command(resume={"type": "approve"}))["__interrupt__"][0].value == "Which class?"
    assert run(agent, Command(resume="second"))["__interrupt__"][0].value == "Which seat?"
    out = run(agent, Command(resume="14a"))
    assert results(out)[0].content == "booked Rome, second, 14a"


def test_a_tools_own_question_waits_beside_an_approval(world, make_guard, run, results) -> None:
    """In one step with an escalated call, both questions are answered in the end and nothing runs twice."""
    booked: list[str] = []

    @tool
    def book(city: str) -> str:
        """Book a journey, asking for the class."""
        booked.append(f"{city}, {interrupt('Which class?')}")
        return booked[-1]

    guard = make_guard(StaticProgram(allow=["book"], escalate=["pay"]))
    script = calling(("book", {"city": "Rome"}), ("pay", {"amount": 1}))
    agent = guard.wrap(world.agent(script, tools=[*world.tools, book]))
    asked = {str(i.value): i.id for i in run(agent, "Go.")["__interrupt__"]}
    assert len(asked) == 2
    answers = {id: "second" if text == "Which class?" else {"type": "approve"} for text, id in asked.items()}
    out = run(agent, Command(resume=answers))
    assert [m.content for m in results(out)] == ["Rome, second", "paid 1"]
    assert (booked, world.ran) == (["Rome, second"], [("pay", 1)])


async def test_a_cancelled_call_is_not_run_again(world, guard, results) -> None:
    """A call whose run was cancelled in the middle is denied when the step runs again: nobody knows what it did."""
    started = asyncio.Event()
    ran: list[str] = []

    @tool
    async def read(path: str) -> str:
        """Read for ever."""
        ran.append(path)
        started.set()
        await asyncio.sleep(60)
        return path

    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read]))
    running = asyncio.create_task(agent.ainvoke({"messages": [("user", "Go.")]}, THREAD))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    out = await agent.ainvoke(None, THREAD)
    assert ran == ["a"]
    assert results(out)[0].artifact["guard"]["rules"] == ["already-executed"]


def test_going_back_in_time_decides_anew(world, make_guard, run, results, events_of) -> None:
    """A step run again from an earlier checkpoint is a new step: its call is decided, counted and run again."""
    guard = make_guard(StaticProgram(allow=["read"], budgets={"read": 2}))
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"}))))
    run(agent, "Go.")
    [before] = [state for state in agent.get_state_history(THREAD) if state.next == ("tools",)]
    assert results(run(agent, None, before.config))[0].status == "success"
    assert results(run(agent, None, before.config))[0].artifact["guard"]["rules"] == ["budget"]
    assert len(events_of(guard, "t", "call")) == 2


async def test_a_step_that_is_run_again_waits_for_what_is_still_running(
    make_guard, results, events_of
) -> None:
    """LangGraph leaves the siblings of a call that raised running, and runs all again: nothing is run twice or lost."""
    parsed = asyncio.Event()
    attempts: list[str] = []
    sent: list[str] = []

    @tool
    async def parse(text: str) -> str:
        """Parse at the third attempt."""
        attempts.append(text)
        if len(attempts) < 3:
            raise ValueError("not yet")
        parsed.set()
        return "parsed"

    @tool
    async def send(to: str) -> str:
        """Send a letter, for as long as nothing is parsed."""
        await parsed.wait()
        sent.append(to)
        return f"sent to {to}"

    builder = StateGraph(MessagesState)
    policy = RetryPolicy(max_attempts=5, initial_interval=0.0, jitter=False, retry_on=ValueError)
    builder.add_node("tools", ToolNode([parse, send]), retry_policy=policy)
    builder.add_edge(START, "tools")
    guard = make_guard(StaticProgram(allow=["parse", "send"], budgets={"send": 1}))
    graph = guard.wrap(builder.compile())
    script = calling(("parse", {"text": "x"}), ("send", {"to": "bob"}))
    out = await graph.ainvoke({"messages": [script]}, THREAD)
    assert [m.content for m in results(out)] == ["parsed", "sent to bob"]
    assert (attempts, sent) == (["x"] * 3, ["bob"])
    assert len(events_of(guard, "t", "call")) == 4  # three attempts and one letter
    assert not guard._door._mediator._under_way


async def test_a_step_that_is_resumed_waits_for_what_is_still_running(world, make_guard, results) -> None:
    """A tool's own question ends a step whose other call is still running; its result is there when it is resumed."""
    asked, ran = asyncio.Event(), list[str]()

    @tool
    async def read(path: str) -> str:
        """Read until the question is answered."""
        ran.append(path)
        await asked.wait()
        return f"text of {path}"

    @tool
    async def book(city: str) -> str:
        """Book a journey, asking for the class."""
        answer = interrupt("Which class?")
        asked.set()
        return f"{city}, {answer}"

    guard = make_guard(StaticProgram(allow=["read", "book"]))
    script = calling(("read", {"path": "a"}), ("book", {"city": "Rome"}))
    agent = guard.wrap(world.handmade(script, tools=[read, book]))
    out = await agent.ainvoke({"messages": [("user", "Go.")]}, THREAD)
    assert out["__interrupt__"][0].value == "Which class?"
    out = await agent.ainvoke(Command(resume="second"), THREAD)
    assert [m.content for m in results(out)] == ["text of a", "Rome, second"]
    assert ran == ["a"]


def test_a_tool_that_passes_its_own_call_on_does_not_wait_for_itself(world, make_guard, run, results) -> None:
    """A call proposed once more by its own execution is denied: it was let go, and its outcome is not known yet."""
    guard = make_guard(StaticProgram(allow=["read"]))
    [guarded] = guard_tools([world.tools[1]], guard)

    @tool
    def read(path: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Read by the tool of the same name."""
        call = {"name": "read", "args": {"path": path}, "id": tool_call_id, "type": "tool_call"}
        return str(guarded.invoke(call).content)

    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read]))
    [message] = results(run(agent, "Go."))
    assert "already let go once" in message.content
    assert world.ran == []


def test_a_call_that_a_model_wrote_twice_is_asked_for_once(world, guard, run, results) -> None:
    """Two calls of a message with the same id and arguments are one: it waits for one answer, and runs once."""
    twice = calling(("pay", {"amount": 1}), ("pay", {"amount": 1}), ids=["same", "same"])
    guard._door._mediator._steps = Steps(grace=0.01)  # the second one does not arrive
    agent = guard.wrap(world.handmade(twice))
    assert len(run(agent, "Go.")["__interrupt__"]) == 1
    out = run(agent, Command(resume={"type": "approve"}))
    assert {m.content for m in results(out)} == {"paid 1"}
    assert world.ran == [("pay", 1)]
