"""How models write tool calls: where a call begins and ends in the text, and what a call has to look like.

hermes    ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``, any number (Hermes, Qwen 2.5, Qwen 3)
llama     the whole reply is ``{"name": ..., "parameters": {...}}``, several with ``;`` between (Llama 3.1 and later)
mistral   ``[TOOL_CALLS] [{"name": ..., "arguments": {...}}, ...]``, or ``[TOOL_CALLS]name[ARGS]{...}`` (newer ones)

Sources: the models' chat templates. What is not exactly of that form, or whose JSON is not strict, is no call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bartizan.guard.canonical import JSON, parse_json
from bartizan.guard.errors import MalformedCall, MalformedJSON
from bartizan.guard.types import ToolCall

ToolFormat = Literal["hermes", "llama", "mistral"]
FORMATS: tuple[ToolFormat, ...] = get_args(ToolFormat)

NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}", re.ASCII)

MARKERS: Mapping[ToolFormat, tuple[str, ...]] = {
    "hermes": ("<tool_call>", "</tool_call>"),
    "llama": ("<|python_tag|>",),
    "mistral": ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
}
"""Tokens that are part of a call's text, even where the tokenizer counts them as special."""

_ARGUMENTS: Mapping[ToolFormat, frozenset[str]] = {
    "hermes": frozenset({"arguments"}),
    "llama": frozenset({"parameters", "arguments"}),
    "mistral": frozenset({"arguments"}),
}
_BESIDE: Mapping[ToolFormat, frozenset[str]] = {
    "hermes": frozenset(),
    "llama": frozenset({"type"}),
    "mistral": frozenset({"id"}),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call (it has no id yet) and where it stands: characters ``start`` to ``end`` of the reply's text."""

    call: ToolCall
    start: int
    end: int


def detect(template: str) -> ToolFormat | None:
    """The format that a chat template teaches, or ``None`` for one that is not known here (or for no tools)."""
    if "[TOOL_CALLS]" in template:
        return "mistral"
    if "<tool_call>" in template:  # Qwen 3 Coder has the same marker around a language of its own
        return None if "<function=" in template else "hermes"
    if "<|python_tag|>" in template or ('"parameters"' in template and "<|start_header_id|>" in template):
        return "llama"
    return None


def opening(form: ToolFormat, tool: str | None = None) -> str:
    """What a reply begins with that is a call, of this tool or of any: put before generation, it requires one.

    It ends in a colon: what follows one begins a token of its own, in most vocabularies.
    """
    before = {"hermes": "<tool_call>\n", "llama": "", "mistral": "[TOOL_CALLS]["}[form]
    key = "parameters" if form == "llama" else "arguments"
    return before + ('{"name":' if tool is None else f'{{"name": "{tool}", "{key}":')


def one_call(form: ToolFormat, text: str, start: int, end: int) -> Call | None:
    """The call that a JSON text is, or ``None``."""
    try:
        value = parse_json(text.strip(" \t\r\n"))
    except MalformedJSON:
        return None
    if not isinstance(value, dict):
        return None
    keys = value.keys() - {"name"} - _BESIDE[form]
    if len(keys) != 1 or not keys <= _ARGUMENTS[form]:
        return None
    return _call(value.get("name"), value[keys.pop()], start, end)


def named_call(text: str, start: int, end: int) -> Call | None:
    """The call that ``name{...}`` or ``name[ARGS]{...}`` is (Mistral's newer tokenizers), or ``None``."""
    head, brace, rest = text.partition("{")
    name = head.strip().removesuffix("[ARGS]").split("[CALL_ID]")[0].strip()
    try:
        args = parse_json((brace + rest).strip(" \t\r\n"))
    except MalformedJSON:
        return None
    return _call(name, args, start, end)


def _call(tool: JSON, args: JSON, start: int, end: int) -> Call | None:
    if not isinstance(tool, str) or NAME.fullmatch(tool) is None or not isinstance(args, dict):
        return None
    try:
        return Call(ToolCall.of("", tool, args), start, end)
    except MalformedCall:  # nested too deeply, together with what a record puts around it
        return None


class JSONCursor:
    """Follows JSON text character by character: whether it is inside a string, and how deep in objects and arrays."""

    def __init__(self) -> None:
        self.in_string = False
        self.depth = 0
        self._escaped = False

    def step(self, character: str) -> None:
        if self.in_string:
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = True
            elif character == '"':
                self.in_string = False
        elif character == '"':
            self.in_string = True
        elif character in "{[":
            self.depth += 1
        elif character in "}]":
            self.depth -= 1


def objects(text: str) -> Iterator[tuple[int, int]]:
    """Where the outermost JSON objects of a text stand. What is unbalanced has no end."""
    cursor, start = JSONCursor(), 0
    braces = 0
    for index, character in enumerate(text):
        if braces == 0:
            if character == "{":
                cursor, start, braces = JSONCursor(), index, 1
                cursor.step(character)
            continue
        cursor.step(character)
        if cursor.depth == 0 and not cursor.in_string:
            yield start, index + 1
            braces = 0
