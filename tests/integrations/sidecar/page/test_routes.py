"""What the page asks for: who may, and what the service answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.integrations.sidecar.in_process import Client, Running, configured, running

from bartizan.guard import Event, Labels, ToolCall
from bartizan.integrations.sidecar import create_app
from bartizan.integrations.sidecar.feed import LocalFeed
from bartizan.integrations.sidecar.page import PUBLIC
from bartizan.integrations.sidecar.page.decisions import stream
from bartizan.integrations.sidecar.page.origins import (
    LISTED,
    TEXTS,
    arguments_to_json,
    event_to_json,
    sources_to_json,
)
from bartizan.integrations.sidecar.page.tally import Tally
from bartizan.policies import compile_policy


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(configured(tmp_path)) as found:
        yield found


async def paid(agent: Client) -> Any:
    """The user asks for a payment, and the agent wants to make it, in session ``s``."""
    await agent.post("/v1/events", {"session": "s", "kind": "prompt", "text": "Pay the bill to Ada, please."})
    call = {"id": "1", "tool": "pay", "args": {"to": "Ada", "amount": 5}}
    return (await agent.post("/v1/calls", {"session": "s", "call": call})).json()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/approvals", None), ("/v1/approvals/s/x", None), ("/v1/approvals/s/x", {"answer": "approve"}),
        ("/v1/decisions?recent=1", None), ("/v1/sessions/s", None), ("/v1/policy", None),
        ("/v1/explain", {"call": {"tool": "pay", "args": {}}}),
    ],
)  # fmt: skip
async def test_an_agent_may_look_at_nothing_of_this(service: Running, path: str, body: Any) -> None:
    """Without a token 401, with an agent's 403: its own questions are all that it may ask after."""
    for who, status in (("", 401), ("agent", 403)):
        client = service.as_(who)
        answer = await (client.get(path) if body is None else client.post(path, body))
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    own = await service.as_("agent").get("/v1/approvals?session=s")
    assert (own.status_code, own.json()["approvals"]) == (200, [])


async def test_the_files_need_no_token_and_nothing_else_is_a_file(service: Running) -> None:
    """What is public is a list of names: no path leads out of it."""
    assert {"/", "/page/app.js", "/page/style.css"} <= PUBLIC
    nobody = service.as_("")
    first = await nobody.get("/")
    assert first.status_code == 200 and b"<script" in first.content
    assert b"onclick" not in first.content and b"<style" not in first.content
    again = await nobody.get("/", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for path in ("/page/routes.py", "/page/../policy.py", "/page/%2e%2e/desk.py", "/page/", "/page/app.js/"):
        assert (await nobody.get(path)).status_code in (401, 404)


async def test_a_session_tells_what_was_said_and_where_arguments_came_from(service: Running) -> None:
    """Texts with labels; the places of a call's arguments, as characters of those texts."""
    agent, boss = service.as_("agent"), service.as_("boss")
    answer = await paid(agent)
    assert answer["allowed"]
    found = (await boss.get("/v1/sessions/s")).json()
    assert [event["kind"] for event in found["events"]] == ["prompt", "call"]
    assert found["events"][0]["documents"][0] | {"tool": None} == {
        "path": "$", "label": "trusted", "tool": None, "text": "Pay the bill to Ada, please.",
    }  # fmt: skip
    call = (await boss.get("/v1/sessions/s?call=1")).json()
    by_path = {argument["path"]: argument for argument in call["arguments"]}
    (place,) = by_path["$.to"]["places"]
    (span,) = place["spans"]
    assert found["events"][0]["documents"][0]["text"][span[0] : span[1]] == "Ada"
    assert by_path["$.amount"]["places"] == []
    for path, status in (("?call=0", 404), ("?call=9", 404), ("?call=x", 422), ("?call=-1", 422)):
        assert (await boss.get(f"/v1/sessions/s{path}")).status_code == status
    assert (await boss.get("/v1/sessions/nobody")).status_code == 404
    assert (await service.as_("other-boss").get("/v1/sessions/s")).status_code == 404


async def test_names_of_sessions_are_anybodys(service: Running) -> None:
    """Slashes, line breaks, percent signs and question marks in a session's name are the session's name."""
    name = "a/b\nc?d%2Fe#f \u202e"
    agent, boss = service.as_("agent"), service.as_("boss")
    call = {"id": "1", "tool": "write", "args": {"path": "/tmp/x", "text": "hello"}}
    answer = (await agent.post("/v1/calls", {"session": name, "call": call})).json()
    path = f"/v1/approvals/{quote(name, safe='')}/{answer['approval']['id']}"
    assert (await boss.get(f"/v1/sessions/{quote(name, safe='')}")).json()["session"] == name
    assert (await boss.get(path)).json()["session"] == name
    assert (await boss.post(path, {"answer": "reject"})).json()["approval"]["state"] == "rejected"
    assert (await boss.get("/v1/approvals")).json()["approvals"] == []
    again = await boss.post(path, {"answer": "approve"})
    assert (again.status_code, again.json()["type"]) == (409, "approval-resolved")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"answer": "maybe"}, 422), ({"answer": "edit"}, 422), ({"answer": "approve", "args": {}}, 422),
        ({"answer": "approve", "by": "me"}, 422), ({"answer": "edit", "args": []}, 422), ([], 422),
        ({"answer": "approve"}, 404),
    ],
)  # fmt: skip
async def test_an_answer_has_one_shape(service: Running, body: Any, status: int) -> None:
    """A field too many or too few is no answer; one to no question neither."""
    answer = await service.as_("boss").post("/v1/approvals/s/none", body)
    assert answer.status_code == status, answer.text


