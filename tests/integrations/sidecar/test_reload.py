"""A changed policy: what it must pass before it decides, and how all workers of a tenant get it."""

from __future__ import annotations

import asyncio
import os
from errno import EMFILE
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.redis.server import Server
from tests.waiting import until

from bartizan.guard import ToolCall
from bartizan.integrations.sidecar import Service, create_app, parse_config
from bartizan.integrations.sidecar.watched import Looks, Watched
from bartizan.policies import compile_policy

from .in_process import TOKENS, running
from .serving import SLOW

POLICY = """
version: 1
name: payments
tools: {pay: {args: {amount: int}}}
rules:
  - {id: pay, allow: [pay], when: args.amount <= 100}
invariants:
  - never: allowed(pay) && args.amount > 1000
"""
LOOSER = POLICY.replace("<= 100}", "<= 500}")
TIGHTER = POLICY.replace("<= 100}", "<= 50}")
UNBOUNDED = POLICY.replace("<= 100}", "<= 5000}")


def service(directory: Path, **tenant: Any) -> Service:
    (directory / "policy.yaml").write_text(POLICY)
    token = {"name": "admin", "sha256": "0" * 64, "scopes": ["admin"]}
    body = {"tenants": {"default": {"policy": "policy.yaml", **SLOW, **tenant}}, "tokens": [token]}
    return Service.open(parse_config(body, directory))


def put(file: Path, text: str) -> None:
    """At once: an empty file would be a change, too."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


async def taken(made: Service, text: str) -> str:
    """What became of a change, and that it decides exactly if it was taken."""
    tenant = made.tenants["default"]
    before = tenant.guard.program.hash
    attempt = await tenant.reloader.take_text(text)
    assert (tenant.guard.program.hash != before) == (attempt.outcome == "taken")
    assert tenant.reloader.latest == attempt
    return attempt.outcome


async def test_a_policy_that_lets_more_go_is_refused_where_it_must_be_tighter(tmp_path: Path) -> None:
    """Proved for all calls: 50 instead of 100 is taken; back to 100 then is not, and neither is 500."""
    made = service(tmp_path, reload={"require": "tighter"})
    assert await taken(made, LOOSER) == "refused"
    assert await taken(made, TIGHTER) == "taken"
    assert await taken(made, POLICY) == "refused"
    answer = await made.tenants["default"].guard.authorise(
        ToolCall.of("1", "pay", {"amount": 80}), session="s"
    )
    assert not answer.decision.allowed
    await made.aclose()


async def test_a_policy_whose_invariant_is_not_proved_is_refused_where_it_must_be(tmp_path: Path) -> None:
    """500 keeps the invariant, 5000 breaks it."""
    made = await asyncio.to_thread(service, tmp_path, reload={"require": "proved"})
    assert await taken(made, LOOSER) == "taken"
    assert await taken(made, UNBOUNDED) == "refused"
    await made.aclose()


async def test_a_text_with_another_hash_than_announced_is_refused(tmp_path: Path) -> None:
    """What is put in force is what somebody meant."""
    made = service(tmp_path)
    attempt = await made.tenants["default"].reloader.take_text(LOOSER, "0" * 64)
    assert attempt.outcome == "refused"
    await made.aclose()


async def test_changes_that_come_together_are_taken_one_after_the_other(tmp_path: Path) -> None:
    """Whatever the order, the program in force is one of them, whole, and it is the latest attempt's."""
    made = service(tmp_path)
    tenant = made.tenants["default"]
    texts = [POLICY.replace("100}", f"{limit}}}") for limit in range(200, 210)]
    attempts = await asyncio.gather(*(tenant.reloader.take_text(text) for text in texts))
    assert tenant.guard.program.hash in {attempt.hash for attempt in attempts}
    assert tenant.reloader.latest is not None
    assert tenant.guard.program.hash == tenant.reloader.latest.hash
    await made.aclose()


