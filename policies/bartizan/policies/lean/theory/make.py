"""The theory, made from its sources."""

from __future__ import annotations

from ..calculus.declarations import Declaration
from ..kernel import Environment
from ..ndjson import write
from . import NAMESPACE, PARTS, source
from .elaborate import Elaborator


def elaborated() -> list[Declaration]:
    """The declarations of all sources, without recursors, not checked yet."""
    elaborator = Elaborator()
    for part in PARTS:
        elaborator.namespace = "" if part == "prelude" else NAMESPACE
        elaborator.run(source(part))
    return elaborator.declarations


def made() -> str:
    """The theory as a file, after the kernel has accepted it."""
    return write(Environment().add_all(elaborated()).declarations)
