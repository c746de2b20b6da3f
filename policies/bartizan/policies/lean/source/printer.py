"""Terms as Lean source that elaborates to them again: types, statements, and values made of constructors.

Unlike :mod:`~..calculus.show`, which is for messages, nothing is cut, and implicit arguments are left out only where
the constant's type says that they are implicit. Numerals, lists and the usual connectives have their notation.
"""

from __future__ import annotations

from collections.abc import Callable

from ..calculus.build import children, spine
from ..calculus.terms import Const, Expr, Lam, Lit, Local, Pi, Proj, Sort, Var, show_level

TypeOf = Callable[[str], Expr]
"""The type of a constant, whose binders say which arguments are implicit."""

_SHORT = {"Bool.true": "true", "Bool.false": "false", "Option.none": "none", "Option.some": "some"}
_INFIX = {
    "Eq": ("=", 50, 51, 51),
    "Iff": ("↔", 20, 21, 21),
    "And": ("∧", 35, 36, 35),
    "Or": ("∨", 30, 31, 30),  # noqa: RUF001 - Lean's sign
    "List.cons": ("::", 67, 68, 67),
}
_HIGHEST, _ARGUMENT = 1024, 1025


class Printer:
    """Prints where ``namespaces`` are open; ``type_of`` knows every constant."""

    def __init__(self, type_of: TypeOf, *namespaces: str) -> None:
        self._type_of = type_of
        self._open = tuple(f"{namespace}." for namespace in namespaces)

    def text(self, expr: Expr, names: tuple[str, ...] = (), level: int = 0) -> str:
        """``expr``, whose loose variables are called ``names``, outermost first; in parentheses if ``level`` asks."""
        text, own = self._text(expr, names)
        return f"({text})" if own < level else text

    def name(self, constant: str) -> str:
        """A constant's name, as short as it may be here."""
        for prefix in self._open:
            if constant.startswith(prefix):
                return constant.removeprefix(prefix)
        return constant

    def _text(self, expr: Expr, names: tuple[str, ...]) -> tuple[str, int]:
        """The text and the level at which it needs no parentheses."""
        if isinstance(expr, Var):
            return names[-1 - expr.index], _ARGUMENT
        if isinstance(expr, Local):
            return expr.name, _ARGUMENT
        if isinstance(expr, Lit):
            return str(expr.value), _ARGUMENT
        if isinstance(expr, Sort):
            level = show_level(expr.level)
            short = {"0": "Prop", "1": "Type"}.get(level)
            return (short, _ARGUMENT) if short else (f"Sort ({level})", _HIGHEST)
        if isinstance(expr, Proj):
            return f"{self.text(expr.struct, names, _ARGUMENT)}.{expr.index + 1}", _ARGUMENT
        if isinstance(expr, Pi):
            return self._product(expr, names), 0 if expr.body.loose and _uses(expr.body) else 25
        if isinstance(expr, Lam):
            name = _fresh(expr.name, names)
            return (
                f"fun ({name} : {self.text(expr.type, names)}) => {self.text(expr.body, (*names, name))}",
                0,
            )
        head, args = spine(expr)
        if isinstance(head, Const):
            return self._constant(head, args, names)
        shown = [self.text(part, names, _ARGUMENT) for part in (head, *args)]
        return " ".join(shown), _HIGHEST

    def _product(self, expr: Pi, names: tuple[str, ...]) -> str:
        if not _uses(expr.body):
            return f"{self.text(expr.type, names, 26)} → {self.text(expr.body, (*names, '_'), 25)}"
        name = _fresh(expr.name, names)
        return f"∀ ({name} : {self.text(expr.type, names)}), {self.text(expr.body, (*names, name))}"

    def _constant(self, head: Const, args: list[Expr], names: tuple[str, ...]) -> tuple[str, int]:
        if (items := _items(head, args)) is not None:
            return f"[{', '.join(self.text(item, names) for item in items)}]", _ARGUMENT
        explicit, type = [], self._type_of(head.name)
        for arg in args:
            if not isinstance(type, Pi) or type.kind == "default":
                explicit.append(arg)
            type = type.body if isinstance(type, Pi) else type
        if head.name in _INFIX and len(explicit) == 2:
            sign, own, left, right = _INFIX[head.name]
            return f"{self.text(explicit[0], names, left)} {sign} {self.text(explicit[1], names, right)}", own
        if head.name == "Not" and len(explicit) == 1:
            inner, parts = spine(explicit[0])
            if isinstance(inner, Const) and inner.name == "Eq" and len(parts) == 3:
                return f"{self.text(parts[1], names, 51)} ≠ {self.text(parts[2], names, 51)}", 50
            return f"¬ {self.text(explicit[0], names, 40)}", _HIGHEST
        if head.name == "Exists" and len(explicit) == 1 and isinstance(explicit[0], Lam):
            bound = explicit[0]
            name = _fresh(bound.name, names)
            return f"∃ ({name} : {self.text(bound.type, names)}), {self.text(bound.body, (*names, name))}", 0
        name = _SHORT.get(head.name) or self.name(head.name)
        if not explicit:
            return name, _ARGUMENT
        return " ".join([name, *(self.text(arg, names, _ARGUMENT) for arg in explicit)]), _HIGHEST


def _items(head: Const, args: list[Expr]) -> list[Expr] | None:
    """The items of a list that is written out to its end."""
    items = []
    while head.name == "List.cons" and len(args) == 3:
        items.append(args[1])
        inner, args = spine(args[2])
        if not isinstance(inner, Const):
            return None
        head = inner
    return items if head.name == "List.nil" and len(args) == 1 else None


def _uses(body: Expr, index: int = 0) -> bool:
    """Whether ``body`` has the variable that is bound ``index`` binders out."""

    seen: set[tuple[Expr, int]] = set()
    stack = [(body, index)]
    while stack:
        part, at = stack.pop()
        if part.loose <= at or (part, at) in seen:
            continue
        seen.add((part, at))
        if isinstance(part, Var) and part.index == at:
            return True
        stack.extend(children(part, at))
    return False


def _fresh(name: str, names: tuple[str, ...]) -> str:
    """A name for a bound variable that hides none of ``names``."""
    wanted = name if name.isidentifier() else "x"
    found, count = wanted, 1
    while found in names:
        found, count = f"{wanted}{count}", count + 1
    return found
