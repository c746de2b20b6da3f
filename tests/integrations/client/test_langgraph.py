"""A LangGraph agent in this process, guarded by the service in another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from tests.integrations.client.conftest import AGENT, ANN, KEY, PATIENT, POLICY
from tests.integrations.client.test_service import held

from bartizan.integrations.langgraph import (
    LangGraphGuard,
    PolicyElsewhere,
    Speech,
    connect_guard,
    correction_of,
)
from bartizan.integrations.langgraph.testing import ScriptedModel, calling
from bartizan.policies import load_policy

Connect = Callable[..., LangGraphGuard]


class World:
    """Tools with effects, an agent of ``create_agent`` and a hand-made graph."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

        @tool
        def read(path: str) -> str:
            """Read a file."""
            self.ran.append(path)
            return f"{path} says hunter2"

        @tool
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.ran.append(amount)
            return f"paid {amount}"

        @tool
        def send(to: str) -> str:
            """Send a letter."""
            self.ran.append(to)
            return f"sent to {to}"

        @tool
        def pause() -> str:
            """Ask something and go on."""
            self.ran.append("pause")
            return f"heard {interrupt('well?')}"

        self.tools = [read, pay, send, pause]

    def agent(self, *script: Any) -> Any:
        model = ScriptedModel(script=list(script))
        return create_agent(model, self.tools, checkpointer=InMemorySaver())

    def handmade(self, *script: Any) -> Any:
        model = ScriptedModel(script=list(script))
        builder = StateGraph(MessagesState)
        builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
        builder.add_node("tools", ToolNode(self.tools))
        builder.add_edge(START, "model")
        builder.add_conditional_edges("model", tools_condition)
        builder.add_edge("tools", "model")
        return builder.compile(checkpointer=InMemorySaver())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["agent", "handmade"])
def graph(request: pytest.FixtureRequest, world: World) -> Any:
    return getattr(world, request.param)


@pytest.fixture
def connect(url: str) -> Iterator[Connect]:
    """``connect(**options)``: a guard that is the service."""
    made: list[LangGraphGuard] = []

    def connected(**options: Any) -> LangGraphGuard:
        options = {"token": AGENT, "approver_token": ANN, "verdict_keys": KEY, "deadline": PATIENT, **options}
        made.append(connect_guard(url, **options))
        return made[-1]

    yield connected
    for guard in made:
        guard.close()


@pytest.fixture(params=["invoke", "ainvoke"])
def run(request: pytest.FixtureRequest, session: str) -> Callable[[Any, Any], Any]:
    """``run(graph, input)``: in a thread that is this test's session."""
    config = {"configurable": {"thread_id": session}}

    def runs(graph: Any, input: Any) -> Any:
        given = {"messages": [("user", input)]} if isinstance(input, str) else input
        if request.param == "invoke":
            return graph.invoke(given, config)
        return asyncio.run(graph.ainvoke(given, config))

    return runs


def results(out: Any) -> list[ToolMessage]:
    return [message for message in out["messages"] if isinstance(message, ToolMessage)]


def test_calls_run_as_decided_and_results_are_shown_as_redacted(world, graph, connect, run) -> None:
    """An allowed call runs and its result is redacted; a corrected one runs corrected; a denied one does not run."""
    script = calling(("read", {"path": "a"})), calling(("pay", {"amount": 500})), calling(("wipe", {}))
    agent = connect().wrap(graph(*script))
    out = run(agent, "Read a, pay 500, wipe.")
    read, paid, wiped = results(out)
    assert world.ran == ["a", 100]
    assert read.content == "a says [redacted:secret]"
    assert paid.content.endswith("paid 100") and "At most 100 at once." in paid.content
    assert correction_of(paid)["patch"] == [{"op": "replace", "path": "/amount", "value": 100}]
    assert wiped.status == "error"


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(
    ("answer", "ran", "says"),
    [
        ({"type": "approve"}, ["bob"], "sent to bob"),
        ({"type": "edit", "args": {"to": "carol"}}, ["carol"], "a person edited this call"),
        ({"type": "edit", "args": {"to": "mallory"}}, [], "Not to Mallory."),
        ({"type": "reject", "message": "Not today."}, [], "Not today."),
    ],
)
def test_an_approval_is_an_interrupt_and_its_answer_a_resume(
    world, graph, connect, run, keyed, answer, ran, says
) -> None:
    """The question is the service's, asked by LangGraph's interrupt; its answer goes back by the approver's token."""
    agent = connect().wrap(graph(calling(("send", {"to": "bob"}))))
    [asked] = run(agent, "Send it.")["__interrupt__"]
    assert world.ran == [] and asked.value["guard"]["explanation"] == "A person reads letters first."
    out = run(agent, Command(resume={asked.id: answer} if keyed else answer))
    assert world.ran == ran and "__interrupt__" not in out
    assert says in results(out)[0].content


