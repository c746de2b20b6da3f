"""Workers that share one Redis, clients that race for the budgets of many sessions, and things that are killed.

    python -m tests.integrations.sidecar.soak [--seconds 60] [--clients 50] [--sessions 200]

Two tenants have sessions of the same names. After a third of the time Redis is killed, and started again on what it
had written; after two thirds a worker is killed. Clients "execute" what they are let go. Afterwards the logs, the
sessions in Redis, and what the clients saw are held against each other; each property that does not hold is a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.waiting import until

from bartizan.guard.audit import verify
from bartizan.guard.audit.query import query
from bartizan.integrations.redis import RedisStore

from ..redis.server import Server
from .serving import Running, written

LIMIT, MOST = 1000, 30
AFTERWARDS = "afterwards"
DEADLINE = 1.0
UNAVAILABLE = ("store-unavailable", "deadline")
"""The reasons of denials for want of a store, or of time."""

POLICY = f"""
version: 1
name: soak
tools:
  pay: {{args: {{to: str, amount: int}}, effect: destructive}}
  write: {{args: {{text: str}}, effect: write}}
rules:
  - {{id: tools, allow: [pay, write]}}
  - {{id: ask, escalate: [write]}}
  - {{id: limit, deny: [pay], when: 'session.sum("pay", "amount") + args.amount > {LIMIT}'}}
  - {{id: often, deny: [pay], when: 'session.count("pay") >= {MOST}'}}
"""

TENANTS = ("a", "b")
TOKENS = [
    {
        "name": f"{kind}-{tenant}",
        "tenant": tenant,
        "scopes": scopes,
        "secret": {"env": f"{kind}_{tenant}".upper()},
    }
    for tenant in TENANTS
    for kind, scopes in (("agent", ["decide"]), ("reader", ["approve", "read"]))
]
SECRETS = {
    f"{kind}_{tenant}".upper(): f"{kind}-{tenant}-token" for kind in ("agent", "reader") for tenant in TENANTS
}


@dataclass(slots=True)
class Answer:
    """What a client was told about a call."""

    call: str
    session: str
    amount: int
    allowed: bool
    record: str | None
    rule: str
    took: float


@dataclass(slots=True)
class Seen:
    """What all clients of a tenant saw. ``lost``: connections that ended without an answer."""

    answers: list[Answer] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    foreign: list[str] = field(default_factory=list)

    def let_go(self) -> bool:
        return any(answer.allowed for answer in self.answers)

    def denied(self, *rules: str) -> bool:
        """Whether somebody was, by one of these rules."""
        return any(answer.rule in rules for answer in self.answers)


@dataclass(slots=True)
class Span:
    """For how long clients ask: so many seconds, and on a busy machine until all was seen that is looked for."""

    seconds: float
    began: float = field(default_factory=time.monotonic)
    over: bool = False

    @property
    def passed(self) -> float:
        """Which part of the seconds."""
        return min(1.0, (time.monotonic() - self.began) / self.seconds)

    async def reach(self, part: float) -> None:
        await asyncio.sleep(max(0.0, self.began + part * self.seconds - time.monotonic()))


@dataclass(slots=True)
class Result:
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Client:
    """Asks over one kept connection, and over another where that ends."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._address = address
        self._token = token
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Raises ``OSError`` or ``EOFError`` for a connection that ends."""
        try:
            if self._line is None:
                self._line = await asyncio.open_connection(*self._address)
            reader, writer = self._line
            data = b"" if body is None else json.dumps(body).encode()
            head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: x\r\n"
            head += f"authorization: Bearer {self._token}\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(answer.partition("content-length:")[2].split("\r\n", 1)[0])
            said = await reader.readexactly(length)
            if "connection: close" in answer:
                self.close()
            return int(answer[9:12]), json.loads(said)
        except (OSError, EOFError):
            self.close()
            raise

    def close(self) -> None:
        if self._line is not None:
            self._line[1].close()
            self._line = None


async def race(
    tenant: str, number: int, address: tuple[str, int], seen: Seen, sessions: int, span: Span
) -> None:
    """One client: calls in sessions of its tenant, as fast as they are answered.

    All clients are in the same quarter of the sessions at a time, so that budgets are raced for to the end.
    """
    client, dice = Client(address, f"agent-{tenant}-token"), random.Random(f"{tenant} {number}")
    at = 0
    while not span.over:
        at, now = at + 1, time.monotonic()
        first = int(sessions * 0.75 * span.passed)
        name, session = f"{tenant}-{number}-{at}", f"session {first + dice.randrange(max(1, sessions // 4))}"
        amount = dice.randrange(1, 90)
        call = {"id": name, "tool": "pay", "args": {"to": f"{tenant}-x", "amount": amount}}
        if dice.random() < 0.02:
            call, amount = {"id": name, "tool": "write", "args": {"text": f"{tenant}-text"}}, 0
        try:
            status, said = await client.ask("/v1/calls", {"session": session, "call": call})
        except (OSError, EOFError):
            seen.lost += 1
            await asyncio.sleep(0.05)
            continue
        took = time.monotonic() - now
        seen.statuses[status] += 1
        if status != 200:
            continue
        rule = said["reasons"][0]["rule"] if said["reasons"] else ""
        seen.answers.append(Answer(name, session, amount, said["allowed"], said.get("record"), rule, took))
        if said["allowed"] and dice.random() < 0.2:
            told = {"session": session, "call": call, "record": said["record"], "text": "paid"}
            try:
                seen.statuses[(await client.ask(f"/v1/calls/{name}/result", told))[0]] += 1
            except (OSError, EOFError):
                seen.lost += 1
        if rule == "store-unavailable":
            await asyncio.sleep(0.01)
    client.close()


async def look(tenant: str, address: tuple[str, int], seen: Seen, sessions: int, span: Span) -> None:
    """A reader: whatever it is shown must be its tenant's."""
    client, dice, other = (
        Client(address, f"reader-{tenant}-token"),
        random.Random(tenant),
        TENANTS[tenant == "a"],
    )
    while not span.over:
        for path in (
            "/v1/logs?recent=200",
            "/v1/approvals",
            f"/v1/sessions/session%20{dice.randrange(sessions)}",
        ):
            try:
                status, said = await client.ask(path)
            except (OSError, EOFError):
                seen.lost += 1
                continue
            if status != 404 or "/sessions/" not in path:  # that session has not been used yet
                seen.statuses[status] += 1
            text = json.dumps(said)
            if f'"{other}-' in text:
                seen.foreign.append(f"{path}: {text[:200]}")
        await asyncio.sleep(0.2)
    client.close()


