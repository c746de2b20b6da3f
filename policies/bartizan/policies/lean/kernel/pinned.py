"""What must be declared as Lean declares it: numbers, truth values, quotients, and the axioms that are allowed by name.

Literals and computed functions speak of Nat and Bool by name, so nothing else may have these names. And to allow an
axiom by name must not mean to believe whatever a file says under that name: Lean's axioms stand here with what they
say, and with the inductive types that they mention. An axiom of another name is allowed together with its statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..calculus.build import app, arrow, instantiate_levels, local, pi
from ..calculus.declarations import Axiom, Constructor, Inductive, InductiveType, Quotient
from ..calculus.show import show
from ..calculus.terms import ONE, PROP, TYPE, Const, Expr, Param, Sort
from .constants import Constant, Lifting
from .errors import KernelError
from .inductive import alike
from .levels import Levels
from .naturals import BOOL, FALSE, NAT, SUCC, TRUE, ZERO


def _inductive(name: str, type: Expr, made: dict[str, Expr], params: int = 0, levels: str = "") -> Inductive:
    constructors = tuple(Constructor(each, type) for each, type in made.items())
    return Inductive(tuple(levels.split()), params, (InductiveType(name, type, constructors),))


def _members(declaration: Inductive) -> list[tuple[str, Expr]]:
    """The names of types and constructors, with their types."""
    found: list[tuple[str, Expr]] = []
    for type in declaration.types:
        found += [(type.name, type.type), *((each.name, each.type) for each in type.constructors)]
    return found


TYPES = {
    each.name: each
    for each in (
        _inductive("Nat", TYPE, {ZERO.name: NAT, SUCC.name: arrow(NAT, NAT)}),
        _inductive("Bool", TYPE, {FALSE.name: BOOL, TRUE.name: BOOL}),
    )
}
_U, _V = Param("u"), Param("v")
_A = local("A", Sort(_U))


def _eq() -> Inductive:
    x, y = local("x", _A), local("y", _A)
    made = {"Eq.refl": pi([_A, x], app(Const("Eq", (_U,)), _A, x, x))}
    return _inductive("Eq", pi([_A, x, y], PROP), made, 2, "u")


EQ = _eq()


def _quotients() -> tuple[dict[str, Quotient], Axiom]:
    """The four primitives in their order, and the axiom ``Quot.sound``."""
    r = local("r", arrow(_A, _A, PROP))
    quot = app(Const("Quot", (_U,)), _A, r)
    a, b, q = local("a", _A), local("b", _A), local("q", quot)

    def mk(of: Expr) -> Expr:
        return app(Const("Quot.mk", (_U,)), _A, r, of)

    related = app(r, a, b)
    target = local("B", Sort(_V))
    f = local("f", arrow(_A, target))
    respects = pi([a, b], arrow(related, app(Const("Eq", (_V,)), target, app(f, a), app(f, b))))
    motive = local("B", arrow(quot, PROP))
    on_made = pi([a], app(motive, mk(a)))
    primitives = (
        Quotient("Quot", ("u",), pi([_A, r], Sort(_U)), "type"),
        Quotient("Quot.mk", ("u",), pi([_A, r], arrow(_A, quot)), "ctor"),
        Quotient("Quot.lift", ("u", "v"), pi([_A, r, target, f], arrow(respects, quot, target)), "lift"),
        Quotient("Quot.ind", ("u",), pi([_A, r, motive], arrow(on_made, pi([q], app(motive, q)))), "ind"),
    )
    equal = app(Const("Eq", (_U,)), quot, mk(a), mk(b))
    sound = Axiom("Quot.sound", ("u",), pi([_A, r, a, b], arrow(related, equal)))
    return {each.name: each for each in primitives}, sound


QUOTIENTS, _SOUND = _quotients()
LIFTINGS = {"Quot.lift": Lifting(3, 5), "Quot.ind": Lifting(3, 4)}
RESERVED = frozenset(
    {
        *QUOTIENTS,
        *(
            name
            for each in TYPES.values()
            for name in (f"{each.name}.rec", *(name for name, _ in _members(each)))
        ),
    }
)


def _axioms() -> dict[str, tuple[Axiom, tuple[Inductive, ...]]]:
    nonempty = app(Const("Nonempty", (_U,)), _A)
    made = {"Nonempty.intro": pi([_A], arrow(_A, nonempty))}
    inhabited = _inductive("Nonempty", pi([_A], PROP), made, 1, "u")
    a, b = local("a", PROP), local("b", PROP)
    both = app(Const("Iff"), a, b)
    made = {"Iff.intro": pi([a, b], arrow(arrow(a, b), arrow(b, a), both))}
    iff = _inductive("Iff", arrow(PROP, PROP, PROP), made, 2)
    propext = Axiom("propext", (), pi([a, b], arrow(both, app(Const("Eq", (ONE,)), PROP, a, b))))
    choice = Axiom("Classical.choice", ("u",), pi([_A], arrow(nonempty, _A)))
    return {
        propext.name: (propext, (EQ, iff)),
        choice.name: (choice, (inhabited,)),
        _SOUND.name: (_SOUND, (EQ,)),  # Quot and Quot.mk are reserved: they are the primitives
    }


AXIOMS = _axioms()


def check_type(declaration: Inductive, names: Iterable[str], levels: Levels) -> None:
    """Raise :class:`KernelError` if a type that declares ``names`` takes one of Nat's or Bool's and is another type."""
    taken = RESERVED.intersection(names)
    if not taken:
        return
    wanted = TYPES.get(declaration.name)
    right = wanted is not None and not declaration.level_params and not declaration.params
    if wanted is not None:
        mine, theirs = _members(declaration), _members(wanted)
        right = right and len(declaration.types) == 1 and len(mine) == len(theirs)
        right = right and all(
            name == other and alike(type, expected, levels)
            for (name, type), (other, expected) in zip(mine, theirs, strict=True)
        )
    if not right:
        raise KernelError(f"{min(taken)} is declared differently from Lean's")


def check_quotient(declaration: Quotient, constants: Mapping[str, Constant], levels: Levels) -> None:
    """Raise :class:`KernelError` unless this is the next of the four primitives, and speaks of Lean's ``Eq``."""
    order = list(QUOTIENTS)
    wanted = QUOTIENTS.get(declaration.name)
    if wanted is None or wanted.kind != declaration.kind:
        raise KernelError(f"a quotient primitive must be one of {', '.join(order)}")
    before = order[: order.index(wanted.name)]
    if not all(name in constants for name in before):
        raise KernelError(f"before {wanted.name} there must be {', '.join(before)}")
    if wanted.kind == "lift":
        _check_declared(EQ, constants, levels)
    if not _says(declaration.type, declaration.level_params, wanted.type, wanted.level_params, levels):
        raise KernelError(f"the type of {wanted.name} must be Lean's, {show(wanted.type)}")


