"""A configuration that cannot be meant is refused: with the place, without a trace, and nothing of it is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integrations.cli.command import here

from bartizan.integrations.assembly import store_at
from bartizan.integrations.sidecar.config import ConfigError, load_config
from bartizan.integrations.sidecar.service import Service

CONFIG = """tenants:
  default: {policy: policy.yaml}
tokens:
  - {name: agent, scopes: [decide], secret: {file: token}}
"""


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
        (CONFIG.replace("file: token", 'file: "a\\0b"'), "a secret is not where it should be"),
        (CONFIG.replace("file: token", 'env: "a\\0b"'), "no variable 'a\\x00b' is set"),
        (CONFIG.replace("file: token", "env: NO_SUCH_VARIABLE"), "no variable 'NO_SUCH_VARIABLE' is set"),
        (CONFIG.replace("policy.yaml", '"a\\0b.yaml"'), "tenants.default: embedded null byte"),
        ("\x00", "error[invisible-character]"),
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


def test_a_port_is_written_in_plain_digits(tmp_path: Path) -> None:
    """What only looks like a number is said to be none."""
    done = here("serve", "--config", written(tmp_path, CONFIG + 'listen: ["127.0.0.1:²"]\n'))
    assert done.returncode == 2
    assert "listen: expected host:port" in done.stderr.replace("\n", "")
