"""A denied call that may be corrected runs with exactly the corrected arguments, and the agent is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode
from langgraph.types import Command, interrupt

from bartizan.guard import InMemoryStore, MemoryAuditLog, Proposal, Refused
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import CallDenied, correction_of, guard_tools
from bartizan.integrations.langgraph.testing import calling

PROGRAM = StaticProgram(allow=["pay", "read", "send"], limits={"amount": 100}, secrets=["hunter2"])
PATCH = '[{"op":"replace","path":"/amount","value":100}]'
NOTE = f"This call was not allowed as proposed. It was executed with these changes (JSON Patch): {PATCH}\nRule limit"
CORRECTION = {
    "patch": [{"op": "replace", "path": "/amount", "value": 100}],
    "origin": "clamp",
    "reasons": [{"rule": "limit", "text": ""}],
}


class Clamp:
    """Proposes the largest amount there may be."""

    name = "clamp"

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        return [Proposal({**refused.request.call.arguments(), "amount": 100}, self.name)]


@pytest.fixture
def correcting(make_guard: Any) -> Any:
    """``correcting(program, proposer, **kernel)``: a guard that corrects."""

    def make(program: Any = PROGRAM, proposer: Any = None, **kernel: Any) -> Any:
        return make_guard(program, kernel={"proposers": [proposer or Clamp()], **kernel})

    return make


@pytest.mark.parametrize("kind", ["agent", "handmade", "middleware"])
def test_a_corrected_call_runs_as_corrected(world, correcting, run, results, session_of, kind) -> None:
    """Wherever the guard stands: tool, record and agent have the same arguments, and the call counts once."""
    guard = correcting()
    if kind == "middleware":
        agent = world.agent(calling(("pay", {"amount": 500})), middleware=[guard.middleware()])
    else:
        agent = guard.wrap(getattr(world, kind)(calling(("pay", {"amount": 500}))))
    [message] = results(run(agent, "Pay 500."))
    assert world.ran == [("pay", 100)]
    assert message.status == "success"
    assert message.content == f"{NOTE}\npaid 100"
    assert correction_of(message) == message.artifact["guard"]["correction"] == CORRECTION
    state = session_of(guard)
    assert [dict(e.call.args) for e in state.events if e.kind == "call"] == [{"amount": 100}]
    assert [e.text for e in state.events if e.kind == "result"] == ["paid 100"]
    assert state.state["calls"] == {"pay": 1}


def test_what_is_allowed_says_nothing(world, correcting, run, results) -> None:
    """A call that runs as proposed has its result as the tool gave it, and no artifact."""
    [message] = results(run(correcting().wrap(world.agent(calling(("pay", {"amount": 7})))), "Pay 7."))
    assert (message.content, message.artifact, correction_of(message)) == ("paid 7", None, None)


def test_a_call_that_nobody_can_correct_is_denied(world, correcting, run, results) -> None:
    """A tool that is forbidden stays so, whatever is proposed."""
    agent = correcting().wrap(world.agent(calling(("wipe", {"amount": 500}))))
    [message] = results(run(agent, "Go."))
    assert (message.status, world.ran) == ("error", [])


def test_parallel_calls_are_corrected_each_for_itself(world, correcting, run, results) -> None:
    """Of calls made together the wrong ones are corrected, and the notes stand with them."""
    script = calling(
        ("pay", {"amount": 500}), ("pay", {"amount": 5}), ("read", {"path": "a"}), ("pay", {"amount": 101})
    )
    for kind in ("agent", "handmade"):
        world.ran.clear()
        out = results(run(correcting().wrap(getattr(world, kind)(script)), "Go."))
        assert sorted(world.ran) == [("pay", 5), ("pay", 100), ("pay", 100), ("read", "a")]
        told = {message.tool_call_id: correction_of(message) is not None for message in out}
        assert told == {"call-0": True, "call-1": False, "call-2": False, "call-3": True}


def test_injected_arguments_are_injected_into_the_corrected_call(world, correcting, run, results) -> None:
    """State and call id come from LangGraph, as for any call, and are no part of what is corrected."""
    seen: list[Any] = []

    @tool
    def pay(
        amount: int, state: Annotated[dict, InjectedState], id: Annotated[str, InjectedToolCallId]
    ) -> str:
        """Pay."""
        seen.append((amount, len(state["messages"]), id))
        return "ok"

    forged = {"amount": 500, "state": {"messages": []}, "id": "forged"}
    out = run(correcting().wrap(world.agent(calling(("pay", forged)), tools=[pay])), "Go.")
    assert seen == [(100, 2, "call-0")]
    assert correction_of(results(out)[0]) == CORRECTION


@pytest.fixture(params=["run", "arun"])
def call(request: pytest.FixtureRequest) -> Any:
    """Calls a tool by itself, synchronously and asynchronously."""
    return (
        (lambda tool, input, config: tool.invoke(input, config))
        if request.param == "run"
        else (lambda tool, input, config: asyncio.run(tool.ainvoke(input, config)))
    )


def test_a_guarded_tool_is_corrected(world, correcting, call) -> None:
    """Called by a message it answers with the note; called by code, with its result alone."""
    pay = guard_tools(world.tools, correcting())[0]
    config = {"configurable": {"thread_id": "t"}}
    message = call(pay, {"name": "pay", "args": {"amount": 500}, "id": "x", "type": "tool_call"}, config)
    assert message.content == f"{NOTE}\npaid 100"
    assert call(pay, {"amount": 300}, config) == "paid 100"
    assert world.ran == [("pay", 100), ("pay", 100)]


def test_a_guarded_tool_in_a_guarded_graph_is_corrected_once(
    world, correcting, run, results, session_of
) -> None:
    """The tool lets the corrected call pass that its ToolNode let go: one decision, one note."""
    guard = correcting()
    agent = guard.wrap(world.agent(calling(("pay", {"amount": 500})), tools=guard_tools(world.tools, guard)))
    [message] = results(run(agent, "Go."))
    assert message.content == f"{NOTE}\npaid 100"
    assert session_of(guard).state["calls"] == {"pay": 1}


def test_a_tool_that_pauses_is_resumed_with_the_corrected_call(
    world, correcting, run, results, session_of
) -> None:
    """It is decided and counted once, and after the answer the agent still learns what was changed."""
    seen: list[Any] = []

    @tool
    def pay(amount: int) -> str:
        """Pay, asking when."""
        seen.append((amount, interrupt("When?")))
        return f"paid {amount}"

    guard = correcting()
    agent = guard.wrap(world.agent(calling(("pay", {"amount": 500})), tools=[pay]))
    assert run(agent, "Go.")["__interrupt__"][0].value == "When?"
    [message] = results(run(agent, Command(resume="now")))
    assert seen == [(100, "now")]
    assert message.content == f"This call was executed with these changes (JSON Patch): {PATCH}\npaid 100"
    assert correction_of(message)["patch"] == CORRECTION["patch"]
    assert session_of(guard).state["calls"] == {"pay": 1}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_sibling_that_ran_corrected_is_not_run_again(world, correcting, run, results, restarted) -> None:
    """A step resumed after an approval returns the corrected call's result with a note, in another process too."""
    program = StaticProgram(allow=["pay"], escalate=["send"], limits={"amount": 100})
    store = InMemoryStore()
    script = calling(("pay", {"amount": 500}), ("send", {"to": "bob"}))
    graph = world.handmade(script)
    agent = correcting(program, store=store).wrap(graph)
    assert run(agent, "Go.")["__interrupt__"]
    if restarted:
        graph = world.handmade(script, checkpointer=graph.checkpointer)
        agent = correcting(program, store=store).wrap(graph)
    paid, sent = results(run(agent, Command(resume={"type": "approve"})))
    assert world.ran == [("pay", 100), ("send", "bob")]
    assert paid.content.endswith("\npaid 100") and PATCH in paid.content
    assert correction_of(paid)["patch"] == CORRECTION["patch"]
    assert sent.content == "sent to bob"


