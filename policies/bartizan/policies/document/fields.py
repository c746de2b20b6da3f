"""The vocabulary of a policy document's fields: names, labels, durations, paths, JSON values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ..diagnostics import did_you_mean
from ..language.values import parse_duration, parse_time
from ..provenance import parse_path

T = TypeVar("T")

SLUG = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
TOOL_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}"
INCLUDE = r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*"
_SELECTOR = rf"\*|@{SLUG}|{TOOL_NAME}"
_POINTER = rf"\*|(/[^/]+)+|{TOOL_NAME}"


JUSTIFIABLE = (
    "vacuous", "unreachable", "always", "shadowed", "may-error", "conflict", "never-allowed", "unconstrained",
    "unanchored", "path-in-deny", "races", "enum-uncovered", "stage-unreachable", "stage-trap", "transition-dead",
    "stage-overlap", "stage-doubt", "stage-evaded", "stage-provoked", "stage-escape",
)  # fmt: skip
"""The findings of ``bartizan lint`` that an author may justify: those about what the policy says."""


def _alias(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class Strict(BaseModel):
    """Closed, frozen, without coercion; Python names with ``_`` are YAML keys with ``-``."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        alias_generator=_alias,
    )


def is_slug(text: str) -> bool:
    return re.fullmatch(SLUG, text) is not None


def is_tool_name(text: str) -> bool:
    return re.fullmatch(TOOL_NAME, text) is not None


def problem(
    code: str, message: str, help: str | None = None, at: tuple[str | int, ...] = ()
) -> PydanticCustomError:
    """A validation error that carries our own words; ``at`` is the place below the value validated."""
    return PydanticCustomError(
        "bartizan", "{message}", {"code": code, "message": message, "help": help, "at": at}
    )


def _matching(pattern: str, code: str, what: str, help: str) -> tuple[AfterValidator, Any]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise problem(code, f"{what}, found `{text[:60]}`", help)
        return text

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^({pattern})$"})


def _present(value: Any) -> Any:
    if value is None:
        raise problem("empty", "this key has no value", "give it a value, or remove the key")
    return value


def _duration(text: Any) -> Any:
    try:
        positive = isinstance(text, str) and len(text) <= 40 and parse_duration(text) > 0
    except ValueError:
        positive = False
    if not positive:
        found = str(text)[:40]
        raise problem(
            "duration", f"expected a duration, found `{found}`", "durations are like 90s, 15m, 24h or 7d"
        )
    return text


def _expression(text: Any) -> Any:
    if not isinstance(text, str):
        help = 'a condition is one text, like "args.amount <= 500.00"; quote it if it begins with { or ['
        raise problem("type", "expected a condition", help)
    return text


def _version(number: int) -> int:
    if number != 1:
        raise problem(
            "version", f"this is version {number} of the format, and only 1 is known", "write version: 1"
        )
    return number


def _time(text: str) -> str:
    try:
        parse_time(text)
    except ValueError:
        help = "times have a date, a time and an offset, like 2026-01-31T12:00:00Z"
        raise problem("time", f"expected a time, found `{text[:40]}`", help) from None
    return text


def _json_path(text: str) -> str:
    try:
        parse_path(text)
    except ValueError as error:
        raise problem("json-path", f"{error}", 'paths are like $.name, $[*].subject or $["a b"]') from None
    return text


def _json(value: Any) -> Any:
    """Decimals as floats and tuples as lists: what a JSON parser would have made."""
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, Decimal):
        if Decimal(repr(float(value))) != value:
            raise problem("inexact", f"{value} has more digits than a JSON number holds", "quote it")
        return float(value)
    return value


def _finding(code: str) -> str:
    if code not in JUSTIFIABLE:
        help = did_you_mean(code, JUSTIFIABLE) or f"the findings are: {', '.join(JUSTIFIABLE)}"
        raise problem("unknown-finding", f"no finding is called `{code[:60]}`", help)
    return code


def _reason(text: str) -> str:
    if not text.strip():
        raise problem("empty", "there is no reason here", "say why the finding is meant")
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise problem("type", "expected a number", "write a number like 0.9 or 1000.00")
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


Given = Annotated[T | None, BeforeValidator(_present)]
"""A key that may be left out, and that has a value where it stands."""

Slug = Annotated[str, *_matching(SLUG, "name", "expected a name", "names are letters, digits, _ . -")]
ToolName = Annotated[
    str, *_matching(TOOL_NAME, "tool-name", "expected a tool's name", "letters, digits, _ . : / -")
]
Selector = Annotated[
    str, *_matching(_SELECTOR, "selector", "expected a scope", 'a scope is a tool\'s name, "@tag" or "*"')
]
Pointer = Annotated[
    str,
    *_matching(
        _POINTER, "pointer", "expected an argument", 'write an argument\'s name, a pointer like /to/0, or "*"'
    ),
]
Include = Annotated[
    str,
    *_matching(
        INCLUDE,
        "include",
        "expected a pack's name or a file below this one",
        "like payments or rules/bank.yaml",
    ),
]
Version = Annotated[int, AfterValidator(_version), WithJsonSchema({"const": 1})]
DurationText = Annotated[
    str,
    BeforeValidator(_duration),
    Field(
        json_schema_extra={"pattern": r"^([0-9]+(us|ms|s|m|h|d))+$", "examples": ["90s", "15m", "24h", "7d"]}
    ),
]
TimeText = Annotated[str, AfterValidator(_time), Field(examples=["2026-01-31T12:00:00Z"])]
JsonPath = Annotated[str, AfterValidator(_json_path), Field(examples=["$[*].subject"])]
JsonValue = Annotated[Any, BeforeValidator(_json)]
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
Probability = Annotated[
    Number, Field(ge=0, le=1), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})
]
Expression = Annotated[
    str, BeforeValidator(_expression), Field(min_length=1, description="a condition in CEL syntax")
]
Condition = Annotated[
    Annotated[Expression, Tag("expression")] | Annotated[bool, Tag("constant")],
    Discriminator(lambda value: "constant" if isinstance(value, bool) else "expression"),
]
Scope = Annotated[tuple[Selector, ...], Field(min_length=1)]

FindingCode = Annotated[
    str,
    AfterValidator(_finding),
    Field(json_schema_extra={"pattern": f"^({'|'.join(JUSTIFIABLE)})$"}),
]
Justifications = Annotated[
    dict[FindingCode, Annotated[str, AfterValidator(_reason), Field(json_schema_extra={"pattern": r"\S"})]],
    Field(description="findings of `bartizan lint` that are meant, each with the reason"),
]


def only_one(model: BaseModel, names: tuple[str, ...], what: str) -> str:
    """The one key of ``names`` that the model has. Raises where there is none or more than one."""
    given = [name for name in names if getattr(model, name) is not None]
    keys = ", ".join(_alias(name) for name in names)
    if not given:
        raise problem("missing-key", f"{what} needs one of: {keys}")
    if len(given) > 1:
        second = _alias(given[1])
        raise problem("conflict", f"{what} has exactly one of: {keys}", f"remove `{second}`", (second,))
    return given[0]
