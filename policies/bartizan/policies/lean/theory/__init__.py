"""What policies mean, as kernel terms, and the theorems about that, proved once.

The sources are in ``source/``, in the notation that :mod:`.syntax` reads; :mod:`.elaborate` makes kernel terms of them.
None of this is trusted: the kernel checks what comes out.
"""

from __future__ import annotations

from importlib.resources import files

from ..declarations import Declaration
from .elaborate import Elaborator

NAMESPACE = "Bartizan"
PARTS = ("prelude", "semantics", "deciding", "information", "checking", "arithmetic", "certificate")
"""In this order. The prelude is in no namespace: its names are those of Lean's core."""


def elaborated() -> list[Declaration]:
    """The theory, made from its sources."""
    elaborator = Elaborator()
    for part in PARTS:
        elaborator.namespace = "" if part == "prelude" else NAMESPACE
        elaborator.run((files(__package__) / "source" / f"{part}.thy").read_text(encoding="utf-8"))
    return elaborator.declarations


def theory() -> list[Declaration]:
    """The declarations that every policy's certificate builds on, in order."""
    return elaborated()
