"""The service takes only policies that bring the certificate which is required, at the start and at every change."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until
from typer.testing import CliRunner

from bartizan.guard import ToolCall
from bartizan.guard.audit import MemoryAuditLog
from bartizan.integrations.cli import app
from bartizan.integrations.sidecar import Service, parse_config
from bartizan.integrations.sidecar.admission import Refused
from bartizan.integrations.sidecar.config import ConfigError, Tenant
from bartizan.integrations.sidecar.serve import FILES, work
from bartizan.integrations.signing import generate
from bartizan.policies import compile_policy
from bartizan.policies.lean.certificates.certify import certify
from bartizan.policies.lean.certificates.files import write_pair

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


def certified(where: Path, text: str, key: Path | None = None) -> None:
    made = certify(compile_policy(text).policy, lambda policy: iter(()))
    assert made.certificate is not None
    certificate = made.certificate
    if key is not None:
        signer = generate(key) if not key.exists() else _load(key)
        certificate = certificate.signed(signer, signer.public)
    write_pair(where, certificate.to_bytes(), made.proof)


def _load(key: Path) -> Any:
    from bartizan.integrations.signing import Ed25519Signer

    return Ed25519Signer.load(key)


def config(directory: Path, require: Any = None, **tenant: Any) -> Any:
    token = {"name": "admin", "sha256": "0" * 64, "scopes": ["admin"]}
    body = {"tenants": {"default": {"policy": "policy.yaml", **SLOW, **tenant}}, "tokens": [token]}
    return parse_config(body, directory).requiring(require)


def service(directory: Path, require: Any = None, **tenant: Any) -> Service:
    return Service.open(config(directory, require, **tenant))


@pytest.mark.parametrize(
    ("require", "tenant"),
    [
        ("kernel", {}),
        (None, {"reload": {"require": "kernel"}}),
        (None, {"certificate": {"require": "kernel"}, "reload": {"require": "tests"}}),
        ("hash", {"certificate": {"require": "kernel"}}),
    ],
    ids=range(4),
)
async def test_without_its_certificate_the_service_does_not_start(
    tmp_path: Path, require: Any, tenant: Any
) -> None:
    """Asked for on the command line, of every policy, or of changed ones: the refusal says what to do."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    with pytest.raises(
        Refused, match=r"level kernel: there is no .*policy.cert.json; run `bartizan certify`"
    ):
        service(tmp_path, require, **tenant)
    with pytest.raises(Refused):
        Service.check(config(tmp_path, require, **tenant))
    certified(tmp_path / "policy.cert.json", POLICY)
    made = service(tmp_path, require, **tenant)
    assert made.tenants["default"].program.certificate == "kernel"
    await made.aclose()


@pytest.mark.parametrize("at", [None, "elsewhere/payments.cert.json", "elsewhere"])
async def test_a_changed_policy_waits_for_its_certificate(tmp_path: Path, at: str | None) -> None:
    """The file is refused until its certificate is there too, wherever that lies; then both are taken, without a
    restart."""
    policy, certificate = tmp_path / "policy.yaml", tmp_path / (at or "policy.cert.json")
    policy.write_text(POLICY)
    (tmp_path / "elsewhere").mkdir()
    named = certificate if at != "elsewhere" else certificate / f"{compile_policy(POLICY).hash}.cert.json"
    certified(named, POLICY)
    made = service(tmp_path, "kernel", reload={"every": 0.02}, certificate={"at": at} if at else {})
    tenant = made.tenants["default"]
    watching = asyncio.create_task(tenant.reloader.watch())
    before = tenant.program.hash
    try:
        (tmp_path / "new").write_text(LOOSER)
        (tmp_path / "new").replace(policy)  # at once: an empty file would be a change, too
        await until(lambda: tenant.reloader.latest is not None)
        assert tenant.reloader.latest is not None
        assert tenant.reloader.latest.outcome == "refused"
        assert "level kernel: the" in tenant.reloader.latest.detail
        assert tenant.program.hash == before
        if at == "elsewhere":
            named = certificate / f"{compile_policy(LOOSER).hash}.cert.json"
        await asyncio.to_thread(certified, named, LOOSER)
        await until(lambda: tenant.program.hash != before)
    finally:
        watching.cancel()
    assert tenant.program.certificate == "kernel"
    assert tenant.guard.program is tenant.program
    await made.aclose()


