"""The monitors that a policy asks for, in the evaluation: Bartizan's built-in engine, measuring where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bartizan.guard.gather import Monitor
from bartizan.monitors import Backend, Engine, Measurement, Query
from bartizan.monitors.monitor import monitors_for
from bartizan.policies.program import Program


class Direct:
    """A backend without a queue: runs follow one another, and their figures must not depend on how fast it is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def measure(self, query: Query) -> Measurement:
        return self._engine.measure([query])[0]


def monitors_of(program: Program, monitored: bool) -> Mapping[str, Monitor]:
    """What measures the signals that the policy declares; nothing does if it is not ``monitored``."""
    if not monitored or not program.policy.signals:
        return {}
    return dict(monitors_for(program.policy.signals, _backend()))


@cache
def _backend() -> Backend:
    import torch  # on use: the other runs do without

    from bartizan.monitors.embedded import engine

    torch.set_num_threads(1)  # the runs are spread over processes
    return Direct(engine())
