"""Hostile texts: any Unicode, any size within bounds, answered at once and the same every time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard.types import Event
from bartizan.policies.provenance import Provenance
from bartizan.policies.provenance.evidence import trace_of, traces_of
from bartizan.policies.provenance.normalise import compatible
from bartizan.policies.provenance.tokens import run_of, scan

Prompt = Callable[[str], Event]
Result = Callable[..., Event]
Ask = Callable[..., Provenance]

SIZE = 1 << 16


@pytest.mark.parametrize(
    "unit",
    [
        "a", "1", " ", ".", "-", "/", ":", "@", "1,234", "12 34 56 ", "GB33 ", "May 5 ", "2024-05-15 ", "10:30 am ",
        "a.", "/.", "www.", "http://", "a@b.c ", "\u738b", "\ufdfa", "\u0301", "\u0130", "\ufb03", "\U0001f600", "?%=",
        "\u200b", "a\u0345", "1-", "+1 ", "$", "%5 ", "'s ", "\x00", "ab1-", "x.y/",
    ],
)  # fmt: skip
def test_long_texts_of_one_unit(unit: str, prompt: Prompt, result: Result, ask: Ask) -> None:
    """64 KiB of anything is indexed and asked about without a blow-up; a quadratic scan would take minutes here."""
    text = (unit * SIZE)[:SIZE]
    asked = ask(prompt(text), result(text), result([text], "trusted"))
    for value in (text, text[: SIZE // 2] + "b", unit * 12 + "!", [unit] * 12):
        assert asked.from_user(value) in (True, False, None)
        assert asked.grounded(value) in (True, False, None)
        assert asked.from_untrusted(value) in (True, False, None)
        assert asked.carries_untrusted(value) in (True, False, None)


@given(text=st.text(max_size=60), other=st.text(max_size=60))
def test_a_text_comes_from_itself(text: str, other: str, prompt: Prompt, result: Result, ask: Ask) -> None:
    """Whatever its characters: a leaf grounds itself, an untrusted text taints itself, and asking twice agrees."""
    asked = ask(prompt(other), result([text], "trusted", tool="a"), result(text, tool="b"))
    assert asked.grounded(text) is True
    assert asked.from_tool(text, "a") is True
    if scan(compatible(text)):
        assert asked.from_untrusted(text) is True
    assert asked.from_user(text) is ask(prompt(other)).from_user(text)


@given(
    said=st.text(alphabet="ab 1.-/,;:@'$", max_size=30), value=st.text(alphabet="ab 1.-/,;:@'$", max_size=8)
)
def test_runs_against_a_naive_search(said: str, value: str, prompt: Prompt, ask: Ask) -> None:
    """The index finds a run of tokens exactly where comparing token by token does."""
    tokens, wanted = ([token.text for token in scan(compatible(text))] for text in (said, value))
    naive = any(tokens[i : i + len(wanted)] == wanted for i in range(len(tokens) - len(wanted) + 1))
    if wanted:
        assert ask(prompt(said)).from_user(value) is naive
    assert run_of(scan(said)).count("  ") <= 1


@given(
    written=st.lists(st.text(alphabet="abc-. A\u00e9\u738b", max_size=12), max_size=8),
    value=st.text(alphabet="abcA-\u738b", max_size=7),
)
def test_traces_against_a_naive_search(written: list[str], value: str, result: Result, ask: Ask) -> None:
    """The trigram index finds a substring in every text that has it."""
    traced = any(
        trace.is_long_enough and trace.is_in(trace_of(text))
        for text in written
        if text.strip()
        for trace in traces_of(value, ())
    )
    if traced and value.strip():
        assert ask(*(result(text) for text in written)).from_untrusted(value) is True
