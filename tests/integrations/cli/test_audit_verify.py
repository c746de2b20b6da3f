"""``bartizan audit verify`` on every kind of damage: exit code 1, and the place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bartizan.guard import FileAuditLog
from bartizan.integrations.cli import app

Lines = list[bytes]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A sound log of three full segments and the beginning of a fourth."""

    async def write() -> None:
        audit = await asyncio.to_thread(FileAuditLog, tmp_path / "audit", segment_bytes=1_000)
        for number in range(14):
            await audit.append({"kind": "observation", "n": number, "text": "x" * 40})
        await audit.aclose()

    asyncio.run(write())
    return tmp_path / "audit"


def verified(log: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", "verify", str(log)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def segment(log: Path, number: int) -> Path:
    return log / f"{number:06d}.jsonl"


def rewrite(number: int, change: Callable[[Lines], Lines]) -> Callable[[Path], None]:
    def damage(log: Path) -> None:
        path = segment(log, number)
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return damage


def swap_segments(log: Path) -> None:
    one, two = segment(log, 1), segment(log, 2)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "one edited byte": (
        rewrite(2, lambda lines: [lines[0], lines[1].replace(b"x", b"y", 1), *lines[2:]]),
        "000002.jsonl:2",
    ),
    "a deleted record": (rewrite(2, lambda lines: [lines[0], *lines[2:]]), "000002.jsonl:2"),
    "reordered records": (
        rewrite(2, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]),
        "000002.jsonl:2",
    ),
    "a duplicated record": (
        rewrite(2, lambda lines: [lines[0], lines[1], lines[1], *lines[2:]]),
        "000002.jsonl:3",
    ),
    "a truncated tail": (rewrite(4, lambda lines: lines[:-1]), "truncated"),
    "a tail cut within a record": (rewrite(4, lambda lines: [*lines[:-1], lines[-1][:-30]]), "truncated"),
    "swapped segments": (swap_segments, "000001.jsonl:1"),
    "a missing segment": (lambda log: segment(log, 2).unlink(), "000002.jsonl"),
    "a missing head": (lambda log: (log / "HEAD").unlink(), "HEAD"),
}


@pytest.mark.parametrize(("damage", "place"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found(log: Path, damage: Callable[[Path], None], place: str) -> None:
    """The log verified before; after the damage the command fails and says where."""
    assert verified(log)[0] == 0
    damage(log)
    code, text = verified(log)
    assert code == 1
    assert place in text
