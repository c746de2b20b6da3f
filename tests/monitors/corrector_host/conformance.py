"""What every corrector's host does, seen from a guard: in this process, or behind Ray Serve."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.monitors.corrector.conftest import PROGRAM, refused

from bartizan.guard import Guard, Outcome, ToolCall, ToolResult
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.testing import StaticProgram
from bartizan.monitors.corrector_host.client import RemoteCorrector, RemoteRewriter

TOKEN = "guards-token-0123456789"
ASKED = {"tool": "pay", "args": {"amount": 740}, "roles": [], "conditions": ["amount>100"], "policy": ""}


class CorrectorConformance:
    """``address`` is of a host with :data:`TOKEN` whose calls are corrected by ``made`` (see :mod:`.made`)."""

    async def test_a_denied_call_is_corrected(self, address: str) -> None:
        """Through a real guard: the proposal is permitted, allowed, executed and attributed."""
        corrector = RemoteCorrector(address, token=TOKEN, timeout=30.0)
        ran: list[ToolCall] = []

        async def tool(call: ToolCall) -> ToolResult:
            ran.append(call)
            return ToolResult("paid")

        guard = Guard(PROGRAM, proposers=[corrector], correct_within=60, deadline=120.0)
        outcome = await guard.enforce(
            ToolCall.of("c", "pay", {"amount": 740, "to": "bob"}), tool, session="s"
        )
        assert outcome.decision.outcome is Outcome.CORRECT
        assert [call.args["amount"] for call in ran] == [100]
        assert outcome.correction is not None and outcome.correction.origin == "corrector"
        assert outcome.correction.evidence["script"] == "amount=100"
        await corrector.aclose()

    async def test_many_guards_at_once(self, address: str) -> None:
        """Each gets the answer to its own question; one whose policy is another gets none."""
        corrector = RemoteCorrector(address, token=TOKEN, timeout=30.0)
        other = StaticProgram(allow=["pay"], limits={"amount": 50})
        asked = [refused(200 + n, program=other if n % 4 == 3 else PROGRAM) for n in range(12)]
        answers = await asyncio.gather(*(corrector.propose(one) for one in asked))
        assert [[one.args["amount"] for one in answer] for answer in answers] == [
            [] if n % 4 == 3 else [100] for n in range(12)
        ]
        await corrector.aclose()

    async def test_what_is_not_corrected_here_is_not_known(self, address: str) -> None:
        """A rewriter that asks a host of calls gets no text, and does not raise."""
        rewriter = RemoteRewriter(address, token=TOKEN, timeout=30.0)
        assert await rewriter.rewrite(TextUnit("", "Fine, ", "the pin is 4417.", ("no-pins",))) is None
        await rewriter.aclose()

    async def test_without_the_token_nothing_is_corrected(self, address: str) -> None:
        """Nor told what could be; whether the host lives is."""
        corrector = RemoteCorrector(address, token="another-token-0123456789", timeout=30.0)
        assert await corrector.propose(refused(740)) == ()
        await corrector.aclose()
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30.0) as client:
            assert (await client.get("/v1/correctors")).status_code == 401
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/healthz")).text == (await client.get("/readyz")).text == "ok"

    async def test_a_host_says_what_it_corrects(self, address: str) -> None:
        """And under which policy; its metrics count answers by outcome."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            base_url=address, headers=headers, trust_env=False, timeout=30.0
        ) as client:
            found = (await client.get("/v1/correctors")).json()
            assert found == {"calls": {"policy": PROGRAM.hash}, "texts": None}
            assert (await client.post("/v1/corrections", json={"calls": [ASKED]})).status_code == 200
            assert (
                'bartizan_corrector_answers_total{outcome="abstained"}' in (await client.get("/metrics")).text
            )

    @pytest.mark.parametrize(
        ("body", "status", "place"),
        [
            ({}, 400, "$"),
            ({"calls": [], "texts": []}, 400, "$"),
            ({"calls": []}, 400, "$.calls"),
            ({"calls": [{**ASKED, "secret": 1}]}, 400, "$.calls[0]"),
            ({"calls": [{**ASKED, "args": ["secret"]}]}, 400, "$.calls[0]"),
            ({"calls": [{**ASKED, "roles": [3]}]}, 400, "$.calls[0].roles"),
            ({"calls": [{**ASKED, "policy": 3}]}, 400, "$.calls[0].policy"),
            ({"calls": [ASKED], "within_ms": 0}, 400, "$.within_ms"),
            ({"calls": [ASKED] * 65}, 400, "$.calls"),
            ({"texts": [{"prompt": "", "sent": "", "segment": 3}]}, 400, "$.texts[0].segment"),
            (
                {"texts": [{"prompt": "", "sent": "", "segment": "", "channel": "secret"}]},
                400,
                "$.texts[0].channel",
            ),
            (
                {"texts": [{"prompt": "", "sent": "", "segment": "", "channel": ["secret"]}]},
                400,
                "$.texts[0].channel",
            ),
            ({"texts": [{"prompt": "", "sent": "", "segment": "secret"}]}, 404, "$.texts"),
        ],
    )
    async def test_a_bad_request_is_refused_with_its_place(
        self, address: str, body: dict[str, Any], status: int, place: str
    ) -> None:
        """Each has its status, and no answer repeats its text."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            base_url=address, headers=headers, trust_env=False, timeout=30.0
        ) as client:
            response = await client.post("/v1/corrections", json=body)
        assert (response.status_code, response.json()["error"]["place"]) == (status, place)
        assert "secret" not in response.text
