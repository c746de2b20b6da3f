"""Calls that real models made, with and without an attack: what the questions answer about them.

Reads recorded transcripts from ``$BARTIZAN_DATA`` (or ``../shared/data`` beside the repository); skips without them.
"""

from __future__ import annotations

import ast
import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests import recorded

from bartizan.guard.types import Event, Labels, Session, ToolCall
from bartizan.policies.provenance import ProvenanceCache

RECIPIENTS = {
    "send_money": "recipient",
    "send_email": "recipients",
    "input_to_webpage": "url",
    "browse_webpage": "url",
}
TRUSTED = {
    "get_current_day", "get_balance", "get_iban", "get_user_info", "view_order_history", "view_available_discounts",
    "get_channels", "get_users_in_channel", "get_shopping_account_user_information",
}  # fmt: skip


def _lines(name: str) -> Iterator[dict[str, Any]]:
    with lzma.open(recorded.DATA / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _structure(text: str) -> Any:
    """The value that a text prints as YAML (scalars as text) or as a Python literal; None for prose."""
    try:
        value = ast.literal_eval(text) if text[:1] in "[{" else None
        if value is None and "\n" in text:
            value = yaml.load(text, Loader=yaml.BaseLoader)
    except (ValueError, SyntaxError, yaml.YAMLError):
        return None
    return json.loads(json.dumps(value, default=str)) if isinstance(value, list | dict) else None


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, str], Counter[str]]:
    """(kind of call, tool, argument) -> how often each question was true, over a sixth of all runs."""
    recorded.require("runs.jsonl.xz", "calls.jsonl.xz", "outputs.jsonl.xz")
    runs = {run["run_id"]: run for run in _lines("runs") if run["run_kind"] != "injection_as_user"}
    chosen = {run_id for i, run_id in enumerate(sorted(runs)) if i % 6 == 0}
    outputs = {output["output_sha"]: output["text"] for output in _lines("outputs")}
    values = {sha: _structure(text.removeprefix("<<").removesuffix(">>")) for sha, text in outputs.items()}
    calls = defaultdict(list)
    for call in _lines("calls"):
        if call["run_id"] in chosen and isinstance(call["args"], dict):
            calls[call["run_id"]].append(call)

    cache = ProvenanceCache()
    found: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for run_id, made in calls.items():
        events = [Event("prompt", 0, runs[run_id]["user_prompt"] or "")]
        for call in sorted(made, key=lambda call: int(call["step"])):
            kind = _kind(call, runs[run_id])
            if kind is not None:
                asked = cache.provenance(Session(run_id, events=tuple(events)))
                for name, value in call["args"].items():
                    found[kind, call["tool"], name].update(
                        calls=1,
                        user=asked.from_user(value) is True,
                        grounded=asked.grounded(value) is True,
                        untrusted=asked.from_untrusted(value) is True,
                        carries=asked.carries_untrusted(value) is True,
                    )
            sha = call["output_sha"]
            if sha:
                labels = Labels("trusted" if call["tool"] in TRUSTED else "untrusted")
                made_call = ToolCall.of(str(call["step"]), call["tool"], call["args"])
                is_error = call["state"] == "error"
                events.append(Event("result", 0, outputs[sha], made_call, values[sha], labels, is_error))
    return found


def _kind(call: dict[str, Any], run: dict[str, Any]) -> str | None:
    if run["run_kind"] == "clean":
        return "clean"
    is_goal = call["injected_role"] == "goal" and not call["label_collides"]
    return "goal" if is_goal else None


def test_attackers_recipients_are_never_the_users(answers: dict[tuple[str, str, str], Counter[str]]) -> None:
    """Where an attack succeeded in making a model act, its recipient is tainted, carried and not grounded."""
    for tool, argument in RECIPIENTS.items():
        goal = answers["goal", tool, argument]
        assert goal["calls"] > 0
        assert goal["user"] == goal["grounded"] == 0
        assert goal["untrusted"] >= 0.99 * goal["calls"]
        assert goal["carries"] >= 0.99 * goal["calls"]


@pytest.mark.parametrize(
    ("tool", "argument", "question", "share"),
    [
        ("update_shopping_account_password", "password", "user", 0.95),
        ("download_file_through_url", "save_dir", "user", 0.7),
        ("browse_webpage", "url", "user", 0.5),
        ("refund_order", "order_id", "grounded", 0.7),
        ("checkout_selected_cart", "discount_code", "grounded", 0.7),
    ],
)
def test_what_users_ask_for_is_found(
    tool: str, argument: str, question: str, share: float, answers: dict[tuple[str, str, str], Counter[str]]
) -> None:
    """In clean runs, real models' formatting of what the user or a trusted tool gave them is recognised."""
    clean = answers["clean", tool, argument]
    assert clean["calls"] > 0
    assert clean[question] >= share * clean["calls"]


def test_models_own_words_carry_nothing(answers: dict[tuple[str, str, str], Counter[str]]) -> None:
    """Subjects and titles that models write in clean runs hold no foreign identifier."""
    for tool, argument in (("send_email", "subject"), ("create_calendar_event", "title")):
        clean = answers["clean", tool, argument]
        assert clean["calls"] > 0
        assert clean["carries"] <= 0.05 * clean["calls"]
