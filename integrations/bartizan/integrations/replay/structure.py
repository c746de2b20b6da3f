"""From what a model read back to what a tool returned: the structure inside a result's text.

Agent frameworks print structured results before a model reads them: as JSON, as YAML (AgentDojo: pydantic
models and lists of them), or as a Python literal (everything else that is a container). A recording holds only
that text. Reading it back lets labels by JSON path apply to it.

Nothing here constructs anything but plain data. Texts beyond :data:`MAX_TEXT`, values beyond
:data:`MAX_NODES` nodes (aliases are counted each time they are used) or :data:`MAX_DEPTH` levels, and scalars
stay text.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import yaml

from bartizan.guard.canonical import JSON, canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

MAX_TEXT = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 32
_MAX_LITERAL = 1 << 16  # characters handed to Python's own literal parser


class _TooLarge(Exception):
    """The value is larger than a result can sensibly be."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain data only, with JSON's scalars: dates, times and YAML 1.1's odd numbers stay the text they are."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false|True|False", list("tfTF")),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:e[-+]?[0-9]{1,3})?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def structured(text: str) -> JSON:
    """The list or object that ``text`` prints, or ``None`` if it is no container or cannot be trusted to be one."""
    if len(text) > MAX_TEXT:
        return None
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        parsers: tuple[Callable[[str], Any], ...] = (_json, _python, _yaml)
    elif "\n" in stripped:
        parsers = (_yaml,)
    else:
        return None  # one line of prose that happens to hold a colon is no record
    for parse in parsers:
        value = parse(stripped)
        if isinstance(value, list | dict):
            try:
                plain = _plain(value, 0, [MAX_NODES])
                canonical_json(plain)
            except (_TooLarge, MalformedJSON):  # too large, or an escape that is no character
                return None
            return plain
    return None


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except MalformedJSON:
        return None


def _python(text: str) -> Any:
    if len(text) > _MAX_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape inside a recorded text is no concern here
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, see above
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _plain(value: Any, depth: int, budget: list[int]) -> JSON:
    """A fresh JSON value. Raises :class:`_TooLarge` for what JSON cannot hold as well."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise _TooLarge
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1, budget) for item in value]
    if isinstance(value, dict):
        return {_key(key): _plain(item, depth + 1, budget) for key, item in value.items()}
    raise _TooLarge


def _key(key: Any) -> str:
    """JSON's keys are texts; a number or a truth value that YAML read as a key goes back to its text."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return str(key)
    raise _TooLarge