def test_an_answer_by_an_agent_that_may_not_approve_denies(world, connect, run) -> None:
    """Without an approver's token the answer cannot be handed in: the call is denied, and not asked about for ever."""
    agent = connect(approver_token=AGENT).wrap(world.agent(calling(("send", {"to": "bob"}))))
    [asked] = run(agent, "Send it.")["__interrupt__"]
    out = run(agent, Command(resume={asked.id: {"type": "approve"}}))
    assert world.ran == [] and results(out)[0].status == "error"


def test_a_step_that_is_run_again_runs_no_tool_twice(world, connect, run) -> None:
    """In a hand-made graph the siblings of an interrupted call are proposed again: they get their recorded results."""
    step = calling(("read", {"path": "a"}), ("send", {"to": "bob"}), ("pay", {"amount": 500}))
    agent = connect().wrap(world.handmade(step))
    [asked] = run(agent, "Do it.")["__interrupt__"]
    out = run(agent, Command(resume={asked.id: {"type": "approve"}}))
    assert sorted(map(str, world.ran)) == ["100", "a", "bob"]
    read, _, paid = results(out)
    assert read.content == "a says [redacted:secret]"
    assert correction_of(paid)["patch"] == [{"op": "replace", "path": "/amount", "value": 100}]


def test_a_thread_that_goes_on_in_another_process_tells_nothing_twice(
    world, connect, run, session, service
) -> None:
    """Guards that know nothing of each other report one conversation: each prompt is held as often as it was said."""
    checkpointer = InMemorySaver()
    for _ in range(3):
        model = ScriptedModel(script=[calling(("read", {"path": "a"})), AIMessage("Done.")] * 3)
        agent = connect().wrap(create_agent(model, world.tools, checkpointer=checkpointer))
        run(agent, "Read on.")
    assert held(service, session) == ["Read on."] * 3


def test_a_tool_that_pauses_by_itself_is_resumed(world, connect, run) -> None:
    """An interrupt inside a tool suspends its call at the service, and the resume runs it under the same decision."""
    agent = connect().wrap(world.agent(calling(("pause", {}))))
    assert run(agent, "Ask.")["__interrupt__"][0].value == "well?"
    out = run(agent, Command(resume="yes"))
    assert results(out)[0].content == "heard yes" and world.ran == ["pause", "pause"]


def test_a_tool_that_raises_may_be_tried_again(world, connect, run) -> None:
    """What a tool raises goes through the guard unchanged, and is reported."""

    @tool
    def read(path: str) -> str:
        """Read a file."""
        raise ValueError("no such file")

    world.tools = [read]
    agent = connect().wrap(world.agent(calling(("read", {"path": "a"}))))
    with pytest.raises(ValueError, match="no such file"):
        run(agent, "Read.")


def test_a_service_that_is_gone_denies_every_call(world, graph, session) -> None:
    """With nobody behind the socket nothing runs, and the model reads why."""
    with connect_guard("unix:///nowhere", token=AGENT) as guard:
        config = {"configurable": {"thread_id": session}}
        out = guard.wrap(graph(calling(("read", {"path": "a"})))).invoke(
            {"messages": [("user", "Go.")]}, config
        )
    assert world.ran == []
    assert "could not decide" in results(out)[0].content


def test_speech_needs_the_rules_here(connect, run, world, tmp_path) -> None:
    """Rules on text cannot be asked of the service: a model is guarded with rules that are given, or not at all."""
    guard = connect()
    model = ScriptedModel(script=[calling(("pay", {"amount": 500}))])
    with pytest.raises(PolicyElsewhere, match="Speech"):
        guard.model(model)
    (tmp_path / "p.yaml").write_text(POLICY + "text:\n  - {id: key, redact: 'sk-[a-z]+'}\n")
    rules = load_policy(tmp_path / "p.yaml").text
    said = ScriptedModel(script=[calling(("pay", {"amount": 500})), AIMessage("the key is sk-abc")])
    speaking = guard.model(said, Speech(rules=rules))
    agent = guard.wrap(create_agent(speaking, world.tools, checkpointer=InMemorySaver()))
    out = run(agent, "Pay 500.")
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 100} and world.ran == [100]
    assert out["messages"][-1].content == "the key is [redacted]"