def test_structured_content_and_a_tools_own_artifact_are_kept(world, correcting, run, results) -> None:
    """The note is a block before the others; an artifact stays what the tool gave."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

    @tool(response_format="content_and_artifact")
    def pay(amount: int) -> tuple[list[Any], Any]:
        """Pay, with a receipt."""
        return [{"type": "text", "text": f"paid {amount}"}, image], {"receipt": amount}

    [message] = results(
        run(correcting().wrap(world.agent(calling(("pay", {"amount": 500})), tools=[pay])), "Go.")
    )
    assert message.content == [{"type": "text", "text": NOTE}, {"type": "text", "text": "paid 100"}, image]
    assert message.artifact == {"receipt": 100}
    assert correction_of(message) == CORRECTION


def test_the_result_of_a_corrected_call_is_redacted(world, correcting, run, results) -> None:
    """The note stands before what inspection left; nothing of the rest comes back, in content or artifact."""

    @tool(response_format="content_and_artifact")
    def pay(amount: int) -> tuple[str, Any]:
        """Pay, and leak."""
        return f"paid {amount} with hunter2", {"password": "hunter2"}

    [message] = results(
        run(correcting().wrap(world.agent(calling(("pay", {"amount": 500})), tools=[pay])), "Go.")
    )
    assert message.content == f"{NOTE}\npaid 100 with [redacted]"
    assert "hunter2" not in repr(message)


def test_a_command_carries_the_note(world, correcting, run, results) -> None:
    """A tool that updates the state still does, and its answering message has the note."""

    @tool
    def pay(amount: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command:
        """Pay and note it in the state."""
        return Command(update={"messages": [ToolMessage(f"paid {amount}", tool_call_id=tool_call_id)]})

    [message] = results(
        run(correcting().wrap(world.agent(calling(("pay", {"amount": 500})), tools=[pay])), "Go.")
    )
    assert message.content == f"{NOTE}\npaid 100"
    assert correction_of(message) == CORRECTION


def test_an_error_of_the_tool_says_what_was_executed(world, correcting, run, results) -> None:
    """An error that the ToolNode turns into a message is about the corrected call, and the agent is told so."""

    @tool
    def pay(amount: int) -> str:
        """Fail."""
        raise ValueError(f"cannot pay {amount}")

    graph = world.handmade(calling(("pay", {"amount": 500})), tools=[pay], node={"handle_tool_errors": True})
    [message] = results(run(correcting().wrap(graph), "Go."))
    assert message.status == "error"
    assert message.content.startswith(NOTE) and "cannot pay 100" in message.content


def test_a_call_that_needs_approval_is_asked_about_and_not_corrected(world, correcting, run) -> None:
    """Escalation comes before correction; what a person edits it to is decided, and denied if it must be."""
    program = StaticProgram(escalate=["send"], limits={"to": 3})
    graph = world.agent(calling(("send", {"to": 1})), tools=world.tools)
    agent = correcting(program).wrap(graph)
    [asked] = run(agent, "Go.")["__interrupt__"]
    assert asked.value["args"] == {"to": 1}
    run(agent, Command(resume={"type": "edit", "args": {"to": 9}}))
    assert world.ran == []


class Crashes(Clamp):
    """Raises, with a text that nobody should read."""

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        raise RuntimeError("password is hunter2")


class Hangs(Clamp):
    """Never answers."""

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        await asyncio.Event().wait()
        return []


class Garbage(Clamp):
    """Answers with what was not asked for: another payee, more money, no arguments, no proposals."""

    async def propose(self, refused: Refused) -> Any:
        args = refused.request.call.arguments()
        return [
            Proposal({**args, "amount": 100, "to": "eve"}, "x"), Proposal({**args, "amount": 10**9}, "x"),
            Proposal({"amount": float("nan")}, "x"), 7, None,
        ]  # fmt: skip


@pytest.mark.parametrize("proposer", [Crashes, Hangs, Garbage])
def test_a_broken_proposer_changes_nothing_but_time_and_the_trace(
    world, make_guard, correcting, run, results, proposer
) -> None:
    """The agent's conversation is letter for letter the one without proposers; the log says what became of asking."""
    script = [calling(("pay", {"amount": 500})), calling(("pay", {"amount": 5}))]

    def conversation(guard: Any) -> list[Any]:
        out = run(guard.wrap(world.agent(*script)), "Go.")
        return [
            (m.type, m.content, getattr(m, "status", None), getattr(m, "tool_calls", None))
            for m in out["messages"]
        ]

    without = conversation(make_guard(PROGRAM))
    ran, world.ran[:] = list(world.ran), []
    audit = MemoryAuditLog()
    guarded = conversation(correcting(proposer=proposer(), audit=audit, correct_within=0.05))
    assert guarded == without
    assert world.ran == ran == [("pay", 5)]
    records = [entry.record for entry in audit.entries if entry.record["kind"] == "decision"]
    assert [record["outcome"] for record in records] == ["DENY", "ALLOW"]
    [tried] = records[0]["correction"]["tried"]
    assert tried["came_of"] in {"failed", "late", "refused"}
    assert "hunter2" not in json.dumps(records)


