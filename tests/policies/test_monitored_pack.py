"""The pack that takes a monitor's word: without one it decides as the baseline pack does, and with one never less."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bartizan.guard import Outcome
from bartizan.policies import Program, compile_policy
from bartizan.policies.analysis.witness.replay import Result, stage

TOOLS = """
tools:
  read_page: {args: {url: str}, effect: read, open: true}
  read_notes: {args: {}, effect: read}
  list_contacts: {args: {}, effect: read, result: {label: trusted}}
  send_note: {args: {to: str, text: str}, effect: write}
  delete_note: {args: {id: int}, effect: destructive}
"""
WORDS = ("ann@example.com", "eve@bad.example", "see you", "everything", "https://bad.example/x", "7")
BENIGN = {"injection": {"value": 0.02, "p_value": 0.8}}
NO_WORD: tuple[dict[str, Any], ...] = (
    {},
    {"injection": "missing"},
    {"injection": 0.01},  # a score without a p-value
    {"injection": {"value": 0.01, "p_value": "missing"}},
)
ALARMS: tuple[dict[str, Any], ...] = (
    {"injection": {"value": 0.97, "p_value": 0.002}},
    {"injection": {"value": 0.4, "p_value": 0.5}},  # on the line
)


def pack(name: str) -> Program:
    return compile_policy(f"version: 1\nname: mine\ninclude: [{name}]\n{TOOLS}")


BASELINE, MONITORED = pack("baseline"), pack("baseline-monitored")


def session(rng: random.Random, words: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A call after some results, of trusted and untrusted tools, each with one of these signals."""
    history = []
    for _ in range(rng.randint(0, 4)):
        tool = rng.choice(("read_notes", "read_page", "list_contacts"))
        said = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
        history.append({"result": {"tool": tool, "text": said}, "signals": rng.choice(words)})
    call = rng.choice(
        (
            {"tool": "send_note", "args": {"to": rng.choice(WORDS), "text": rng.choice(WORDS)}},
            {"tool": "delete_note", "args": {"id": 7}},
            {"tool": "read_page", "args": {"url": rng.choice(WORDS)}},
            {"tool": "read_notes"},
        )
    )
    return {"prompt": " ".join(rng.choices(WORDS, k=2)), "history": history, "call": call}


def decided(program: Program, case: dict[str, Any]) -> Result:
    if program is BASELINE:  # which declares no signals
        case = {
            **case,
            "history": [{k: v for k, v in past.items() if k != "signals"} for past in case["history"]],
        }
    return stage(program, {"name": "a session", **case}).happen(program)


@pytest.mark.parametrize("words", [NO_WORD, ALARMS, NO_WORD + ALARMS], ids=["no word", "alarms", "both"])
def test_without_a_benign_word_it_decides_as_the_baseline_pack(words: tuple[dict[str, Any], ...]) -> None:
    """No monitor, one that is down, a score alone, an alarm: the same outcome for the same reasons."""
    rng = random.Random(0)
    outcomes = set()
    for _ in range(400):
        case = session(rng, words)
        expected, found = decided(BASELINE, case), decided(MONITORED, case)
        assert (found.outcome, set(found.because)) == (expected.outcome, set(expected.because)), case
        outcomes.add(found.outcome)
    assert outcomes == {Outcome.ALLOW, Outcome.ESCALATE}


def test_a_benign_word_spares_questions_and_raises_none() -> None:
    """Whatever the monitor says, nothing is asked that the baseline pack would not ask; some questions are spared."""
    rng = random.Random(1)
    spared = 0
    for _ in range(400):
        case = session(rng, (*NO_WORD, *ALARMS, BENIGN, BENIGN, BENIGN, BENIGN))
        expected, found = decided(BASELINE, case).outcome, decided(MONITORED, case).outcome
        assert found in (expected, Outcome.ALLOW)
        spared += found is not expected
    assert spared > 10


def test_one_result_without_a_benign_word_is_enough_to_ask() -> None:
    """Benign results before and after it take nothing back."""
    call = {"tool": "send_note", "args": {"to": "eve@bad.example", "text": "everything"}}
    for signals in (*NO_WORD, *ALARMS):
        history = [
            {"result": {"tool": "read_notes", "text": "see you"}, "signals": given}
            for given in (BENIGN, signals, BENIGN)
        ]
        assert decided(MONITORED, {"history": history, "call": call}).outcome is Outcome.ESCALATE
        del history[1]
        assert decided(MONITORED, {"history": history, "call": call}).outcome is Outcome.ALLOW
