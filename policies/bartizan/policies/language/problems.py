"""How the checkers say no: one located diagnostic, raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..diagnostics import Diagnostic, PolicyError, did_you_mean
from .syntax import Span
from .types import Any, Bool, Dec, Str, Type

__all__ = ["CheckError", "did_you_mean", "fail", "hint", "noting", "same_type"]


class CheckError(Exception):
    """One problem in one expression."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def fail(span: Span, code: str, message: str, help: str | None = None) -> NoReturn:
    raise CheckError(Diagnostic(code, message, span, help))


@contextmanager
def noting(problems: list[Diagnostic]) -> Iterator[None]:
    """What is refused in here is noted, and what comes after it is checked as well."""
    try:
        yield
    except CheckError as error:
        problems.append(error.diagnostic)
    except PolicyError as error:
        problems += error.diagnostics


def same_type(left: Type, right: Type) -> bool:
    """Equal, but for the bound of a text: a shorter text is still a text."""
    return (isinstance(left, Str) and isinstance(right, Str)) or left == right


def hint(expected: Type, found: Type) -> str | None:
    if isinstance(expected, Bool):
        return "a condition is true or false: compare the value with something"
    if isinstance(expected, Dec) and isinstance(found, Dec):
        return f"declare both with the same number of digits, {expected} or {found}"
    if isinstance(expected, Any) or isinstance(found, Any):
        return "a value of type any is opaque: declare its type to compare it, or ask where it came from"
    return None
