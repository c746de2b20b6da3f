"""A server that writes what it likes: every call is answered, nothing passes uninspected, the proxy goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mcp.client import Client
from tests.waiting import PATIENCE

from bartizan.integrations.mcp import Proxy, connect, guard_for

from .conftest import POLICY, said
from .desk_server import CARD

SERVER = str(Path(__file__).parent / "hostile_server.py")
NO_RESULT = ("no content", "text for content", "unknown block", "task")
ODD = ("list for result", "result type", "null for result", "both", "odd error", "nan", "surrogate", "deep")


async def test_a_server_that_writes_what_it_likes(tmp_path: Path) -> None:
    """What is no result is withheld, what is one is inspected, noise is nothing, and questions back are refused."""
    log = tmp_path / "log"
    async with connect([sys.executable, SERVER, str(log)]) as upstream:
        guard = guard_for(POLICY, upstream.tools)
        patient, impatient = Proxy(guard, upstream, "s"), Proxy(guard, upstream, "s", within=0.5)
        async with (
            Client(patient.server(), cache=None, read_timeout_seconds=PATIENCE) as client,
            Client(impatient.server(), cache=None, read_timeout_seconds=PATIENCE) as hasty,
        ):
            for kind in NO_RESULT:
                result = await client.call_tool("strange", {"kind": kind})
                assert result.is_error and "withheld" in said(result), kind
            for kind in ODD:  # some of these are no answer, however long it is waited for
                result = await hasty.call_tool("strange", {"kind": kind})
                assert result.is_error or said(result) in ("", "x", "after"), kind
            noisy = await client.call_tool("strange", {"kind": "noise"})
            assert said(noisy) == "after the noise"
            asked = json.loads(said(await client.call_tool("strange", {"kind": "asks back"})))
            assert [next(iter(each.values())) for each in asked] == ["error"] * 4
            long = await client.call_tool("strange", {"kind": "long"})
            assert CARD not in said(long)
        assert len(log.read_text().splitlines()) == len(NO_RESULT) + len(ODD) + 3