async def test_a_question_under_an_older_policy_says_so(service: Running) -> None:
    """Once another policy decides, the question is outdated, and an answer to it is a conflict."""
    agent, boss = service.as_("agent"), service.as_("boss")
    call = {"id": "1", "tool": "write", "args": {"path": "/tmp/x", "text": "hello"}}
    id = (await agent.post("/v1/calls", {"session": "s", "call": call})).json()["approval"]["id"]
    (asked,) = (await boss.get("/v1/approvals")).json()["approvals"]
    assert asked["outdated"] is False
    tenant = service.service.tenants["default"]
    tenant.replace_program(
        compile_policy("version: 1\nname: other\nrules: []\n", tools=[*tenant.program.tools.values()])
    )
    (asked,) = (await boss.get("/v1/approvals")).json()["approvals"]
    assert asked["outdated"] is True
    answer = await boss.post(f"/v1/approvals/s/{id}", {"answer": "approve"})
    assert (answer.status_code, answer.json()["type"]) == (409, "approval-superseded")


def test_a_long_source_is_cut_around_what_was_found() -> None:
    """The spans still count characters of the whole text; what was left out is counted."""
    text = "x " * 5000 + "Ada" + " y" * 5000
    events = [Event("prompt", 1, text)]
    arguments = arguments_to_json({"to": "Ada", "sure": True}, events)["arguments"]
    assert [argument["silent"] for argument in arguments] == [False, True]
    (source,) = sources_to_json(arguments, events)
    ((start, end),) = arguments[0]["places"][0]["spans"]
    assert source["text"][start - source["skipped"] : end - source["skipped"]] == "Ada"
    assert source["skipped"] + len(source["text"]) + source["left"] == len(text)
    assert len(source["text"]) < 5000


def test_a_call_and_a_session_that_are_large_on_purpose_cost_little_and_hide_nothing() -> None:
    """What is not listed or not searched is counted, so that it is not taken for what has no source."""
    args = {"a": [*range(100_000)]}
    told = arguments_to_json(args, [Event("prompt", 1, "7"), Event("prompt", 2, "x " * 3_000_000)])
    assert (len(told["arguments"]), told["unlisted"]) == (LISTED, 100_000 - LISTED)
    assert (told["heard"], told["searched"]) == (2, 1)
    assert told["arguments"][7]["places"] and told["arguments"][8]["places"] == []
    assert told["arguments"][LISTED - 1]["places"] is None
    assert len(sources_to_json(told["arguments"], [Event("prompt", 1, "7")])) == 1


def test_an_event_tells_names_of_fields_from_what_stands_in_them() -> None:
    """Keys are texts that an attacker may have written: they are shown where they say more than a name."""
    event = Event(
        "result",
        1,
        "as text",
        ToolCall.of("1", "t", {}),
        [{"a": "b", "c": None, "d": 2}],
        Labels("untrusted"),
    )
    told = event_to_json(event)["documents"]
    assert [(each["text"], each.get("key"), each.get("shown")) for each in told] == [
        ("a", True, None), ("c", True, None), ("d", True, None), ("b", False, None), ("2", False, None),
        ("as text", None, True),
    ]  # fmt: skip
    large = event_to_json(
        Event("result", 1, "", ToolCall.of("1", "t", {}), [*range(10_000)], Labels("untrusted"))
    )
    assert len(large["documents"]) + large["further"] == 10_001 and len(large["documents"]) == TEXTS


