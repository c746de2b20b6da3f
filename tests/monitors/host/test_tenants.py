"""Tokens are read strictly, found by their hash, and never quoted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bartizan.monitors.host.tenants import MalformedTokens, Tokens

TOKEN = "kZr8Qm3vT1xW7yB2nL5d"
HASHED = hashlib.sha256(b"another-token-of-acme").hexdigest()


def test_a_token_is_its_tenant_s() -> None:
    """Plain and hashed tokens are found, also several of one tenant; everything else is nobody's."""
    tokens = Tokens.parse(
        f"# ours\nacme {TOKEN} # rotated in May\n\nacme sha256:{HASHED.upper()}\n* {TOKEN[::-1]}\n"
    )
    assert tokens.tenant(f"Bearer {TOKEN}") == "acme"
    assert tokens.tenant(f"bearer  {TOKEN}") == "acme"
    assert tokens.tenant("Bearer another-token-of-acme") == "acme"
    assert tokens.tenant(f"Bearer {TOKEN[::-1]}") == "*"
    for nobody in (
        None,
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {HASHED}",
        "Bearer \udcff",
    ):
        assert tokens.tenant(nobody) is None
    assert TOKEN not in repr(tokens)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "at least one line"),
        ("# nothing\n", "at least one line"),
        (f"acme {TOKEN}\nacme\n", "tokens:2: expected a tenant and a token"),
        (f"acme {TOKEN} extra", "tokens:1"),
        ("acme hunter2", "tokens:1: expected a token of at least 16"),
        ("acme sha256:1234", "tokens:1: expected sha256"),
        (f"acme {TOKEN}\nglobex {TOKEN}", "tokens:2: expected distinct"),
        (f"acme {TOKEN}é", "ASCII"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(text: str, problem: str) -> None:
    """The error names the line and what was expected, and quotes no token."""
    with pytest.raises(MalformedTokens, match=problem) as caught:
        Tokens.parse(text)
    assert TOKEN not in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    """A token file on disk is read; one that is not there is an error that names it."""
    (tmp_path / "tokens").write_text(f"acme {TOKEN}\n")
    assert Tokens.load(tmp_path / "tokens").tenant(f"Bearer {TOKEN}") == "acme"
    with pytest.raises(MalformedTokens, match="absent"):
        Tokens.load(tmp_path / "absent")
