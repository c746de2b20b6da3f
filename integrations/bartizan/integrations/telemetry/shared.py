"""Snapshots in a directory that the workers of one service share: each writes its own, any adds them all up.

Whichever worker is asked, the answer is about the whole service, and counters never run backwards: a worker writes its
snapshot before it answers, what a worker that ended has counted is kept, and its successor takes it over. Of a
worker that was killed, the last seconds may be missing.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .families import Families, add, from_json, to_json

_SUFFIX = ".metrics.json"
_TRIES = 5
log = logging.getLogger("bartizan.telemetry")


class Snapshots:
    """The snapshots of a service. ``worker`` is this one's number: it takes over from an ended one of that number."""

    def __init__(self, directory: Path, worker: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._worker = worker
        self._name = f"{worker}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._before: Families = {}
        self._absorbed: list[str] = []
        for name, body in self._others(()):
            if body["worker"] == worker and not _alive(body["process"]):
                add(self._before, body["families"], ended=True)
                self._absorbed += [name, *body["absorbed"]]

    def write(self, own: Families) -> Families:
        """Write what this worker has measured; answers that, with what its predecessors had."""
        mine: Families = {}
        add(mine, self._before)
        add(mine, own)
        body = {
            "worker": self._worker,
            "process": os.getpid(),
            "absorbed": self._absorbed,
            "families": to_json(mine),
        }
        part = self._directory / f"{self._name}.part"
        part.write_text(json.dumps(body), "utf-8")
        part.replace(self._directory / self._name)
        for name in self._absorbed:  # taken over, by what was just written
            with suppress(OSError):
                (self._directory / name).unlink()
        return mine

    def together(self, own: Families) -> Families:
        """What all workers have measured."""
        found = self.write(own)
        for _, body in self._others({self._name, *self._absorbed}):
            add(found, body["families"], ended=not _alive(body["process"]))
        return found

    def _others(self, without: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for _ in range(_TRIES):
            bodies: dict[str, dict[str, Any]] = {}
            try:
                for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
                    if path.name not in without:
                        bodies |= _read(path)
                break
            except FileNotFoundError:
                continue  # just taken over, by one that may be there now
        taken = {name for body in bodies.values() for name in body["absorbed"]}
        return ((name, body) for name, body in bodies.items() if name not in taken)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """A snapshot by its name; nothing, if it is none."""
    try:
        body = json.loads(path.read_text("utf-8"))
        return {path.name: {**body, "families": from_json(body["families"])}}
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is no snapshot, and is left out: %s", path, error)
        return {}


def _alive(process: object) -> bool:
    if not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
