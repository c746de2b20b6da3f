"""What Lean 4's kernel is given: names, universe levels, expressions, declarations.

Everything is immutable. Levels and expressions are *interned*: building the same one twice gives the same object,
so ``is`` is equality (binder names and binder kinds included) and a dictionary keyed by an expression is fast.
Never build one but by calling its class, never assign to a field.

Names are strings in the form that :mod:`.names` fixes: components joined by dots, ``"Nat.add"``; ``""`` is the
anonymous name.

Expressions::

    Var(0)                     a bound variable, counted outwards from its place (de Bruijn index)
    Local("x", 7)              a free variable: only while terms are built, the kernel refuses it in a declaration
    Sort(level)                Prop is Sort(ZERO), Type is Sort(ONE)
    Const("List.nil", (ZERO,)) a declared constant, with the levels that instantiate its parameters
    App(f, a)                  one argument; `build.app(f, a, b)` takes several
    Lam("x", A, body)          body has Var(0) for x; `build.lam([x, y], body)` abstracts locals
    Pi("x", A, body)           likewise; `build.pi([x, y], body)`, and `build.arrow(A, B)` for a B that ignores A
    Let("x", A, value, body)
    Proj("Prod", 0, s)         field of a structure, counted from 0
    Lit(5)                     a natural number

How terms are usually built: make locals, build with them, then bind them (:mod:`.build`)::

    x = local("x", NAT)
    identity = lam([x], x)     # fun (x : Nat) => x

Nothing here knows of typing: :mod:`~..kernel` alone decides what is well formed.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Hashable
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

BinderKind: TypeAlias = Literal["default", "implicit", "strictImplicit", "instImplicit"]

# key -> weak reference to the one object with that key: terms that nobody holds any more are forgotten.
_interned: dict[Hashable, weakref.KeyedRef[Any, Any]] = {}
# Policies are checked in threads, and two of them may build one term at a time. While a term is kept, a collection of
# garbage may forget others in the same thread.
_lock = threading.RLock()


def _forget(
    reference: weakref.KeyedRef[Any, Any],
    interned: dict[Hashable, weakref.KeyedRef[Any, Any]] = _interned,
    lock: threading.RLock = _lock,  # at its end the interpreter clears names
) -> None:
    with lock:
        if interned.get(reference.key) is reference:
            del interned[reference.key]


def _find(key: Hashable) -> Any:
    reference = _interned.get(key)
    return None if reference is None else reference()


def _keep(key: Hashable, made: Any) -> Any:
    """The one object with this key: ``made``, unless another thread has made it meanwhile."""
    with _lock:
        found = _find(key)
        if found is None:
            _interned[key] = weakref.KeyedRef(made, _forget, key)
            return made
        return found


# --- universe levels


class Level:
    """A universe level: ``Zero``, ``Succ``, ``Max``, ``IMax`` or ``Param``. ``has_params``: a ``Param`` is inside."""

    __slots__ = ("__weakref__", "has_params")
    has_params: bool

    def __repr__(self) -> str:
        return show_level(self)


class Zero(Level):
    """The level of Prop."""

    __slots__ = ()

    def __new__(cls) -> Zero:
        self: Zero | None = _find(Zero)
        if self is None:
            self = object.__new__(cls)
            self.has_params = False
            self = _keep(Zero, self)
        return self


class Succ(Level):
    """The next level."""

    __slots__ = ("of",)
    __match_args__ = ("of",)
    of: Level

    def __new__(cls, of: Level) -> Succ:
        key = (Succ, of)
        self: Succ | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.of, self.has_params = of, of.has_params
            self = _keep(key, self)
        return self


class _Pair(Level):
    __slots__ = ("left", "right")
    __match_args__ = ("left", "right")
    left: Level
    right: Level

    def __new__(cls, left: Level, right: Level) -> Self:
        key = (cls, left, right)
        self: Self | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.left, self.right, self.has_params = left, right, left.has_params or right.has_params
            self = _keep(key, self)
        return self


class Max(_Pair):
    """The larger of two levels."""

    __slots__ = ()


class IMax(_Pair):
    """``Zero`` where ``right`` is, otherwise the larger of the two: the level of a product."""

    __slots__ = ()


class Param(Level):
    """A level parameter of the declaration."""

    __slots__ = ("name",)
    __match_args__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Param:
        key = (Param, name)
        self: Param | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.name, self.has_params = name, True
            self = _keep(key, self)
        return self


ZERO: Final[Level] = Zero()
ONE: Final[Level] = Succ(ZERO)


def show_level(level: Level, depth: int = 6) -> str:
    """A level as people write it; cut where it is deep."""
    offset = 0
    while isinstance(level, Succ):
        level, offset = level.of, offset + 1
    if isinstance(level, Zero):
        return str(offset)
    if depth == 0:
        text = "..."
    elif isinstance(level, Param):
        text = level.name
    else:
        assert isinstance(level, _Pair)
        word = "max" if isinstance(level, Max) else "imax"
        text = f"({word} {show_level(level.left, depth - 1)} {show_level(level.right, depth - 1)})"
    return f"{text}+{offset}" if offset else text


# --- expressions


class Expr:
    """An expression.

    ``loose`` is 1 + the largest index of a bound variable that no binder of the expression binds, 0 if there is none
    ("closed"). ``has_locals`` and ``has_params`` say whether a ``Local``, a level ``Param`` is inside.
    """

    __slots__ = ("__weakref__", "has_locals", "has_params", "loose")
    loose: int
    has_locals: bool
    has_params: bool

    def __repr__(self) -> str:
        from .show import show  # only a person reads it

        return show(self)


class Var(Expr):
    """A bound variable: the index-th binder outwards."""

    __slots__ = ("index",)
    __match_args__ = ("index",)
    index: int

    def __new__(cls, index: int) -> Var:
        key = (Var, index)
        self: Var | None = _find(key)
        if self is None:
            if index < 0:
                raise ValueError(f"the index of a bound variable is at least 0, found {index}")
            self = object.__new__(cls)
            self.index, self.loose, self.has_locals, self.has_params = index, index + 1, False, False
            self = _keep(key, self)
        return self


class Local(Expr):
    """A free variable of a term under construction. Two are the same if ``number`` is."""

    __slots__ = ("kind", "name", "number", "type")
    name: str
    number: int
    type: Expr
    kind: BinderKind
    _fresh: ClassVar[itertools.count[int]] = itertools.count()

    def __new__(cls, name: str, type: Expr, kind: BinderKind = "default") -> Local:
        self = object.__new__(cls)
        self.name, self.type, self.kind, self.number = name, type, kind, next(cls._fresh)
        self.loose, self.has_locals, self.has_params = 0, True, type.has_params
        return self


class Sort(Expr):
    """A universe."""

    __slots__ = ("level",)
    __match_args__ = ("level",)
    level: Level

    def __new__(cls, level: Level) -> Sort:
        key = (Sort, level)
        self: Sort | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.level, self.loose, self.has_locals, self.has_params = level, 0, False, level.has_params
            self = _keep(key, self)
        return self


class Const(Expr):
    """A constant with its level arguments."""

    __slots__ = ("levels", "name")
    __match_args__ = ("name", "levels")
    name: str
    levels: tuple[Level, ...]

    def __new__(cls, name: str, levels: tuple[Level, ...] = ()) -> Const:
        key = (Const, name, levels)
        self: Const | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.name, self.levels, self.loose, self.has_locals = name, levels, 0, False
            self.has_params = any(level.has_params for level in levels)
            self = _keep(key, self)
        return self


class App(Expr):
    """A function applied to one argument."""

    __slots__ = ("arg", "fn")
    __match_args__ = ("fn", "arg")
    fn: Expr
    arg: Expr

    def __new__(cls, fn: Expr, arg: Expr) -> App:
        key = (App, fn, arg)
        reference = _interned.get(key)
        if reference is not None:
            found: App | None = reference()
            if found is not None:
                return found
        self = object.__new__(cls)
        self.fn, self.arg = fn, arg
        self.loose = fn.loose if fn.loose > arg.loose else arg.loose
        self.has_locals = fn.has_locals or arg.has_locals
        self.has_params = fn.has_params or arg.has_params
        kept: App = _keep(key, self)
        return kept


class _Binder(Expr):
    __slots__ = ("body", "kind", "name", "type")
    __match_args__ = ("name", "type", "body")
    name: str
    type: Expr
    body: Expr
    kind: BinderKind

    def __new__(cls, name: str, type: Expr, body: Expr, kind: BinderKind = "default") -> Self:
        key = (cls, name, type, body, kind)
        self: Self | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.name, self.type, self.body, self.kind = name, type, body, kind
            self.loose = max(type.loose, body.loose - 1)
            self.has_locals = type.has_locals or body.has_locals
            self.has_params = type.has_params or body.has_params
            self = _keep(key, self)
        return self


class Lam(_Binder):
    """A function; ``body`` has ``Var(0)`` for its argument."""

    __slots__ = ()


class Pi(_Binder):
    """A dependent product, ``forall`` or ``->``; ``body`` has ``Var(0)`` for the argument."""

    __slots__ = ()


class Let(Expr):
    """A local definition; ``body`` has ``Var(0)`` for the value."""

    __slots__ = ("body", "name", "type", "value")
    __match_args__ = ("name", "type", "value", "body")
    name: str
    type: Expr
    value: Expr
    body: Expr

    def __new__(cls, name: str, type: Expr, value: Expr, body: Expr) -> Let:
        key = (Let, name, type, value, body)
        self: Let | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.name, self.type, self.value, self.body = name, type, value, body
            self.loose = max(type.loose, value.loose, body.loose - 1)
            self.has_locals = type.has_locals or value.has_locals or body.has_locals
            self.has_params = type.has_params or value.has_params or body.has_params
            self = _keep(key, self)
        return self


class Proj(Expr):
    """The ``index``-th field (from 0) of ``struct``, whose type is the structure ``type_name``."""

    __slots__ = ("index", "struct", "type_name")
    __match_args__ = ("type_name", "index", "struct")
    type_name: str
    index: int
    struct: Expr

    def __new__(cls, type_name: str, index: int, struct: Expr) -> Proj:
        key = (Proj, type_name, index, struct)
        self: Proj | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.type_name, self.index, self.struct = type_name, index, struct
            self.loose, self.has_locals, self.has_params = struct.loose, struct.has_locals, struct.has_params
            self = _keep(key, self)
        return self


class Lit(Expr):
    """A natural number."""

    __slots__ = ("value",)
    __match_args__ = ("value",)
    value: int

    def __new__(cls, value: int) -> Lit:
        if value.__class__ is not int or value < 0:
            raise ValueError(f"a literal is a natural number, found {value!r}")
        key = (Lit, value)
        self: Lit | None = _find(key)
        if self is None:
            self = object.__new__(cls)
            self.value, self.loose, self.has_locals, self.has_params = value, 0, False, False
            self = _keep(key, self)
        return self


PROP: Final[Expr] = Sort(ZERO)
TYPE: Final[Expr] = Sort(ONE)
