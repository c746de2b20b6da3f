"""Where a finding is, and what was written there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any as Anything

from ...language import ast
from ...policy import CheckedRule
from ..findings import Finding


def at_rule(code: str, rule: CheckedRule, message: str, **more: Anything) -> Finding:
    """A finding about a rule as a whole."""
    return Finding.of(code, message, rule=rule.id, source=rule.source, span=rule.span, **more)


def at_node(code: str, rule: CheckedRule, node: ast.Expr, message: str, **more: Anything) -> Finding:
    """A finding about a part of a rule's condition."""
    return Finding.of(code, message, rule=rule.id, source=rule.source, span=node.span, **more)


def written(node: ast.Expr) -> bool:
    """Whether a condition was written, not just a rule without one, nor a mere `true`."""
    return node != ast.TRUE


def inputs(node: ast.Expr, bound: tuple[tuple[str, ...], ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths that a condition looks at, those of list elements by the path of their list."""
    match node:
        case ast.Input(path):
            yield path
        case ast.Bound(depth, path):
            yield (*bound[depth], *path)
        case ast.Quantifier(_, over, body):
            paths = list(inputs(over, bound))
            yield from paths
            yield from inputs(body, (paths[0], *bound))
        case ast.Has(subject) | ast.Provenance(_, subject):
            yield from inputs(subject, bound)
        case _ if isinstance(node, ast.Register):
            if (query := getattr(node, "query", None)) is not None:
                yield from inputs(query, bound)
        case _:
            for child in ast.children(node):
                yield from inputs(child, bound)
