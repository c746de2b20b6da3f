"""The corrector's host that is one process; and what a guard makes of one that is gone, slow or mad."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
from tests.monitors.corrector.conftest import refused
from tests.waiting import until

from bartizan.guard.gate import Proposal
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.monitors.corrector.edit_script import EditScriptCorrector
from bartizan.monitors.corrector.reading import CallQuestion
from bartizan.monitors.corrector_host.app import CorrectorLimits, Correctors
from bartizan.monitors.corrector_host.client import RemoteCorrector, RemoteRewriter
from bartizan.monitors.corrector_host.serve import hosting
from bartizan.monitors.corrector_host.wire import read_proposals, read_rewrites
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.reading import Malformed
from bartizan.monitors.host.tenants import Tokens

from .conformance import ASKED, TOKEN, CorrectorConformance
from .made import made, train

UNIT = TextUnit("", "Fine, ", "the pin is 4417.", ("no-pins",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corrector")
    train(folder)
    return folder


class TestOneProcess(CorrectorConformance):
    """In this event loop, on a socket of its own."""

    @pytest.fixture
    async def address(self, folder: Path) -> AsyncIterator[str]:
        correctors = made(folder)
        limits = CorrectorLimits(timeout=30.0)
        async with hosting(correctors, limits=limits, tokens=Tokens.parse(f"guards {TOKEN}")) as address:
            yield address
        assert isinstance(correctors.calls, EditScriptCorrector)
        correctors.calls.close()


class Words:
    """A rewriter of few words; "wait" makes it wait, "fail" fails, "none" is not corrected."""

    name = "words"

    async def rewrite(self, unit: TextUnit) -> str | None:
        if "wait" in unit.segment:
            await asyncio.sleep(3600)
        if "fail" in unit.segment:
            raise RuntimeError(unit.segment)
        return None if "none" in unit.segment else f"{unit.sent}[{','.join(unit.why)}]"


async def test_texts_are_corrected() -> None:
    """A segment comes back in other words; what fails, is late or is not known does not, and does not raise."""
    async with hosting(Correctors(texts=Words())) as address:
        rewriter = RemoteRewriter(address, timeout=30.0)
        assert await rewriter.rewrite(UNIT) == "Fine, [no-pins]"
        for segment in ("fail", "none"):
            assert await rewriter.rewrite(TextUnit("", "", segment, ())) is None
        await rewriter.aclose()
        hurried = RemoteRewriter(address, timeout=0.1)
        assert await hurried.rewrite(TextUnit("", "", "wait", ())) is None
        await hurried.aclose()
        corrector = RemoteCorrector(address, timeout=30.0)
        assert await corrector.propose(refused(740)) == ()  # no calls are corrected there
        await corrector.aclose()


async def test_a_corrector_s_failure_is_not_told() -> None:
    """Of several questions the others are answered; no message of an error leaves the host."""
    texts = [{"prompt": "", "sent": "a", "segment": segment} for segment in ("fail secret", "fine")]
    async with (
        hosting(Correctors(texts=Words())) as address,
        httpx.AsyncClient(base_url=address, timeout=60.0) as client,
    ):
        response = await client.post("/v1/corrections", json={"texts": texts})
        assert response.json() == {"answers": [{"text": None}, {"text": "a[]"}]}
        assert 'answers_total{outcome="failed"} 1' in (await client.get("/metrics")).text


async def test_too_much_is_refused() -> None:
    """A body over its bound, another type, a page whose name was rebound, more requests than are taken."""
    limits = CorrectorLimits(max_body_bytes=2_000, max_requests=1, timeout=600.0)
    async with (
        hosting(Correctors(texts=Words()), limits=limits) as address,
        httpx.AsyncClient(base_url=address, timeout=60.0) as client,
    ):
        large = await client.post("/v1/corrections", json={"calls": [ASKED] * 60})
        assert large.status_code == 413
        assert (await client.post("/v1/corrections", content=b"{}")).status_code == 415
        rebound = await client.get("/v1/correctors", headers={"Host": "evil.example"})
        assert rebound.status_code == 421
        waiting = {"texts": [{"prompt": "", "sent": "", "segment": "wait"}]}
        busy = asyncio.create_task(client.post("/v1/corrections", json=waiting))

        async def under_way() -> bool:
            return "under_way 1" in (await client.get("/metrics")).text

        await until(under_way)
        refused_ = await client.post("/v1/corrections", json=waiting)
        assert (refused_.status_code, refused_.headers["retry-after"]) == (503, "1")
        busy.cancel()


async def test_nobody_there_is_no_correction_and_then_costs_no_connection() -> None:
    """After some failures in a row nothing is tried for a while."""
    breaker = Breaker(failures=2, pause=600.0, longest=600.0)
    corrector = RemoteCorrector("http://127.0.0.1:1", timeout=5.0, breaker=breaker)
    for _ in range(3):
        assert await corrector.propose(refused(740)) == ()
    assert breaker.open
    await corrector.aclose()


class Endless:
    """Proposes more than anybody looks at."""

    async def answer(self, question: CallQuestion) -> Sequence[Proposal]:
        return [Proposal({"amount": n}, "other", {}) for n in range(100)]


async def test_a_mad_host_is_no_correction() -> None:
    """More proposals than are read, or another shape, are none."""
    async with hosting(Correctors(calls=Endless())) as address:
        corrector = RemoteCorrector(address, timeout=30.0)
        assert await corrector.propose(refused(740)) == ()
        await corrector.aclose()
    for body in (
        b"",
        b"[]",
        b'{"answers": []}',
        b'{"answers": [{"proposals": [{"args": 3, "evidence": {}}]}]}',
    ):
        with pytest.raises(Malformed):
            read_proposals(body, 1, "corrector")
    with pytest.raises(Malformed):
        read_rewrites(b'{"answers": [{"text": 3}]}', 1)


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"token": "\n"}, {"address": "ftp://h"}])
def test_a_client_s_settings_are_checked(options: dict[str, object]) -> None:
    """What could never work is refused at once."""
    with pytest.raises(ValueError, match="expected"):
        RemoteRewriter(**{"address": "http://127.0.0.1:1", **options})  # type: ignore[arg-type]


def test_a_guard_that_asks_needs_no_torch() -> None:
    """The client imports neither torch nor a server."""
    code = (
        "import sys, bartizan.monitors.corrector_host.client\n"
        "sys.exit('torch' in sys.modules or 'uvicorn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
