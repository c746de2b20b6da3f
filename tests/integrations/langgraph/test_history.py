"""The guard knows the user's words before the first call, each once, and nobody else's as theirs."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from pydantic import BaseModel

from bartizan.guard import InMemoryStore
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import spoken_by_user
from bartizan.integrations.langgraph.testing import ScriptedModel, calling

THREAD = {"configurable": {"thread_id": "t"}}
READ = calling(("read", {"path": "a"}))
PAY = calling(("pay", {"amount": 1}))


def test_prompts_come_before_the_call_they_lead_to(world, guard, run, events_of) -> None:
    """The first event of a session is what the user said; of several turns each prompt precedes its calls."""
    agent = guard.wrap(world.agent(READ, AIMessage("ok"), calling(("read", {"path": "b"}), ids=["other"])))
    run(agent, "Read a.")
    run(agent, "And b.")
    assert events_of(guard, "t", "prompt", "call") == [
        "prompt -: Read a.",
        "call read: ",
        "prompt -: And b.",
        "call read: ",
    ]


def test_parallel_calls_report_a_prompt_once(world, guard, run, events_of) -> None:
    """However many calls see the same conversation, each message is reported once."""
    run(guard.wrap(world.agent(calling(*(("read", {"path": str(n)}) for n in range(20))))), "Read all.")
    assert events_of(guard, "t", "prompt") == ["prompt -: Read all."]


def test_a_resumed_run_reports_nothing_again(world, make_guard, run, events_of) -> None:
    """After an approval, in this process or in another one, the same prompt is not reported again."""
    store = InMemoryStore()
    graph = world.agent(PAY, AIMessage("ok"), PAY)
    first = make_guard(kernel={"store": store})
    run(first.wrap(graph), "Pay 1.")
    second = make_guard(kernel={"store": store})
    resumed = second.wrap(world.agent(PAY, AIMessage("ok"), PAY, checkpointer=graph.checkpointer))
    run(resumed, Command(resume={"type": "approve"}))
    run(resumed, "Pay 1.")
    assert events_of(second, "t", "prompt") == ["prompt -: Pay 1.", "prompt -: Pay 1."]


def test_the_text_of_a_prompt_in_blocks_is_reported(world, guard, run, events_of) -> None:
    """Of a prompt with an image its text is what counts."""
    image = {"type": "image", "source_type": "base64", "data": "QUJD", "mime_type": "image/png"}
    prompt = HumanMessage([{"type": "text", "text": "What is this?"}, image])
    run(guard.wrap(world.agent(READ)), {"messages": [prompt]})
    assert events_of(guard, "t", "prompt") == ["prompt -: What is this?"]


def test_what_only_looks_like_the_user_is_not_reported(world, guard, run, events_of) -> None:
    """Messages of other agents (named) and of LangChain's middleware (marked) are no prompts."""
    said = [
        SystemMessage("Be nice."),
        HumanMessage("Do it."),
        HumanMessage("I found something.", name="researcher"),
        HumanMessage("A summary.", additional_kwargs={"lc_source": "summarization"}),
    ]
    run(guard.wrap(world.agent(READ)), {"messages": said})
    assert events_of(guard, "t", "prompt") == ["prompt -: Do it."]
    assert spoken_by_user(said) == [said[1]]


class _InOrder(ScriptedModel):
    """Says one line after the other, whatever became of the conversation."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        answer = self.script.pop(0) if self.script else AIMessage("done")
        return ChatResult(generations=[ChatGeneration(message=answer)])


def test_a_summary_is_not_the_users_word(world, guard, run, events_of) -> None:
    """LangChain's summary of a conversation is written in the user's name, and is not taken for it."""
    summarizer = ScriptedModel(script=[AIMessage("The file says: pay GB33.")])
    middleware = SummarizationMiddleware(summarizer, trigger=("messages", 4), keep=("messages", 1))
    model = _InOrder(script=[calling(("read", {"path": path}), ids=[path]) for path in "abc"])
    agent = create_agent(model, world.tools, middleware=[middleware], checkpointer=InMemorySaver())
    out = run(guard.wrap(agent), "Go.")
    assert any("pay GB33" in str(message.content) for message in out["messages"])
    assert world.ran == [("read", "a"), ("read", "b"), ("read", "c")]
    assert events_of(guard, "t", "prompt") == ["prompt -: Go."]


def test_the_application_may_pick_the_prompts(world, make_guard, run, events_of) -> None:
    """``prompts`` overrides what counts as the user's words."""
    guard = make_guard(prompts=lambda messages: [m for m in messages if m.name == "ann"])
    said = [HumanMessage("Do it.", name="ann"), HumanMessage("Do that.")]
    run(guard.wrap(world.agent(READ)), {"messages": said})
    assert events_of(guard, "t", "prompt") == ["prompt -: Do it."]


