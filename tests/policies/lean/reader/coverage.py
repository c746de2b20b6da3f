"""Patterns: whether those of a definition match every argument, and what a later one adds to earlier ones.

As Maranget (2007) compiles matches, as far as we need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from bartizan.policies.lean.calculus.build import local, spine
from bartizan.policies.lean.calculus.terms import PROP, Const, Expr, Local

from .syntax import Unreadable
from .unknowns import Family, swapped

Replaced = Mapping[Local, Expr]


def uncovered(rows: Sequence[Sequence[Expr]], families: Mapping[str, Family]) -> str:
    """Arguments that no row of patterns matches, as text; empty if there are none."""
    found = _missing([list(row) for row in rows], len(rows[0]) if rows else 1, families)
    return "" if found is None else ", ".join(found)


def remaining(
    row: Sequence[Expr],
    earlier: Sequence[Sequence[Expr]],
    split: Callable[[Local], list[tuple[Expr, list[Local]]]],
) -> Iterator[tuple[Replaced, list[Local]]]:
    """What of ``row`` no earlier row matches, as values for its variables, with the new variables in these.

    ``split`` gives the constructors of a variable's type, applied to new variables.
    """
    waiting: list[tuple[dict[Local, Expr], list[Local]]] = [({}, [])]
    while waiting:
        values, new = waiting.pop()
        here = [swapped(each, values) for each in row]
        for other in earlier:
            overlap = _overlap(here, other)
            if overlap is None:
                continue
            if not overlap:
                break  # an earlier row has it
            variable = overlap[0]
            for term, fields in split(variable):
                step = {variable: term}
                more = {each: swapped(value, step) for each, value in values.items()} | step
                waiting.append((more, [*(each for each in new if each is not variable), *fields]))
            break
        else:
            yield values, new


def _overlap(row: Sequence[Expr], other: Sequence[Expr]) -> list[Local] | None:
    """The variables of ``row`` that ``other`` asks a constructor of; None if no argument matches both."""
    found: list[Local] = []
    for mine, theirs in zip(row, other, strict=True):
        if isinstance(theirs, Local):
            continue
        if isinstance(mine, Local):
            found.append(mine)
            continue
        (head, args), (wanted, parts) = spine(mine), spine(theirs)
        if head is not wanted:
            return None
        inner = _overlap(args, parts) if args else []
        if inner is None:
            return None
        found += inner
    return found


def _missing(rows: list[list[Expr]], width: int, families: Mapping[str, Family]) -> list[str] | None:
    if width == 0:
        return None if rows else []
    heads = {name: args for row in rows for name, args in [_pattern(row[0], families)] if name}
    if not heads:
        rest = _missing([row[1:] for row in rows], width - 1, families)
        return None if rest is None else ["_", *rest]
    for constructor in _family(next(iter(heads)), families).constructors:
        size, inner = len(heads.get(constructor, ())), []
        for row in rows:
            name, args = _pattern(row[0], families)
            if name is None:
                inner.append([*(local("_", PROP) for _ in range(size)), *row[1:]])
            elif name == constructor:
                inner.append([*args, *row[1:]])
        rest = _missing(inner, size + width - 1, families)
        if rest is not None:
            return [f"({' '.join([constructor, *rest[:size]])})", *rest[size:]]
    return None


def _pattern(term: Expr, families: Mapping[str, Family]) -> tuple[str | None, list[Expr]]:
    """The constructor of a pattern and its fields; None for a variable."""
    if isinstance(term, Local):
        return None, []
    head, args = spine(term)
    if not isinstance(head, Const):
        raise Unreadable(f"no pattern: {term}")
    return head.name, args[_family(head.name, families).params :]


def _family(constructor: str, families: Mapping[str, Family]) -> Family:
    for family in families.values():
        if constructor in family.constructors:
            return family
    raise Unreadable(f"no constructor: {constructor}")
