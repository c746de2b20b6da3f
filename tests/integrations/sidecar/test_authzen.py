"""The AuthZEN API over a real service in this process."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import Principal

from .in_process import Running, configured, running


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(configured(tmp_path)) as found:
        yield found


def question(tool: str, args: dict[str, Any] | None = None, **context: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "subject": {"type": "identity", "id": "agent-1"},
        "action": {"name": "tools/call"},
        "resource": {"type": "tool", "id": tool},
        "context": context,
    }
    if args is not None:
        body["action"]["properties"] = {"arguments": args}
    return body


PAY = {"to": "x", "amount": 5}


async def ask(service: Running, body: Any, name: str = "agent", path: str = "evaluation") -> Any:
    answer = await service.as_(name).post(f"/access/v1/{path}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_evaluation_is_a_decision(service: Running) -> None:
    """Allowed and denied are both answers, with the rules, the policy and the id of the decision's record."""
    allowed = await ask(service, question("pay", PAY, session="s"))
    assert allowed["decision"] is True and allowed["context"]["outcome"] == "allow"
    denied = await ask(service, question("pay", {"to": "x", "amount": -1, "y": 1}, session="s"))
    assert denied["decision"] is False and denied["context"]["reason"] == "schema"
    assert len({allowed["context"]["evaluation_id"], denied["context"]["evaluation_id"]}) == 2
    assert "denied" in denied["context"]["reason_user"]["en"]
    records = await service.service.tenants["default"].feed.recent(10)
    assert allowed["context"]["evaluation_id"] in [record["id"] for record in records]


async def test_an_evaluation_counts(service: Running) -> None:
    """The fourth payment of a session is denied; a review counts nothing; another session has its own budget."""
    for _ in range(5):
        review = await ask(service, question("pay", PAY, session="s", review=True))
        assert review["decision"] is True
    said = [(await ask(service, question("pay", PAY, session="s")))["decision"] for _ in range(4)]
    assert said == [True, True, True, False]
    assert (await ask(service, question("pay", PAY, session="t")))["decision"] is True


async def test_without_a_session_the_subject_has_one(service: Running) -> None:
    """A gateway that knows no sessions has one budget for each subject."""
    said = []
    for _ in range(4):
        said.append((await ask(service, question("pay", PAY)))["decision"])
    assert said == [True, True, True, False]
    session = await service.service.tenants["default"].guard.session("authzen:identity:agent-1")
    assert len(session.events) == 3


async def test_a_key_lets_a_call_go_once(service: Running) -> None:
    """The same key again: nobody knows what the tool did, so the answer is no."""
    once = question("pay", PAY, session="s", call_id="c1", once="k")
    assert (await ask(service, once))["decision"] is True
    again = await ask(service, once)
    assert again["decision"] is False and again["context"]["reason"] == "already-executed"


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"name": "resources/read"}, "action"),
        ({"name": "read"}, "action"),
        ({"type": "mcp_server", "id": "read"}, "resource"),
    ],
)
async def test_what_is_no_tool_call_is_denied(service: Running, changed: dict[str, str], part: str) -> None:
    """Methods and resources that the mapping does not know fail closed, as an answer."""
    body = question("read", session="s")
    body[part] = changed
    answer = await ask(service, body)
    assert answer["decision"] is False and answer["context"]["reason"] == "not-a-tool-call"


async def test_a_subject_is_never_somebody_else(service: Running) -> None:
    """An agent may only ask about itself; who acts for others asks about their roles; the log names them."""
    body = question("open", {"path": "/etc/shadow"}, session="s")
    body["subject"] = {"type": "identity", "id": "root", "properties": {"roles": ["admin"]}}
    refused = await service.as_("agent").post("/access/v1/evaluation", body)
    assert refused.status_code == 403
    assert (await ask(service, body, "gateway"))["decision"] is True
    body["subject"]["id"] = "agent-1"
    assert (await ask(service, body))["decision"] is False  # its roles are not its own to say
    records = await service.service.tenants["default"].feed.recent(10)
    assert [record["principal"]["id"] for record in records] == ["root", "agent-1"]
    body["subject"]["properties"]["roles"] = "admin"
    assert (await service.as_("gateway").post("/access/v1/evaluation", body)).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"subject": None},
        {"subject": {"type": "identity"}},
        {"subject": {"type": "", "id": "agent-1"}},
        {"subject": {"type": "identity", "id": 5}},
        {"action": {"name": ["tools/call"]}},
        {"action": {"name": "tools/call", "properties": {"arguments": []}}},
        {"action": {"name": "tools/call", "properties": 1}},
        {"resource": {"type": "tool"}},
        {"context": []},
        {"context": {"session": 5}},
        {"context": {"session": ""}},
        {"context": {"review": 1}},
        {"context": {"obligations_supported": "custom"}},
    ],
)
async def test_what_is_no_question_is_refused(service: Running, wrong: Any) -> None:
    """400 and what was expected; among several evaluations, an answer of its own that is no."""
    body = {**question("read", session="s"), **wrong} if isinstance(wrong, dict) and wrong else wrong
    answer = await service.as_("agent").post("/access/v1/evaluation", body)
    assert answer.status_code == 400
    assert (
        answer.headers["content-type"] == "application/problem+json" and "expected" in answer.json()["detail"]
    )
    several = {**question("read", session="s"), "evaluations": [wrong, {}]}
    if wrong:  # nothing said is everything by default
        first, second = (await ask(service, several, path="evaluations"))["evaluations"]
        assert first["decision"] is False and first["context"]["error"]["status"] == 400
        assert second["decision"] is True