async def test_explaining_decides_as_the_guard_would_and_records_nothing(service: Running) -> None:
    """A call in the session as it stands; the same with an approval; by another policy; nothing is written."""
    agent, boss = service.as_("agent"), service.as_("boss")
    await paid(agent)
    feed = service.service.tenants["default"].feed
    before = len(await feed.recent(1000))
    call = {"tool": "pay", "args": {"to": "Ada", "amount": 10_000}}
    told = (await boss.post("/v1/explain", {"session": "s", "call": call, "nearest": True})).json()
    assert told["outcome"] == "DENY"
    assert [rule["value"] for rule in told["rules"]].count("T") >= 2
    assert told["policy"]["live"] and told["corrected"]["amount"] < 10_000
    ada = next(argument for argument in told["arguments"] if argument["path"] == "$.to")
    assert ada["places"][0]["spans"] and told["sources"][0]["text"].startswith("Pay the bill")
    other = "version: 1\nname: other\nrules:\n  - {id: all, allow: ['*']}\n"
    told = (await boss.post("/v1/explain", {"session": "s", "call": call, "policy": other})).json()
    assert (told["outcome"], told["policy"]["live"]) == ("ALLOW", False)
    assert len(await feed.recent(1000)) == before


@pytest.mark.parametrize(
    "body",
    [
        {}, {"call": {}}, {"call": {"tool": "", "args": {}}}, {"call": {"tool": "pay"}}, {"case": "- no case"},
        {"case": "result: {tool: read}"}, {"case": 1}, {"call": {"tool": "pay", "args": {}}, "policy": "version: 2"},
        {"call": {"tool": "pay", "args": {}}, "signals": {"x": 7}}, {"call": {"tool": "pay", "args": {}}, "secret": 1},
        {"call": {"tool": "pay", "args": {}}, "principal": {"roles": [1]}},
        {"call": {"tool": "pay", "args": {}}, "session": ""},
    ],
)  # fmt: skip
async def test_what_cannot_be_explained_is_refused_in_words(service: Running, body: Any) -> None:
    """422 with what was expected, never an error of the service's."""
    answer = await service.as_("boss").post("/v1/explain", body)
    assert answer.status_code == 422 and answer.json()["detail"]


async def test_a_policy_to_try_reads_no_files(service: Running, tmp_path: Path) -> None:
    """Another policy may include packs; a file that it named would be read, and quoted in what is wrong with it."""
    secret = tmp_path / "secret.yaml"
    secret.write_text("password: hunter2\n")
    boss = service.as_("boss")
    call = {"tool": "pay", "args": {"to": "a", "amount": 1}}
    for name in ("secret.yaml", str(secret), "../secret.yaml", "/etc/passwd"):
        policy = f"version: 1\nname: p\ninclude: [{json.dumps(name)}]\nrules: []\n"
        answer = await boss.post("/v1/explain", {"call": call, "policy": policy})
        assert answer.status_code == 422
        assert "hunter2" not in answer.text and "root:" not in answer.text
    policy = "version: 1\nname: p\ninclude: [baseline]\nrules:\n  - {id: all, allow: ['*']}\n"
    assert (await boss.post("/v1/explain", {"call": call, "policy": policy})).status_code == 200


async def test_the_policy_is_told_with_counts_and_without_promises(service: Running) -> None:
    """Rules as written, how often each decided; a policy without tests is called untested."""
    agent, boss = service.as_("agent"), service.as_("boss")
    first = (await boss.get("/v1/policy")).json()
    assert first["certificate"]["level"] == "none"
    assert first["certificate"]["checked"] == "none"
    assert first["source"]["file"] == "policy.yaml"  # not where it lies on this machine
    for number in range(3):
        call = {"id": str(number), "tool": "read", "args": {}}
        await agent.post("/v1/calls", {"session": "c", "call": call})
    await asyncio.sleep(0)
    counts = {rule["id"]: rule["counts"] for rule in (await boss.get("/v1/policy")).json()["rules"]}
    assert counts["tools"]["decided"] == 3
    other = (await service.as_("other-boss").get("/v1/policy")).json()
    assert all(rule["counts"]["decided"] == 0 for rule in other["rules"])


async def test_the_stream_has_no_gap_between_past_and_present() -> None:
    """Records of the past, then ``live``, then each new one once; the follower is gone when the stream is."""
    feed = LocalFeed()
    feed.publish({"id": "a", "kind": "decision"})
    following = feed.follow()
    first = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    feed.publish({"id": "b", "kind": "decision"})  # published while the past is read
    events = stream(await feed.recent(10), following, first, lambda: False)
    told = [await anext(events) for _ in range(3)]
    assert [line.split(b"\n")[0] for line in told] == [b"id: a", b"id: b", b"event: live"]
    feed.publish({"id": "c", "kind": "text", "text": "two\nlines\r\n\nevent: forged"})
    line = await anext(events)
    assert line.count(b"\n") == 4 and line.startswith(b"id: c\nevent: record\ndata: {")
    await events.aclose()  # type: ignore[attr-defined]
    assert not feed._followers


