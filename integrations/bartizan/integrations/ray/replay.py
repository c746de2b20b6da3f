"""A replay carried out on Ray Data: every recording is read by a task, its sessions are decided by actors.

Recordings are read where the tasks run, so every machine must find them under the same paths; a recording is read
from its beginning by one task, so many files are read side by side and one large file is not. What is read streams
to the actors, each with the policies compiled once, and the parts of the report come back in the order of the
recordings: the report is the one that a single process makes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy
from ray.exceptions import RayError

from ..replay.engine import CHUNK
from ..replay.plan import Plan, Portion, Runner
from ..replay.record import RecordError
from ..replay.report import Report

BLOCK_BYTES = 256 * 1024
"""How much is handed to an actor at once: about a hundred sessions, and as much work as a second."""


def on_ray(jobs: int | None = None) -> Runner:
    """Carries a plan out on the Ray that is connected, with at most ``jobs`` actors (``None``: one for every CPU)."""

    def run(plan: Plan) -> Iterator[Report]:
        here = replace(plan, paths=tuple(path.resolve() for path in plan.paths))
        try:
            yield from _parts(here, jobs)
        except RayError as error:
            raise RecordError(
                "ray", f"the replay could not be carried out: {type(error).__name__}"
            ) from error

    return run


def _parts(plan: Plan, jobs: int | None) -> Iterator[Report]:
    actors = max(1, jobs or _cpus())
    left = plan.limit
    rows = cast("Generator[dict[str, Any], None, None]", iter(_dataset(plan, actors).iter_rows()))
    with _quiet(), closing(rows):
        for row in rows:
            part = row["part"]
            if isinstance(part, RecordError):
                raise part
            if left is not None:
                if left == 0:
                    return
                left -= part.sessions
            yield part


def _dataset(plan: Plan, actors: int) -> Dataset:
    with DataContext.current(_context()):
        count = len(plan.paths)
        recordings = ray.data.from_items([{"path": n} for n in range(count)], override_num_blocks=count)
        # Reading is a tenth of the work and takes no CPU from deciding; nor are the two fused into one task, then.
        portions = recordings.flat_map(
            partial(_read, plan), num_cpus=0, compute=TaskPoolStrategy(size=min(count, actors))
        )
        return portions.map_batches(
            _Decider,
            fn_constructor_args=(plan,),
            batch_size=None,
            num_cpus=1,
            compute=ActorPoolStrategy(min_size=1, max_size=actors),
        )


def _read(plan: Plan, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The portions of one recording. What is wrong with it is the last of them, so that it is told in its place."""
    portions = replace(plan, paths=(plan.paths[row["path"]],)).portions(CHUNK if plan.limit is None else 1)
    number = 0
    try:
        for number, portion in enumerate(portions, 1):
            yield {"path": row["path"], "number": number - 1, "portion": portion}
    except RecordError as error:
        yield {"path": row["path"], "number": number, "portion": error}


class _Decider:
    """Lives in a worker: the policies are compiled once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        parts = np.empty(len(batch["portion"]), dtype=object)
        for row, portion in enumerate(batch["portion"]):
            parts[row] = self._part(portion) if isinstance(portion, Portion) else portion
        return {"path": batch["path"], "number": batch["number"], "part": parts}

    def _part(self, portion: Portion) -> Report | RecordError:
        try:
            return self._plan.decide(portion)
        except Exception as error:  # noqa: BLE001 (Ray would carry a stack trace home, and lose what it was)
            first = portion.sessions[0]
            return RecordError(first.where, f"it could not be decided: {type(error).__name__}: {error}")


def _cpus() -> int:
    return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]


def _context() -> DataContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray warns of its own defaults
        context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK_BYTES
    return context


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what goes wrong is raised
    try:
        yield
    finally:
        logger.setLevel(level)
