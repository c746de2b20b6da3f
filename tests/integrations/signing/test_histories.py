"""Whatever happens to a log in whatever order, it verifies, or a crash explains why not and opening repairs it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import Durability, FileAuditLog, Receipt, Wanted, query, verify
from bartizan.guard.audit.segments import Head
from bartizan.integrations.signing import Ed25519Signer, generate

KEY = b"k" * 32
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 12)),
        st.tuples(st.just("prune"), st.integers(1, 3)),
        st.tuples(st.just("reopen"), st.just(0)),
        st.tuples(st.just("crash"), st.integers(0, 2000)),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Ed25519Signer:
    return generate(tmp_path_factory.mktemp("keys") / "key.pem")


class History:
    """A log on disk, and what was acknowledged of it."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.options = {"segment_bytes": 1500, "checkpoint_every": 4, **options}
        self.acknowledged: list[int] = []
        self.pruned: Receipt | None = None
        self.copies = 0
        self.directory = root / "0"
        self.log = FileAuditLog(self.directory, **self.options)

    async def append(self, count: int) -> None:
        begin = self.acknowledged[-1] + 1 if self.acknowledged else 0
        numbers = range(begin, begin + count)
        await asyncio.gather(*(self.log.append({"kind": "test", "n": n}) for n in numbers))
        self.acknowledged += numbers

    async def prune(self, keep: int) -> None:
        gone = await self.log.prune(keep=keep)
        if gone:
            self.pruned = gone[-1].last

    async def reopen(self, _: int) -> None:
        await self.log.aclose()
        self.log = await asyncio.to_thread(FileAuditLog, self.directory, **self.options)

    async def crash(self, cut: int) -> None:
        """Go on from a copy of the files as they are; of what the head does not name yet, the end may be missing."""
        self.copies += 1
        copy = self.root / str(self.copies)
        await asyncio.to_thread(shutil.copytree, self.directory, copy)
        await self.log.aclose()
        await asyncio.to_thread(self._cut, copy, cut)
        checked = self._verified(copy)
        assert checked.ok or checked.repairable, checked.problems
        self.directory = copy
        self.log = await asyncio.to_thread(FileAuditLog, copy, **self.options)
        left = {entry.record["n"] for entry in query(copy, Wanted(kind="test"))}
        kept = [n for n in self.acknowledged if n in left or self._is_pruned(n)]
        if self.options["durability"] != "os":
            assert kept == self.acknowledged
        self.acknowledged = kept

    def _is_pruned(self, n: int) -> bool:
        first = next((entry.record["n"] for entry in query(self.directory, Wanted(kind="test"))), None)
        return self.pruned is not None and (first is None or n < first)

    def _cut(self, copy: Path, cut: int) -> None:
        head = Head.parse((copy / "HEAD").read_bytes(), self.options.get("key"))
        path = sorted(copy.glob("*.jsonl"))[-1]
        data = path.read_bytes()
        kept = 0
        if int(path.stem) == head.segment:
            kept = data.index(head.receipt.hash.encode() + b'",')
            kept = data.index(b"\n", kept) + 1
        path.write_bytes(data[: max(kept, len(data) - cut)])

    def _verified(self, directory: Path) -> Any:
        signer = self.options.get("signer")
        return verify(directory, key=self.options.get("key"), public_keys=[signer] if signer else [])

    def check(self) -> None:
        """Everything that was acknowledged is there, unless it was pruned; and the log verifies."""
        checked = self._verified(self.directory)
        assert checked.ok, checked.problems
        assert (checked.pruned is not None) == (self.pruned is not None)
        if checked.pruned is not None and self.pruned is not None:
            assert checked.pruned.upto.seq <= self.pruned.seq
        left = [entry.record["n"] for entry in query(self.directory, Wanted(kind="test"))]
        assert left == self.acknowledged[len(self.acknowledged) - len(left) :]
        if self.pruned is None:
            assert left == self.acknowledged


@settings(max_examples=40, deadline=None)
@given(
    steps=STEPS,
    keyed=st.booleans(),
    signed=st.booleans(),
    durability=st.sampled_from(["fsync", "os"]),
)
def test_a_log_survives_its_history(
    signer: Ed25519Signer, steps: list[tuple[str, int]], keyed: bool, signed: bool, durability: Durability
) -> None:
    """Appending, pruning, closing and crashing in any order, however protected, keeps what was acknowledged."""

    async def live(root: Path) -> None:
        options: dict[str, Any] = {"durability": durability}
        if keyed:
            options["key"] = KEY
        if signed:
            options["signer"] = signer
        history = await asyncio.to_thread(History, root, **options)
        for name, argument in steps:
            await getattr(history, name)(argument)
        await history.log.aclose()
        await asyncio.to_thread(history.check)

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(live(Path(name)))
