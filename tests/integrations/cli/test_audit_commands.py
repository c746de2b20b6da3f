"""``bartizan audit`` from making a key to pruning: what each command prints, and when it says no."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bartizan.guard import FileAuditLog
from bartizan.integrations.cli import app
from bartizan.integrations.sidecar.config import Secret
from bartizan.integrations.signing import Ed25519Signer


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["audit", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


async def write(directory: Path, signer: Ed25519Signer | None, start: int = 0) -> None:
    log = await asyncio.to_thread(FileAuditLog, directory, segment_bytes=3000, signer=signer)
    for n in range(start, start + 20):
        await log.append(
            {
                "kind": "decision" if n % 2 else "resolution",
                "session": f"s{n % 3}",
                "tool": "pay",
                "time": n * 1_000_000,
                "outcome": "DENY",
                "reasons": [{"rule": "cap", "text": "At most 500 a day."}],
                "answer": "reject",
                "principal": {"id": "ann" if n % 4 else "bob"},
            }
        )
    await log.aclose()


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A key and, beside it, a log that is signed with it."""
    assert "key ed25519:" in run("keygen", tmp_path / "key.pem")
    asyncio.run(write(tmp_path / "log", Ed25519Signer.load(tmp_path / "key.pem")))
    return tmp_path


def test_verify_says_what_is_signed(signed: Path) -> None:
    """With the public key it says up to where the log is signed; a log with too little of that does not verify."""
    assert "signed" not in run("verify", signed / "log")
    told = run("verify", signed / "log", "--public-key", signed / "key.pem.pub")
    assert "intact" in told
    assert "signed up to entry" in told
    assert "nothing follows it" in told
    run("keygen", signed / "other.pem")
    told = run("verify", signed / "log", "--public-key", signed / "other.pem.pub", code=1)
    assert "which was not given" in told
    assert "no checkpoint is signed" in told
    told = run("verify", signed / "log", "--public-key", signed / "key.pem", code=2)
    assert "BEGIN PUBLIC KEY" in told


@pytest.mark.parametrize("key", [b" " + b"k" * 31, b"k" * 31 + b"\t", b"\x0b" + b"k" * 30 + b"\x0c"])
async def test_a_key_is_read_as_the_service_reads_it(tmp_path: Path, key: bytes) -> None:
    """One of random bytes that begins or ends with white space verifies the log that was written with it."""
    (tmp_path / "key").write_bytes(key + b"\n")
    log = await asyncio.to_thread(FileAuditLog, tmp_path / "log", key=Secret(file=tmp_path / "key").read())
    await log.append({"kind": "test"})
    await log.aclose()
    assert "intact" in run("verify", tmp_path / "log", "--key", tmp_path / "key")


def test_keygen_writes_over_nothing(signed: Path) -> None:
    """A key that is there stays."""
    before = (signed / "key.pem").read_bytes()
    assert "is there already" in run("keygen", signed / "key.pem", code=2)
    assert (signed / "key.pem").read_bytes() == before


def test_prune_leaves_a_log_that_verifies(signed: Path) -> None:
    """Pruning needs a choice and, for a signed log, the key; afterwards verify says what went."""
    log, key, public = signed / "log", signed / "key.pem", signed / "key.pem.pub"
    assert "--before" in run("prune", log, code=2)
    assert "the log is signed" in run("prune", log, "--keep", "1", code=1)
    assert "nothing to remove" in run("prune", log, "--before", "90d", "--signing-key", key)
    told = run("prune", log, "--keep", "1", "--signing-key", key, "--why", "retention: 90 days")
    assert re.search(r"removed [2-9] segments, entries 1 to \d+; the log says so", told)
    told = run("verify", log, "--public-key", public)
    assert "retention: 90 days" in told
    assert "pruned on" in told
    path = min(log.glob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"cap", b"cup", 1))
    assert "nothing is removed" in run("prune", log, "--keep", "1", "--signing-key", key, code=1)


def test_one_log_at_a_time_is_pruned(signed: Path) -> None:
    """Where several workers write below a folder, it is said which logs there are."""
    assert "prune one of those below it: log" in run("prune", signed, "--keep", "1", code=2)
    (signed / "empty").mkdir()
    assert "below it" not in run("prune", signed / "empty", "--keep", "1", code=2)


