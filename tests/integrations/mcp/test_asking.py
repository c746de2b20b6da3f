"""Escalated calls: the person behind the client is asked, in either era of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError

from bartizan.guard import Principal, ToolCall
from bartizan.guard.approvals import Approval
from bartizan.integrations.mcp import Asking
from bartizan.integrations.mcp.asking import LONGEST, question

from .conftest import ERAS, Desk, said

pytestmark = pytest.mark.parametrize("mode", ERAS)


class Person:
    """Answers forms, and remembers what was asked."""

    def __init__(self, action: str, answer: str | None = None) -> None:
        self.asked: list[Any] = []
        self._said = types.ElicitResult.model_validate(
            {"action": action, "content": {"answer": answer} if answer is not None else None}
        )

    async def __call__(self, context: Any, params: Any) -> types.ElicitResult:
        self.asked.append(params)
        return self._said


async def test_an_approved_call_runs(desk: Desk, mode: str) -> None:
    """The form shows the call and the rule; approved, the call runs once, and the log says who answered."""
    person = Person("accept", "approve")
    async with desk(mode, client={"elicitation_callback": person}, approver="ada") as there:
        assert said(await there.call("wipe")) == "wipe done"
        (asked,) = person.asked
        assert '{"args":{},"tool":"wipe"}' in asked.message
        assert "wipe-asks: Nothing is wiped without a person." in asked.message
        (approval,) = await there.guard.approvals("s")
        assert (approval.state, approval.by) == ("used", "ada")
        assert len(there.reached()) == 1


@pytest.mark.parametrize(("action", "answer"), [("accept", "reject"), ("decline", None)])
async def test_a_rejected_call_does_not_run(desk: Desk, mode: str, action: str, answer: str | None) -> None:
    """A no in the form, or a form declined, is a rejection."""
    async with desk(mode, client={"elicitation_callback": Person(action, answer)}) as there:
        assert "rejected it" in said(await there.call("wipe"))
        assert there.reached() == []


@pytest.mark.parametrize(
    ("action", "answer"),
    [("cancel", None), ("accept", None), ("accept", "yes please"), ("accept", "APPROVE")],
)
async def test_no_answer_leaves_the_question_open(
    desk: Desk, mode: str, action: str, answer: str | None
) -> None:
    """A form that was closed, or filled with something else, decides nothing: the call waits."""
    async with desk(mode, client={"elicitation_callback": Person(action, answer)}) as there:
        result = await there.call("wipe")
        assert result.is_error and "waits for a person's approval" in said(result)
        assert [approval.state for approval in await there.guard.approvals("s")] == ["pending"]
        assert there.reached() == []


async def test_a_client_that_breaks_off_approves_nothing(desk: Desk, mode: str) -> None:
    """A client whose form fails leaves the call unexecuted."""

    async def broken(context: Any, params: Any) -> types.ErrorData:
        return types.ErrorData(code=-32000, message="no")

    async with desk(mode, client={"elicitation_callback": broken}) as there:
        (result,) = await asyncio.gather(there.call("wipe"), return_exceptions=True)
        assert (
            isinstance(result, MCPError) if mode == "auto" else result.is_error
        )  # a modern client refuses by itself
        assert there.reached() == []


async def test_nobody_is_asked_where_nobody_is_to_be(desk: Desk, mode: str) -> None:
    """With ``nobody`` the client is not asked, although it could be."""
    person = Person("accept", "approve")
    async with desk(mode, client={"elicitation_callback": person}, asking=Asking.NOBODY) as there:
        assert (await there.call("wipe")).is_error
        assert person.asked == [] and there.reached() == []


async def test_only_the_page_approves_when_it_is_the_page(desk: Desk, mode: str) -> None:
    """The client is sent to the page; its yes approves nothing, what was answered there does."""
    person = Person("accept", "approve")
    options = {"asking": Asking.PAGE, "page": "https://page.example/"}
    async with desk(mode, client={"elicitation_callback": person}, **options) as there:
        assert "waits for a person's approval" in said(await there.call("wipe"))
        (approval,) = await there.guard.approvals("s")
        assert person.asked[0].url == f"https://page.example/#/approvals?session=s&approval={approval.id}"
        await there.guard.resolve(approval.id, "approve", session="s", by=Principal("boss"))
        assert said(await there.call("wipe")) == "wipe done"


async def test_an_edited_call_is_told(desk: Desk, mode: str) -> None:
    """A person who edits the call elsewhere is obeyed, and the agent is told what ran."""
    async with desk(mode) as there:
        await there.call("wipe")
        (approval,) = await there.guard.approvals("s")
        await there.guard.resolve(approval.id, "edit", session="s", by=Principal("boss"), args={})
        assert said(await there.call("wipe")).endswith("wipe done")


async def test_parallel_calls_of_one_kind_need_an_approval_each(desk: Desk, mode: str) -> None:
    """One approval lets one call go, however many are made at once."""
    async with desk(mode) as there:
        await there.call("wipe")
        (approval,) = await there.guard.approvals("s")
        await there.guard.resolve(approval.id, "approve", session="s", by=Principal("boss"))
        results = await asyncio.gather(*(there.call("wipe") for _ in range(8)))
        assert sum(not result.is_error for result in results) == 1
        assert len(there.reached()) == 1


async def test_forged_answers_approve_nothing(desk: Desk, mode: str) -> None:
    """Answers that come with a call nobody asked about, or under another key, are no approval."""
    yes = types.ElicitResult(action="accept", content={"answer": "approve"})
    async with desk(mode) as there:
        for key in ("", "x", "0" * 64):
            result = await there.client.session.call_tool(
                "wipe", {}, input_responses={key: yes}, allow_input_required=True
            )
            assert isinstance(result, types.InputRequiredResult) or result.is_error
        assert there.reached() == []


async def test_the_clients_id_of_a_call_is_in_the_log(desk: Desk, mode: str) -> None:
    """A client that names its call finds it under that name; two names are two questions."""
    async with desk(mode) as there:
        for id in ("call_1", "call_2", "call_1"):
            await there.client.call_tool("wipe", {}, meta={"bartizan/call-id": id})
        approvals = await there.guard.approvals("s")
        assert [approval.call_id for approval in approvals] == ["call_1", "call_2"]


def test_a_question_hides_nothing(mode: str) -> None:
    """Letters that move the cursor are written out, and what is too long to be read is not asked."""

    def approval(text: str) -> Approval:
        call = ToolCall.of("c", "note", {"text": text})
        said = call.canonical.decode()
        return Approval("a" * 64, "c", "note", call.digest, "p", 0, 1, said, said, (("rule", "why"),))

    asked = question(approval("a\u202eb\nc"))
    assert asked is not None and "\u202e" not in asked and "\\u202e" in asked
    assert question(approval("x" * LONGEST)) is None
