"""A real service in a process of its own, and the plainest client of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

POLICY = """
version: 1
name: desk
tools:
  look: {args: {what: str}, effect: read}
  pay: {args: {to: str, amount: int}, effect: destructive}
rules:
  - {id: look, allow: [look]}
  - {id: pay, allow: [pay]}
  - {id: large, escalate: [pay], when: args.amount > 100, reason: A person looks at payments above 100.}
  - {id: daily, deny: [pay], when: 'session.sum("pay", "amount") + args.amount > 1000', reason: At most 1000.}
"""
PATIENCE = 300
"""Seconds after which a service hangs. Many tests share one: were it not there in time, they would all fail."""
SLOW = {"deadline": 120.0, "correct_within": 60.0}
"""A tenant's times on a busy machine, where a test says nothing else: seconds."""

BARTIZAN = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()"]
SECRETS = {"AGENT": "agent-token", "ANN": "ann-token", "ADMIN": "admin-token", "KEY": "k" * 32}
TOKENS = [
    {"name": "agent", "scopes": ["decide"], "secret": {"env": "AGENT"}},
    {"name": "ann", "scopes": ["approve", "read"], "secret": {"env": "ANN"}},
    {"name": "boss", "scopes": ["admin", "read"], "secret": {"env": "ADMIN"}},
]


def written(directory: Path, policy: str = POLICY, **changes: Any) -> Path:
    """A service's files in a directory; ``changes`` are fields of the configuration. Tenants get time to decide."""
    (directory / "policy.yaml").write_text(policy)
    body: dict[str, Any] = {
        "listen": ["127.0.0.1:0"],
        "tenants": {"default": {"policy": "policy.yaml", "audit": "audit"}},
        "tokens": TOKENS,
        "verdict_keys": [{"env": "KEY"}],
    }
    body |= changes
    body["tenants"] = {name: SLOW | tenant for name, tenant in body["tenants"].items()}
    file = directory / "service.yaml"
    file.write_text(yaml.safe_dump(body))
    return file


class Running:
    """``bartizan serve`` on a configuration. A context manager; ends with SIGTERM, and with 0."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self.addresses: list[str] = []

    def __enter__(self) -> Self:
        self._log = (self._config.parent / "service.log").open("w+b")
        self.process = subprocess.Popen(
            [*BARTIZAN, "serve", "--config", str(self._config)],
            stderr=self._log,
            env={**os.environ, **SECRETS},
        )
        try:
            self._wait()
        except BaseException:  # nobody will leave what nobody has entered
            self.process.kill()
            self.process.wait()
            self._log.close()
            raise
        return self

    def _wait(self) -> None:
        expected = len(yaml.safe_load(self._config.read_text())["listen"])
        until = time.monotonic() + PATIENCE
        while len(self.addresses) < expected:
            assert self.process.poll() is None and time.monotonic() < until, self.log
            self.addresses = [
                line.removeprefix("Serving on ")
                for line in self.log.splitlines()
                if line.startswith("Serving on ")
            ]
            time.sleep(0.02)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert code == 0 or error is not None, self.log
        self._log.close()

    @property
    def log(self) -> str:
        return (self._config.parent / "service.log").read_text(errors="replace")

    def started(self) -> list[int]:
        """The process numbers of all workers there were, in the order in which they began."""
        return [int(found) for found in re.findall(r"Started server process \[(\d+)\]", self.log)]

    def workers(self) -> list[int]:
        """The process numbers of the workers that there are."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.addresses[0].removeprefix("http://").rpartition(":")
        return host, int(port)

    def ask(
        self, path: str, body: Any = None, *, token: str | None = "agent-token", method: str | None = None,
        headers: Mapping[str, str] | None = None, unix: str | None = None,
    ) -> tuple[int, Any]:  # fmt: skip
        """Status and JSON of one request. ``body`` is JSON, or bytes as they are."""
        sent = {"content-type": "application/json"} if body is not None else {}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection(*self.address, timeout=PATIENCE)) as connection:
            if unix is not None:
                connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.sock.connect(unix)
            connection.request(
                method or ("GET" if body is None else "POST"), path, data, {**sent, **(headers or {})}
            )
            answer = connection.getresponse()
            found = answer.read()
        return answer.status, json.loads(found) if found else None


def call(id: str, tool: str, **args: Any) -> dict[str, Any]:
    return {"id": id, "tool": tool, "args": args}


def proposed(id: str, tool: str, session: str = "s", **args: Any) -> dict[str, Any]:
    return {"session": session, "call": call(id, tool, **args)}
