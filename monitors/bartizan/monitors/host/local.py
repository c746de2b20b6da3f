"""A backend in this process: no socket, the same batches, the same answers."""

from __future__ import annotations

from types import TracebackType

from bartizan.monitors.types import Engine, Measurement, Query

from .batcher import Batcher, Health
from .limits import Limits
from .stats import Stats


class LocalBackend:
    """Asks an engine in this process. The engine works in a thread of its own; close the backend to end it.

    PyTorch releases the interpreter while it computes, so the event loop goes on; an engine that holds it for long
    belongs behind a :class:`~bartizan.monitors.host.client.RemoteBackend`.
    """

    def __init__(self, engine: Engine, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self._batcher = Batcher(engine, limits)

    async def measure(self, query: Query) -> Measurement:
        """Never raises but for cancellation: what goes wrong is ``Missing``."""
        return await self._batcher.measure(query)

    def health(self) -> Health:
        return self._batcher.health()

    def stats(self) -> Stats:
        return self._batcher.stats()

    async def aclose(self) -> None:
        """Whoever waits is answered with ``Missing("shutting down")``."""
        await self._batcher.aclose()

    async def __aenter__(self) -> LocalBackend:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
