"""Expressions as people read them, for messages: close to Lean's notation, cut where they are long or deep."""

from __future__ import annotations

from .build import spine
from .terms import Const, Expr, Lam, Let, Lit, Local, Pi, Proj, Sort, Var, show_level

_DEEP = 10
_LONG = 400


def show(expr: Expr, names: tuple[str, ...] = ()) -> str:
    """``expr`` in at most a few hundred characters. ``names``: what its loose variables are called, outermost first."""
    text = _show(expr, names, _DEEP)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _show(expr: Expr, names: tuple[str, ...], depth: int) -> str:
    if isinstance(expr, Var):
        return names[-1 - expr.index] if expr.index < len(names) else f"#{expr.index - len(names)}"
    if isinstance(expr, Local):
        return expr.name
    if isinstance(expr, Const):
        return expr.name
    if isinstance(expr, Lit):
        return str(expr.value) if expr.value.bit_length() < 200 else f"<{expr.value.bit_length()} bits>"
    if isinstance(expr, Sort):
        level = show_level(expr.level)
        return {"0": "Prop", "1": "Type"}.get(level, f"Sort {level}")
    if depth == 0:
        return "..."
    depth -= 1
    if isinstance(expr, Proj):
        return f"{_atom(expr.struct, names, depth)}.{expr.index + 1}"
    if isinstance(expr, (Lam, Pi, Let)):
        name = expr.name or "_"
        type, body = _show(expr.type, names, depth), _show(expr.body, (*names, name), depth)
        if isinstance(expr, Let):
            return f"let {name} : {type} := {_show(expr.value, names, depth)}; {body}"
        if isinstance(expr, Lam):
            return f"fun ({name} : {type}) => {body}"
        return (
            f"forall ({name} : {type}), {body}"
            if _binds(expr.body)
            else f"{_atom(expr.type, names, depth)} -> {body}"
        )
    head, args = spine(expr)
    shown = [_atom(each, names, depth) for each in args[:8]]
    return " ".join([_atom(head, names, depth), *shown, *(["..."] if len(args) > 8 else [])])


def _binds(body: Expr) -> bool:
    """Whether ``body`` may mention its innermost variable; cheap, so "yes" where an outer one is mentioned."""
    return body.loose > 0


def _atom(expr: Expr, names: tuple[str, ...], depth: int) -> str:
    text = _show(expr, names, depth)
    simple = isinstance(expr, (Var, Local, Const, Lit, Proj)) or text in ("Prop", "Type", "...")
    return text if simple else f"({text})"
