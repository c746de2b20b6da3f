"""The proxy between a real client and a real server, both in this process, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from tests.waiting import until

from bartizan.guard import Principal
from bartizan.integrations.structures import REDACTED

from .conftest import ERAS, Desk, said
from .desk_server import CARD, TOOLS

pytestmark = pytest.mark.parametrize("mode", ERAS)


async def test_an_allowed_call_passes_unchanged(desk: Desk, mode: str) -> None:
    """What the policy allows reaches the server byte for byte, and its answer comes back with text and structure."""
    async with desk(mode) as there:
        result = await there.call("refund", order="o1", amount=150)
        assert not result.is_error
        assert said(result) == "refund done"
        assert result.structured_content == {"done": {"order": "o1", "amount": 150}}
        assert there.reached() == [{"tool": "refund", "args": {"order": "o1", "amount": 150}}]


async def test_a_denied_call_never_reaches_the_server(desk: Desk, mode: str) -> None:
    """A denial is an error result that names the rule and its reason, and the server sees nothing."""
    async with desk(mode) as there:
        result = await there.call("refund", order="closed-1", amount=10)
        assert result.is_error
        assert "closed-order: The order is closed." in said(result)
        assert result.meta is not None and result.meta["bartizan/decision"]["outcome"] == "deny"
        assert there.reached() == []


async def test_a_corrected_call_is_what_runs(desk: Desk, mode: str) -> None:
    """The server gets the corrected call and the agent is told what was changed."""
    async with desk(mode) as there:
        result = await there.call("refund", order="o1", amount=500)
        assert not result.is_error
        assert '"path":"/amount","value":200' in said(result)
        assert there.reached() == [{"tool": "refund", "args": {"order": "o1", "amount": 200}}]


async def test_a_secret_is_redacted_in_text_and_structure(desk: Desk, mode: str) -> None:
    """What a redact rule finds in the text is hidden in the structured content too."""
    async with desk(mode) as there:
        result = await there.call("lookup", order="o1")
        assert CARD not in result.model_dump_json()
        assert result.structured_content == {"order": "o1", "card": "[redacted:card-numbers]", "paid": 120}


@pytest.mark.parametrize(
    "kind", ["structured only", "escaped", "link", "embedded", "image", "error", "protocol error"]
)
async def test_a_secret_is_found_wherever_a_server_puts_it(desk: Desk, mode: str, kind: str) -> None:
    """Structured content without text, links, embedded resources, errors: what a model could read is inspected."""
    async with desk(mode) as there:
        result = await there.call("strange", kind=kind)
        assert CARD not in result.model_dump_json()
        assert "[redacted:card-numbers]" in result.model_dump_json()
        assert bool(result.is_error) is (kind in ("error", "protocol error"))
        assert any(isinstance(block, types.ImageContent) for block in result.content) is (kind == "image")


async def test_what_nobody_inspects_does_not_pass(desk: Desk, mode: str) -> None:
    """A result's ``_meta`` is no way round inspection: it stays behind."""
    async with desk(mode) as there:
        result = await there.call("strange", kind="plain")
        assert said(result) == "plain"
        assert result.meta is not None and "hidden" not in result.meta


async def test_a_question_of_the_server_is_refused(desk: Desk, mode: str) -> None:
    """A server that answers a call with a question for the user gets no user."""
    async with desk(mode) as there:
        result = await there.call("strange", kind="input required")
        assert result.is_error
        assert "Password" not in result.model_dump_json()


async def test_a_tool_the_policy_does_not_name_is_denied(desk: Desk, mode: str) -> None:
    """Tools of the server are declared by what it says of them, but no rule allows them: its hints permit nothing."""
    async with desk(mode) as there:
        result = await there.call("not declared", text="x")
        assert result.is_error and "default" in said(result)
        assert there.reached() == []


