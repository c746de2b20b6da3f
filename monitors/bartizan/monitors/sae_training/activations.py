"""Activations on disk: what a collecting run writes and a training run reads.

A folder holds ``activations-00000.npy``, ``activations-00001.npy``, ... (float16, [n, d_in], one row a token;
positions such as [CLS] or BOS are left out by whoever collects) and ``meta.json``, which is written last: a folder
without it is a collection that was cut short. ``progress.json`` stands there meanwhile, so that one can go on.

Shape suffixes: N rows (tokens), D d_in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bartizan.guard.errors import BartizanError
from bartizan.monitors.replacing import replace_text, replacing

META = "meta.json"
PROGRESS = "progress.json"
SHARD_ROWS = 1 << 17
LARGEST = float(np.finfo(np.float16).max)


class MalformedActivations(BartizanError):
    """A folder of activations that cannot be read or written as described above."""


class ActivationWriter:
    """Writes a folder of activations, shard by shard, in bounded memory.

    ``hook_point`` and ``fingerprint`` (a JSON object) say where the activations come from; both are needed to use
    what is trained on them. With ``resume``, a collection that was cut short goes on after the last ``commit``:
    ``position`` is what was committed then (None at the start). Used as a context manager, the folder is finished
    when the block ends without an exception.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        d_in: int,
        hook_point: str,
        fingerprint: Mapping[str, Any],
        shard_rows: int = SHARD_ROWS,
        resume: bool = False,
    ) -> None:
        if d_in < 1 or shard_rows < 1:
            raise ValueError(f"d_in and shard_rows are at least 1, not {d_in} and {shard_rows}")
        self.folder = Path(folder)
        self.position: Any = None
        self.tokens = 0
        self._meta = {"d_in": d_in, "hook_point": str(hook_point), "fingerprint": dict(fingerprint)}
        self._shard_rows = shard_rows
        self._pending: list[npt.NDArray[np.float16]] = []
        self._pending_rows = 0
        self._shards = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / META).exists():
            raise MalformedActivations(f"{self.folder}: holds a finished collection; choose another folder")
        if resume and (self.folder / PROGRESS).exists():
            self._resume()
        for path in sorted(self.folder.glob("activations-*.npy"))[self._shards :]:
            if not resume:
                raise MalformedActivations(
                    f"{self.folder}: holds {path.name} of another collection; resume it, or choose another folder"
                )
            path.unlink()  # written after the last commit: its tokens will come again

    def write(self, x_ND: npt.ArrayLike) -> None:
        """Append rows. ``MalformedActivations`` if they are not [n, d_in], not finite, or too large for float16."""
        given_ND = np.asarray(x_ND)
        if given_ND.ndim != 2 or given_ND.shape[1] != self._meta["d_in"]:
            raise MalformedActivations(
                f"{self.folder}: expected rows [n, {self._meta['d_in']}], found shape {list(given_ND.shape)}"
            )
        largest = float(np.abs(given_ND).max(initial=0.0))
        if not largest <= LARGEST:  # NaN is caught too
            raise MalformedActivations(
                f"{self.folder}: row {self.tokens} or a later one of this write holds {largest}, which float16 cannot; "
                "leave out the positions of attention sinks (BOS, [CLS]), or choose an earlier hook point"
            )
        self._pending.append(given_ND.astype(np.float16))
        self._pending_rows += len(given_ND)
        self.tokens += len(given_ND)
        while self._pending_rows >= self._shard_rows:
            self._write_shard(self._shard_rows)

    def commit(self, position: Any) -> None:
        """Make everything so far durable, as a shard of its own; a resumed writer goes on at ``position`` (JSON)."""
        if self._pending_rows:
            self._write_shard(self._pending_rows)
        self._write_json(
            PROGRESS, {**self._meta, "shards": self._shards, "tokens": self.tokens, "position": position}
        )
        self.position = position

    def close(self) -> None:
        """Write what is pending, then ``meta.json``: from now on the folder can be read."""
        if self._pending_rows:
            self._write_shard(self._pending_rows)
        self._write_json(META, {**self._meta, "tokens": self.tokens})
        (self.folder / PROGRESS).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def _resume(self) -> None:
        progress = _read_json(self.folder / PROGRESS)
        for key, ours in self._meta.items():
            if progress.get(key) != ours:
                raise MalformedActivations(
                    f"{self.folder}: was begun with {key} {progress.get(key)!r}, not {ours!r}; choose another folder"
                )
        self._shards, self.tokens = int(progress["shards"]), int(progress["tokens"])
        self.position = progress["position"]

    def _write_shard(self, rows: int) -> None:
        block_ND = np.concatenate(self._pending)
        path = self.folder / f"activations-{self._shards:05d}.npy"
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, block_ND[:rows], allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        self._shards += 1
        self._pending = [block_ND[rows:]]
        self._pending_rows -= rows

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        replace_text(self.folder / name, json.dumps(value, indent=1) + "\n")


