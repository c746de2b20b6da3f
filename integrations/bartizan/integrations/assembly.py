"""What a guard is put together from, by what people write down: a store's address, a host of monitors, a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bartizan.guard import Proposer, SessionStore
from bartizan.guard.gather import Monitor
from bartizan.guard.sqlite import SqliteStore
from bartizan.monitors import Backend
from bartizan.monitors.monitor import monitors_for
from bartizan.policies.program import Program

REDIS = ("redis://", "rediss://", "unix://")
"""How the address of a Redis begins."""


def store_at(where: str | Path, *, tenant: str = "default") -> SessionStore:
    """The store at the URL of a Redis (extra ``redis``), or in a SQLite file."""
    if isinstance(where, str) and where.startswith(REDIS):
        from bartizan.integrations.redis import RedisStore  # an extra of its own

        return RedisStore(where, tenant=tenant)
    return SqliteStore(where)


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
