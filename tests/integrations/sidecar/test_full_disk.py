"""A log that can take no more records: everything is denied, and the service says that it is not ready."""

from __future__ import annotations

import resource
from pathlib import Path

from .in_process import configured, running


async def test_a_service_whose_log_is_broken_is_not_ready(tmp_path: Path) -> None:
    """A balancer that asks sends requests to another one; after room was made, this one has to be started again."""
    config = configured(tmp_path)
    logs = {
        name: tenant.model_copy(update={"audit": tmp_path / name}) for name, tenant in config.tenants.items()
    }
    async with running(config.model_copy(update={"tenants": logs})) as service:
        agent = service.as_("agent")
        assert (await agent.get("/readyz")).status_code == 200
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # Python ignores the signal: the write fails
        try:
            call = {"id": "1", "tool": "pay", "args": {"to": "Ada", "amount": 5}}
            answer = (await agent.post("/v1/calls", {"session": "s", "call": call})).json()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [reason["rule"] for reason in answer["reasons"]] == ["audit-unavailable"]
        assert not answer["allowed"]
        assert (await agent.get("/readyz")).status_code == 503
        assert (await agent.get("/healthz")).status_code == 200
