"""Another kernel is believed when it accepts, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.waiting import PATIENCE, block_until

from bartizan.policies.lean.certificates.external import Kernel, NoKernel, find_kernel, rejection


def program(folder: Path, body: str, name: str = "checker") -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return str(file)


def asked(folder: Path, body: str, seconds: float = PATIENCE) -> str | None:
    return rejection(find_kernel([program(folder, body)]), b'{"meta":{}}\n', seconds)


def test_only_an_exit_code_of_zero_accepts(tmp_path: Path) -> None:
    """A rejection, a refusal to say, an error, a signal and a crash all reject."""
    assert asked(tmp_path, "exit 0") is None
    for ending in (
        "exit 1",
        "exit 2",
        "exit 3",
        "exit 77",
        "kill -9 $$",
        "kill -6 $$",
        "exec /no/such/program",
    ):
        found = asked(tmp_path, ending)
        assert found is not None
        assert "ended with" in found


def test_it_reads_the_very_bytes(tmp_path: Path) -> None:
    """The file that it is given holds what was checked."""
    assert asked(tmp_path, """[ "$(cat "$1")" = '{"meta":{}}' ]""") is None


def test_arguments_of_ones_own_name_the_proof(tmp_path: Path) -> None:
    """They are passed on as they are, but for the file; a program that would not see it is not asked."""
    strict = program(tmp_path, """[ "$1" = --strict={} ] && grep -q meta "$2" """)
    assert rejection(find_kernel([strict, "--strict={}", "{file}"]), b'{"meta":{}}\n') is None
    with pytest.raises(NoKernel, match="name no proof"):
        find_kernel([strict, "--strict"])


def test_a_kernel_may_be_named_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is one from here, not from the folder that the kernel works in."""
    program(tmp_path, "exit 0")
    monkeypatch.chdir(tmp_path)
    assert rejection(find_kernel(["./checker"]), b"") is None


def test_what_it_says_is_told(tmp_path: Path) -> None:
    """The end of its output is in the reason; the rest, however much, is not kept."""
    found = asked(tmp_path, "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo 'type mismatch' >&2; exit 1")
    assert found is not None
    assert found.endswith("type mismatch")
    assert len(found) < 1_000


def test_silence_rejects_and_leaves_nothing_running(tmp_path: Path) -> None:
    """After the time is over the program and what it started are gone."""
    started, seconds = tmp_path / "started", 0.1
    while not started.exists():  # its time has to be enough for it to start another
        seconds *= 2
        found = asked(
            tmp_path, f"sleep 600 & echo $! > {started}.new; mv {started}.new {started}; wait", seconds
        )
        assert found is not None
        assert "said nothing" in found
    process = Path(f"/proc/{started.read_text().strip()}/stat")
    block_until(lambda: not process.exists() or process.read_text().split()[2] == "Z")


def test_a_program_that_cannot_be_started_rejects(tmp_path: Path) -> None:
    """A file that is no program is a reason, not an exception."""
    file = tmp_path / "checker"
    file.write_bytes(b"\x7fELF not at all")
    file.chmod(0o755)
    found = rejection(Kernel("checker", str(file)), b"")
    assert found is not None
    assert "could not be started" in found or "ended with" in found


def test_known_kernels_are_found_and_called_as_they_want(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first on PATH is taken; nanoda gets a configuration that permits no axiom, the others the file."""
    with pytest.raises(NoKernel, match="no program"):
        find_kernel(["no-such-kernel"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoKernel, match="nanoda_bin"):
        find_kernel()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    program(tmp_path / "bin", '[ "$1" = --import ] && grep -q meta "$2"', "lean4lean")
    assert find_kernel().name == "lean4lean"
    assert rejection(find_kernel(), b'{"meta":{}}\n') is None
    program(
        tmp_path / "bin",
        'grep -q \'"permitted_axioms": \\[\\]\' "$1" && grep -q \'"unpermitted_axiom_hard_error": true\' "$1"',
        "nanoda_bin",
    )
    assert find_kernel().name == "nanoda_bin"
    assert rejection(find_kernel(), b'{"meta":{}}\n') is None