async def test_several_evaluations_have_defaults(service: Running) -> None:
    """What an evaluation does not say it has from the request, whole objects at a time."""
    body = question("read", session="s")
    body["evaluations"] = [
        {},
        {"resource": {"type": "tool", "id": "write"}},
        {
            "action": {"name": "tools/call", "properties": {"arguments": PAY}},
            "resource": {"type": "tool", "id": "pay"},
        },
        {"subject": {"type": "identity", "id": "somebody"}},
    ]
    answers = (await ask(service, body, path="evaluations"))["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False, True, False]
    assert answers[1]["context"]["reason"] == "schema"
    assert answers[3]["context"]["error"]["status"] == 403


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        (None, [True, False, True, False]),
        ("execute_all", [True, False, True, False]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_the_three_semantics(service: Running, semantic: str | None, expected: list[bool]) -> None:
    """All, or up to the first that settles it; what was not asked is not counted."""
    body = question("pay", session="s")
    each = [{"amount": 1}, {"amount": 500}, {"amount": 2}, {"amount": 501}]
    body["evaluations"] = [
        {"action": {"name": "tools/call", "properties": {"arguments": {"to": "x", **amount}}}}
        for amount in each
    ]
    if semantic is not None:
        body["options"] = {"evaluations_semantic": semantic}
    answers = (await ask(service, body, path="evaluations"))["evaluations"]
    assert [answer["decision"] for answer in answers] == expected
    session = await service.service.tenants["default"].guard.session("s")
    assert len(session.events) == sum(expected)


async def test_no_evaluations_are_one(service: Running) -> None:
    """Without evaluations, or with none, the request is a single evaluation and is answered as one."""
    for more in ({}, {"evaluations": []}):
        answer = await ask(service, {**question("read", session="s"), **more}, path="evaluations")
        assert answer["decision"] is True
    for wrong in ({"evaluations": {}}, {"evaluations": [{}] * 101}):
        answer = await service.as_("agent").post("/access/v1/evaluations", {**question("read"), **wrong})
        assert answer.status_code == 400
    for options in ([], {"evaluations_semantic": "any"}, {"evaluations_semantic": 1}):
        body = {**question("read"), "evaluations": [{}], "options": options}
        assert (await service.as_("agent").post("/access/v1/evaluations", body)).status_code == 400


async def test_a_correction_is_an_obligation(service: Running) -> None:
    """Who can replace arguments is let go with an obligation; who did not say so is denied, and nothing is counted."""
    pytest.importorskip("z3")
    naive = await ask(service, question("pay", {"to": "x", "amount": 5000}, session="s"))
    assert naive["decision"] is False and naive["context"]["reason"] == "rewrite-not-supported"
    assert "obligations" not in naive["context"] and "verdict" not in naive["context"]
    guard = service.service.tenants["default"].guard
    assert (await guard.session("s")).events == ()
    body = question("pay", {"to": "x", "amount": 5000}, session="s", obligations_supported=["custom"])
    capable = await ask(service, body)
    (obligation,) = capable["context"]["obligations"]
    assert capable["decision"] is True and obligation["id"] == "rewrite_arguments"
    assert obligation["type"] == "custom" and obligation["arguments"] == {"to": "x", "amount": 100}
    assert obligation["patch"] and obligation["digest"] == capable["context"]["digest"]
    assert len((await guard.session("s")).events) == 1


def denial_of(denied: dict[str, Any]) -> dict[str, str]:
    """What an access request says of the denial that it is about."""
    context = denied["context"]
    return {
        "evaluation_id": context["evaluation_id"],
        "expires_at": context["access_request"]["expires_at"],
    }


async def test_an_approval_is_asked_for_and_decided_anew(service: Running) -> None:
    """Denied with the way to ask; the task follows the approval; only the question put again is allowed, and once."""
    body = question("write", {"path": "a", "text": "b"}, session="s")
    denied = await ask(service, body)
    offer = denied["context"]["access_request"]
    assert denied["decision"] is False and denied["context"]["reason"] == "approval_required"
    assert offer["endpoint"] == "http://pdp.test/access/v1/requests"
    agent, boss = service.as_("agent"), service.as_("boss")
    denial = denial_of(denied)
    submitted = await agent.post("/access/v1/requests", {**body, "denial": denial})
    task = submitted.json()["task"]
    assert submitted.status_code == 202 and task["status"] == "pending"
    assert submitted.headers["location"] == task["status_endpoint"]
    path = task["status_endpoint"].removeprefix("http://pdp.test")
    pending = await agent.get(path)
    assert pending.json()["task"]["status"] == "pending" and pending.headers["retry-after"]
    assert await service.service.tenants["default"].inbox.sessions() == ["s"]

    guard = service.service.tenants["default"].guard
    await guard.resolve(denial["evaluation_id"], "approve", session="s", by=Principal("boss"))
    approved = (await boss.get(path)).json()
    assert approved["task"]["status"] == "approved" and approved["result"]["mode"] == "reevaluate"
    assert approved["result"]["approval"]["id"] == denial["evaluation_id"]
    assert (await ask(service, question("write", {"path": "a", "text": "c"}, session="s")))[
        "decision"
    ] is False
    assert (await ask(service, body))["decision"] is True
    assert (await ask(service, body))["decision"] is False


async def test_a_rejected_request_is_denied(service: Running) -> None:
    """The task says so, and so does the question put again."""
    body = question("write", {"path": "a", "text": "b"}, session="s")
    denied = await ask(service, body)
    denial = denial_of(denied)
    guard = service.service.tenants["default"].guard
    await guard.resolve(denial["evaluation_id"], "reject", session="s", by=Principal("boss"))
    submitted = await service.as_("agent").post("/access/v1/requests", {**body, "denial": denial})
    assert submitted.status_code == 201 and submitted.json()["task"]["status"] == "denied"
    assert "result" not in submitted.json()
    again = await ask(service, body)
    assert again["decision"] is False and "access_request" not in again["context"]


async def test_a_request_is_bound_to_its_denial(service: Running) -> None:
    """Another call, another session, another tenant, a made-up or changed denial: no task."""
    body = question("write", {"path": "a", "text": "b"}, session="s")
    denied = await ask(service, body)
    good = denial_of(denied)
    other = question("write", {"path": "a", "text": "c"}, session="s")
    elsewhere = question("write", {"path": "a", "text": "b"}, session="t")
    wrong = [
        {**other, "denial": good},
        {**elsewhere, "denial": good},
        {**body, "denial": {**good, "evaluation_id": "0" * 64}},
        {**body, "denial": {**good, "evaluation_id": None}},
        {**body, "denial": {**good, "expires_at": "2099-01-01T00:00:00.000Z"}},
        {**body, "denial": "x"},
        body,
        {**body, "action": {"name": "tools/list"}, "denial": good},
    ]
    for each in wrong:
        answer = await service.as_("agent").post("/access/v1/requests", each)
        assert answer.status_code == 400
        assert answer.json()["type"].endswith(":invalid_denial_binding")
    subject = {"type": "identity", "id": "other"}
    stranger = await service.as_("other").post(
        "/access/v1/requests", {**body, "subject": subject, "denial": good}
    )
    assert stranger.status_code == 400
    task = (await service.as_("agent").post("/access/v1/requests", {**body, "denial": good})).json()["task"][
        "id"
    ]
    made_up = base64.urlsafe_b64encode(b'["s","x"]').decode()
    for name, who in [
        (task, "other"),
        (made_up, "agent"),
        ("!", "agent"),
        ("a" * 500, "agent"),
        ("bnVsbA", "agent"),
    ]:
        answer = await service.as_(who).get(f"/access/v1/requests/{name}")
        assert answer.status_code == 404 and answer.json()["type"].endswith(":unknown_task")


async def test_the_metadata_says_where(service: Running) -> None:
    """Anybody may read it; it names the endpoints and the obligations that may come."""
    answer = await service.as_("").get("/.well-known/authzen-configuration")
    assert answer.status_code == 200
    assert answer.json() == {
        "policy_decision_point": "http://pdp.test",
        "access_evaluation_endpoint": "http://pdp.test/access/v1/evaluation",
        "access_evaluations_endpoint": "http://pdp.test/access/v1/evaluations",
        "access_request_endpoint": "http://pdp.test/access/v1/requests",
        "obligations_supported": ["custom"],
    }


async def test_a_request_id_comes_back(service: Running) -> None:
    """As it was sent, if it is fit for a header."""
    agent = service.as_("agent")
    for path in ("evaluation", "evaluations"):
        answer = await agent.post(f"/access/v1/{path}", question("read"), **{"x-request-id": "bfe9eb29"})
        assert answer.headers["x-request-id"] == "bfe9eb29"
    answer = await agent.post("/access/v1/evaluation", question("read"), **{"x-request-id": "x" * 500})
    assert "x-request-id" not in answer.headers


async def test_it_needs_the_scope(service: Running) -> None:
    """Nobody unknown, and nobody who may only approve, asks for decisions."""
    for path in ("evaluation", "evaluations", "requests"):
        assert (await service.as_("").post(f"/access/v1/{path}", question("read"))).status_code == 401
        assert (await service.as_("boss").post(f"/access/v1/{path}", question("read"))).status_code == 403
