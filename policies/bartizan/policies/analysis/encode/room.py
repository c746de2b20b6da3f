"""How long lists have to be, for a question about them to be answered for all lengths.

A condition looks at a list through quantifiers. Whatever a quantifier says of a list, T, F or E, one element at most
shows it; keeping those elements, and dropping the others, changes no quantifier's answer. So as many elements as
there are quantifiers over a list are enough, unless its size is asked for: then it is as long as it may be. Where its
origin is asked it has room for one more, since what is empty comes from anywhere and nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from ...language import ast
from ...language.types import List


def room_for(expressions: Iterable[ast.Expr]) -> Callable[[str, List], int]:
    """How many elements of the list at a path (``args.rows[].tags``) matter to all of the expressions together."""
    uses: Counter[str] = Counter()
    sized: set[str] = set()
    asked: set[str] = set()
    for expression in expressions:
        _count(expression, (), 1, uses, sized, asked)

    def room(path: str, type_: List) -> int:
        inside = any(path == subject or path.startswith((f"{subject}.", f"{subject}[")) for subject in asked)
        return type_.limit if path in sized else min(uses[path] + inside, type_.limit)

    return room


def _count(
    node: ast.Expr,
    bound: tuple[tuple[str, int], ...],
    times: int,
    uses: Counter[str],
    sized: set[str],
    asked: set[str],
) -> None:
    """Count quantifiers: ``times`` is how often this node is evaluated at most, ``bound`` the lists around it."""
    if isinstance(node, ast.Quantifier):
        name = _name(node.over, bound)
        uses[name] += times
        assert isinstance(node.over.type, List)
        _count(node.body, ((name, 0), *bound), times * node.over.type.limit, uses, sized, asked)
        return
    if isinstance(node, ast.Provenance):
        asked.add(_name(node.subject, bound))
    if isinstance(node, ast.Size):
        for inner in ast.walk(node.operand):
            if isinstance(inner, ast.Input | ast.Bound):
                sized.add(_name(inner, bound))
    for child in ast.children(node):
        _count(child, bound, times, uses, sized, asked)


def _name(node: ast.Path, bound: tuple[tuple[str, int], ...]) -> str:
    if isinstance(node, ast.Input):
        return ".".join(node.path)
    root = bound[node.depth][0] if node.depth < len(bound) else "?"
    return ".".join((f"{root}[]", *node.path))
