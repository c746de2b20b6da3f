"""Ways to build and rebuild expressions: binders over locals, instantiation, lifting, level arguments.

Lists of locals, values and binders run from the outermost to the innermost: ``lam([x, y], b)`` is ``fun x y => b``,
and ``instantiate(b, [u, v])`` puts ``v`` for ``Var(0)`` and ``u`` for ``Var(1)``.

No function here recurses, and none checks types.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TypeVar

from .terms import (
    App,
    BinderKind,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Local,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
)

T = TypeVar("T")


def local(name: str, type: Expr, kind: BinderKind = "default") -> Local:
    """A new free variable, different from every other."""
    return Local(name, type, kind)


def app(fn: Expr, *args: Expr) -> Expr:
    """``fn`` applied to all ``args``."""
    for arg in args:
        fn = App(fn, arg)
    return fn


def spine(expr: Expr) -> tuple[Expr, list[Expr]]:
    """The head of nested applications, and its arguments in order."""
    args = []
    while isinstance(expr, App):
        args.append(expr.arg)
        expr = expr.fn
    args.reverse()
    return expr, args


def arrow(*types: Expr) -> Expr:
    """``A -> B -> C``: products whose bodies ignore the argument."""
    result = types[-1]
    for type in reversed(types[:-1]):
        result = Pi("a", type, lift(result, 1))
    return result


def lam(locals: Sequence[Local], body: Expr, kind: BinderKind | None = None) -> Expr:
    """``fun locals => body``: each local may occur in the types of those after it.

    ``kind``, if given, is every binder's.
    """
    return _bind(Lam, locals, body, kind)


def pi(locals: Sequence[Local], body: Expr, kind: BinderKind | None = None) -> Expr:
    """``forall locals, body``, likewise."""
    return _bind(Pi, locals, body, kind)


def let(variable: Local, value: Expr, body: Expr) -> Expr:
    """``let variable := value; body``."""
    return Let(variable.name, variable.type, value, abstract(body, [variable]))


def _bind(binder: type[Lam] | type[Pi], locals: Sequence[Local], body: Expr, kind: BinderKind | None) -> Expr:
    places = {each: place for place, each in enumerate(locals)}
    result = _abstract(body, places, len(locals))
    for place in reversed(range(len(locals))):
        each = locals[place]
        result = binder(each.name, _abstract(each.type, places, place), result, kind or each.kind)
    return result


def replace(expr: Expr, change: Callable[[Expr, int], Expr | None]) -> Expr:
    """``expr`` with parts changed.

    ``change(part, depth)`` is asked from the outside in, ``depth`` being the number of binders between ``expr`` and
    the part. It returns the new part, or None to go on with what is inside. It must be a function of its arguments:
    equal parts at equal depth are asked about once or more often.
    """
    done: dict[tuple[Expr, int], Expr] = {}
    stack = [(expr, 0)]
    while stack:
        key = stack[-1]
        if key in done:
            stack.pop()
            continue
        part, depth = key
        found = change(part, depth)
        if found is None:
            inner = children(part, depth)
            missing = [each for each in inner if each not in done]
            if missing:
                stack.extend(missing)
                continue
            found = _rebuild(part, [done[each] for each in inner])
        done[key] = found
        stack.pop()
    return done[expr, 0]


def children(expr: Expr, depth: int = 0) -> list[tuple[Expr, int]]:
    """The expressions directly inside ``expr``, each with the number of binders above it."""
    if isinstance(expr, App):
        return [(expr.fn, depth), (expr.arg, depth)]
    if isinstance(expr, (Lam, Pi)):
        return [(expr.type, depth), (expr.body, depth + 1)]
    if isinstance(expr, Let):
        return [(expr.type, depth), (expr.value, depth), (expr.body, depth + 1)]
    if isinstance(expr, Proj):
        return [(expr.struct, depth)]
    return []


def subterms(expr: Expr) -> list[Expr]:
    """The expressions directly inside ``expr``."""
    return [each for each, _ in children(expr)]


def bottom_up(top: T, inside: Callable[[T], Sequence[T]], known: Container[T]) -> Iterator[T]:
    """Each part of ``top`` that is not in ``known``, after the parts inside it, from left to right.

    Whoever asks puts each part into ``known`` before the next one.
    """
    stack = [top]
    while stack:
        part = stack[-1]
        if part in known:
            stack.pop()
        elif missing := [each for each in inside(part) if each not in known]:
            stack.extend(reversed(missing))
        else:
            yield part


def _rebuild(expr: Expr, inner: list[Expr]) -> Expr:
    if isinstance(expr, App):
        return App(*inner)
    if isinstance(expr, Lam):
        return Lam(expr.name, inner[0], inner[1], expr.kind)
    if isinstance(expr, Pi):
        return Pi(expr.name, inner[0], inner[1], expr.kind)
    if isinstance(expr, Let):
        return Let(expr.name, *inner)
    return Proj(expr.type_name, expr.index, inner[0]) if isinstance(expr, Proj) else expr


def lift(expr: Expr, by: int, start: int = 0) -> Expr:
    """``expr`` with ``by`` added to the indices of its loose variables, those from ``start`` on."""
    if by == 0 or expr.loose <= start:
        return expr

    def change(part: Expr, depth: int) -> Expr | None:
        if part.loose <= start + depth:
            return part
        return Var(part.index + by) if isinstance(part, Var) else None

    return replace(expr, change)


def instantiate(body: Expr, values: Sequence[Expr]) -> Expr:
    """``body`` with its innermost ``len(values)`` loose variables replaced; outer ones move inwards by as many."""
    count = len(values)
    if count == 0 or body.loose == 0:
        return body

    def change(part: Expr, depth: int) -> Expr | None:
        if part.loose <= depth:
            return part
        if not isinstance(part, Var):
            return None
        place = part.index - depth
        return lift(values[count - 1 - place], depth) if place < count else Var(part.index - count)

    return replace(body, change)


def abstract(expr: Expr, locals: Sequence[Local]) -> Expr:
    """``expr`` with the locals replaced by loose variables: the last one by ``Var(0)``."""
    return _abstract(expr, {each: place for place, each in enumerate(locals)}, len(locals))


def _abstract(expr: Expr, places: dict[Local, int], count: int) -> Expr:
    """``expr`` with the first ``count`` of the locals in ``places`` replaced by loose variables."""
    expr = lift(expr, count)
    if not count or not expr.has_locals:
        return expr

    def change(part: Expr, depth: int) -> Expr | None:
        if not part.has_locals:
            return part
        if isinstance(part, Local):
            place = places.get(part, count)
            return Var(count - 1 - place + depth) if place < count else part
        return None

    return replace(expr, change)


def instantiate_level(
    level: Level, values: dict[str, Level], done: dict[Level, Level] | None = None
) -> Level:
    """``level`` with the parameters in ``values`` replaced. ``done`` remembers the parts, for other levels too."""
    if not level.has_params:
        return level
    done = {} if done is None else done
    for part in bottom_up(level, inside, done):
        if isinstance(part, Param):
            done[part] = values.get(part.name, part)
        elif isinstance(part, Succ):
            done[part] = Succ(done[part.of])
        elif isinstance(part, (Max, IMax)):
            done[part] = type(part)(done[part.left], done[part.right])
        else:
            done[part] = part
    return done[level]


def inside(level: Level) -> tuple[Level, ...]:
    """The levels directly inside ``level``."""
    if isinstance(level, Succ):
        return (level.of,)
    return (level.left, level.right) if isinstance(level, (Max, IMax)) else ()


def instantiate_levels(expr: Expr, names: Sequence[str], levels: Sequence[Level]) -> Expr:
    """``expr`` with level parameters replaced: ``names[i]`` by ``levels[i]``."""
    if not names or not expr.has_params:
        return expr
    values = dict(zip(names, levels, strict=True))
    done: dict[Level, Level] = {}

    def change(part: Expr, depth: int) -> Expr | None:
        if not part.has_params:
            return part
        if isinstance(part, Sort):
            return Sort(instantiate_level(part.level, values, done))
        if isinstance(part, Const):
            return Const(part.name, tuple(instantiate_level(level, values, done) for level in part.levels))
        return None

    return replace(expr, change)


def levels_of(expr: Expr) -> tuple[Level, ...]:
    """The levels that ``expr`` itself names, not its parts."""
    if isinstance(expr, Sort):
        return (expr.level,)
    return expr.levels if isinstance(expr, Const) else ()


def levels_in(expressions: Iterable[Expr]) -> Iterator[Level]:
    """Each different level inside ``expressions``, once, and each different level inside it."""
    seen: set[Level] = set()
    for expr in expressions:
        stack = [*levels_of(expr)]
        while stack:
            level = stack.pop()
            if level not in seen:
                seen.add(level)
                yield level
                stack += inside(level)


def parts(expr: Expr) -> Iterator[Expr]:
    """Each different expression inside ``expr``, itself included, once."""
    seen = {expr}
    stack = [expr]
    while stack:
        part = stack.pop()
        yield part
        for inner in subterms(part):
            if inner not in seen:
                seen.add(inner)
                stack.append(inner)


def constants(expressions: Iterable[Expr]) -> set[str]:
    """The names of the constants in ``expressions``."""
    return {name for expr in expressions for part in parts(expr) if (name := named(part)) is not None}


def named(expr: Expr) -> str | None:
    """The constant that ``expr`` itself names, not its parts: a ``Const`` or a ``Proj`` does."""
    if isinstance(expr, Proj):
        return expr.type_name
    return expr.name if isinstance(expr, Const) else None
