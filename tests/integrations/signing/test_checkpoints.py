"""Signed checkpoints: who has the public key sees what only the holder of the private one can have written."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.waiting import until

from bartizan.guard import AuditError, AuditTampered, FileAuditLog, Receipt, Wanted, query, verify
from bartizan.guard.audit.chain import GENESIS, seal, unseal
from bartizan.guard.audit.segments import Head
from bartizan.integrations.signing import BadKey, Ed25519Signer, Ed25519Verifier, generate

EVERY = 5


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Ed25519Signer:
    return generate(tmp_path_factory.mktemp("keys") / "key.pem")


async def fill(directory: Path, signer: Ed25519Signer | None, count: int, **options: object) -> None:
    log = await asyncio.to_thread(
        FileAuditLog, directory, signer=signer, checkpoint_every=EVERY, segment_bytes=4000, **options
    )
    for n in range(count):
        await log.append({"kind": "decision", "n": n})
    await log.aclose()


@pytest.fixture
def log(tmp_path: Path, signer: Ed25519Signer) -> Path:
    """A signed log of three segments or more."""
    asyncio.run(fill(tmp_path / "log", signer, 40))
    assert len(list((tmp_path / "log").glob("*.jsonl"))) >= 3
    return tmp_path / "log"


def kinds(log: Path, *keys: Ed25519Verifier) -> set[str]:
    return {problem.kind for problem in verify(log, public_keys=keys).problems}


def test_a_closed_log_is_signed_to_its_end(log: Path, signer: Ed25519Signer) -> None:
    """From its first entry to its last a closed log is signed, and every segment ends with a checkpoint."""
    checked = verify(log, public_keys=[signer])
    assert checked.ok, checked.problems
    assert checked.signed is not None
    assert checked.signed.covers.seq == checked.last.seq - 1
    assert checked.signed.key_id == signer.key_id
    for path in log.glob("*.jsonl"):
        assert unseal(path.read_bytes().splitlines()[-1]).record["kind"] == "checkpoint"
    seqs = [entry.seq for entry in query(log, Wanted(kind="checkpoint"))]
    assert seqs[0] == 2
    assert all(later - earlier <= EVERY + 1 for earlier, later in itertools.pairwise(seqs))
    assert verify(log).signed is None
    assert verify(log).ok


async def test_a_pause_is_signed(tmp_path: Path, signer: Ed25519Signer) -> None:
    """What was written last does not wait for more to come: two seconds later it is signed."""
    log = await asyncio.to_thread(FileAuditLog, tmp_path, signer=signer)
    last = await log.append({"kind": "decision"})

    async def signed() -> bool:
        found = (await asyncio.to_thread(verify, tmp_path, public_keys=[signer])).signed
        return found is not None and found.covers == last

    await until(signed)
    await log.aclose()


def rewrite(log: Path, change: Callable[[dict[str, object]], dict[str, object] | None]) -> None:
    """What somebody without the key does best: change or drop records, and every hash and the head after them."""
    last, segment = Receipt(0, GENESIS), 0
    for path in sorted(log.glob("*.jsonl")):
        lines, segment = [], segment + 1
        for line in path.read_bytes().splitlines():
            record = change(dict(unseal(line).record))
            if record is not None:
                sealed, last = seal(record, last.seq + 1, last.hash)
                lines.append(sealed + b"\n")
        path.write_bytes(b"".join(lines))
    (log / "HEAD").write_bytes(Head(last, segment).render(None))


def edited(record: dict[str, object]) -> dict[str, object]:
    return {**record, "n": 7000} if record.get("n") == 7 else record


def test_a_rewritten_log_is_found(log: Path, signer: Ed25519Signer) -> None:
    """A record changed and everything after it made to fit passes without the public key, and is found with it."""
    rewrite(log, edited)
    assert verify(log).ok
    assert kinds(log, signer) == {"signature", "unsigned"}
    with pytest.raises(AuditTampered):
        FileAuditLog(log, signer=signer)


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_taking_the_checkpoints_out_is_found(log: Path, signer: Ed25519Signer, keep: int) -> None:
    """Rewritten after its first checkpoints, and without the others, a log is signed too little, and not continued."""
    seen = 0

    def drop(record: dict[str, object]) -> dict[str, object] | None:
        nonlocal seen
        if record.get("kind") != "checkpoint":
            return edited(record)
        seen += 1
        if seen > keep:
            return None
        covers = {"seq": record["seq"] - 1, "hash": record["prev"]}  # type: ignore[operator]
        return record if record["covers"] == covers else None

    rewrite(log, drop)
    assert verify(log).ok
    checked = verify(log, public_keys=[signer])
    assert "unsigned" in {problem.kind for problem in checked.problems}
    assert (checked.signed is not None) == (keep > 0)
    with pytest.raises((AuditTampered, AuditError)):
        FileAuditLog(log, signer=signer)


def test_a_log_of_another_key_is_found(tmp_path: Path, log: Path, signer: Ed25519Signer) -> None:
    """A log signed with a key that was not given does not verify, and is not continued with another."""
    other = generate(tmp_path / "other.pem")
    assert kinds(log, other) == {"signature", "unsigned"}
    with pytest.raises(AuditTampered, match="was not given"):
        FileAuditLog(log, signer=other)


def test_keys_are_changed_without_a_gap(tmp_path: Path, log: Path, signer: Ed25519Signer) -> None:
    """A log goes on under a new key where the old one is trusted, and verifies with both."""
    other = generate(tmp_path / "other.pem")
    asyncio.run(fill(log, other, 8, trusted=[signer]))
    checked = verify(log, public_keys=[signer, other])
    assert checked.ok, checked.problems
    assert checked.signed is not None
    assert checked.signed.key_id == other.key_id
    assert "signature" in kinds(log, other)


def test_a_log_is_signed_from_its_beginning_or_not_at_all(
    log: Path, tmp_path: Path, signer: Ed25519Signer
) -> None:
    """Signing is neither forgotten nor begun in the middle, so that taking every signature out is no way out."""
    with pytest.raises(AuditError, match="the log is signed"):
        FileAuditLog(log)
    asyncio.run(fill(tmp_path / "plain", None, 3))
    with pytest.raises(AuditTampered, match="without signatures"):
        FileAuditLog(tmp_path / "plain", signer=signer)
    assert kinds(tmp_path / "plain", signer) == {"unsigned"}


@pytest.mark.parametrize("field", ["time", "every", "signature", "key_id", "covers"])
def test_every_part_of_a_checkpoint_is_signed(log: Path, signer: Ed25519Signer, field: str) -> None:
    """Whatever is changed in the last checkpoint, its own hash made to fit, is found."""
    path = sorted(log.glob("*.jsonl"))[-1]
    *lines, last = path.read_bytes().splitlines(keepends=True)
    record = dict(unseal(last[:-1]).record)
    changed: dict[str, object] = {
        "time": record["time"] + 1,
        "every": 10**6,
        "signature": "00" * 64,
        "key_id": "ed25519:0",
        "covers": {"seq": 1, "hash": "0" * 64},
    }
    line, receipt = seal({**record, field: changed[field]}, record["seq"], record["prev"])
    path.write_bytes(b"".join(lines) + line + b"\n")
    (log / "HEAD").write_bytes(Head(receipt, int(path.stem)).render(None))
    assert verify(log).ok
    assert kinds(log, signer) == {"signature"}


def test_a_pruned_signed_log_verifies(log: Path, signer: Ed25519Signer) -> None:
    """The record of what was pruned is itself under a signature at once."""

    async def prune() -> None:
        audit = await asyncio.to_thread(FileAuditLog, log, signer=signer, checkpoint_every=EVERY)
        assert await audit.prune(keep=1)
        shutil.copytree(log, log.with_name("copy"))
        await audit.aclose()

    asyncio.run(prune())
    for directory in (log, log.with_name("copy")):
        checked = verify(directory, public_keys=[signer])
        assert checked.ok, checked.problems
        assert checked.pruned is not None
    asyncio.run(fill(log, signer, 12))
    assert verify(log, public_keys=[signer]).ok


KILLED = """
import asyncio, os, signal, sys
from bartizan.guard import FileAuditLog
from bartizan.integrations.signing import Ed25519Signer

