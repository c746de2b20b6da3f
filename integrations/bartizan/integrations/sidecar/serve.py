"""``bartizan serve``: one worker in this process, or several that a supervisor keeps running.

The supervisor only holds the sockets. Each worker opens the configuration itself, has audit directories of its own, and
shares sessions with the others through Redis alone, so that a worker may be killed at any time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from bartizan.monitors.listening import KEEP_ALIVE, Bound, CannotServe, bind, told_to_stop
from bartizan.policies.lean.certificates.levels import LEVELS, Level

from .app import create_app
from .config import ServiceConfig, load_config
from .config.service import place
from .observing import DIRECTORY
from .pauses import brief_pauses, collect_when_quiet
from .protocol import BoundedProtocol, BoundedWebSocket
from .service import Service

log = logging.getLogger("bartizan.sidecar")

FILES = "BARTIZAN_SIDECAR_SOCKETS"
"""The environment variable by which a worker learns the numbers of its sockets."""

BACKLOG = 2048
"""Connections that may wait for a worker to take them."""

BACKOFF = 0.25, 10.0
"""Seconds before a worker that ended is started again: at first, and at most."""

Announce = Callable[[Sequence[str]], None]


def serve(path: str | Path, announce: Announce, require: Level | None = None) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told the addresses once requests are answered.

    ``require`` is a level that the certificate of every policy must reach, whatever the configuration says.

    Raises ``ConfigError`` and :class:`CannotServe`, and what opening a tenant raises.
    """
    config = load_config(path).requiring(require)
    if config.tls is not None:
        config.tls.examine()
    with ExitStack() as stack:
        bounds = [stack.enter_context(bind(*place(where), authenticated=True)) for where in config.listen]
        addresses = [_shown(bound, config) for bound in bounds]
        if config.workers == 1:
            service = Service.open(config)
            _run(_worker(config, service, [bound.socket for bound in bounds], lambda: announce(addresses)))
        else:
            Service.check(config)
            os.environ[DIRECTORY] = stack.enter_context(TemporaryDirectory(prefix="bartizan-metrics-"))
            _run(_Supervisor(Path(path), config, bounds, require).run(lambda: announce(addresses)))


def work(path: str, worker: int, require: str = "") -> None:
    """One worker of several: what the supervisor starts."""
    config = load_config(path).requiring(LEVELS[LEVELS.index(require)] if require else None)
    sockets = [socket.socket(fileno=number) for number in json.loads(os.environ[FILES])]
    _run(_worker(config, Service.open(config, worker), sockets, lambda: None))


async def _worker(
    config: ServiceConfig, service: Service, sockets: list[socket.socket], ready: Callable[[], None]
) -> None:
    stop = told_to_stop()
    limits, tls = config.limits, config.tls
    server = _Server(
        uvicorn.Config(
            create_app(config, service=service),
            http=BoundedProtocol,
            ws=BoundedWebSocket,
            ws_max_size=limits.body,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=math.ceil(limits.drain),
            limit_concurrency=limits.connections,
            ssl_certfile=tls.certificate if tls is not None else None,
            ssl_keyfile=str(tls.key) if tls is not None else None,
        )
    )
    with brief_pauses():
        running = asyncio.create_task(server.serve(sockets=sockets))
        stopping = asyncio.create_task(stop.wait())
        tidying = asyncio.create_task(collect_when_quiet(lambda: service.inside == 0))
        while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn offers no event)
            await asyncio.sleep(0.005)
        if server.started:
            ready()
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        service.draining = True
        stopping.cancel()
        tidying.cancel()
        server.should_exit = True
        await running
    if not server.started:
        raise CannotServe("the server ended before it started; see its log")


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    began: float
    failures: int = 0
    again: float = field(default=math.inf)


class _Supervisor:
    def __init__(
        self, path: Path, config: ServiceConfig, bounds: Sequence[Bound], require: Level | None
    ) -> None:
        self._path = path
        self._require = require or ""
        self._config = config
        self._sockets = [bound.socket for bound in bounds]
        self._children: dict[int, _Child] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        stop = told_to_stop()
        for each in self._sockets:  # who comes before a worker has started waits for it
            each.listen(BACKLOG)
        for number in range(self._config.workers):
            self._children[number] = self._start(number)
        ready()
        try:
            while not stop.is_set():
                self._look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.1)
        finally:
            await self._end()

    def _start(self, number: int) -> _Child:
        files = [each.fileno() for each in self._sockets]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bartizan.integrations.sidecar.worker",
                str(self._path),
                str(number),
                self._require,
            ],
            pass_fds=files,
            env={**os.environ, FILES: json.dumps(files)},
        )
        return _Child(process, time.monotonic())

    def _look(self) -> None:
        """Start again what ended, later each time that it does not live."""
        for number, child in list(self._children.items()):
            code = child.process.poll()
            now = time.monotonic()
            if code is None:
                continue
            if child.again == math.inf:
                failures = child.failures + 1 if now - child.began < 30 else 1
                child.failures, child.again = (
                    failures,
                    now + min(BACKOFF[0] * 2 ** (failures - 1), BACKOFF[1]),
                )
                log.error("worker %d ended with %d; it is started again", number, code)
            elif now >= child.again:
                try:
                    fresh = self._start(number)
                except OSError as error:  # no memory for it now: the others go on
                    child.again = now + BACKOFF[1]
                    log.error("worker %d cannot be started: %s", number, error)
                    continue
                fresh.failures = child.failures
                self._children[number] = fresh

    async def _end(self) -> None:
        alive = [child.process for child in self._children.values() if child.process.poll() is None]
        for process in alive:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + self._config.limits.drain + 5
        while any(process.poll() is None for process in alive) and time.monotonic() < until:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.05)
        for process in alive:
            if process.poll() is None:
                process.kill()
            process.wait()


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def _shown(bound: Bound, config: ServiceConfig) -> str:
    return bound.address.replace("http://", "https://", 1) if config.tls is not None else bound.address