async def test_streams_end_when_the_service_drains_and_are_bounded(tmp_path: Path) -> None:
    """A service that stops does not wait for those who look on; nor do they take all of its room."""
    draining = False
    feed = LocalFeed()
    following = feed.follow()
    first = asyncio.ensure_future(anext(following))
    events = stream([], following, first, lambda: draining)
    assert (await anext(events)).startswith(b"event: live")
    draining = True
    assert [event async for event in events] == []
    async with running(configured(tmp_path, limits={"streams": 1})) as service:
        service.service.draining = True
        boss = service.as_("boss")
        assert (await boss.get("/v1/decisions?recent=5")).status_code == 200
        assert (await boss.get("/v1/decisions?recent=999999")).status_code == 200  # the first has ended
        assert (await boss.get("/v1/decisions?recent=x")).status_code == 422


async def test_who_leaves_before_a_stream_begins_leaves_nothing(tmp_path: Path) -> None:
    """Neither a follower that nobody reads for, nor a place that nobody else gets."""
    config = configured(tmp_path, limits={"streams": 1})
    async with running(config) as service:
        app = create_app(config, service=service.service)
        feed = service.service.tenants["default"].feed
        assert isinstance(feed, LocalFeed)
        scope = {
            "type": "http", "method": "GET", "path": "/v1/decisions", "raw_path": b"/v1/decisions", "query_string": b"",
            "headers": [(b"authorization", b"Bearer boss-token")], "http_version": "1.1", "scheme": "http",
        }  # fmt: skip

        async def gone() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        statuses = []

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status"))

        for _ in range(2):
            await app(dict(scope), gone, send)
            assert not feed._followers
        assert 503 not in statuses


async def test_streams_that_begin_together_are_bounded(tmp_path: Path) -> None:
    """A place is taken when a stream is asked for, not when it first says something."""
    config = configured(tmp_path, limits={"streams": 1})
    async with running(config) as service:
        boss = service.as_("boss")
        service.service.draining = True  # each ends as soon as it has begun
        answers = await asyncio.gather(*(boss.get("/v1/decisions?recent=5") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 503, 503]


async def test_a_tally_counts_each_record_once() -> None:
    """What was before it was asked, what came meanwhile and what comes afterwards."""
    feed = LocalFeed()
    record: dict[str, Any] = {"id": "1", "kind": "decision", "outcome": "DENY", "time": 5}
    denied = {"rule": "r", "value": "T"}
    feed.publish({**record, "reasons": [denied], "shadow": [{"rule": "s", "value": "T"}]})
    tally = Tally(feed)
    await tally.start()
    feed.publish(
        {**record, "id": "2", "time": 9, "reasons": [{"rule": "r", "value": "E"}, denied], "shadow": []}
    )
    await asyncio.sleep(0.01)
    await tally.start()
    assert tally.of("r") == {"decided": 2, "errors": 1, "shadow": 0}
    assert tally.of("s") == {"decided": 0, "errors": 0, "shadow": 1}
    assert (tally.outcomes["DENY"], tally.since) == (2, 5)
    tally.stop()


@pytest.mark.parametrize("path", ["/v1/sessions/", "/v1/approvals//x"])
async def test_a_session_without_a_name_is_not_there(service: Running, path: str) -> None:
    """No session has an empty name: that is the asker's mistake, not a failure of the service."""
    assert (await service.as_("boss").get(path)).status_code == 404


@pytest.mark.parametrize("id", ["a\nb", "a/b", "../x", "", "\x00", "é?#%2F"])
async def test_the_result_of_a_call_is_reported_whatever_the_agent_named_the_call(
    service: Running, id: str
) -> None:
    """A call's id is the model's: one with a line break is a call like any other, and its result is recorded."""
    agent = service.as_("agent")
    call = {"id": id, "tool": "pay", "args": {"to": "Ada", "amount": 5}}
    answer = (await agent.post("/v1/calls", {"session": "s", "call": call})).json()
    told = {"session": "s", "record": answer["record"], "call": call, "text": "paid"}
    shown = await agent.post(f"/v1/calls/{quote(id, safe='')}/result", told)
    assert (shown.status_code, shown.json()["text"]) == (200, "paid")
