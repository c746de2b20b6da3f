"""The files that make a tenant's policy: its own, those it includes, wherever they lie, and its certificate's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import TypeAlias

from bartizan.policies import PolicyError, packs
from bartizan.policies.document.loading import load_document
from bartizan.policies.lean.certificates.files import certificate_of, proof_of
from bartizan.policies.load import MAX_INCLUDES, read_source

from .config import Tenant

Look: TypeAlias = tuple[str, int, int]
"""A file, when it was written (nanoseconds) and its size: -1 if nothing can be seen there."""

Looks: TypeAlias = tuple[Look, ...]


class Watched:
    """Remembers what the files that it has seen include, so that only those that were written are read."""

    def __init__(self, settings: Tenant) -> None:
        self._settings = settings
        self._included: dict[Look, Sequence[str]] = {}

    def look(self) -> Looks:
        """What tells that one of the files was written. Raises ``OSError`` where a folder cannot be read."""
        policy, known, library = Path(self._settings.policy), self._included, packs()
        self._included, found, waiting = {}, list[Look](), [policy]
        while waiting and len(found) <= MAX_INCLUDES:
            file = waiting.pop()
            look, regular = _look(file)
            if look in found:
                continue
            found.append(look)
            names = known.get(look) if regular else ()
            if names is None:
                names = _included(file)
            if names is not None:
                self._included[look] = names
                waiting += (file.parent / name for name in names if name not in library)
        return (*found, *(_look(file)[0] for file in self._certificates(policy)))

    def _certificates(self, policy: Path) -> Iterator[Path]:
        at = self._settings.certificate.at
        if at is not None and at.is_dir():
            for pattern in ("*.cert.json", "*.proof.ndjson"):
                yield from sorted(at.glob(pattern))
        else:
            certificate = certificate_of(policy) if at is None else at
            yield from (certificate, proof_of(certificate))


def _look(file: Path) -> tuple[Look, bool]:
    """And whether reading it ends."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return (str(file), 0, -1), False
    return (str(file), status.st_mtime_ns, status.st_size), S_ISREG(status.st_mode)


def _included(file: Path) -> Sequence[str] | None:
    """What a file includes; one that is no policy, nothing: who loads it says why. None if it cannot be read now."""
    try:
        return load_document(read_source(file)).document.include
    except PolicyError:
        return ()
    except OSError:
        return None
