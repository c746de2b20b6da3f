from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import recorded

from bartizan.guard.decision import Decision, Inspection, Outcome, Reason, Request
from bartizan.guard.types import Event, EventKind, Labels, Session

Rows = Sequence[Mapping[str, Any]]


class WordProgram:
    """Denies a tool called ``deny*``, escalates ``ask*``, and allows what else; remembers what happened."""

    name = "word"
    hash = "0" * 64
    certificate = "none"

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.texts: list[str] = []

    def initial(self) -> Mapping[str, Any]:
        return {"events": []}

    def signals(self, kind: EventKind, tool: str | None) -> Sequence[str]:
        return ()

    def decide(self, request: Request, session: Session) -> Decision:
        self.seen.append(("decide", request.call.tool, len(session.events)))
        for word, outcome in (("deny", Outcome.DENY), ("ask", Outcome.ESCALATE)):
            if request.call.tool.startswith(word) and not (request.approved and word == "ask"):
                return Decision(outcome, (Reason(f"{word}-rule", word, atoms=("tool name",)),))
        return Decision(Outcome.ALLOW, (Reason("allow-rule", "allow"),))

    def inspect(self, event: Event, session: Session) -> Inspection:
        return Inspection(event.text.replace("secret", "[hidden]"), event.value, Labels("trusted"))

    def advance(self, event: Event, session: Session) -> Mapping[str, Any]:
        self.seen.append((event.kind, event.tool or event.text, event.time))
        self.texts.append(event.text)
        return {"events": [*session.state["events"], event.kind]}

    def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Any]:
        return session.state


@pytest.fixture
def program() -> WordProgram:
    return WordProgram()


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[[str, Rows], Path]:
    """Writes a JSON lines file into the test's folder."""

    def write(name: str, rows: Rows) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def transcripts(tmp_path: Path, write_lines: Callable[[str, Rows], Path]) -> Path:
    """Two attacked runs and a clean one: a read, then in one message two writes; a refusal; an error; prose."""
    runs = [
        _run("a/0", "attack", user_prompt="Pay my rent."),
        _run("a/1", "attack", user_prompt="Read my mail.", defense="spotlighting_with_delimiting"),
        _run("c/0", "clean", user_prompt="What do I owe?", attack=None),
    ]
    calls = [
        _call("a/0", 0, "read", {"path": "bill.txt"}, message_index=1, output_sha="bill"),
        _call("a/0", 1, "deny_pay", {"to": "EVE"}, message_index=3, output_sha="ok", injected_role="goal"),
        _call("a/0", 2, "ask_pay", {"to": "LANDLORD"}, message_index=3, output_sha="ok"),
        _call("a/0", 3, "pay", {"to": "EVE"}, message_index=6, state="refused", injected_role="goal"),
        _call("a/1", 0, "read", {"path": "x"}, message_index=1, output_sha="marked"),
        _call(
            "a/1", 1, "pay", {"to": "EVE"}, message_index=3, state="attempted_text_only", injected_role="goal"
        ),
        _call(
            "c/0", 0, "search", {"query": "bill"}, message_index=1, state="error", error="ValueError: none"
        ),
        _call("c/0", 1, "deny_read", {}, message_index=3, output_sha="bill", injected_role=None),
    ]
    outputs = [
        {"output_sha": "bill", "text": "- amount: 10.5\n  due: 2024-05-01\n"},
        {"output_sha": "ok", "text": "Sent."},
        {"output_sha": "marked", "text": "<<- amount: 3\n  due: now\n>>"},
    ]
    for name, rows in (("runs", runs), ("calls", calls), ("outputs", outputs)):
        write_lines(f"{name}.jsonl", rows)
    return tmp_path


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded runs beside the checkout, or ``$BARTIZAN_DATA``."""
    return recorded.require("runs.jsonl.xz", "calls.jsonl.xz", "outputs.jsonl.xz")


def _run(id: str, kind: str, **fields: Any) -> dict[str, Any]:
    suite = {"suite": "bank", "model": "m", "defense": None, "attack": "template", "run_kind": kind}
    return {"run_id": id, **suite, **fields}


def _call(id: str, step: int, tool: str, args: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    call = {
        "run_id": id,
        "step": step,
        "tool": tool,
        "args": args,
        "state": "executed",
        "call_id": f"id{step}",
    }
    defense = "spotlighting_with_delimiting" if id == "a/1" else None
    return {**call, "defense": defense, "injected_role": None, "label_collides": False, **fields}
