"""Terms: names are looked up, implicit arguments found, functions and applications given their types."""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.build import instantiate, lam, local, pi, spine
from ..calculus.terms import (
    ONE,
    PROP,
    App,
    Const,
    Expr,
    Level,
    Lit,
    Local,
    Param,
    Pi,
    Sort,
    Succ,
)
from . import syntax
from .obvious import Mistake
from .proving import Proving
from .syntax import Syntax


class Terms(Proving):
    """A name is looked up as a local, then under ``namespace``, then as it is written."""

    def declared(self, name: str) -> str:
        """The full name of what is declared as ``name``."""
        return f"{self.namespace}.{name}" if self.namespace else name

    # --- binders and types

    def binders(self, binders: Sequence[syntax.Binder]) -> list[Local]:
        """Locals for binders, in scope from now on."""
        made = []
        for each in binders:
            type_ = (
                self.type_of(each.type) if each.type is not None else self.unknown(Sort(self.unknown_level()))
            )
            bound = local(each.name, self.settle(type_), "implicit" if each.implicit else "default")
            self.scope.append(bound)
            made.append(bound)
        return made

    def type_of(self, term: Syntax) -> Expr:
        """A term that is a type."""
        return self.check(term, Sort(self.unknown_level()))

    def level(self, term: Syntax) -> Level:
        """A universe level: one of the command's parameters."""
        if isinstance(term, syntax.Name) and term.text in self.level_params:
            return Param(term.text)
        raise Mistake(f"not a level: {term}")

    # --- terms

    def check(self, term: Syntax, expected: Expr) -> Expr:
        """The term of an expected type."""
        made = self.elaborate(term, expected)
        self.require(made, expected, term)
        return made

    def require(self, made: Expr, expected: Expr, term: Syntax | str) -> None:
        """Raises :class:`Mistake` unless ``made`` has the expected type."""
        found = self.infer(made)
        if not self.unify(found, expected):
            wanted, found = self.settle(expected), self.settle(found)
            raise Mistake(f"expected {wanted}\n  found {found}\n  in {str(term)[:300]}")

    def elaborate(self, term: Syntax, expected: Expr | None = None) -> Expr:
        match term:
            case syntax.Hole():
                return self.unknown(expected or self.unknown(Sort(self.unknown_level())))
            case syntax.Number(value):
                return Lit(value)
            case syntax.Name() | syntax.Apply():
                return self.application(term, expected)
            case syntax.Typed(inner, type_):
                wanted = self.settle(self.type_of(type_))
                if expected is not None and not self.unify(wanted, expected):
                    raise Mistake(f"shown {wanted}\n  where {self.settle(expected)} is expected")
                return self.check(inner, self.settle(wanted))
            case syntax.Field(inner, path):
                return self.field(self.settle(self.elaborate(inner)), path)
            case syntax.ForAll(binders, body):
                return self.product(binders, body)
            case syntax.Fun(binders, body):
                return self.function(binders, body, expected)
            case syntax.Have(name, type_, value, body):
                wanted = self.settle(self.type_of(type_))
                shown = self.settle(self.check(value, wanted))
                mark = len(self.scope)
                bound = local(name, self.settle(wanted))
                self.scope.append(bound)
                made = self.settle(self.elaborate(body, expected))
                del self.scope[mark:]
                return App(lam([bound], made), shown)
        if expected is None:
            raise Mistake(f"no type is known for {str(term)[:200]}")
        expected = self.settle(expected)
        match term:
            case syntax.Match():
                return self.match(term, expected)
            case syntax.Rewrite(rules, body):
                return self.rewrite(rules, body, expected)
            case syntax.Auto(cases):
                return self.auto(cases, expected)
        raise Mistake(f"no meaning for {term}")

    def product(self, binders: Sequence[syntax.Binder], body: Syntax) -> Expr:
        """``∀ binders, body``."""
        mark = len(self.scope)
        bound = self.binders(binders)
        inner = self.settle(self.type_of(body))
        bound = self._fixed(bound)
        del self.scope[mark:]
        return pi(bound, inner)

    def _fixed(self, bound: list[Local]) -> list[Local]:
        """The types of bound locals with what is known by now.

        The locals stay the same, so that what was built with them stays right: here, and only here and where cases
        are named, a local is changed after it was made.
        """
        for each in bound:
            each.type = self.settle(each.type)
        return bound

    def function(self, binders: Sequence[syntax.Binder], body: Syntax, expected: Expr | None) -> Expr:
        """``fun binders => body``: types of binders that are not written come from the expected type."""
        mark = len(self.scope)
        bound: list[Local] = []
        for each in binders:
            wanted = None
            if expected is not None:
                expected = self.known(expected)
                if not isinstance(expected, Pi):
                    reduced = self.whnf(self.settle(expected))
                    expected = reduced if isinstance(reduced, Pi) or not self.is_unknown(reduced) else None
                if expected is not None and not isinstance(expected, Pi):
                    raise Mistake(f"a function where {self.settle(expected)} is expected")
            if each.type is not None:
                wanted = self.settle(self.type_of(each.type))
                if isinstance(expected, Pi) and not self.unify(wanted, expected.type):
                    raise Mistake(f"binder {each.name} : {wanted}, expected {self.settle(expected.type)}")
            elif isinstance(expected, Pi):
                wanted = self.settle(expected.type)
            else:
                wanted = self.unknown(Sort(self.unknown_level()))
            place = local(each.name, wanted)
            self.scope.append(place)
            bound.append(place)
            if isinstance(expected, Pi):
                expected = instantiate(expected.body, [place])
        made = self.elaborate(body, expected)
        if expected is not None:
            self.require(made, expected, body)
        made = self.settle(made)
        bound = self._fixed(bound)
        del self.scope[mark:]
        return lam(bound, made)

    def lookup(self, name: str) -> Expr:
        """The local, or the constant with unknown levels, that a name is."""
        for each in reversed(self.scope):
            if each.name == name:
                return each
        if name == "Prop":
            return PROP
        if name == "Type":
            return Sort(ONE)
        for full in (self.declared(name), name):
            if full in self.types:
                params, _ = self.types[full]
                return Const(full, tuple(self.unknown_level() for _ in params))
        if name == "Sort":
            raise Mistake("Sort needs a level")
        first, dot, rest = name.partition(".")
        for each in reversed(self.scope):
            if dot and each.name == first:
                return self.field(each, rest)
        raise Mistake(f"unknown name {name!r}")

    def field(self, value: Expr, path: str) -> Expr:
        """``x.f.g``: the function ``f`` in the namespace of ``x``'s type, applied to ``x``."""
        for part in path.split("."):
            type_ = self.head(self.settle(self.infer(value)))
            head, _ = spine(type_)
            while not (isinstance(head, Const) and f"{head.name}.{part}" in self.types):
                unfolded = self.unfold(type_)
                if unfolded is None:
                    raise Mistake(f"no field {part!r} of {self.settle(type_)}")
                type_ = self.head(unfolded)
                head, _ = spine(type_)
            value = self.apply(f"{head.name}.{part}", value)
        return value

    def apply(self, name: str, *args: Expr) -> Expr:
        """A constant applied to its explicit arguments, the implicit ones found by unification."""
        params, _ = self.types[name]
        made: Expr = Const(name, tuple(self.unknown_level() for _ in params))
        rest = list(args)
        type_ = self.infer(made)
        while True:
            if not isinstance(type_, Pi):
                type_ = self.whnf(type_)
            if not isinstance(type_, Pi) or (not rest and type_.kind == "default"):
                return self.settle(made)
            if type_.kind == "default":
                value = rest.pop(0)
                if not self.unify(type_.type, self.infer(value)):
                    raise Mistake(f"{name}: {value} is not a {self.settle(type_.type)}")
            else:
                value = self.unknown(type_.type)
            made, type_ = App(made, value), instantiate(type_.body, [value])

    def application(self, term: syntax.Name | syntax.Apply, expected: Expr | None) -> Expr:
        """A function with its arguments; those that need their type to be known come last."""
        head = term if isinstance(term, syntax.Name) else term.function
        args = [] if isinstance(term, syntax.Name) else list(term.args)
        if isinstance(head, syntax.Name) and head.text in ("Type", "Sort") and args:
            level = self.level(args[0])
            return Sort(Succ(level) if head.text == "Type" else level)
        explicit = isinstance(head, syntax.Name) and head.explicit
        made = self.lookup(head.text) if isinstance(head, syntax.Name) else self.elaborate(head)
        type_ = self.infer(made)
        waiting: list[tuple[Local, Syntax]] = []
        while True:
            type_ = self.known(type_)
            if not isinstance(type_, Pi):
                reduced = self.whnf(type_)
                if not isinstance(reduced, Pi) and args:
                    for unknown, arg in waiting:
                        self._argument(unknown, arg)
                    waiting = []
                    reduced = self.whnf(self.settle(type_))
                    if not isinstance(reduced, Pi):
                        raise Mistake(
                            f"{str(head)[:80]} of type {self.settle(type_)} takes no argument {str(args[0])[:80]}"
                        )
                if isinstance(reduced, Pi) and (args or reduced.kind != "default"):
                    type_ = reduced
            if not isinstance(type_, Pi):
                break
            hidden = type_.kind != "default" and not explicit
            if not hidden and not args:
                break
            if hidden and not args and (expected is None or isinstance(self.known(expected), Pi)):
                break
            place = self.unknown(type_.type)
            if not hidden:
                waiting.append((place, args.pop(0)))
            made, type_ = App(made, place), instantiate(type_.body, [place])
        if expected is not None and waiting:
            self.unify(type_, expected)
        later = []
        for unknown, arg in waiting:
            if _needs_type(arg) and self.has_unknowns(unknown.type):
                later.append((unknown, arg))
            else:
                self._argument(unknown, arg)
        if expected is not None and later:
            self.unify(type_, expected)
        for unknown, arg in later:
            self._argument(unknown, arg)
        return self.settle(made)

    def _argument(self, unknown: Local, arg: Syntax) -> None:
        value = self.check(arg, self.settle(unknown.type))
        if not self.unify(unknown, value):
            raise Mistake(f"argument {self.settle(value)} where {self.settle(unknown)} is needed")


def _needs_type(term: Syntax) -> bool:
    return isinstance(term, (syntax.Fun, syntax.Match, syntax.Rewrite, syntax.Auto, syntax.Have, syntax.Hole))
