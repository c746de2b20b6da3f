"""Expressions as people read them, for messages: close to Lean's notation, cut where they are long or deep."""

from __future__ import annotations

from .build import spine
from .terms import Const, Expr, Lam, Let, Lit, Local, Pi, Proj, Sort, Var, show_level

_DEEP = 10
_PARTS = 150
_LONG = 400


def show(expr: Expr, names: tuple[str, ...] = ()) -> str:
    """``expr`` in at most a few hundred characters. ``names``: what its loose variables are called, outermost first."""
    text = _Printer().show(expr, names, _DEEP)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


class _Printer:
    def __init__(self) -> None:
        self.parts = 0  # shared parts are shown each time they occur: their number must be bounded

    def show(self, expr: Expr, names: tuple[str, ...], depth: int) -> str:
        self.parts += 1
        if isinstance(expr, Var):
            return names[-1 - expr.index] if expr.index < len(names) else f"#{expr.index - len(names)}"
        if isinstance(expr, (Local, Const)):
            return expr.name
        if isinstance(expr, Lit):
            return str(expr.value) if expr.value.bit_length() < 200 else f"<{expr.value.bit_length()} bits>"
        if isinstance(expr, Sort):
            level = show_level(expr.level)
            return {"0": "Prop", "1": "Type"}.get(level, f"Sort {level}")
        if depth == 0 or self.parts > _PARTS:
            return "..."
        depth -= 1
        if isinstance(expr, Proj):
            return f"{self.atom(expr.struct, names, depth)}.{expr.index + 1}"
        if isinstance(expr, (Lam, Pi, Let)):
            return self.binder(expr, names, depth)
        head, args = spine(expr)
        shown = [self.atom(each, names, depth) for each in args[:8]]
        return " ".join([self.atom(head, names, depth), *shown, *(["..."] if len(args) > 8 else [])])

    def binder(self, expr: Lam | Pi | Let, names: tuple[str, ...], depth: int) -> str:
        name = expr.name or "_"
        type, body = self.show(expr.type, names, depth), self.show(expr.body, (*names, name), depth)
        if isinstance(expr, Let):
            return f"let {name} : {type} := {self.show(expr.value, names, depth)}; {body}"
        if isinstance(expr, Lam):
            return f"fun ({name} : {type}) => {body}"
        if expr.body.loose:  # it may mention the argument; an outer variable looks the same from here
            return f"forall ({name} : {type}), {body}"
        return f"{self.atom(expr.type, names, depth)} -> {body}"

    def atom(self, expr: Expr, names: tuple[str, ...], depth: int) -> str:
        text = self.show(expr, names, depth)
        simple = isinstance(expr, (Var, Local, Const, Lit, Proj)) or text in ("Prop", "Type", "...")
        return text if simple else f"({text})"
