"""A configuration that cannot be meant is refused: with the place, without a trace, and nothing of it is guessed."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.integrations.cli.command import here
from tests.integrations.client.test_tls import certificate

from bartizan.integrations.assembly import store_at
from bartizan.integrations.sidecar.config import ConfigError, load_config
from bartizan.integrations.sidecar.service import Service

CONFIG = """tenants:
  default: {policy: policy.yaml}
tokens:
  - {name: agent, scopes: [decide], secret: {file: token}}
"""

TENANT = CONFIG.replace("policy.yaml}", "policy.yaml, %s}")

PROXY = (
    CONFIG
    + """proxy:
  header: %s
  addresses: ["%s"]
  workloads: [{id: a, name: one, scopes: [decide]}, {id: %s, name: two, scopes: [approve]}]
"""
)


def written(directory: Path, text: str) -> Path:
    (directory / "token").write_text("t" * 64 + "\n")
    (directory / "policy.yaml").write_text("version: 1\nname: p\n")
    file = directory / "service.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG + "tokens: []\n", "5:1: error[duplicate-key]"),
        (CONFIG.replace("{policy", "&a {policy") + "x: *a\n", "error[anchor]"),
        (CONFIG + "listen: " + "[" * 5000, "error[too-deep]"),
        (CONFIG + f"workers: {'9' * 5000}\n", "error[ambiguous]"),
        (CONFIG + "verdict_ttl: .inf\n", "error[ambiguous]"),
        (CONFIG + "verdict_ttl: 1e999\n", "error[ambiguous]"),
        (CONFIG + "limits: {drain: '1e999'}\n", "limits.drain: Input should be a finite number"),
        (
            CONFIG.replace("{file: token}", "token"),
            "tokens.0.secret: expected {file: where it stands} or {env:",
        ),
        (CONFIG + "limits: 5\n", "limits: expected a mapping of fields"),
        (CONFIG + "limit: {body: 5000}\n", "limit: there is no such field here"),
        (CONFIG.replace("file: token", 'file: "a\\0b"'), "a secret is not where it should be"),
        (CONFIG.replace("file: token", 'env: "a\\0b"'), "no variable 'a\\x00b' is set"),
        (CONFIG.replace("file: token", "env: NO_SUCH_VARIABLE"), "no variable 'NO_SUCH_VARIABLE' is set"),
        (CONFIG.replace("policy.yaml", '"a\\0b.yaml"'), "tenants.default: embedded null byte"),
        ("\x00", "error[invisible-character]"),
        (
            CONFIG.replace("[decide]", "[decide, admin]"),
            "tokens.0: expected a token to decide, or to approve",
        ),
        (
            CONFIG.replace("secret: {file: token}", f"sha256: {sha256().hexdigest()}"),
            "tokens.0.sha256: expected the SHA-256 of a token, found that of nothing",
        ),
        (
            PROXY % ("x-who", "0.0.0.0/0", "b"),
            "proxy.addresses: expected the proxy's own, found every address",
        ),
        (PROXY % ("x-who", "::/0", "b"), "proxy.addresses: expected the proxy's own, found every address"),
        (PROXY % ("x-who", "10.0.0.7/8", "b"), "proxy.addresses: expected networks as 10.0.0.0/8"),
        (PROXY % ("x-who", "10.0.0.0/8", "a"), "proxy.workloads: 'two' and 'one' have the same id"),
        (PROXY % ("x who", "10.0.0.0/8", "b"), "proxy.header: String should match pattern"),
        (CONFIG + "listen: ['8181']\n", "listen: expected host:port or unix:/path"),
        (TENANT % "store: 'redis:/cache'", "store: expected a file, or an address that begins with redis://"),
        (
            TENANT % "store: postgres://host/db",
            "store: expected a file, or an address that begins with redis://",
        ),
        (TENANT % "audit_key: {file: token}", "audit_key: expected audit beside it"),
        (TENANT % "audit_signing_key: key.pem", "audit_signing_key: expected audit beside it"),
        (TENANT % "audit_retention: 3", "audit_retention: expected audit beside it"),
        (
            TENANT % "audit: log, audit_trusted_keys: [key.pub]",
            "audit_trusted_keys: expected audit_signing_key beside it",
        ),
        (TENANT % "monitors_token: {file: token}", "monitors_token: expected monitors beside it"),
        (TENANT % "redis_password: {file: token}", "redis_password: expected a Redis as store or redis"),
        (
            TENANT % "reload: {revisions: {file: token}}",
            "reload.revisions: expected a Redis as store or redis",
        ),
        (TENANT % "certificate: {trusted_keys: [key.pub]}", "certificate.require: expected a level"),
        (TENANT % "audit: log, audit_key: {file: nowhere}", "a secret is not where it should be"),
        (TENANT % "audit: log, audit_signing_key: nowhere.pem", "nowhere.pem"),
        (TENANT % "monitors: 'http://host:x'", "tenants.default: "),
        (CONFIG + "tls: {certificate: nowhere.pem, key: token}\n", "tls: expected a certificate and its key"),
        (CONFIG + "tls: {certificate: token, key: token}\n", "tls: expected a certificate and its key"),
    ],
    ids=lambda text: None if len(text) < 60 else "configuration",
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """What YAML would let pass (keys that stand twice, anchors, infinity) and what is no name ends the command."""
    done = here("serve", "--check", "--config", written(tmp_path, text))
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", "")


@pytest.mark.parametrize(
    "address", ["redis://[::1", "redis://host:99999999/0"], ids=["no host", "no such port"]
)
def test_an_address_that_is_none_is_the_tenants_mistake(tmp_path: Path, address: str) -> None:
    """It is said which tenant has it, before anything is served."""
    file = written(tmp_path, CONFIG.replace("{policy", f'{{store: "{address}", policy'))
    with pytest.raises(ConfigError, match=r"tenants\.default: "):
        Service.open(load_config(file))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("store: s.db", "store: ./x/../s.db"),
        ("store: s.db", "store: alias.db"),
        ("audit: s.db", "audit: s.db"),
    ],
)
def test_two_tenants_have_no_file_in_common(tmp_path: Path, one: str, other: str) -> None:
    """A session of one would be the session of that name of the other; however the file is called."""
    (tmp_path / "alias.db").symlink_to(tmp_path / "s.db")
    tenants = f"tenants:\n  default: {{policy: policy.yaml, {one}}}\n  b: {{policy: policy.yaml, {other}}}\n"
    file = written(tmp_path, tenants + CONFIG.partition("\n")[2].partition("\n")[2])
    with pytest.raises(
        ConfigError, match=r"tenants\.b\.(store|audit): expected one of its own, found that of 'default'"
    ):
        load_config(file)
    load_config(written(tmp_path, file.read_text().replace(f"{other}}}\ntokens", f"{other}2}}\ntokens")))


def test_a_check_reads_keys_and_opens_nothing(tmp_path: Path) -> None:
    """A key with a pass phrase is refused, since nobody is there to type it; of stores and logs nothing is made."""
    _, key = certificate(tmp_path)
    tls = "tls: {certificate: cert.pem, key: key.pem}\n"
    file = written(tmp_path, TENANT % "store: s.db, audit: log, audit_key: {file: token}" + tls)
    before = sorted(tmp_path.iterdir())
    done = here("serve", "--check", "--config", file)
    assert (done.returncode, sorted(tmp_path.iterdir())) == (0, before)
    assert "can be used. Not opened: addresses, stores, logs" in done.stderr.replace("\n", " ")
    made = serialization.load_pem_private_key(key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(made.private_bytes(serialization.Encoding.PEM, form, secret))
    for command in (("--check",), ()):
        done = here("serve", *command, "--config", file)
        assert (done.returncode, "without a pass phrase" in done.stderr.replace("\n", " ")) == (2, True)


def test_files_of_secrets_are_relative_to_the_configuration(tmp_path: Path) -> None:
    """As all its paths are: it does not matter where the command is started."""
    config = load_config(written(tmp_path, CONFIG))
    assert config.tokens[0].secret is not None
    assert config.tokens[0].secret.read() == b"t" * 64


def test_the_folder_of_a_store_is_made_and_a_folder_is_no_store(tmp_path: Path) -> None:
    """A service that can keep no session says so when it starts, not at each call."""
    store_at(tmp_path / "var" / "sessions.db")
    assert (tmp_path / "var").is_dir()
    with pytest.raises(IsADirectoryError, match="expected a file"):
        store_at(tmp_path / "var")


@pytest.mark.parametrize(
    ("fields", "told"),
    [("", ["records", "sessions"]), ("audit: log", ["sessions"]), ("audit: log, store: s.db", [])],
)
async def test_what_lives_in_memory_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fields: str, told: list[str]
) -> None:
    """Nobody has to find out by a restart that budgets begin again, or that there is no log."""
    made = await asyncio.to_thread(Service.open, load_config(written(tmp_path, TENANT % fields)))
    assert [
        name for name in ("records", "sessions") if f"default: its {name} live in memory" in caplog.text
    ] == told
    await made.aclose()


def test_a_port_is_written_in_plain_digits(tmp_path: Path) -> None:
    """What only looks like a number is said to be none."""
    done = here("serve", "--config", written(tmp_path, CONFIG + 'listen: ["127.0.0.1:²"]\n'))
    assert done.returncode == 2
    assert "listen: expected host:port" in done.stderr.replace("\n", "")
