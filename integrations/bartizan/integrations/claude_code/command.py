"""One event from standard input to the service, its answer to standard output: a command hook that fails closed.

Claude Code takes exit code 2 for a refusal, and every other failure for none: the tool runs. So whatever goes wrong
here ends with 2 and a sentence on standard error, which the agent reads.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from bartizan.guard import MalformedJSON, canonical_json, parse_json
from bartizan.guard.canonical import WRAPPED_DEPTH
from bartizan.integrations.client.address import address_of
from bartizan.integrations.client.http import HttpClient

PATH = "/hooks/claude-code"
LIMIT = 8 << 20
"""Bytes of an event."""


def run(url: str, token: str | None, *, within: float, grant: bool = False) -> NoReturn:
    """Ask the service about the event at standard input, and end the process: 0 with an answer, 2 without one."""
    try:
        raw = sys.stdin.buffer.read(LIMIT + 1)
        said = answered(raw, asyncio.run(_ask(url, token, raw, within, grant)))
        sys.stdout.buffer.write(said.encode() + b"\n")
        sys.stdout.buffer.flush()
    except BaseException as error:  # noqa: BLE001 (an interrupt, too: nothing may end otherwise)
        _refuse(error)
    sys.exit(0)


def answered(raw: bytes, found: Any) -> str:
    """The service's answer as Claude Code reads it. Raises ``ValueError`` for one that is none."""
    if not isinstance(found, Mapping):
        raise ValueError("the service's answer is no object")
    specific = found.get("hookSpecificOutput")
    if specific is not None:
        event = parse_json(raw, max_depth=WRAPPED_DEPTH)
        if not isinstance(specific, Mapping) or specific.get("hookEventName") != event["hook_event_name"]:
            raise ValueError("the service's answer is about another event")
    return canonical_json(dict(found), max_depth=WRAPPED_DEPTH).decode()


async def _ask(url: str, token: str | None, raw: bytes, within: float, grant: bool) -> Any:
    if len(raw) > LIMIT:
        raise MalformedJSON(f"expected an event of at most {LIMIT} bytes")
    client = HttpClient(address_of(url), connections=1)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        return await client.request(
            "POST", PATH + ("?allow=grant" if grant else ""), within=within, body=raw, headers=headers
        )
    finally:
        await client.aclose()


def _refuse(error: BaseException) -> NoReturn:
    try:
        sys.stderr.write(f"The guard could not be asked, and so nothing is done: {error!s:.300}\n")
        sys.stderr.flush()
    finally:
        sys.exit(2)
