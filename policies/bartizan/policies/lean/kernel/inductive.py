"""Inductive declarations: what makes one sound, and whether its declared recursors are the derived ones.

Inductive and mutually inductive families with parameters and indices. The constructors' types must be written out: a
recursive field is ``forall xs, Ind params indices`` as it stands, the parameters being the declaration's own, and the
types occur nowhere else in it. *Nested* occurrences (``List (Tree a)``) are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..calculus.build import bottom_up, instantiate_levels, named, spine, subterms
from ..calculus.declarations import Constructor, Inductive, InductiveType, Recursor
from ..calculus.show import show
from ..calculus.terms import Const, Expr, Level, Lit, Local, Param, Pi, Proj, Sort, Var
from .errors import KernelError
from .infer import Checker, Context
from .levels import Levels
from .recursors import Shape


@dataclass(frozen=True, slots=True)
class Head:
    """A type of the declaration before its constructors are known: how many indices, which universe."""

    indices: int
    level: Level


def check_head(declaration: Inductive, type: InductiveType, checker: Checker) -> Head:
    """Check the type of an inductive type: ``forall params indices, Sort u``."""
    checker.sort_of(type.type, Context())
    count, body = 0, type.type
    while isinstance(body, Pi):
        count, body = count + 1, body.body
    if not isinstance(body, Sort):
        raise KernelError(f"the type of {type.name} does not end in a universe, written out")
    if count < declaration.params:
        raise KernelError(
            f"{type.name} has {count} parameters and indices, fewer than {declaration.params} parameters"
        )
    return Head(count - declaration.params, body.level)


class Family:
    """The checks of one declaration whose types are already known to ``checker``, without their constructors."""

    def __init__(self, declaration: Inductive, heads: list[Head], checker: Checker, levels: Levels) -> None:
        self.declaration, self.heads, self.checker, self.levels = declaration, heads, checker, levels
        self.names = {type.name: place for place, type in enumerate(declaration.types)}
        self.level = heads[0].level
        self.arguments = tuple(Param(name) for name in declaration.level_params)
        self.recursive: dict[str, tuple[int | None, ...]] = {}
        self._known: dict[Expr, bool] = {}  # whether a type of the declaration occurs in it
        self.small = False  # a field of some constructor forbids elimination into all universes
        self.params = self._params()

    def check(self) -> Shape:
        """Check all constructors. Raises :class:`KernelError`."""
        if not all(self.levels.equal(head.level, self.level) for head in self.heads):
            raise KernelError("mutually inductive types must be in the same universe")
        for place, type in enumerate(self.declaration.types):
            for constructor in type.constructors:
                self._constructor(place, constructor)
        count = len(self.recursive)
        proposition = self.levels.is_zero(self.level)
        large = self.levels.never_zero(self.level) or (
            len(self.heads) == 1 and (count == 0 or (count == 1 and not self.small))
        )
        fieldless = all(not fields for fields in self.recursive.values())
        k = proposition and len(self.heads) == 1 and count == 1 and fieldless
        return Shape(tuple(head.indices for head in self.heads), self.recursive, large, k)

    def _params(self) -> Context:
        """The parameters, which all types of the declaration share."""
        first: Context | None = None
        for type in self.declaration.types:
            context = self._enter_params(type.type, first, type.name)[0]
            first = first or context
        assert first is not None
        return first

    def _enter_params(self, type: Expr, known: Context | None, name: str) -> tuple[Context, Expr]:
        context = Context()
        for place in range(self.declaration.params):
            if not isinstance(type, Pi):
                raise KernelError(f"{name} does not begin with the {self.declaration.params} parameters")
            self.checker.sort_of(type.type, context)
            domain = self.checker.machine.delay(type.type, context.env)
            if known is None:
                context = context.bind(type.name, domain)
            else:
                if not self.checker.conversion.equal(domain, known.types[place]):
                    raise KernelError(f"parameter {place + 1} of {name} is not that of the declaration")
                context = context.bind(type.name, domain, known.env[place])
            type = type.body
        return context, type

    def _constructor(self, place: int, constructor: Constructor) -> None:
        name = constructor.name
        self.checker.sort_of(constructor.type, Context())
        context, type = self._enter_params(constructor.type, self.params, name)
        fields: list[int | None] = []
        data: list[int] = []  # fields that are no proofs
        while isinstance(type, Pi):
            level = self.checker.sort_of(type.type, context)
            if not self.levels.is_zero(self.level) and not self.levels.at_most(level, self.level):
                raise KernelError(
                    f"field {len(fields) + 1} of {name} lives in universe {level}, above {self.level}, its type's"
                )
            if not self.levels.is_zero(level):
                data.append(len(fields))
            fields.append(self._field(type.type, len(fields), name))
            context = context.bind(type.name, self.checker.machine.delay(type.type, context.env))
            type = type.body
        if self._target(type, len(fields)) != place:
            raise KernelError(
                f"{name} does not end in {self.declaration.types[place].name}, applied to its parameters"
            )
        indices = spine(type)[1][self.declaration.params :]
        if any(Var(len(fields) - 1 - each) not in indices for each in data):
            self.small = True
        self.recursive[name] = tuple(fields)

    def _field(self, type: Expr, depth: int, constructor: str) -> int | None:
        """The place of the type that a field recurs on, or None. ``depth``: binders since the parameters."""
        if not self._occurs(type):
            return None
        whole = type
        while isinstance(type, Pi):
            if self._occurs(type.type):
                raise KernelError(
                    f"a field of {constructor} has {show(whole)}: the type stands left of an arrow"
                )
            type, depth = type.body, depth + 1
        target = self._target(type, depth)
        if target is None:
            raise KernelError(
                f"a field of {constructor} has {show(whole)}: nested inductive types are not supported; "
                "define the nested type beside this one"
            )
        return target

    def _target(self, type: Expr, depth: int) -> int | None:
        """Which type of the declaration this is, applied to the parameters and to indices free of the types."""
        head, args = spine(type)
        if not isinstance(head, Const) or head.name not in self.names or head.levels != self.arguments:
            return None
        place, params = self.names[head.name], self.declaration.params
        if len(args) != params + self.heads[place].indices:
            return None
        expected = [Var(depth + params - 1 - each) for each in range(params)]
        if args[:params] != expected or any(self._occurs(each) for each in args[params:]):
            return None
        return place

    def _occurs(self, expr: Expr) -> bool:
        """Whether a type of the declaration occurs in ``expr``; each part is looked at once for all fields."""
        known = self._known
        for part in bottom_up(expr, subterms, known):
            known[part] = named(part) in self.names or any(known[each] for each in subterms(part))
        return known[expr]


def compare(declared: tuple[Recursor, ...], derived: tuple[Recursor, ...], levels: Levels) -> None:
    """Raise :class:`KernelError` unless the declared recursors are the derived ones, up to the names of binders."""
    wanted = {recursor.name: recursor for recursor in derived}
    if len(declared) != len(wanted) or {recursor.name for recursor in declared} != wanted.keys():
        found = sorted(recursor.name for recursor in declared)
        raise KernelError(f"the recursors must be {sorted(wanted)!r:.200}, found {found!r:.200}")
    for recursor in declared:
        other = wanted[recursor.name]
        params = recursor.level_params
        if len(params) != len(other.level_params) or len({*params, ""}) != len(params) + 1:
            raise KernelError(f"{recursor.name} has other universe parameters than the derived recursor")
        arguments = tuple(Param(name) for name in params)

        def same(
            mine: Expr,
            derived: Expr,
            params: tuple[str, ...] = other.level_params,
            to: tuple[Level, ...] = arguments,
        ) -> bool:
            return alike(mine, instantiate_levels(derived, params, to), levels)

        for part in ("params", "indices", "motives", "minors", "k"):
            if getattr(recursor, part) != getattr(other, part):
                raise KernelError(
                    f"{recursor.name}: {part} is {getattr(recursor, part)}, derived is {getattr(other, part)}"
                )
        if not same(recursor.type, other.type):
            raise KernelError(f"the type of {recursor.name} is not the derived one, {show(other.type)}")
        if [(rule.constructor, rule.fields) for rule in recursor.rules] != [
            (rule.constructor, rule.fields) for rule in other.rules
        ]:
            raise KernelError(f"the rules of {recursor.name} are not for the constructors in their order")
        for mine, theirs in zip(recursor.rules, other.rules, strict=True):
            if not same(mine.rhs, theirs.rhs):
                raise KernelError(
                    f"the rule of {recursor.name} for {mine.constructor} is not the derived one"
                )


def alike(left: Expr, right: Expr, levels: Levels) -> bool:
    """Whether two expressions are the same up to names of binders, kinds of binders, and equality of levels."""
    stack = [(left, right)]
    seen: set[tuple[Expr, Expr]] = set()
    while stack:
        pair = stack.pop()
        mine, yours = pair
        if mine is yours or pair in seen:
            continue
        seen.add(pair)
        if mine.__class__ is not yours.__class__:
            return False
        if isinstance(mine, Sort):
            assert isinstance(yours, Sort)
            if not levels.equal(mine.level, yours.level):
                return False
        elif isinstance(mine, Const):
            assert isinstance(yours, Const)
            if mine.name != yours.name or len(mine.levels) != len(yours.levels):
                return False
            if not all(map(levels.equal, mine.levels, yours.levels)):
                return False
        elif isinstance(mine, Proj):
            assert isinstance(yours, Proj)
            if mine.type_name != yours.type_name or mine.index != yours.index:
                return False
        elif isinstance(mine, (Var, Lit, Local)):
            return False
        stack += zip(subterms(mine), subterms(yours), strict=True)
    return True
