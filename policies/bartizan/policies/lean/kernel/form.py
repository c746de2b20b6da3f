"""The form of a declaration, before anything is typed: names, variables, universe parameters, size."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..calculus.build import levels_in, parts
from ..calculus.names import split
from ..calculus.terms import Expr, Local, Param, Pi
from .errors import Budget, KernelError

MOST_FIELDS = 500  # recursors are as long as all constructors together, and built binder by binder


def check_names(names: Sequence[str], level_params: Sequence[str], taken: Container[str]) -> None:
    """The names are well formed, different from each other and new; so are the universe parameters."""
    for name in [*names, *level_params]:
        try:
            if not split(name):
                raise KernelError("the anonymous name cannot be declared")
        except ValueError as error:
            raise KernelError(str(error)) from None
    if len(set(level_params)) != len(level_params):
        raise KernelError(f"a universe parameter is declared twice: {', '.join(level_params):.200}")
    if len(set(names)) != len(names):
        raise KernelError("two parts of the declaration have the same name")
    for name in names:
        if name in taken:
            raise KernelError(f"{name} is already declared")


def check_closed(expressions: Sequence[Expr], level_params: Sequence[str], budget: Budget) -> None:
    """No loose or free variables, no universe parameters but the declaration's."""
    allowed = set(level_params)
    for expr in expressions:
        if expr.loose:
            raise KernelError(f"the bound variable #{expr.loose - 1} has no binder")
        if expr.has_locals:
            name = next(part.name for part in parts(expr) if isinstance(part, Local))
            raise KernelError(f"the free variable {name}")
        if expr.has_params:
            for level in levels_in(budget.each(parts(expr))):
                if isinstance(level, Param) and level.name not in allowed:
                    raise KernelError(f"{level.name} is no universe parameter of the declaration")


def binders(type: Expr) -> int:
    """How many binders a type or constructor has. Raises :class:`KernelError` if they are too many."""
    count = 0
    while isinstance(type, Pi):
        count, type = count + 1, type.body
        if count > MOST_FIELDS:
            raise KernelError(
                f"a type or constructor has more than {MOST_FIELDS} parameters, indices and fields"
            )
    return count
