"""What a guard is put together from, by what people write down: a store's address, a host of monitors, a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from errno import EISDIR
from pathlib import Path
from typing import Literal

from bartizan.guard import Proposer, SessionStore, Verifier
from bartizan.guard.gather import Monitor
from bartizan.guard.sqlite import SqliteStore
from bartizan.monitors import Backend
from bartizan.monitors.monitor import monitors_for
from bartizan.policies.lean.certificates.levels import Level, Requirement
from bartizan.policies.program import Program

REDIS = ("redis://", "rediss://", "unix://")
"""How the address of a Redis begins."""


def store_at(where: str | Path, *, tenant: str = "default") -> SessionStore:
    """The store at the URL of a Redis (extra ``redis``), or in a SQLite file, whose folder is made.

    Raises ``OSError`` for a folder that cannot be, ``ValueError`` for an address that is none.
    """
    if isinstance(where, str) and where.startswith(REDIS):
        from bartizan.integrations.redis import RedisStore  # an extra of its own

        return RedisStore(where, tenant=tenant)
    file = Path(where)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError(EISDIR, "expected a file for the sessions, found a folder", str(file))
    return SqliteStore(file)


def monitors_of(program: Program, monitors: Mapping[str, Monitor] | Backend | None) -> Mapping[str, Monitor]:
    """The monitors by the signals' names: as given, or those of a backend that the policy names."""
    if monitors is None:
        return {}
    return monitors if isinstance(monitors, Mapping) else monitors_for(program.policy.signals, monitors)


def proposers_of(program: Program) -> Sequence[Proposer]:
    """The solver (extra ``prove``), for a policy that opens something to be repaired."""
    if not program.policy.repair:
        return ()
    from bartizan.policies.repair import SolverProposer  # it brings the solver, which few policies need

    return (SolverProposer(),)


def requirement(
    level: Level,
    at: str | Path | None = None,
    trusted_keys: Sequence[str | Path] = (),
    *,
    weaker: Literal["refuse", "accept"] = "refuse",
    kernel: Sequence[str] = (),
    seconds: float = 60.0,
) -> Requirement:
    """What a policy's certificate must reach, with the keys in these files trusted (extra ``sign``).

    Raises ``OSError`` and ``ValueError`` for a key that is none, ``ImportError`` without the extra.
    """
    key: Callable[[bytes], Verifier] | None = None
    trusted: tuple[Verifier, ...] = ()
    try:
        from bartizan.integrations.signing import Ed25519Verifier  # an extra of its own
    except ImportError:
        if trusted_keys:
            raise
    else:
        key = Ed25519Verifier
        trusted = tuple(Ed25519Verifier.load(path) for path in trusted_keys)
    where = Path(at) if at is not None else None
    return Requirement(level, where, trusted, key, weaker, tuple(kernel), seconds)


def required(require: Level | Requirement | None) -> Requirement | None:
    """A requirement as it is written in one word; a signature is checked where there is one."""
    return requirement(require) if isinstance(require, str) else require
