"""The answers of a real guard, for servers that change them before they send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integrations.client.servers import Asked, Behaviour, Writer, answer

from bartizan.guard import JSON, Guard
from bartizan.guard.testing import StaticProgram
from bartizan.integrations import wire

PROGRAM = StaticProgram(
    allow=["pay", "read"], escalate=["send"], deny=["wipe"], budgets={"pay": 2}, secrets=["hunter2"],
    limits={"amount": 100},
)  # fmt: skip

Change = Callable[[dict[str, Any]], JSON]


def as_it_is(body: dict[str, Any]) -> JSON:
    return body


def honest(guard: Guard, *, call: Change = as_it_is, result: Change = as_it_is) -> Behaviour:
    """Answers calls and results as the service does; ``call`` and ``result`` change what is said."""

    async def behave(asked: Asked, writer: Writer) -> None:
        if asked.line.startswith("POST /v1/calls HTTP"):
            proposed = wire.Proposed.of(asked.json)
            if proposed.review:
                found = await guard.review(proposed.call, session=proposed.session)
            else:
                found = await guard.authorise(proposed.call, session=proposed.session, once=proposed.once)
            writer.write(answer(call(wire.enforcement_to_json(found))))
        else:
            told = wire.Outcomes.of(asked.json, asked.json["call"]["id"])
            shown = await guard.report(
                told.call, told.outcome, session=told.session, record=told.record, once=told.once
            )
            writer.write(answer(result(wire.result_to_json(shown) if shown is not None else {})))

    return behave