class Activations:
    """A finished folder of activations, memory-mapped. ``MalformedActivations`` if it is not as described above."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / META).is_file():
            raise MalformedActivations(
                f"{self.folder}: expected {META}, found none; was the collection finished? Resume it if not"
            )
        meta = _read_json(self.folder / META)
        try:
            self.d_in, self.tokens = int(meta["d_in"]), int(meta["tokens"])
            self.hook_point, self.fingerprint = str(meta["hook_point"]), dict(meta["fingerprint"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedActivations(
                f"{self.folder / META}: expected d_in, tokens, hook_point and fingerprint; {error!r}"
            ) from error
        self._shards = [self._open(path) for path in sorted(self.folder.glob("activations-*.npy"))]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        if self._starts[-1] != self.tokens:
            raise MalformedActivations(
                f"{self.folder}: {META} says {self.tokens} tokens, the shards hold {self._starts[-1]}; "
                "a shard is missing or does not belong here"
            )

    def __len__(self) -> int:
        return self.tokens

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Rows [start, stop) as float32 [n, d_in]. ``MalformedActivations`` names the place of a NaN or infinity."""
        if not 0 <= start <= stop <= self.tokens:
            raise IndexError(f"rows {start} to {stop} of {self.tokens}")
        rows_ND = np.empty((stop - start, self.d_in), dtype=np.float32)
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        for index in range(first, len(self._shards)):
            offset = int(self._starts[index])
            low, high = max(start, offset), min(stop, int(self._starts[index + 1]))
            if low >= high:
                break
            rows_ND[low - start : high - start] = self._shards[index][low - offset : high - offset]
        if not np.isfinite(rows_ND).all():
            row = start + int(np.argmax(~np.isfinite(rows_ND).all(axis=1)))
            raise MalformedActivations(
                f"{self.folder}: row {row} is not finite; collect the activations again"
            )
        return rows_ND

    def sample(self, rows: int, *, below: int | None = None) -> npt.NDArray[np.float32]:
        """About ``rows`` rows, in runs spread evenly over the first ``below`` (all, if not given): for statistics."""
        below = self.tokens if below is None else below
        run = 64
        runs = max(1, min(rows, below) // run)
        starts = np.linspace(0, max(0, below - run), runs).astype(np.int64)
        return np.concatenate([self.read(int(start), min(below, int(start) + run)) for start in starts])

    def _open(self, path: Path) -> npt.NDArray[np.float16]:
        try:
            shard: npt.NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise MalformedActivations(f"{path}: expected a .npy array, {error}; collect it again") from error
        if shard.dtype != np.float16 or shard.ndim != 2 or shard.shape[1] != self.d_in:
            raise MalformedActivations(
                f"{path}: expected float16 [n, {self.d_in}], found {shard.dtype} {list(shard.shape)}"
            )
        return shard


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MalformedActivations(f"{path}: expected a JSON object, {error}") from error
    if not isinstance(value, dict):
        raise MalformedActivations(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value
