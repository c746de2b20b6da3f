"""Tokens to text to calls: however a reply is cut, the same is said and the same is called."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from bartizan.monitors.chat.detokenise import Detokeniser
from bartizan.monitors.chat.formats import Call, ToolFormat, detect, opening
from bartizan.monitors.chat.reply import Reply
from bartizan.monitors.chat.scan import Part, Said, scanner

from . import tiny

HERMES = '<tool_call>\n{"name": "pay", "arguments": {"to": "GB33"}}\n</tool_call>'
MISTRAL = '[TOOL_CALLS] [{"name": "pay", "arguments": {"to": "GB33"}}, {"name": "read", "arguments": {}}]'


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny.tokenizer()


def scanned(form: ToolFormat | None, text: str, cuts: list[int] | None = None) -> tuple[str, list[Call]]:
    scan = scanner(form)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts or []), len(text)]
    parts: list[Part] = []
    for start, end in pairwise(edges):
        parts += scan.feed(text[start:end])
    parts += scan.finish()
    said = "".join(part.text for part in parts if isinstance(part, Said))
    return said, [part for part in parts if isinstance(part, Call)]


def names(calls: list[Call]) -> list[tuple[str, dict[str, Any]]]:
    return [(call.call.tool, dict(call.call.args)) for call in calls]


@pytest.mark.parametrize(
    ("form", "text", "said", "called"),
    [
        ("hermes", HERMES, "", [("pay", {"to": "GB33"})]),
        ("hermes", f"I pay.\n{HERMES}\n{HERMES} Done.", "I pay.Done.", [("pay", {"to": "GB33"})] * 2),
        ("hermes", "no call, a < b and <tool", "no call, a < b and <tool", []),
        ("hermes", " \n ", " \n ", []),
        (
            "hermes",
            '<tool_call>{"name": "say", "arguments": {"text": "</tool_call>"}}</tool_call>',
            "",
            [("say", {"text": "</tool_call>"})],
        ),
        ("llama", '{"name": "pay", "parameters": {"to": "GB33"}}', "", [("pay", {"to": "GB33"})]),
        ("llama", '<|python_tag|>{"name": "a", "parameters": {}}; {"name": "b", "parameters": {}}', "",
         [("a", {}), ("b", {})]),
        ("llama", '{"type": "function", "name": "a", "arguments": {}}', "", [("a", {})]),
        ("llama", 'See: {"name": "pay", "parameters": {}}', 'See: {"name": "pay", "parameters": {}}', []),
        ("llama", '{"name": "a", "parameters": {}} and so on', '{"name": "a", "parameters": {}} and so on', []),
        ("mistral", MISTRAL, "", [("pay", {"to": "GB33"}), ("read", {})]),
        ("mistral", "Yes." + MISTRAL, "Yes.", [("pay", {"to": "GB33"}), ("read", {})]),
        ("mistral", '[TOOL_CALLS]pay[ARGS]{"to": "x"}[TOOL_CALLS]read{}', "", [("pay", {"to": "x"}), ("read", {})]),
        ("mistral", '[TOOL_CALLS]pay{"to": "[TOOL_CALLS]read{}"}', "", [("pay", {"to": "[TOOL_CALLS]read{}"})]),
        ("mistral", "[TOOL_CALLS] [1]", "[TOOL_CALLS] [1]", []),
        ("mistral", MISTRAL + " and", MISTRAL + " and", []),
        (None, HERMES, HERMES, []),
    ],
)  # fmt: skip
def test_what_is_said_and_what_is_called(
    form: ToolFormat | None, text: str, said: str, called: list[tuple[str, dict[str, Any]]]
) -> None:
    """The formats, at once and character by character."""
    for cuts in ([], list(range(len(text)))):
        found, calls = scanned(form, text, cuts)
        assert (found, names(calls)) == (said, called)
        for call in calls:
            assert call.call.tool in text[call.start : call.end]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "pay",
        "[]",
        '{"name": "pay"}',
        '{"name": "pay", "arguments": "{}"}',
        '{"name": "pay", "arguments": [1]}',
        '{"name": "pay", "arguments": {}, "more": 1}',
        '{"name": "pay", "arguments": {}, "parameters": {}}',
        '{"name": "pay", "parameters": {}}',
        '{"name": "pay", "arguments": {"to": "a", "to": "b"}}',
        '{"name": "pay", "name": "read", "arguments": {}}',
        '{"name": "pay", "arguments": {"amount": NaN}}',
        '{"name": "pay", "arguments": {"amount": 1e999}}',
        '{"name": "pay", "arguments": {"to": "\\ud800"}}',
        '{"name": "pay", "arguments": ' + '{"a":' * 63 + "{}" + "}" * 64,
        '{"name": "pay", "arguments": ' + '{"a":' * 100000,
        '{"name": "", "arguments": {}}',
        '{"name": "pay me", "arguments": {}}',
        '{"name": "' + "p" * 129 + '", "arguments": {}}',
        '{"name": ["pay"], "arguments": {}}',
        '{"name": "pay", "arguments": {}} {}',
        "{'name': 'pay', 'arguments': {}}",
        '\u00a0{"name": "pay", "arguments": {}}',
    ],
)
def test_what_is_not_exactly_a_call_is_content(body: str) -> None:
    """Malformed calls are said as they stand: no parser is lenient where a guard is strict."""
    text = f"<tool_call>{body}</tool_call>"
    said, calls = scanned("hermes", text)
    assert (said, calls) == (text, [])


@given(st.lists(st.sampled_from([HERMES, "<tool_call>", "</tool_call>", "text ", '"', "{", " ", "\n"]), max_size=8),
       st.lists(st.integers(0, 10_000), max_size=6))  # fmt: skip
def test_cutting_a_text_changes_nothing(parts: list[str], cuts: list[int]) -> None:
    """Streaming parity: whatever the chunks, the words and the calls with their places are the same."""
    text = "".join(parts)
    for form in ("hermes", "llama", "mistral", None):
        assert scanned(form, text, cuts) == scanned(form, text)  # type: ignore[arg-type]


@given(st.lists(st.integers(3, 419), max_size=40))
def test_pieces_are_what_decoding_at_once_gives(ids: list[int]) -> None:
    """Any bytes, valid or not: the pieces put together are the text, and no piece ends in half a character."""
    detokeniser = Detokeniser(tokenizer())
    pieces = [detokeniser.push(token) for token in ids]
    assert not any(piece.endswith("\ufffd") for piece in pieces)
    assert "".join(pieces) + detokeniser.flush() == tokenizer().decode(
        ids, clean_up_tokenization_spaces=False
    )


@given(st.text(max_size=30), st.text(min_size=1, max_size=3), st.data())
def test_a_stop_ends_the_text_where_it_begins(text: str, stop: str, data: Any) -> None:
    """Nothing of the stop or after it is said, wherever tokens begin and end."""
    ids = tokenizer().encode(text, add_special_tokens=False)
    reply = Reply(Detokeniser(tokenizer()), scanner(None), stops=[stop])
    said = ""
    for token in ids:
        said += reply.push(token)
        if reply.stopped:
            break
    said += reply.finish()
    assert said == text.partition(stop)[0]
    assert reply.stopped == (stop in text)


def test_a_calls_tokens_are_those_that_hold_its_characters() -> None:
    """The span begins with the marker's token and ends with its end, whatever stands around it."""
    fast = tokenizer()
    ids = fast.encode(f"naïve 🙂 {HERMES} after", add_special_tokens=False)
    reply = Reply(Detokeniser(fast), scanner("hermes"))
    for token in ids:
        reply.push(token)
    reply.finish()
    (call,) = reply.calls
    start, end = reply.span(call)
    assert fast.decode(ids[start:end]) == HERMES
    assert (ids[start], ids[end - 1]) == (420, 421)


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (tiny.TEMPLATE, "hermes"),
        ("{{ '<tool_call><function=' }}{{ tools }}", None),
        ("{{ '[AVAILABLE_TOOLS]' }}{{ '[TOOL_CALLS]' }}", "mistral"),
        ('<|start_header_id|> {{ tools }} "parameters": <|python_tag|>', "llama"),
        ("{{ messages }}", None),
    ],
)
def test_formats_are_told_from_templates(template: str, form: ToolFormat | None) -> None:
    """A template that writes calls in a language of its own is not guessed at."""
    assert detect(template) == form


def test_openings_begin_calls() -> None:
    """What requires a call is the beginning of one, in every format."""
    for form in ("hermes", "llama", "mistral"):
        rest = {"hermes": " {}}</tool_call>", "llama": " {}}", "mistral": " {}}]"}[form]
        said, calls = scanned(form, opening(form, "pay") + rest)  # type: ignore[arg-type]
        assert (said, names(calls)) == ("", [("pay", {})])
        assert opening(form, "pay").startswith(opening(form))  # type: ignore[arg-type]
    assert json.dumps("pay") in opening("hermes", "pay")
