"""``bartizan certify`` and ``bartizan import-lean`` as people meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.policies.lean.handmade import File
from tests.policies.lean.test_importing import YAML, by_hand

from bartizan.policies import compile_policy, load_policy

from .command import run

POLICY = """\
version: 1
name: sample
tools:
  pay: {args: {to: str, cost: dec(2)}}
rules:
  - {id: corp, allow: [pay], when: 'args.to.endsWith("@corp.com")'}
  - {id: cap, deny: [pay], when: args.cost > 100.00}
invariants:
  - never: allowed(pay) && args.cost > 150.00
  - never: allowed(pay) && args.to.fullmatches("[a-z]+@evil.org")
"""
POSSIBLE = POLICY + "  - possible: allowed(pay) && args.cost == 7.00\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_a_certificate_is_written_beside_the_policy_and_checked(policy: Path) -> None:
    """Both files are there, say how each invariant is covered, and pass every level; a changed policy does not."""
    code, out, _ = run("certify", policy)
    assert code == 0
    assert "9 theorems, 1 facts" in out
    assert "kernel  never: `allowed" in out
    assert "kernel* never: `allowed" in out
    body = json.loads((policy.parent / "policy.cert.json").read_text())
    assert body["policy"] == {"name": "sample", "hash": load_policy(policy).hash}
    assert (policy.parent / "policy.proof.ndjson").stat().st_size == body["proof"]["bytes"]
    for level in ("hash", "recheck", "kernel"):
        code, out, _ = run("certify", "--check", level, policy)
        assert (code, f": {level}" in out) == (0, True)
    policy.write_text(POLICY.replace("100.00", "99.00"))
    code, _, err = run("certify", "--check", "hash", policy)
    assert code == 1
    assert "level hash: the policy's hash" in err
    assert "run `bartizan certify`" in " ".join(err.split())


def test_two_policies_do_not_share_a_certificate(policy: Path) -> None:
    """In one folder the second would take the place of the first: that is an error, not a certificate less."""
    other = policy.parent / "elsewhere" / "policy.yaml"
    other.parent.mkdir()
    other.write_text(POLICY.replace("name: sample", "name: other"))
    code, _, err = run("certify", policy, other, "--out", policy.parent)
    assert (code, "two of these policies would have it" in err) == (2, True)
    assert run("certify", policy, other)[0] == 0
    assert run("certify", policy, other, "--check", "kernel")[0] == 0


def test_packs_go_where_they_are_told(tmp_path: Path) -> None:
    """A pack is no file to be beside: its certificate goes into a folder."""
    code, out, _ = run("certify", "baseline", "--out", tmp_path)
    assert (code, "certified" in out) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["baseline.cert.json", "baseline.proof.ndjson"]
    assert run("certify", "baseline", "--out", tmp_path, "--check", "kernel")[0] == 0


def test_signed_certificates_are_checked_with_their_key(policy: Path) -> None:
    """``--sign`` signs, ``--key`` demands; a key that is none is an input that cannot be used."""
    key = policy.parent / "key.pem"
    assert run("audit", "keygen", key)[0] == 0
    code, out, _ = run("certify", policy, "--sign", key)
    assert (code, "signed by ed25519:" in out) == (0, True)
    assert run("certify", "--check", "hash", policy, "--key", f"{key}.pub")[0] == 0
    other = policy.parent / "other.pem"
    assert run("audit", "keygen", other)[0] == 0
    code, _, err = run("certify", "--check", "hash", policy, "--key", f"{other}.pub")
    assert (code, "not signed by any of" in err) == (1, True)
    assert run("certify", policy, "--sign", policy)[0] == 2
    assert run("certify", "--check", "hash", policy, "--key", policy)[0] == 2


def test_what_nothing_speaks_for_is_not_certified(policy: Path) -> None:
    """An invariant that is false is told with why, and no file is written."""
    policy.write_text(POLICY.replace("150.00", "50.00"))
    code, _, err = run("certify", policy)
    assert code == 1
    assert "never: allowed(pay) && args.cost > 50.00: it is refuted" in err
    assert not (policy.parent / "policy.cert.json").exists()


def test_without_a_solver_the_kernel_does_what_it_can(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fragment covers needs no solver; for the rest the extra is named."""
    monkeypatch.setattr("bartizan.integrations.cli.certify.find_spec", lambda name: None)
    assert run("certify", policy)[0] == 0
    policy.write_text(POSSIBLE)
    code, _, err = run("certify", policy)
    assert (code, "bartizan[prove]" in err) == (1, True)


def test_another_kernel_can_be_asked(policy: Path) -> None:
    """Its verdict is told in the certificate; where it refuses, nothing is written."""
    kernel = policy.parent / "nanoda_bin"
    kernel.write_text('#!/bin/sh\ngrep -q export_file_path "$1"\n')
    kernel.chmod(0o755)
    assert run("certify", policy, "--kernel", kernel)[0] == 0
    body = json.loads((policy.parent / "policy.cert.json").read_text())
    assert [each["name"] for each in body["checkers"]] == ["bartizan", "nanoda_bin"]
    assert run("certify", "--check", "external", policy, "--kernel", kernel)[0] == 0
    kernel.write_text("#!/bin/sh\nexit 1\n")
    (policy.parent / "policy.cert.json").unlink()
    code, _, err = run("certify", policy, "--kernel", kernel)
    assert (code, "does not accept the proof" in err) == (1, True)
    assert not (policy.parent / "policy.cert.json").exists()
    assert run("certify", policy, "--kernel", "no-such-kernel")[0] == 2


def test_a_proxy_guards_with_a_certified_policy_only(policy: Path) -> None:
    """``proxy --require`` ends before anything is passed on; a sidecar's policy is the sidecar's affair."""
    server = [sys.executable, str(Path(__file__).parents[1] / "mcp" / "desk_server.py")]
    code, _, err = run("proxy", "--sidecar", "http://127.0.0.1:1", "--require", "kernel", "--", *server)
    assert (code, "for deciding here" in err) == (2, True)
    main = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()", "proxy"]
    command = [*main, "--policy", str(policy), "--require", "kernel", "--", *server]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert (done.returncode, "not certified at level kernel" in done.stderr) == (2, True), done.stderr


def test_a_policy_comes_from_a_term(tmp_path: Path) -> None:
    """The YAML has the hash of what was meant; the certificate keeps the author's theorem and passes the kernel."""
    file, target = tmp_path / "mine.ndjson", tmp_path / "mine.yaml"
    file.write_bytes(by_hand().bytes())
    code, out, _ = run("import-lean", file, "--const", "Mine.policy", "--out", target)
    assert code == 0
    assert "keeps   Mine.at_most_500" in out
    assert load_policy(target, require="kernel").hash == compile_policy(YAML).hash
    assert run("certify", "--check", "kernel", target)[0] == 0


def test_what_is_no_policy_is_not_imported(tmp_path: Path) -> None:
    """One clear line and exit code 1 for a file that is refused, 2 for one that is not there; nothing is written."""
    file, target = tmp_path / "mine.ndjson", tmp_path / "mine.yaml"
    code, _, err = run("import-lean", file, "--const", "Mine.policy", "--out", target)
    assert (code, "cannot read" in err) == (2, True)
    made = File()
    made.theorem("Mine.false", made.const("False"), made.const("True.intro"))
    file.write_bytes(made.bytes())
    code, _, err = run("import-lean", file, "--const", "Mine.policy", "--out", target)
    assert (code, "the kernel refuses the proof" in err) == (1, True)
    assert not target.exists()
