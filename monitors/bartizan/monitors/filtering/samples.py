"""Rows of JSON lines, one at a time, each with its line number; what cannot be read is said, not skipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import FilterError, MalformedSample

LONGEST_LINE = 16 << 20

Progress = Callable[[str, int], None]
"""Told the name of the pass and how many rows it has read."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its number from 1, its bytes with the newline, and its object or why there is none."""

    line: int
    raw: bytes
    value: dict[str, Any] | MalformedSample

    def object(self) -> dict[str, Any]:
        """Its object. Raises :class:`MalformedSample` where there is none."""
        if isinstance(self.value, MalformedSample):
            raise self.value
        return self.value


def rows(path: str | Path, *, longest: int = LONGEST_LINE) -> Iterator[Row]:
    """Every line that is not blank. A line longer than ``longest`` bytes is passed over in pieces and is malformed."""
    try:
        with Path(path).open("rb") as file:
            number = 0
            while raw := file.readline(longest + 1):
                number += 1
                if len(raw) > longest:
                    while not raw.endswith(b"\n") and (more := file.readline(longest)):
                        raw = more
                    yield Row(number, b"", MalformedSample(f"longer than {longest:,} bytes"))
                elif raw.strip():
                    yield Row(number, raw if raw.endswith(b"\n") else raw + b"\n", _parsed(raw))
    except OSError as error:
        raise FilterError(f"{path}: cannot be read, {error}") from error


def _parsed(raw: bytes) -> dict[str, Any] | MalformedSample:
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return MalformedSample(f"expected a JSON object, {error}")
    if not isinstance(value, dict):
        return MalformedSample(f"expected a JSON object, found {type(value).__name__}")
    return value