@pytest.mark.parametrize("name", [TOOLS[-1].name, "no-such-tool", "x" * 5000, "refund\u200b"])
async def test_strange_names_are_denied(desk: Desk, mode: str, name: str) -> None:
    """Names that look like others, or like commands, are other names, which no rule allows."""
    async with desk(mode) as there:
        result = await there.client.session.call_tool(name, {})
        assert isinstance(result, types.CallToolResult) and result.is_error
        assert there.reached() == []


@pytest.mark.parametrize(
    "args",
    [
        {"order": "x" * 2_000_000, "amount": 1000},
        {"order": "o", "amount": "1"},
        {},
        {"order": "o", "amount": 1, "z": 1},
    ],
    ids=["huge", "type", "missing", "more"],
)
async def test_arguments_that_are_not_the_tools_are_denied(
    desk: Desk, mode: str, args: dict[str, Any]
) -> None:
    """Megabytes, other types, missing and further arguments: denied or corrected, and never passed as they are."""
    async with desk(mode) as there:
        result = await there.client.call_tool("refund", args)
        if args.get("amount") == 1000:
            assert [call["args"]["amount"] for call in there.reached()] in ([], [200])
        else:
            assert result.is_error and there.reached() == []


async def test_nesting_without_end_is_denied(desk: Desk, mode: str) -> None:
    """Arguments nested deeper than strict JSON may be are no call."""
    nested: Any = 1
    for _ in range(200):
        nested = [nested]
    async with desk(mode) as there:
        result = await there.client.call_tool("refund", {"order": nested, "amount": 1})
        assert result.is_error and "has not been executed" in said(result)
        assert there.reached() == []


async def test_lists_are_passed_on_whole(desk: Desk, mode: str) -> None:
    """The client sees every tool of every page, with the server's name and instructions."""
    async with desk(mode) as there:
        names, cursor = [], None
        while True:
            page = await there.client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert names == [tool.name for tool in TOOLS]
        assert there.client.instructions == "Be kind."
        assert there.client.server_info is not None and there.client.server_info.name == "desk"
        assert [resource.name for resource in (await there.client.list_resources()).resources] == ["card"]
        assert [prompt.name for prompt in (await there.client.list_prompts()).prompts] == ["greet"]


async def test_resources_and_prompts_are_inspected(desk: Desk, mode: str) -> None:
    """What is read besides tools is a result like any other: redacted, and remembered by the session."""
    async with desk(mode) as there:
        read = await there.client.read_resource("desk://card")
        got = await there.client.get_prompt("greet")
        assert CARD not in read.model_dump_json() + got.model_dump_json()
        events = (await there.guard.session("s")).events
        assert [event.tool for event in events] == ["resources/read", "prompts/get"]
        assert {event.labels.default for event in events} == {"untrusted"}


@pytest.mark.parametrize("reading", ["observe", "decide"])
async def test_a_secret_in_the_escapes_of_a_resource_is_inspected(
    desk: Desk, mode: str, reading: str
) -> None:
    """A resource that is JSON is inspected as it reads; of what only its escapes hold nothing passes."""
    async with desk(mode, reading=reading) as there:
        [content] = (await there.client.read_resource("desk://escaped")).contents
        assert isinstance(content, types.TextResourceContents) and content.text == REDACTED


async def test_reading_can_be_decided(desk: Desk, mode: str) -> None:
    """With ``decide`` a resource is read only if a rule allows it."""
    async with desk(mode, reading="decide") as there:
        with pytest.raises(MCPError, match="private-files"):
            await there.client.read_resource("desk://private/card")
        assert there.reached() == []
        assert CARD not in (await there.client.read_resource("desk://card")).model_dump_json()
        assert CARD not in (await there.client.get_prompt("greet")).model_dump_json()


async def test_reading_can_be_refused(desk: Desk, mode: str) -> None:
    """With ``refuse`` neither resources nor prompts are read."""
    async with desk(mode, reading="refuse") as there:
        with pytest.raises(MCPError, match="refused"):
            await there.client.read_resource("desk://card")
        with pytest.raises(MCPError, match="refused"):
            await there.client.get_prompt("greet")
        assert there.reached() == []