async def main():
    log = FileAuditLog(sys.argv[1], signer=Ed25519Signer.load(sys.argv[2]), checkpoint_every=5, durability=sys.argv[3])
    for n in range(23):
        await log.append({"kind": "decision", "n": n})
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["fsync", "os"])
def test_a_killed_writers_log_is_signed_again_when_it_is_opened(tmp_path: Path, durability: str) -> None:
    """After SIGKILL the few entries since the last checkpoint are unsigned; opening the log signs them."""
    signer = generate(tmp_path / "key.pem")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "log"), str(tmp_path / "key.pem"), durability]
    assert subprocess.run(command, check=False).returncode == -9
    checked = verify(tmp_path / "log", public_keys=[signer])
    assert checked.ok or checked.repairable, checked.problems
    assert checked.signed is not None
    assert 0 < checked.last.seq - checked.signed.covers.seq - 1 < EVERY
    asyncio.run(fill(tmp_path / "log", signer, 0))
    checked = verify(tmp_path / "log", public_keys=[signer])
    assert checked.ok, checked.problems
    assert checked.signed is not None
    assert checked.signed.covers.seq == checked.last.seq - 1


async def test_without_a_signature_nothing_is_acknowledged(tmp_path: Path, signer: Ed25519Signer) -> None:
    """A signer that fails stops the log: a signed log does not quietly go on unsigned."""

    class Broken:
        key_id = signer.key_id
        works = True

        def verify(self, message: bytes, signature: bytes) -> bool:
            return signer.verify(message, signature)

        def sign(self, message: bytes) -> bytes:
            if not self.works:
                raise OSError("the key store is gone")
            return signer.sign(message)

    broken = Broken()
    log = await asyncio.to_thread(FileAuditLog, tmp_path, signer=broken, checkpoint_every=2)
    await log.append({"kind": "decision"})
    broken.works = False
    for _ in range(2):
        with pytest.raises(AuditError, match="the key store is gone"):
            await log.append({"kind": "decision"})
    await log.aclose()


def test_keys_are_files_that_openssl_reads(tmp_path: Path) -> None:
    """A key survives its files, has one name, and is neither read from a public file nor written over another."""
    made = generate(tmp_path / "key.pem")
    private, public = tmp_path / "key.pem", tmp_path / "key.pem.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert Ed25519Signer.load(private).key_id == Ed25519Verifier.load(public).key_id == made.key_id
    signature = Ed25519Signer.load(private).sign(b"text")
    assert Ed25519Verifier.load(public).verify(b"text", signature)
    assert not Ed25519Verifier.load(public).verify(b"other", signature)
    assert not Ed25519Verifier.load(public).verify(b"text", b"")
    with pytest.raises(FileExistsError):
        generate(private)
    with pytest.raises(BadKey, match="private key"):
        Ed25519Signer.load(public.rename(tmp_path / "public"))
    with pytest.raises(BadKey, match="public key"):
        Ed25519Verifier.load(private)
    private.chmod(0o644)
    with pytest.raises(BadKey, match="chmod 600"):
        Ed25519Signer.load(private)