@contextmanager
def secrets() -> Iterator[None]:
    os.environ.update(SECRETS)
    try:
        yield
    finally:
        for name in SECRETS:
            del os.environ[name]


async def soak(directory: Path, seconds: float, clients: int, sessions: int) -> Result:
    """``sessions`` of both tenants together."""
    result, each = Result(), sessions // len(TENANTS)
    (directory / "redis").mkdir()
    with Server(directory / "redis") as redis, secrets():
        tenant = {"policy": "policy.yaml", "store": redis.url, "capture_content": True, "deadline": DEADLINE}
        tenants = {name: {**tenant, "audit": f"audit-{name}"} for name in TENANTS}
        with Running(written(directory, POLICY, workers=2, tenants=tenants, tokens=TOKENS)) as service:
            seen = {name: Seen() for name in TENANTS}
            await _recovered(service, result)
            span = Span(seconds)
            racing = [
                race(TENANTS[n % 2], n, service.address, seen[TENANTS[n % 2]], each, span)
                for n in range(clients)
            ]
            looking = [look(name, service.address, seen[name], each, span) for name in TENANTS]
            running = asyncio.gather(*racing, *looking)
            try:
                await span.reach(1 / 3)
                await until(lambda: all(one.let_go() for one in seen.values()))
                redis.kill()
                await asyncio.sleep(min(3.0, seconds / 6))
                await until(lambda: all(one.denied(*UNAVAILABLE) for one in seen.values()))
                await asyncio.to_thread(redis.start)
                await span.reach(2 / 3)
                victim = service.workers()[0]
                os.kill(victim, signal.SIGKILL)
                await span.reach(1)
                await until(lambda: all(one.denied("limit", "often") for one in seen.values()))
            finally:
                span.over = True
                await running
            await _recovered(service, result)
        await _check(directory, redis, seen, each, result)
        if "Traceback" in service.log:
            result.problems.append("in the service's log: " + service.log.partition("Traceback")[2][:3000])
    return result


async def _recovered(service: Running, result: Result) -> None:
    """Wait until both workers are there and have opened their logs, and a call is let go."""
    client, asked = Client(service.address, "agent-a-token"), count()

    async def recovered() -> bool:
        call = {"id": "a-last", "tool": "pay", "args": {"to": "a-x", "amount": 0}}
        session = f"{AFTERWARDS} {next(asked)}"  # each has its own budget
        try:
            _, said = await client.ask("/v1/calls", {"session": session, "call": call})
        except (OSError, EOFError):
            return False
        workers = set(service.workers())
        return bool(said.get("allowed")) and len(workers) == 2 and workers <= set(service.started())

    try:
        await until(recovered)
    except TimeoutError:
        result.problems.append("the service did not answer by itself")
    client.close()