async def test_other_methods_are_refused(desk: Desk, mode: str) -> None:
    """Completion is not guarded, and so not served."""
    async with desk(mode) as there:
        with pytest.raises(MCPError):
            await there.client.complete(
                types.PromptReference(type="ref/prompt", name="greet"), {"name": "a", "value": "b"}
            )


async def test_parallel_calls_do_not_wait_for_each_other(desk: Desk, mode: str) -> None:
    """Calls of one session that are on their way at once each get their own answer."""
    async with desk(mode) as there:
        waiting = asyncio.ensure_future(there.call("wait", seconds=600.0))
        results = await asyncio.gather(*(there.call("refund", order=f"o{n}", amount=n) for n in range(1, 21)))
        answers = [result.structured_content["done"]["amount"] for result in results]
        assert answers == list(range(1, 21))
        assert not waiting.done()
        waiting.cancel()


async def test_a_cancelled_call_is_cancelled_at_the_server_and_recorded(desk: Desk, mode: str) -> None:
    """Cancelling reaches the tool, and the log says that the call ended without a result."""
    async with desk(mode) as there:
        waiting = asyncio.ensure_future(there.call("wait", seconds=600.0))
        await until(there.reached)
        waiting.cancel()
        await until(lambda: {"tool": "wait", "cancelled": True} in there.reached())

        async def recorded() -> bool:
            events = (await there.guard.session("s")).events
            return len(events) == 2 and events[1].kind == "result" and events[1].is_error

        await until(recorded)


async def test_progress_passes_without_its_text(desk: Desk, mode: str) -> None:
    """Progress is a number to the client; its text, which nobody inspects, stays here."""
    seen: list[tuple[float, str | None]] = []

    async def told(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))

    async with desk(mode) as there:
        await there.client.call_tool("wait", {"seconds": 0.0}, progress_callback=told)
        assert seen == [(1, None)]


async def test_an_approval_given_elsewhere_lets_the_same_call_run(desk: Desk, mode: str) -> None:
    """A client that cannot ask gets a denial that names the approval; once that is given, the call runs, once."""
    async with desk(mode) as there:
        first = await there.call("wipe")
        assert first.is_error and "waits for a person's approval" in said(first)
        assert first.meta is not None
        approval = first.meta["bartizan/decision"]["approval"]
        again = await there.call("wipe")
        assert again.meta is not None and again.meta["bartizan/decision"]["approval"] == approval
        assert there.reached() == []
        await there.guard.resolve(approval, "approve", session="s", by=Principal("boss"))
        assert said(await there.call("wipe")) == "wipe done"
        assert (await there.call("wipe")).is_error
        assert len(there.reached()) == 1


async def test_a_rejected_call_stays_rejected(desk: Desk, mode: str) -> None:
    """The same call made again after a rejection is denied without asking anybody again."""
    async with desk(mode) as there:
        await there.call("wipe")
        (asked,) = await there.guard.approvals("s")
        await there.guard.resolve(asked.id, "reject", session="s", by=Principal("boss"))
        assert "rejected it" in said(await there.call("wipe"))
        assert len(await there.guard.approvals("s")) == 1
        assert there.reached() == []


async def test_a_guard_that_fails_lets_nothing_through(desk: Desk, mode: str) -> None:
    """A bug in the guard is a refusal whose text says nothing of the bug."""

    class Broken:
        async def enforce(self, *args: Any, **more: Any) -> Any:
            raise RuntimeError("inner secret")

        async def observe(self, *args: Any, **more: Any) -> Any:
            raise RuntimeError("inner secret")

    async with desk(mode, guard=Broken()) as there:
        result = await there.call("refund", order="o", amount=1)
        assert result.is_error and "secret" not in result.model_dump_json()
        with pytest.raises(MCPError, match="The guard failed"):
            await there.client.read_resource("desk://card")
        assert {"tool": "refund", "args": {"order": "o", "amount": 1}} not in there.reached()
