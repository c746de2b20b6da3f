"""Binds a socket and runs a host on it, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn

from bartizan.monitors.errors import MonitorError
from bartizan.monitors.types import Engine

from .app import create_app
from .batcher import Batcher
from .limits import Limits, WireLimits
from .tenants import Tokens

PORT = 8790
GRACE = 5.0
"""How many seconds what is being computed has to end when the host stops."""

KEEP_ALIVE = 75
"""How many seconds the host keeps an idle connection; clients give theirs up before."""


class CannotServe(MonitorError):
    """Why a host cannot listen where it was told to, and what to do."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A running host: ``address`` is what a ``RemoteBackend`` takes."""

    address: str
    batcher: Batcher


def serve(
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    uds: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
    announce: Callable[[Hosted], None] | None = None,
) -> None:
    """Run a host until SIGTERM or SIGINT: then whoever waits is answered, and what is being computed is finished.

    Listens on the Unix domain socket ``uds``, or else on ``host`` and ``port`` (0: any free one); ``announce`` is
    told once it does. Without ``tokens`` only on a socket or a loopback address. Raises :class:`CannotServe`.
    """

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        where = {"host": host, "port": port, "uds": uds}
        async with hosting(engine, **where, limits=limits, tokens=tokens, wire=wire) as hosted:  # type: ignore[arg-type]
            if announce is not None:
                announce(hosted)
            await stop.wait()

    asyncio.run(run())


@asynccontextmanager
async def hosting(
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    uds: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
) -> AsyncIterator[Hosted]:
    """A host within this event loop, for as long as the context lasts; see :func:`serve`."""
    bound = _bind_unix(uds) if uds is not None else _bind_tcp(host, port, tokens)
    try:
        batcher = Batcher(engine, limits)
        names = None if uds is not None or tokens is not None else {"localhost", "127.0.0.1", "[::1]", host}
        app = create_app(batcher, engine, tokens=tokens, wire=wire, only_hosts=names)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=int(GRACE) + 1,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[bound.socket]))
        try:
            while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn offers no event)
                await asyncio.sleep(0.005)
            if running.done():
                await running
                raise CannotServe(f"{bound.address}: the server ended before it started; see its log")
            yield Hosted(bound.address, batcher)
        finally:
            batcher.close()
            server.should_exit = True
            await asyncio.gather(running, batcher.aclose(GRACE))
    finally:
        bound.release()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class _Bound:
    socket: socket.socket
    address: str
    path: str | None = None
    inode: int = 0

    def release(self) -> None:
        self.socket.close()
        if self.path is not None:
            with suppress(OSError):
                if os.stat(self.path).st_ino == self.inode:  # not another host's, which has come in our place
                    os.unlink(self.path)


def _bind_tcp(host: str, port: int, tokens: Tokens | None) -> _Bound:
    if tokens is None and not is_loopback(host):
        raise CannotServe(
            f"{host}: expected a token file for an address that others can reach, found none; "
            "give one, or listen on 127.0.0.1 or a Unix domain socket"
        )
    name = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it an answer takes 40 ms more
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((name, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise CannotServe(f"{host}:{port}: expected an address that is free and ours: {error}") from error
    shown = f"[{name}]" if family == socket.AF_INET6 else name
    return _Bound(listening, f"http://{shown}:{listening.getsockname()[1]}")


def _bind_unix(path: str) -> _Bound:
    """A socket that only this user can connect to; what a killed host left behind is replaced."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        listening.bind(path)
        os.chmod(path, 0o600)  # before it listens: nobody has connected yet
    except OSError as error:
        listening.close()
        reason = "the path is too long for a socket" if "too long" in str(error) else str(error)
        raise CannotServe(f"{path}: expected a path where a socket can be made: {reason}") from error
    except CannotServe:
        listening.close()
        raise
    return _Bound(listening, f"unix:{path}", path, os.stat(path).st_ino)


def _clear(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotServe(
            f"{path}: expected a socket or nothing, found another file; remove it or name another"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(1.0)
        try:
            knock.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ETIMEDOUT):
                raise
    raise CannotServe(f"{path}: expected a free socket, found a host that listens; stop it or name another")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. A name other than localhost may be anything."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
