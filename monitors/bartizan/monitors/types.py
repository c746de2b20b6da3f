"""What is asked of a monitor's engine, and what it answers. No torch: a client of a remote host needs none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from bartizan.guard.types import Missing

Channel = Literal["user", "call", "result", "text"]
"""Who speaks in a passage: the user, the agent calling a tool, a tool's result, the agent's own text."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Passage:
    """Some text, and whose it is."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """The last passage is to be measured by ``probe``; those before it are what it stands after.

    ``tenant`` says whose probe is meant where a host serves several ("" on a host of one's own). ``tool`` and the
    number of tokens choose the calibration's bin.
    """

    probe: str
    passages: tuple[Passage, ...]
    tenant: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """``value`` and ``p_value`` in [0, 1], or why there is none; ``evidence`` is JSON: features, spans, latencies."""

    value: float | Missing
    p_value: float | Missing = Missing("not calibrated")
    evidence: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def missing(cls, reason: str) -> Measurement:
        return cls(Missing(reason), Missing(reason))


class Engine(Protocol):
    """Measures batches of queries. Synchronous, called from one thread at a time.

    One answer a query, in order; a query that cannot be answered is answered with ``Missing`` and does not
    spoil the others of its batch. An answer never depends on what else is in the batch.
    """

    def tokens(self, query: Query) -> int:
        """How many tokens the query costs; 0 if it cannot be read. Cheap: hosts batch by it."""
        ...

    def measure(self, queries: Sequence[Query]) -> Sequence[Measurement]: ...


class Backend(Protocol):
    """Where a monitor gets measurements from: an engine in this process, or a host somewhere else."""

    async def measure(self, query: Query) -> Measurement:
        """Never raises but for cancellation: what goes wrong is ``Missing``."""
        ...
