"""What the model reads of a result is what the guard shows; everything else a tool returns stays as it is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send

from bartizan.guard import InMemoryStore, ToolResult, canonical_json
from bartizan.guard.testing import UNAVAILABLE, FailingStore, StaticProgram
from bartizan.integrations.langgraph import results as convert
from bartizan.integrations.langgraph.testing import calling
from bartizan.integrations.structures import REDACTED
from bartizan.policies import compile_policy

CallId = Annotated[str, InjectedToolCallId]
SECRET = "AKIA-SECRET"
IMAGE = {"type": "image", "source_type": "base64", "data": "QUJD", "mime_type": "image/png"}


def looking(returned: Any, **options: Any) -> Any:
    """A tool ``look`` that returns this (or what it makes of the call's id)."""

    @tool(**options)
    def look(tool_call_id: CallId) -> Any:
        """Look."""
        return returned(tool_call_id) if callable(returned) else returned

    return look


@pytest.fixture
def look(world: Any, make_guard: Any, run: Any, results: Any) -> Any:
    """``look(tool)``: the tool's message after a guard that redacts the secret."""

    def message_of(look: Any) -> ToolMessage:
        guard = make_guard(StaticProgram(allow=["look"], secrets=[SECRET]))
        [message] = results(run(guard.wrap(world.agent(calling(("look", {})), tools=[look])), "Go."))
        return message

    return message_of


def test_a_text_is_redacted(look) -> None:
    """The secret in a text result does not reach the model."""
    assert look(looking(f"key {SECRET}!")).content == "key [redacted]!"


def test_a_secret_beside_its_escaped_twin_is_redacted_with_it(look) -> None:
    """A text that is JSON may write what was redacted once more, in other letters: both are gone."""
    message = look(looking('{"a": "AKIA-SECRET", "b": "\\u0041KIA-SECRET"}'))
    assert message.content == REDACTED


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ('{"key": "\\u0041KIA-1234"}', '{"key": "[redacted:keys]"}'),
        ({"key": "\nAKIA-1234"}, '{"key": "\\n[redacted:keys]"}'),
        ([{"type": "text", "text": '["\\u0041KIA-1234"]'}, IMAGE], '["[redacted:keys]"]'),
        ('{"note": "a\\nb", "key": "AKIA-1234"}', '{"note": "a\\nb", "key": "[redacted:keys]"}'),
        ('{"note": "a\\nb"}', '{"note": "a\\nb"}'),
        ({"body": '{"key": "\\u0041KIA-1234"}'}, REDACTED),
    ],
)  # fmt: skip
def test_a_secret_that_stands_in_json_only_in_other_letters_is_redacted(
    world, make_guard, run, results, returned, shown
) -> None:
    """A model reads the escapes of JSON, so rules do; what needs no redaction stays as the tool wrote it."""
    guard = make_guard(
        compile_policy(
            "version: 1\nname: p\ntools: {look: {args: {}}}\nrules:\n  - {id: all, allow: [look]}\n"
            "  - {id: keys, redact: [look], when: 'result.text.matches(\"AKIA-[0-9]+\")'}\n"
        )
    )
    [message] = results(run(guard.wrap(world.agent(calling(("look", {})), tools=[looking(returned)])), "Go."))
    text = message.content if isinstance(message.content, str) else message.content[0]["text"]
    assert text == shown


def test_text_blocks_are_redacted_and_images_stay(look) -> None:
    """Of a result in blocks the text is replaced and the media remain."""
    message = look(looking([{"type": "text", "text": f"key {SECRET}"}, IMAGE]))
    assert message.content == [{"type": "text", "text": "key [redacted]"}, IMAGE]


def test_blocks_without_secrets_are_unchanged(look) -> None:
    """A result in blocks that needs no redaction is the tool's own."""
    blocks = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}, IMAGE]
    assert look(looking(blocks)).content == blocks


def test_blocks_that_are_neither_text_nor_media_are_inspected(look) -> None:
    """A secret in a JSON block is found."""
    message = look(looking([{"type": "json", "json": {"key": SECRET}}]))
    assert SECRET not in str(message.content) and "[redacted]" in str(message.content)


def test_an_artifact_is_replaced_where_the_value_was_redacted(look) -> None:
    """The redacted value takes the artifact's place; here the program redacts the whole value."""
    message = look(looking((f"key {SECRET}", {"key": SECRET}), response_format="content_and_artifact"))
    assert message.content == "key [redacted]"
    assert message.artifact is None


def test_an_artifact_that_cannot_be_inspected_goes_with_a_redacted_text(look) -> None:
    """What JSON cannot say, beside a redacted text, may hold the secret: it does not stay."""
    assert (
        look(looking((f"key {SECRET}", SECRET.encode()), response_format="content_and_artifact")).artifact
        is None
    )