async def test_announced_policies_have_theirs_in_a_folder(tmp_path: Path) -> None:
    """One for each hash; a text without one is refused."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "certificates").mkdir()
    certified(tmp_path / "certificates" / f"{compile_policy(POLICY).hash}.cert.json", POLICY)
    made = service(tmp_path, None, certificate={"require": "recheck", "at": "certificates"})
    tenant = made.tenants["default"]
    assert (await tenant.reloader.take_text(LOOSER)).outcome == "refused"
    certified(tmp_path / "certificates" / f"{compile_policy(LOOSER).hash}.cert.json", LOOSER)
    assert (await tenant.reloader.take_text(LOOSER)).outcome == "taken"
    assert tenant.program.certificate == "recheck"
    await made.aclose()


async def test_only_a_trusted_signature_counts_where_keys_are_named(tmp_path: Path) -> None:
    """Unsigned and signed by somebody else are refused; a key that is none is an error of the configuration."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    where, wanted = tmp_path / "policy.cert.json", {"require": "hash", "trusted_keys": ["key.pem.pub"]}
    generate(tmp_path / "key.pem")
    for key in (None, tmp_path / "other.pem"):
        certified(where, POLICY, key)
        with pytest.raises(Refused, match="signed"):
            service(tmp_path, None, certificate=wanted)
    certified(where, POLICY, tmp_path / "key.pem")
    made = service(tmp_path, None, certificate=wanted)
    await made.aclose()
    (tmp_path / "key.pem.pub").write_text("no key")
    with pytest.raises(ConfigError, match=r"certificate\.trusted_keys"):
        service(tmp_path, None, certificate=wanted)


async def test_records_say_how_far_the_certificate_was_checked(tmp_path: Path) -> None:
    """An auditor sees with each decision which policy decided, and at which level its proofs were checked."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    certified(tmp_path / "policy.cert.json", POLICY)
    made = service(tmp_path, "kernel")
    guard, log = made.tenants["default"].guard, made.tenants["default"].log
    await guard.authorise(ToolCall.of("1", "pay", {"amount": 80}), session="s")
    assert isinstance(log, MemoryAuditLog)
    (found,) = [entry.record for entry in log.entries if entry.record["kind"] == "decision"]
    assert found["policy"] == {
        "name": "payments",
        "hash": compile_policy(POLICY).hash,
        "certificate": "kernel",
    }
    await made.aclose()


def test_the_command_line_asks_for_every_tenant(tmp_path: Path) -> None:
    """``serve --require`` refuses before anything is listened to, and so does each of several workers."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    body = {
        "tenants": {"default": {"policy": "policy.yaml"}},
        "tokens": [{"name": "admin", "sha256": "0" * 64, "scopes": ["admin"]}],
    }
    file = tmp_path / "service.yaml"
    file.write_text(json.dumps(body))
    command = ["serve", "--config", str(file), "--check"]
    assert CliRunner().invoke(app, command).exit_code == 0
    done = CliRunner().invoke(app, [*command, "--require", "recheck"], env={"COLUMNS": "200"})
    assert (done.exit_code, "not certified at level recheck" in done.stderr) == (2, True)
    certified(tmp_path / "policy.cert.json", POLICY)
    assert CliRunner().invoke(app, [*command, "--require", "recheck"]).exit_code == 0
    assert CliRunner().invoke(app, [*command, "--require", "proved"]).exit_code == 2


def test_a_worker_is_told_the_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the supervisor was asked for holds in each process that it starts; a word that is no level starts none."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    token = {"name": "admin", "sha256": "0" * 64, "scopes": ["admin"]}
    file = tmp_path / "service.yaml"
    file.write_text(json.dumps({"tenants": {"default": {"policy": "policy.yaml"}}, "tokens": [token]}))
    monkeypatch.setenv(FILES, "[]")
    with pytest.raises(Refused, match="level hash"):
        work(str(file), 0, "hash")
    with pytest.raises(ValueError, match="tuple"):
        work(str(file), 0, "hush")


def test_the_highest_level_that_is_asked_for_counts() -> None:
    """What the command line, the tenant and its reload require are not alternatives."""
    tenant = Tenant.model_validate({"policy": "p.yaml", "reload": {"require": "recheck"}})
    assert tenant.level == "recheck"
    assert tenant.requiring("hash").level == "recheck"
    assert tenant.requiring("external").level == "external"
    assert Tenant.model_validate({"policy": "p.yaml"}).level is None
