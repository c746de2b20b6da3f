"""A socket of one's own to serve on, for the hosts of this room."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import uvicorn

from .errors import MonitorError

KEEP_ALIVE = 75
"""How many seconds a host keeps an idle connection; clients give theirs up before."""


class CannotServe(MonitorError):
    """Why a host cannot listen where it was told to, and what to do."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any, bound: Bound, grace: int, **options: Any) -> AsyncIterator[None]:
    """The application on a bound socket, for as long as the context lasts; then requests have ``grace`` seconds.

    No log of requests, and no guesses at who is behind a proxy. ``options`` are uvicorn's. Raises
    :class:`CannotServe`.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
        **options,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound.socket]))
    try:
        while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn offers no event)
            await asyncio.sleep(0.005)
        if running.done():
            await running
            raise CannotServe(f"{bound.address}: the server ended before it started; see its log")
        yield
    finally:
        server.should_exit = True
        await running


def told_to_stop() -> asyncio.Event:
    """What SIGTERM and SIGINT set from now on, in the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def names_of(host: str, uds: str | None, *, authenticated: bool) -> Collection[str] | None:
    """The names under which a page in a browser could not reach us: whoever asks by another is refused (rebinding).

    None where a socket or a token keeps others out.
    """
    return None if uds is not None or authenticated else {"localhost", "127.0.0.1", "[::1]", host}


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket, the address that clients take, and how to leave the place."""

    socket: socket.socket
    address: str
    path: str | None = None
    inode: int = 0

    def __enter__(self) -> Bound:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        self.socket.close()
        if self.path is not None:
            with suppress(OSError):
                if os.stat(self.path).st_ino == self.inode:  # not another host's, which has come in our place
                    os.unlink(self.path)


def bind(host: str, port: int, uds: str | None, *, authenticated: bool) -> Bound:
    """A bound socket: ``uds``, or else ``host`` and ``port`` (0: any free one), others' only ``authenticated``."""
    return _bind_unix(uds) if uds is not None else _bind_tcp(host, port, authenticated)


def _bind_tcp(host: str, port: int, authenticated: bool) -> Bound:
    if not authenticated and not is_loopback(host):
        raise CannotServe(
            f"{host}: expected tokens for an address that others can reach, found none; "
            "give them, or listen on 127.0.0.1 or a Unix domain socket"
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
    return Bound(listening, f"http://{shown}:{listening.getsockname()[1]}")


def _bind_unix(path: str) -> Bound:
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
    return Bound(listening, f"unix:{path}", path, os.stat(path).st_ino)


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