def test_an_artifact_of_a_command_goes_with_a_redacted_text() -> None:
    """Of a ``Command`` the fields of the state are inspected, not the artifact: it goes, and they do not replace it."""
    message = ToolMessage(f"key {SECRET}", tool_call_id="1", artifact={"key": SECRET})
    output = Command(update={"messages": [message], "notes": SECRET})
    given = convert.to_result(output, "1")
    value = json.loads(json.dumps(given.value).replace(SECRET, "[x]"))
    shown = convert.apply(output, "look", "1", given, ToolResult("key [x]", value), None)
    answered = convert.answering(shown, "1")
    assert (answered.content, answered.artifact) == ("key [x]", None)


def test_an_artifact_beside_a_clean_text_is_unchanged(look) -> None:
    """Whatever a tool attaches to a clean result stays attached."""
    attached = {"a set", "JSON cannot say"}
    message = look(looking(("fine", attached), response_format="content_and_artifact"))
    assert message.artifact == {"a set", "JSON cannot say"}


def test_an_error_status_stays(look) -> None:
    """A tool's own error message keeps its status while its text is redacted."""
    message = look(looking(lambda id: ToolMessage(f"no {SECRET}", tool_call_id=id, status="error")))
    assert (message.content, message.status) == ("no [redacted]", "error")


class State(MessagesState):
    """A state with a field that tools update."""

    notes: str


def test_a_command_is_redacted_and_still_commands(world, make_guard, run, results) -> None:
    """Of a ``Command`` the messages are redacted; state update and ``goto`` take effect."""
    visited: list[str] = []

    def returned(id: str) -> Command:
        message = ToolMessage(f"key {SECRET}", tool_call_id=id)
        return Command(update={"messages": [message], "notes": "noted"}, goto="there")

    builder = StateGraph(State)
    builder.add_node("tools", ToolNode([looking(returned)]), destinations=("there",))
    builder.add_node("there", lambda state: visited.append(state["notes"]))
    builder.add_edge(START, "tools")
    guard = make_guard(StaticProgram(allow=["look"], secrets=[SECRET]))
    out = run(guard.wrap(builder.compile()), {"messages": [calling(("look", {}))]})
    assert results(out)[0].content == "key [redacted]"
    assert (out["notes"], visited) == ("noted", ["noted"])


def test_a_list_of_outputs_is_redacted_throughout(world, make_guard, run, results) -> None:
    """Messages that a tool returns beside the answer to its call are inspected, too."""

    def returned(id: str) -> list[Any]:
        extra = Command(update={"messages": [AIMessage(f"by the way, {SECRET}")]})
        return [extra, ToolMessage(f"key {SECRET}", tool_call_id=id)]

    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([looking(returned)]))
    builder.add_edge(START, "tools")
    guard = make_guard(StaticProgram(allow=["look"], secrets=[SECRET]))
    out = run(guard.wrap(builder.compile()), {"messages": [calling(("look", {}))]})
    texts = [message.content for message in out["messages"][1:]]
    assert sorted(texts) == ["by the way, [redacted]", "key [redacted]"]


@pytest.mark.parametrize("kind", ["text", "command"])
def test_a_result_that_cannot_be_recorded_is_withheld(world, make_guard, run, kind) -> None:
    """When the store fails after the tool ran, neither its text nor its state update goes on."""

    def returned(id: str) -> Any:
        if kind == "text":
            return "the text"
        return Command(update={"messages": [ToolMessage("the text", tool_call_id=id)], "notes": "the text"})

    builder = StateGraph(State)
    builder.add_node("tools", ToolNode([looking(returned)]))
    builder.add_edge(START, "tools")
    failures = [None, None, *[UNAVAILABLE] * 20]
    guard = make_guard(
        StaticProgram(allow=["look"]),
        kernel={"store": FailingStore(InMemoryStore(), failures), "deadline": 0.5},
    )
    out = run(guard.wrap(builder.compile()), {"messages": [calling(("look", {}))]})
    assert "the text" not in str(out)
    assert "withheld" in out["messages"][-1].content and out["messages"][-1].status == "error"


def test_the_structure_of_a_result_is_what_the_policy_sees(world, make_guard, run, session_of) -> None:
    """``value`` is the artifact if JSON can say it, else the JSON object or array that the text is."""
    cases: list[tuple[Any, dict[str, Any], Any]] = [
        ('{"a": [1, 2]}', {}, {"a": [1, 2]}),
        ("42", {}, None),
        ("{broken", {}, None),
        ({"a": 1}, {}, {"a": 1}),
        (("text", {"b": 2}), {"response_format": "content_and_artifact"}, {"b": 2}),
        (('{"a": 1}', {"no", "JSON"}), {"response_format": "content_and_artifact"}, {"a": 1}),
    ]
    for number, (returned, options, value) in enumerate(cases):
        guard = make_guard(StaticProgram(allow=["look"]))
        agent = guard.wrap(world.agent(calling(("look", {})), tools=[looking(returned, **options)]))
        run(agent, "Go.", {"configurable": {"thread_id": str(number)}})
        [event] = [e for e in session_of(guard, str(number)).events if e.kind == "result"]
        assert event.value == value


