"""The closed type system of the policy language.

Values inside the evaluator: ``bool``; ``int`` (also ``dec(k)``, scaled by ``10**k``; ``time`` and ``duration``,
microseconds); ``float`` (``f64``, finite); ``str`` (``str`` and ``enum``); ``tuple`` (lists); ``dict``
(records: absent optional fields are absent keys). ``any`` is opaque JSON: only provenance may look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MAX_TEXT = 65_536
MAX_LIST = 64
DEFAULT_LIST = 16


@dataclass(frozen=True, slots=True)
class Bool:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int:
    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True, slots=True)
class Dec:
    """A decimal with ``digits`` fraction digits (0..9), held as a scaled integer."""

    digits: int

    def __str__(self) -> str:
        return f"dec({self.digits})"


@dataclass(frozen=True, slots=True)
class F64:
    def __str__(self) -> str:
        return "f64"


@dataclass(frozen=True, slots=True)
class Str:
    """Unicode scalar values, at most ``limit`` of them (a longer text is E)."""

    limit: int = MAX_TEXT

    def __str__(self) -> str:
        return "str"


@dataclass(frozen=True, slots=True)
class Enum:
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"enum({', '.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Time:
    """Microseconds since the epoch, UTC; written as RFC 3339 text in arguments."""

    def __str__(self) -> str:
        return "time"


@dataclass(frozen=True, slots=True)
class Duration:
    """Microseconds; written ``"90s" "15m" "24h" "7d"``."""

    def __str__(self) -> str:
        return "duration"


@dataclass(frozen=True, slots=True)
class List:
    """At most ``limit`` elements (a longer list is E)."""

    element: Type
    limit: int = DEFAULT_LIST

    def __str__(self) -> str:
        return f"list({self.element}, {self.limit})"


@dataclass(frozen=True, slots=True)
class Field:
    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Closed: a field that is not declared does not conform."""

    fields: tuple[tuple[str, Field], ...] = ()

    def get(self, name: str) -> Field | None:
        return next((f for n, f in self.fields if n == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.fields)

    def __str__(self) -> str:
        inner = ", ".join(f"{n}{'?' if f.optional else ''}: {f.type}" for n, f in self.fields)
        return "{" + inner + "}"


@dataclass(frozen=True, slots=True)
class Any:
    def __str__(self) -> str:
        return "any"


Label = Literal["trusted", "untrusted"]
Type = Bool | Int | Dec | F64 | Str | Enum | Time | Duration | List | Record | Any


@dataclass(frozen=True, slots=True)
class ToolDecl:
    """A tool as policies see it: its arguments, its effect, and how far its results are trusted.

    ``tags`` are what rule scopes select by ``"@tag"``; ``read``, ``write``, ``destructive`` and ``open`` are
    derived from the declared effect (or from MCP annotations on import). ``label`` and ``exceptions``
    (JSON path -> label) say how the results are labelled.
    """

    name: str
    args: Record | Any = field(default_factory=Record)
    tags: frozenset[str] = frozenset()
    label: Label = "untrusted"
    exceptions: tuple[tuple[str, Label], ...] = ()
    description: str = ""