def test_a_log_in_use_is_not_pruned(tmp_path: Path) -> None:
    """While a process writes a log, only that process prunes it."""

    async def hold() -> str:
        log = await asyncio.to_thread(FileAuditLog, tmp_path / "log")
        told = await asyncio.to_thread(run, "prune", tmp_path / "log", "--keep", "1", code=1)
        await log.aclose()
        return told

    assert "is writing this log" in asyncio.run(hold())


def test_queries_of_several_logs(tmp_path: Path) -> None:
    """Logs below one directory are queried as one, with and without index, and verified one by one."""
    for worker in (0, 1):
        asyncio.run(write(tmp_path / f"worker-{worker}", None, start=worker))
    without = run("query", tmp_path, "--tool", "pay", "--json")
    assert "records read into" in run("index", tmp_path)
    assert run("query", tmp_path, "--tool", "pay", "--json") == without
    times = [json.loads(line)["time"] for line in without.splitlines()]
    assert len(times) == 40
    assert times == sorted(times)
    assert "(worker-1)" in run("query", tmp_path, "--session", "s1")
    answered = run("query", tmp_path, "--text", "BOB", "--kind", "resolution", "--json")
    assert {json.loads(line)["principal"]["id"] for line in answered.splitlines()} == {"bob"}
    assert "reject by ann" in run("query", tmp_path, "--text", "at most 500", "--kind", "resolution")
    assert run("query", tmp_path, "--text", "at most 900") == ""
    assert run("verify", tmp_path).count("intact") == 2
    path = tmp_path / "worker-1" / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"ann", b"eve", 1))
    assert "edited" in run("verify", tmp_path, code=1)
    assert "not to the hash it carries" in run("query", tmp_path, code=1)
    assert "give the one" in run("verify", tmp_path, "--head", "1:00", code=2)


def test_a_query_goes_without_an_index_that_it_cannot_write(tmp_path: Path) -> None:
    """Where the index is not ours to write, the log itself is read, and it is said."""
    asyncio.run(write(tmp_path / "log", None))
    expected = run("query", tmp_path / "log", "--json")
    (tmp_path / "log" / "index.sqlite").mkdir()
    told = run("query", tmp_path / "log", "--json")
    assert told.startswith("without the index")
    assert told.endswith(expected)


def test_a_directory_without_a_log_is_no_empty_log(tmp_path: Path) -> None:
    """Asked about a directory that holds no log, every command says so."""
    for command in (["query"], ["export"], ["prune", "--keep", "1"]):
        assert "no audit log" in run(command[0], tmp_path, *command[1:], code=2)
    assert "there is none" in run("verify", tmp_path, code=1)


@pytest.mark.parametrize("name", ["jsonl", "csv", "opa", "agt"])
def test_export_writes_a_file(tmp_path: Path, name: str) -> None:
    """Every format, into a file and to standard output alike, filtered like a query."""
    asyncio.run(write(tmp_path / "log", None))
    printed = run("export", tmp_path / "log", "--format", name, "--session", "s1")
    run("export", tmp_path / "log", "--format", name, "--session", "s1", "--output", tmp_path / "out")
    assert (tmp_path / "out").read_text("utf-8") == printed
    assert len(printed.splitlines()) == {"jsonl": 7, "csv": 8, "opa": 4, "agt": 4}[name]


def test_a_pointer_is_a_name_and_a_uri(tmp_path: Path) -> None:
    """Where an auditor may look is named in the evidence; what is no URI is refused."""
    asyncio.run(write(tmp_path / "log", None))
    told = run("export", tmp_path / "log", "--format", "agt", "--pointer", "log=https://example.org/log")
    assert all("https://example.org/log" in line for line in told.splitlines())
    assert "NAME=URI" in run("export", tmp_path / "log", "--format", "agt", "--pointer", "log=there", code=2)


@pytest.mark.parametrize("indexes", [False, True])
def test_conditions_that_no_record_can_meet_are_answered(signed: Path, indexes: bool) -> None:
    """A time before all times means all records; what is no text is said to be none."""
    if indexes:
        run("index", signed / "log")
    everything = run("query", signed / "log")
    assert run("query", signed / "log", "--since", "99999999999999999999h") == everything
    for option in ("--session", "--text"):
        told = run("query", signed / "log", option, "\udcff", code=2)
        assert "expected a condition in UTF-8" in told
