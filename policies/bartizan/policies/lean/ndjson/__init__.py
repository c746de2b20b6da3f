"""Lean's export format, NDJSON version 3.1.0, both ways.

The format is that of https://github.com/leanprover/lean4export (format_ndjson.md): one JSON object a line, the first
with versions, then names, levels, expressions, each with the next free number of its kind, and declarations that speak
of them by number. Files that ``lean4export`` wrote are read as they are.

``read`` is strict: an unknown key, a number out of order, a reference to what has not come yet, or a field that
contradicts the declaration is a :class:`~bartizan.policies.lean.kernel.KernelError` with the line. It checks the
format only; :func:`bartizan.policies.lean.check.check_file` reads and checks.
"""

from __future__ import annotations

from .reader import read
from .writer import write

__all__ = ["read", "write"]