async def _check(
    directory: Path, redis: Server, seen: dict[str, Seen], sessions: int, result: Result
) -> None:
    for tenant in TENANTS:
        mine, other = seen[tenant], TENANTS[tenant == "a"]
        records = []
        for log in sorted((directory / f"audit-{tenant}").iterdir()):
            checked = verify(log)
            if not checked.ok:
                result.problems.append(f"{tenant}/{log.name}: does not verify: {checked.problems[:3]}")
            records += [dict(entry.record) for entry in query(log)]
            recovered = [record for record in records if record["kind"] == "recovered"]
        superseded = {record["superseded"] for record in records if record["kind"] == "superseded"}
        decided = {record["id"]: record for record in records if record["kind"] == "decision"}
        let_go = {
            name: one for name, one in decided.items() if one["outcome"] == "ALLOW" and name not in superseded
        }
        problems = [f"shown to {tenant}: {what}" for what in mine.foreign[:3]]

        executed = [answer for answer in mine.answers if answer.allowed]
        for answer in executed:
            record = let_go.get(answer.record or "")
            if record is None or record["call_id"] != answer.call or record["session"] != answer.session:
                problems.append(f"{answer.call} was let go without a record that lets it go")
        unrecorded = [one for one in mine.answers if one.record is not None and one.record not in decided]
        problems += [
            f"{one.call}: its decision {one.record} is not in the log"
            for one in unrecorded
            if one.rule not in UNAVAILABLE  # those denials are recorded after they are answered
        ]
        for record in records:
            named = [str(record.get(key, "")) for key in ("call_id", "args")]
            if any(f"{other}-" in text for text in named):
                problems.append(f"in the log of {tenant}: {record['id']} is of {other}")

        answered = {answer.record for answer in executed}
        unanswered = [
            one
            for name, one in let_go.items()
            if name not in answered and not one["session"].startswith(AFTERWARDS)
        ]
        store = RedisStore(redis.url, tenant=tenant, timeout=60)
        spent: dict[str, list[int]] = defaultdict(list)
        for answer in executed:
            spent[answer.session].append(answer.amount)
        for number in range(sessions):
            name = f"session {number}"
            session = await store.load(name)
            calls = (
                [event.call for event in session.events if event.kind == "call" and event.call]
                if session
                else []
            )
            stored = {call.id: call.args.get("amount", 0) for call in calls}
            for what, amounts in (("by clients", spent[name]), ("in Redis", list(stored.values()))):
                if sum(amounts) > LIMIT or len(amounts) > MOST:
                    problems.append(f"{tenant}: {name}: {sum(amounts)} in {len(amounts)} calls spent {what}")
            if session is not None and session.dropped == 0:
                gone = [one.call for one in executed if one.session == name and one.call not in stored]
                if gone:
                    problems.append(f"{tenant}: {name}: {gone[0]} was let go, and its session does not know")
        await store.aclose()
        result.problems += problems[:20]
        denied = [one for one in mine.answers if one.rule in UNAVAILABLE]
        slowest = max((one.took for one in mine.answers), default=0.0)
        cuts = statistics.quantiles((one.took for one in mine.answers), n=100)
        quantiles = cuts[49], cuts[98]
        inside = [
            sum(one["latency_us"].values()) / 1e6
            for one in decided.values()
            if one["reasons"] and one["reasons"][0]["rule"] in UNAVAILABLE
        ]
        result.facts[tenant] = {
            "answered": len(mine.answers),
            "let go": len(executed),
            "denied by the budget": sum(one.rule in ("limit", "often") for one in mine.answers),
            "denied, store or time": dict(Counter(one.rule for one in denied)),
            "statuses": dict(sorted(mine.statuses.items())),
            "connections lost": mine.lost,
            "sessions at the limit": sum(
                sum(amounts) > LIMIT - 90 or len(amounts) == MOST for amounts in spent.values()
            ),
            "records": len(records),
            "superseded": len(superseded),
            "let go, never answered": len(unanswered),
            "denials that the kill left unrecorded": len(unrecorded),
            "logs recovered": len(recovered),
            "p50 / p99 / longest s": " / ".join(f"{each:.3f}" for each in (*quantiles, slowest)),
            "longest denial of the store s": round(max((one.took for one in denied), default=0.0), 3),
            "the same, inside the guard s": round(max(inside, default=0.0), 3),
        }
        wrong = set(mine.statuses) - {200, 503}
        if wrong:
            result.problems.append(f"{tenant}: answers with status {wrong}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as directory:
        place = Path(directory).resolve()
        result = asyncio.run(soak(place, arguments.seconds, arguments.clients, arguments.sessions))
    for tenant, facts in result.facts.items():
        print(f"\ntenant {tenant}")
        for name, value in facts.items():
            print(f"  {name:40}{value}")
    for problem in result.problems:
        print("WRONG", problem)
    print(f"\n{len(result.problems)} properties do not hold")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