def check_axiom(
    axiom: Axiom, allowed: Iterable[str | Axiom], constants: Mapping[str, Constant], levels: Levels
) -> None:
    """Raise :class:`KernelError` unless ``axiom`` is allowed and says what is believed of it."""
    named = [each for each in allowed if axiom.name == (each if isinstance(each, str) else each.name)]
    if not named:
        raise KernelError("axioms are not allowed; allow it by name if you mean to trust it")
    for believed in named:
        rests_on: tuple[Inductive, ...] = ()
        if isinstance(believed, str):
            if believed not in AXIOMS:
                raise KernelError("axioms are not allowed that Lean does not have, but with their statement")
            believed, rests_on = AXIOMS[believed]
        if _says(axiom.type, axiom.level_params, believed.type, believed.level_params, levels):
            for each in rests_on:
                _check_declared(each, constants, levels)
            return
    raise KernelError("the axiom of this name that is allowed says something else")


def _check_declared(wanted: Inductive, constants: Mapping[str, Constant], levels: Levels) -> None:
    type = wanted.types[0]
    found = constants.get(type.name)
    family = None if found is None else found.family
    names = tuple(each.name for each in type.constructors)
    if family is None or (family.params, family.constructors) != (wanted.params, names):
        raise KernelError(f"{type.name} is declared differently from Lean's")
    for name, expected in _members(wanted):
        mine = constants[name]
        if not _says(mine.type, mine.level_params, expected, wanted.level_params, levels):
            raise KernelError(f"{type.name} is declared differently from Lean's")


def _says(
    mine: Expr, my_params: tuple[str, ...], theirs: Expr, their_params: tuple[str, ...], levels: Levels
) -> bool:
    """Whether two types are the same, up to names of binders and of universe parameters."""
    if len(my_params) != len(their_params):
        return False
    arguments = tuple(Param(name) for name in my_params)
    return alike(mine, instantiate_levels(theirs, their_params, arguments), levels)