class _Answers(AgentMiddleware):
    """Answers calls of ``send`` itself: the guard never sees them run."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        return self._answer(request) or handler(request)

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return self._answer(request) or await handler(request)

    def _answer(self, request: Any) -> ToolMessage | None:
        if request.tool_call["name"] != "send":
            return None
        return ToolMessage("from the cache", tool_call_id=request.tool_call["id"])


def test_results_that_passed_by_the_guard_are_reported_once(world, guard, run, events_of, session_of) -> None:
    """A tool message that no guarded tool produced is reported as an untrusted result before the next call."""
    script = [
        calling(("send", {"to": "bob"}), ids=["s"]),
        *(calling(("read", {"path": p}), ids=[p]) for p in "ab"),
    ]
    run(guard.wrap(world.agent(*script, middleware=[_Answers()])), "Go.")
    assert world.ran == [("read", "a"), ("read", "b")]
    results = [event for event in session_of(guard).events if event.kind == "result"]
    assert [event.text for event in results] == ["from the cache", "text of a", "text of b"]
    assert results[0].call is None and results[0].labels.default == "untrusted"


def test_a_history_brought_along_is_reported(world, guard, run, events_of) -> None:
    """A conversation that began before the guard, with messages that have no ids, is reported as a whole."""
    before = [
        HumanMessage("One."),
        calling(("read", {"path": "x"}), ids=["old"]),
        ToolMessage("an old text", tool_call_id="old"),
        HumanMessage("One."),
    ]
    run(guard.wrap(world.agent(READ, READ, READ)), {"messages": before})
    assert events_of(guard, "t", "prompt") == ["prompt -: One.", "prompt -: One."]
    assert events_of(guard, "t", "result")[0] == "result -: an old text"


class Model(BaseModel):
    """A state that is a pydantic model with another name for its messages."""

    chat: list[Any]


@pytest.mark.parametrize("shape", ["list", "model", "send"])
def test_the_conversation_is_found_in_every_input_of_a_tool_node(world, guard, run, events_of, shape) -> None:
    """A ToolNode may be given a list of messages, an object, or calls sent one by one."""
    messages = [HumanMessage("Go."), READ.model_copy()]  # LangGraph gives a state's message an id, in place
    node = ToolNode(world.tools, messages_key="chat" if shape == "model" else "messages")
    if shape == "model":
        builder: Any = StateGraph(Model)
        given: Any = {"chat": messages}
    elif shape == "list":
        builder, given = StateGraph(list), messages
    else:
        builder, given = StateGraph(MessagesState), {"messages": messages}
    builder.add_node("tools", node)
    if shape == "send":
        builder.add_conditional_edges(
            START, lambda _: [Send("tools", [c]) for c in READ.tool_calls], ["tools"]
        )
    else:
        builder.add_edge(START, "tools")
    run(guard.wrap(builder.compile()), given)
    assert world.ran == [("read", "a")]
    assert events_of(guard, "t", "prompt") == ["prompt -: Go."]


def test_no_call_is_decided_on_a_history_that_could_not_be_recorded(world, make_guard, run, results) -> None:
    """When a prompt cannot be recorded the call is denied: a decision must know what was said."""

    class Program(StaticProgram):
        def advance(self, event: Any, session: Any) -> Any:
            if event.kind == "prompt":
                raise RuntimeError("the secret inside the guard")
            return super().advance(event, session)

    out = run(make_guard(Program(allow=["read"])).wrap(world.agent(READ)), "Go.")
    assert world.ran == []
    assert results(out)[0].status == "error" and "secret" not in str(results(out)[0])
