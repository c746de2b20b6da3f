"""Names as strings: one string for each of Lean's hierarchical names, and back.

A name is a path of components, each a text or a number. Components are joined by dots; a text that could be read as
something else (it is empty, holds a dot, or is a number) stands in guillemets: ``Nat.add``, ``_private.A.0.b``,
``A.«x.y»``. The empty path, Lean's anonymous name, is ``""``.
"""

from __future__ import annotations

from collections.abc import Sequence

QUOTES = "«»"


def join(components: Sequence[str | int]) -> str:
    """The name with these components.

    Raises:
        ValueError: a text holds a guillemet, which no Lean source can write, or a number is negative.
    """
    return ".".join(_component(each) for each in components)


def _component(part: str | int) -> str:
    if isinstance(part, int):
        if part < 0:
            raise ValueError(f"a number in a name is at least 0, found {part}")
        return str(part)
    if any(quote in part for quote in QUOTES):
        raise ValueError(f"a name cannot hold guillemets, found {part!r}")
    return f"«{part}»" if not part or "." in part or part.isdecimal() else part


def split(name: str) -> list[str | int]:
    """The components of a name that :func:`join` made.

    Raises:
        ValueError: no name is written so.
    """
    found: list[str | int] = []
    rest = name
    while rest:
        if rest[0] == "«":
            inside, closed, rest = rest[1:].partition("»")
            text: str | int = inside
            if not closed or (rest and (rest[0] != "." or rest == ".")):
                raise ValueError(f"not a name: {name!r}")
            rest = rest[1:]
        else:
            part, dot, rest = rest.partition(".")
            text = int(part) if part.isdecimal() else part
            if dot and not rest:
                raise ValueError(f"not a name: {name!r}")
        found.append(text)
    if join(found) != name:
        raise ValueError(f"not a name: {name!r}")
    return found
