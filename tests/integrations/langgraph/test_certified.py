"""A guard from files asks for a certificate where its application does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.policies.lean.certified import POLICY, pair

from bartizan.guard import Guard
from bartizan.integrations.langgraph.load import load_guard
from bartizan.integrations.mcp.load import guard_for
from bartizan.integrations.signing import generate
from bartizan.policies.lean.certificates.levels import Uncertified


def test_guards_are_built_only_of_certified_policies(tmp_path: Path) -> None:
    """Without the certificate no guard is made; with it the guard's program says the level."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    for build in (load_guard, guard_for):
        with pytest.raises(Uncertified, match="level recheck"):
            build(policy, require="recheck")
    pair().write(tmp_path)
    assert guard_for(policy, require="recheck").program.certificate == "recheck"
    signer = generate(tmp_path / "key.pem")
    replace(pair(), certificate=pair().certificate.signed(signer, signer.public)).write(tmp_path)
    assert guard_for(policy, require="recheck").program.certificate == "recheck"
    guard = load_guard(policy, require="kernel").guard
    assert isinstance(guard, Guard)
    assert guard.program.certificate == "kernel"
    assert guard_for(policy).program.certificate == "none"
