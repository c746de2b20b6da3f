"""The service asked as an Open Policy Agent is, and its decision log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .in_process import Running, configured, running


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(configured(tmp_path)) as found:
        yield found


async def ask(service: Running, document: str, given: Any, name: str = "agent") -> Any:
    answer = await service.as_(name).post(f"/v1/data/{document}", {"input": given})
    assert answer.status_code == 200, answer.text
    return answer.json()


PAY = {"session": "s", "tool": "pay", "args": {"to": "x", "amount": 5}}


async def test_documents_of_a_decision(service: Running) -> None:
    """The decision, whether it allows, both; each asked is a call decided, and counted."""
    assert (await ask(service, "bartizan/allow", PAY))["result"] is True
    decision = await ask(
        service, "bartizan/decision", {"session": "s", "call": {"id": "c", "tool": "read", "args": {}}}
    )
    assert decision["result"]["outcome"] == "allow" and decision["result"]["call"]["id"] == "c"
    assert decision["decision_id"] == decision["result"]["record"]
    assert (await ask(service, "bartizan", PAY))["result"]["allow"] is True
    assert (await ask(service, "bartizan/allow/", PAY))["result"] is True
    assert (await ask(service, "bartizan/allow", PAY))["result"] is False


async def test_other_documents_are_undefined(service: Running) -> None:
    """As an OPA has it: an answer without a result, and nothing was decided."""
    for document in ("app/authz", "bartizan/decision/outcome", ""):
        assert set(await ask(service, document, PAY)) == {"decision_id"}
    assert await service.service.tenants["default"].feed.recent(5) == []


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"session": "s"},
        {**PAY, "args": 5},
        {**PAY, "more": 1},
        {**PAY, "rewrites": 1},
        {**PAY, "tool": None},
    ],
)
async def test_no_input_is_refused(service: Running, given: Any) -> None:
    """400 and what was expected."""
    answer = await service.as_("agent").post("/v1/data/bartizan/allow", {"input": given})
    assert answer.status_code == 400 and "expected" in answer.json()["detail"]


async def test_who_looks_at_allow_alone_runs_no_other_call(service: Running) -> None:
    """A call that would be corrected is allowed only to who says that it takes corrections; else nothing is counted."""
    pytest.importorskip("z3")
    much = {**PAY, "args": {"to": "x", "amount": 5000}}
    assert (await ask(service, "bartizan/allow", {**much, "rewrites": True}))["result"] is False
    assert (await ask(service, "bartizan/decision", much))["result"]["allow"] is False
    assert (await service.service.tenants["default"].guard.session("s")).events == ()
    taken = (await ask(service, "bartizan/decision", {**much, "rewrites": True}))["result"]
    assert taken["allow"] is True and taken["call"]["args"]["amount"] == 100


async def test_the_principal_is_who_asks(service: Running) -> None:
    """Only who acts for others may name somebody else."""
    named = {**PAY, "principal": {"id": "root"}}
    assert (await service.as_("agent").post("/v1/data/bartizan/allow", {"input": named})).status_code == 403
    assert (await ask(service, "bartizan/allow", named, "gateway"))["result"] is True


async def test_the_decision_log(service: Running) -> None:
    """The tenant's latest decisions in OPA's shape, for who may read them, compressed on request."""
    await ask(service, "bartizan/allow", PAY)
    await ask(service, "bartizan/allow", {**PAY, "args": {"to": "x"}})
    boss = service.as_("boss")
    plain = await boss.get("/v1/logs", **{"accept-encoding": "identity"})
    first, second = plain.json()
    assert first["result"]["allow"] is True and second["result"] == {
        "allow": False,
        "outcome": "deny",
        "reasons": second["result"]["reasons"],
        "shadow": [],
    }
    assert first["erased"] == ["/input/args"] and first["input"]["tool"] == "pay"
    assert first["requested_by"] == "agent-1" and first["timestamp"].endswith("Z")
    assert first["labels"] == {"app": "bartizan", "tenant": "default", "worker": "0"}
    assert list(first["bundles"]) == ["desk"] and first["metrics"]
    packed = await boss.get("/v1/logs?recent=1", **{"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.json() == [second]
    assert (await service.as_("other-boss").get("/v1/logs")).json() == []
    assert (await service.as_("agent").get("/v1/logs")).status_code == 403
    for wrong in ("x", "-1", "1e3", "²", "9999999"):
        assert (await boss.get(f"/v1/logs?recent={wrong}")).status_code == 400


async def test_captured_arguments_are_in_the_log(tmp_path: Path) -> None:
    """Where the tenant captures content, nothing is said to be erased."""
    async with running(configured(tmp_path, tenant={"capture_content": True})) as service:
        await ask(service, "bartizan/allow", PAY)
        (event,) = (await service.as_("boss").get("/v1/logs")).json()
        assert event["input"]["args"] == PAY["args"] and "erased" not in event