TEXTS = st.text(max_size=20)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BLOCKS = st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS) | st.just(dict(IMAGE)),
    min_size=1,
    max_size=4,
)
MESSAGES = st.builds(
    lambda content, artifact, status: ToolMessage(
        content, tool_call_id="1", artifact=artifact, status=status
    ),
    TEXTS | BLOCKS,
    JSONS,
    st.sampled_from(["success", "error"]),
)
OUTPUTS = MESSAGES | st.builds(
    lambda message, notes: Command(
        update={"messages": [message], "notes": notes}, goto=[Send("x", {"n": 1})]
    ),
    MESSAGES,
    JSONS,
)


@given(OUTPUTS)
def test_what_is_shown_unchanged_is_unchanged(output: Any) -> None:
    """If the guard shows what the tool gave, the output differs in nothing but the guard's mark."""
    given_ = convert.to_result(output, "1")
    shown = convert.apply(output, "look", "1", given_, given_, "record")

    def unmarked(message: Any) -> Any:
        return message.model_copy(update={"response_metadata": {}})

    assert convert.map_messages(shown, unmarked) == output
    assert convert.answering(shown, "1").response_metadata == {convert.GUARDED: "record"}


@given(OUTPUTS, TEXTS.filter(lambda text: "[" not in text and "{" not in text))
def test_a_withheld_text_is_nowhere_in_what_the_model_reads(output: Any, text: str) -> None:
    """Whatever a tool returned: if the guard shows another text, that is all the text there is."""
    given_ = convert.to_result(output, "1")
    shown = convert.apply(output, "look", "1", given_, ToolResult(text, None, given_.is_error), "record")
    assert convert.text_of(convert.answering(shown, "1")) == text


@given(JSONS)
def test_values_are_json(value: Any) -> None:
    """What is handed to the kernel can always be said in strict JSON."""
    canonical_json(convert.to_result(ToolMessage("x", tool_call_id="1", artifact=value), "1").value)
    canonical_json(convert.to_result(Command(update={"notes": value}), "1").value)
    canonical_json(convert.to_result(value, "1").value)


def test_only_human_messages_of_a_tool_are_attributed() -> None:
    """Messages in the user's name that a tool returns are marked as the tool's; others are left alone."""
    command = Command(
        update={
            "messages": [("user", "a"), HumanMessage("b"), AIMessage("c"), RemoveMessage(id="d")],
            "n": ["e"],
        }
    )
    update = convert.attributed(command).update
    assert [m.additional_kwargs for m in update["messages"]] == [
        {"lc_source": "tool"},
        {"lc_source": "tool"},
        {},
        {},
    ]
    assert update["n"] == ["e"]


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ({"key": "AKIA-SECRET", "n": 1}, {"key": "[x]", "n": 1}),
        ({"body": '["\\u0041KIA-SECRET"]'}, REDACTED),
        ('["\\u0041KIA-SECRET"]', '["[x]"]'),
    ],
)
def test_what_code_gets_that_called_a_tool_without_a_message_holds_no_secret_in_other_letters(
    output: Any, shown: Any
) -> None:
    """A value keeps its shape, unless a text in it is JSON in which only escapes hold the secret."""
    given = convert.to_result(output, "1")
    value = json.loads(json.dumps(given.value).replace(SECRET, "[x]"))
    found = ToolResult(given.text.replace(SECRET, "[x]"), value)
    assert convert.apply(output, "look", "1", given, found, None) == shown


@pytest.mark.parametrize("output", [{"pin": 1234}, 1234, "pin 1234"])
def test_what_code_gets_does_not_say_what_was_hidden_in_the_text(output: Any) -> None:
    """A number and a field with its name are hidden in the text alone: then the text is what is left."""
    given = convert.to_result(output, "1")
    found = ToolResult(given.text.replace("1234", "[x]"), given.value)
    assert convert.apply(output, "look", "1", given, found, None) == found.text


def test_an_artifact_does_not_say_what_was_hidden_in_the_text_that_is_it() -> None:
    """So with the artifact of a message whose text is its JSON."""
    output = ToolMessage('{"pin": 1234}', tool_call_id="1", artifact={"pin": 1234})
    given = convert.to_result(output, "1")
    found = ToolResult('{"pin": [x]}', given.value)
    shown = convert.apply(output, "look", "1", given, found, None)
    assert (shown.content, shown.artifact) == ('{"pin": [x]}', None)
