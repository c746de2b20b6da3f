"""The guard as a service: a process of its own with a tenant for each suite, asked over a Unix socket."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bartizan.guard import Enforcement, ToolCall
from bartizan.guard.records import reasons
from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.langgraph import LangGraphGuard

from .guarding import DEADLINE, Protecting, Record

_START = 120.0
_SERVE = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()", "serve", "--config"]


@dataclass(frozen=True, slots=True)
class Service:
    """Where it listens, how its tokens end, what its policies are called and what signs its verdicts."""

    url: str
    secret: str
    policies: Mapping[str, str]
    key: bytes

    def token(self, suite: str, scope: str) -> str:
        """The bearer token of a suite's agent (``decide``) or user (``approve``)."""
        return f"{suite}-{scope}-{self.secret}"


@contextmanager
def served(policies: Mapping[str, str], names: Mapping[str, str], directory: Path) -> Iterator[Service]:
    """A service with a tenant for each suite, and its logs in ``directory/<suite>/worker-0``; ends with the block.

    ``policies`` are files or packs, ``names`` how they call themselves. Raises ``RuntimeError`` if it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    socket = directory / "socket"
    service = Service(
        f"unix://{socket.absolute()}", secrets.token_hex(16), dict(names), secrets.token_bytes(32)
    )
    secret = {f"T{number}": service.token(*who) for number, who in enumerate(_who(policies))}
    config = directory / "service.yaml"
    config.write_text(yaml.safe_dump(_configuration(policies, directory.absolute(), socket.absolute())))
    log = directory / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*_SERVE, str(config)],
            stderr=out,
            stdout=out,
            env={**os.environ, **secret, "KEY": service.key.hex()},
        )
        try:
            _wait(process, log)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _who(policies: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(suite, scope) for suite in policies for scope in ("decide", "approve")]


def _configuration(policies: Mapping[str, str], directory: Path, socket: Path) -> dict[str, Any]:
    tokens = [
        {
            "name": "agent" if scope == "decide" else "user",
            "tenant": suite,
            "scopes": [scope],
            "secret": {"env": f"T{number}"},
        }
        for number, (suite, scope) in enumerate(_who(policies))
    ]
    tenants = {
        suite: {
            "policy": str(Path(policy).absolute()) if Path(policy).suffix else policy,
            "audit": str(directory / suite),
            "deadline": DEADLINE,
            "correct": False,
        }
        for suite, policy in policies.items()
    }
    return {
        "listen": [f"unix:{socket}"],
        "tenants": tenants,
        "tokens": tokens,
        "verdict_keys": [{"env": "KEY"}],
    }


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START
    while b"Serving on" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the service did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


class ServiceProtection(Protecting):
    """A guard that is a service."""

    def __init__(self, service: Service, suite: str) -> None:
        remote = _Remembering(
            service.url,
            token=service.token(suite, "decide"),
            approver_token=service.token(suite, "approve"),
            verdict_keys=service.key.hex().encode(),
            deadline=DEADLINE + 10,
        )
        super().__init__(service.policies[suite], LangGraphGuard(remote), remote.decisions)


class _Remembering(RemoteGuard):
    """Remembers the decisions that the service says it has written down, by session and call."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.decisions: dict[str, dict[str, list[Record]]] = {}

    async def _asked(self, call: ToolCall, session: str, *asked: Any, **options: Any) -> Enforcement:
        answer = await super()._asked(call, session, *asked, **options)
        if answer.record is not None and not options.get("review"):
            record = {
                "outcome": answer.decision.outcome.name,
                "reasons": reasons(answer.decision.reasons),
            }
            self.decisions.setdefault(session, {}).setdefault(answer.call.id, []).append(record)
        return answer