async def test_an_announced_policy_reaches_every_worker(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker is asked; both take the policy from Redis. Without the key nothing announced is followed."""
    monkeypatch.setenv("REVISIONS", "r" * 32)
    (tmp_path / "policy.yaml").write_text(POLICY)
    tenant = {"policy": "policy.yaml", "store": server.patient, "reload": {"revisions": {"env": "REVISIONS"}}}
    body = {"tenants": {"default": tenant}, "tokens": _tokens()}
    config = parse_config(body, tmp_path)
    other = Service.open(config, worker=1)
    following = asyncio.create_task(other.background())
    async with running(config) as one:
        here = asyncio.create_task(one.service.background())
        admin = one.as_("admin")
        tried = await admin.put("/v1/policy", {"policy": LOOSER, "dry_run": True})
        assert (tried.status_code, tried.json()["announced"]) == (200, False)
        refused = await admin.put("/v1/policy", {"policy": "rules: ["})
        assert refused.status_code == 422
        assert (await one.as_("agent").put("/v1/policy", {"policy": LOOSER})).status_code == 403
        announced = await admin.put("/v1/policy", {"policy": LOOSER})
        assert announced.status_code == 202
        for made in (one.service, other):
            await until(lambda made=made: made.tenants["default"].program.hash == announced.json()["hash"])
        for task in (here, following):
            task.cancel()
        await asyncio.wait({here, following})
    await other.aclose()


async def test_a_policy_from_a_file_is_changed_there(tmp_path: Path) -> None:
    """Without revisions there is nothing to announce to; trying is possible all the same."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    config = parse_config({"tenants": {"default": {"policy": "policy.yaml"}}, "tokens": _tokens()}, tmp_path)
    async with running(config) as one:
        admin = one.as_("admin")
        assert (await admin.put("/v1/policy", {"policy": LOOSER})).status_code == 409
        assert (await admin.put("/v1/policy", {"policy": LOOSER, "dry_run": True})).status_code == 200
        assert (await admin.put("/v1/policy", {"policy": 1})).status_code == 422


def _tokens() -> list[dict[str, Any]]:
    from hashlib import sha256

    names = {"admin": ["admin"], "agent": TOKENS["agent"]["scopes"]}
    return [
        {"name": name, "sha256": sha256(f"{name}-token".encode()).hexdigest(), "scopes": scopes}
        for name, scopes in names.items()
    ]


@pytest.mark.parametrize("other", ["pipe", "folder", "nothing", "device"])
async def test_what_is_no_file_is_refused_and_watching_goes_on(tmp_path: Path, other: str) -> None:
    """A pipe that nobody writes to holds nothing up: the policy before it decides, the one after it is taken."""
    made = await asyncio.to_thread(service, tmp_path, reload={"every": 0.01})
    tenant, file = made.tenants["default"], tmp_path / "policy.yaml"
    watching = asyncio.create_task(tenant.reloader.watch())

    def replace() -> None:
        file.unlink()
        if other == "pipe":
            os.mkfifo(file)
        elif other == "folder":
            file.mkdir()
        elif other == "device":
            file.symlink_to("/dev/zero")

    def restore() -> None:
        if other == "folder":
            file.rmdir()
        put(file, TIGHTER)

    first = tenant.guard.program.hash
    await asyncio.to_thread(put, file, LOOSER)
    await until(lambda: tenant.guard.program.hash != first)
    second, latest = tenant.guard.program.hash, tenant.reloader.latest
    await asyncio.to_thread(replace)
    await until(lambda: tenant.reloader.latest is not latest)
    assert tenant.reloader.latest is not None and tenant.reloader.latest.outcome == "refused"
    assert tenant.guard.program.hash == second
    await asyncio.to_thread(restore)
    await until(lambda: tenant.guard.program.hash != second)
    watching.cancel()
    await made.aclose()


async def test_what_is_written_while_the_service_starts_is_a_change(tmp_path: Path) -> None:
    """Between reading the policy and the first look at its folder nothing is overlooked."""
    made = await asyncio.to_thread(service, tmp_path, reload={"every": 0.01})
    tenant = made.tenants["default"]
    before = tenant.program.hash
    await asyncio.to_thread((tmp_path / "policy.yaml").write_text, TIGHTER)
    watching = asyncio.create_task(tenant.reloader.watch())
    await until(lambda: tenant.program.hash != before)
    watching.cancel()
    await made.aclose()


async def test_what_a_policy_includes_is_watched_too(tmp_path: Path) -> None:
    """In folders below, through other files, and though it was not there or no policy before; other files are not."""
    rules = tmp_path / "rules" / "more"
    rules.mkdir(parents=True)
    made = await asyncio.to_thread(service, tmp_path, reload={"every": 0.01})
    tenant = made.tenants["default"]
    watching = asyncio.create_task(tenant.reloader.watch())

    async def becomes(file: Path, text: str, outcome: str) -> str:
        """The policy's hash after this was written and looked at."""
        latest = tenant.reloader.latest
        await asyncio.to_thread(put, file, text)
        await until(lambda: tenant.reloader.latest is not latest)
        assert tenant.reloader.latest is not None and tenant.reloader.latest.outcome == outcome
        return tenant.program.hash

    first = tenant.program.hash
    including = POLICY + "include: [rules/limits.yaml]\n"
    assert await becomes(tmp_path / "policy.yaml", including, "refused") == first
    assert await becomes(rules.parent / "limits.yaml", "rules: [", "refused") == first
    limits = "version: 1\nname: limits\ninclude: [more/daily.yaml]\n"
    assert await becomes(rules.parent / "limits.yaml", limits, "refused") == first
    daily = "version: 1\nname: daily\nrules: [{id: daily, deny: [pay], when: args.amount > %d}]\n"
    second = await becomes(rules / "daily.yaml", daily % 70, "taken")
    assert await becomes(rules / "daily.yaml", daily % 60, "taken") not in (first, second)
    seen = tenant.reloader.seen
    await asyncio.to_thread((tmp_path / "other.yaml").write_text, "x: 1\n")
    await asyncio.sleep(0.1)
    assert tenant.reloader.seen is seen
    watching.cancel()
    await made.aclose()


async def test_half_a_policy_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written bit by bit is a policy without its last rules for a while; what decides has them all."""
    made = await asyncio.to_thread(service, tmp_path, reload={"every": 0.01})
    tenant, file = made.tenants["default"], tmp_path / "policy.yaml"
    taken, replace, look = list[str](), tenant.reloader.replace, Watched.look
    tenant.reloader.replace = lambda program: (taken.append(program.hash), replace(program))[1]
    rules = POLICY.partition("invariants")[0]
    parts = [rules, *(f"  - {{id: more-{n}, deny: [pay], when: args.amount > {n}}}\n" for n in (30, 20, 10))]
    left = iter(parts)

    def looks(watched: Watched) -> Looks:
        """Each look finds one rule more, until all are there."""
        if (part := next(left, None)) is not None:
            with file.open("w" if part is rules else "a") as opened:
                opened.write(part)
        return look(watched)

    monkeypatch.setattr(Watched, "look", looks)
    watching = asyncio.create_task(tenant.reloader.watch())
    await until(lambda: taken)
    assert taken == [compile_policy("".join(parts)).hash]
    watching.cancel()
    await made.aclose()


async def test_what_cannot_be_looked_at_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has too many files open for a moment does not stop watching for ever."""
    made = await asyncio.to_thread(service, tmp_path, reload={"every": 0.01})
    tenant = made.tenants["default"]
    before, failed, look = tenant.program.hash, 0, Watched.look

    def looks(watched: Watched) -> Looks:
        nonlocal failed
        if failed < 3:
            failed += 1
            raise OSError(EMFILE, "too many open files")
        return look(watched)

    monkeypatch.setattr(Watched, "look", looks)
    watching = asyncio.create_task(tenant.reloader.watch())
    await asyncio.to_thread((tmp_path / "policy.yaml").write_text, TIGHTER)
    await until(lambda: tenant.program.hash != before)
    assert failed == 3
    watching.cancel()
    await made.aclose()


async def test_a_worker_that_starts_again_begins_with_the_announced_policy(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call is decided by the policy of its file, which may let more go, before it has looked."""
    monkeypatch.setenv("REVISIONS", "r" * 32)
    (tmp_path / "policy.yaml").write_text(POLICY)
    tenant = {"policy": "policy.yaml", "store": server.patient, "reload": {"revisions": {"env": "REVISIONS"}}}
    config = parse_config({"tenants": {"default": tenant}, "tokens": _tokens()}, tmp_path)
    for text in (None, TIGHTER):
        made = Service.open(config)
        revisions = made.tenants["default"].revisions
        assert revisions is not None
        if text is not None:
            await revisions.announce(compile_policy(text).hash, text)
        app = create_app(config, service=made)
        begun, said = asyncio.Event(), asyncio.Queue[dict[str, str]]()
        await said.put({"type": "lifespan.startup"})

        async def send(message: dict[str, str], begun: asyncio.Event = begun) -> None:
            assert not message["type"].endswith("failed"), message
            begun.set()

        lasting = asyncio.create_task(app({"type": "lifespan", "state": {}}, said.get, send))
        await begun.wait()
        assert made.tenants["default"].guard.program.hash == compile_policy(text or POLICY).hash
        await said.put({"type": "lifespan.shutdown"})
        await lasting
