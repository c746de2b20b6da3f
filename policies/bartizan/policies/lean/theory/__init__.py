"""What policies mean, as kernel terms, and the theorems about that, proved once.

The sources are in ``source/``, in the notation that :mod:`.syntax` reads; :mod:`.elaborate` makes kernel terms of them.
That takes seconds, so the result is kept in ``theory.ndjson.gz``; ``python -m bartizan.policies.lean.theory`` writes it
again. None of this is trusted: the kernel checks what comes out.
"""

from __future__ import annotations

import gzip
from importlib.resources import files

from ..calculus.declarations import Declaration
from ..ndjson import read

NAMESPACE = "Bartizan"
PARTS = (
    "prelude",
    "semantics",
    "deciding",
    "information",
    "checking",
    "arithmetic",
    "certificate",
    "registers",
    "budgets",
    "languages",
)
"""The sources, in this order. The prelude is in no namespace: its names are those of Lean's core."""

KEPT = "theory.ndjson.gz"


def source(part: str) -> str:
    """The text of one of the sources."""
    return (files(__package__) / "source" / f"{part}.thy").read_text(encoding="utf-8")


def theory() -> list[Declaration]:
    """The declarations that every policy's certificate builds on, in order, recursors included."""
    return [declaration for _, declaration in read(text().splitlines())]


def text() -> str:
    """The theory as a file that any kernel can check."""
    return gzip.decompress((files(__package__) / KEPT).read_bytes()).decode()
