"""The proxy asks a service instead of deciding by itself: the whole way, in four processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from tests.integrations.sidecar.serving import Running, written
from tests.waiting import until

from .conftest import POLICY, said
from .desk_server import CARD
from .test_processes import PROXY, SERVER, reached


async def test_a_service_decides_for_the_proxy(tmp_path: Path) -> None:
    """Denied, corrected, redacted; what is approved at the service runs when it is called again; without it nothing."""
    log, token = tmp_path / "desk.log", tmp_path / "token"
    token.write_text("agent-token\n")
    tenant = {"policy": "policy.yaml", "audit": "audit", "correct_within": 30, "deadline": 60}
    config = written(tmp_path, POLICY.read_text(), tenants={"default": tenant})
    with Running(config) as service:
        url = service.addresses[0]
        options = ["--sidecar", url, "--token-file", str(token), "--session", "desk-1"]
        parameters = StdioServerParameters(
            command=sys.executable,
            args=[*PROXY, *options, "--", *SERVER],
            env={**os.environ, "DESK_LOG": str(log)},
        )
        async with Client(parameters, cache=None) as client:
            assert (await client.call_tool("refund", {"order": "closed-1", "amount": 1})).is_error

            async def corrected() -> bool:  # in the proxy's own three seconds
                return '"value":200' in said(await client.call_tool("refund", {"order": "o", "amount": 900}))

            await until(corrected)
            assert CARD not in (await client.call_tool("lookup", {"order": "o"})).model_dump_json()
            assert CARD not in (await client.read_resource("desk://card")).model_dump_json()
            assert "waits for a person's approval" in said(await client.call_tool("wipe", {}))
            _, found = service.ask("/v1/approvals", token="ann-token")
            (question,) = found["approvals"]
            where = f"/v1/approvals/desk-1/{question['approval']['id']}"
            assert service.ask(where, {"answer": "approve"}, token="ann-token")[0] == 200
            assert said(await client.call_tool("wipe", {})) == "wipe done"
            service.process.kill()
            service.process.wait()
            count = len(reached(log))
            gone = await client.call_tool("refund", {"order": "o", "amount": 1})
            assert gone.is_error and "has not been executed" in said(gone)
            assert len(reached(log)) == count
        service.process.returncode = 0  # it was killed on purpose
