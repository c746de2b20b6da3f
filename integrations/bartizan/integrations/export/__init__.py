"""The audit log in the shapes of other systems: one line for each record, made from the record alone.

An export is a copy without the log's protection: what is proved, is proved of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from bartizan.guard.audit import Found

from .agt import agt_lines
from .opa import opa_lines
from .table import csv_lines, json_lines

Pointers = Mapping[str, str]
Lines = Callable[[Iterable[Found], Pointers], Iterator[str]]

FORMATS: Mapping[str, Lines] = MappingProxyType(
    {"jsonl": json_lines, "csv": csv_lines, "opa": opa_lines, "agt": agt_lines}
)
"""What there is by name; each makes lines, without their ends, of records."""

__all__ = ["FORMATS", "Lines", "Pointers", "agt_lines", "csv_lines", "json_lines", "opa_lines"]
