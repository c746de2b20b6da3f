"""The metrics of one process, and of the workers beside it."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader, PeriodicExportingMetricReader

from .families import Families, Family, families, text
from .otlp import exporter, resource
from .shared import Snapshots

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger("bartizan.telemetry")


class Metrics:
    """Collects what is measured with its meters, for Prometheus to fetch, and sends it by OTLP if that is configured.

    With ``directory``, which the workers of a service share, :meth:`render` is about all of them; this one writes its
    snapshot there every ``interval`` seconds, in a thread of its own.
    """

    def __init__(
        self, *, worker: int = 0, directory: str | Path | None = None, interval: float = 2.0
    ) -> None:
        self._reader = InMemoryMetricReader()
        readers: list[MetricReader] = [self._reader]
        sending = exporter("metrics")
        if sending is not None:
            readers.append(PeriodicExportingMetricReader(sending))
        self.provider = MeterProvider(readers, resource=resource(worker), shutdown_on_exit=False)
        self._turn = threading.Lock()
        self._snapshots = Snapshots(Path(directory), worker) if directory is not None else None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        if self._snapshots is not None:
            self._thread = threading.Thread(
                target=self._write, args=(interval,), name="bartizan metrics", daemon=True
            )
            self._thread.start()

    def meter(self, name: str) -> Meter:
        """The meter of a name."""
        return self.provider.get_meter(name)

    def render(self) -> str:
        """All metrics in Prometheus's text format. Reads files: not for an event loop."""
        with self._turn:
            own = self._own()
            return text(self._snapshots.together(own) if self._snapshots is not None else own)

    def shutdown(self) -> None:
        """Write and send what there is, and end."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._snapshot()
        self.provider.shutdown()

    def _own(self) -> Families:
        found = families(self._reader.get_metrics_data())
        found["bartizan_workers"] = Family("gauge", "Workers that serve", {(): 1})
        build = (("version", _version()),)
        found["bartizan_build_info"] = Family("gauge", "Workers by version", {build: 1})
        return found

    def _write(self, interval: float) -> None:
        while not self._ending.wait(interval):
            self._snapshot()

    def _snapshot(self) -> None:
        assert self._snapshots is not None
        try:
            with self._turn:
                self._snapshots.write(self._own())
        except Exception:  # telemetry has no say: a full disk stops nobody
            log.warning("the metrics could not be written", exc_info=True)


def _version() -> str:
    try:
        return version("bartizan")
    except PackageNotFoundError:
        return "unknown"