def test_a_nested_graph_is_corrected(world, correcting, run, results) -> None:
    """A call of a sub-graph is corrected like one of the graph itself."""
    inner = world.handmade(calling(("pay", {"amount": 500})), checkpointer=None)
    builder = StateGraph(MessagesState)
    builder.add_node("inner", inner)
    builder.add_edge(START, "inner")
    [message] = results(run(correcting().wrap(builder.compile()), "Go."))
    assert (world.ran, correction_of(message)) == ([("pay", 100)], CORRECTION)


def test_a_denied_direct_call_raises(world, correcting, call) -> None:
    """Code that calls a guarded tool with what cannot be corrected gets the denial as an exception."""
    send = guard_tools(world.tools, correcting(StaticProgram(allow=["pay"])))[2]
    with pytest.raises(CallDenied):
        call(send, {"to": "eve"}, {"configurable": {"thread_id": "t"}})
    assert world.ran == []


def test_a_tool_node_without_a_graph_is_corrected(world, correcting, run, results) -> None:
    """A graph that is only a ToolNode executes what the application proposes, corrected."""
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode(world.tools))
    builder.add_edge(START, "tools")
    graph = correcting().wrap(builder.compile())
    out = run(graph, {"messages": [calling(("pay", {"amount": 500}))]})
    assert correction_of(results(out)[0]) == CORRECTION
