"""Syntax trees to kernel terms: implicit arguments and levels by first-order unification.

Enough for our own statements, and no more: whatever needs more than that is refused, never guessed. What comes out is
compared with, or checked against, the kernel's declarations, so that a mistake here cannot make a claim true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bartizan.policies.lean.calculus.build import (
    app,
    instantiate,
    instantiate_levels,
    local,
    spine,
)
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
    TYPE,
    App,
    Const,
    Expr,
    Lit,
    Local,
    Pi,
    Sort,
    Succ,
)

from .syntax import Apply, Binder, Dot, Equation, Ident, Items, Match, Number, Quantified, Tree, Unreadable
from .unknowns import Unknowns

EXPORTED = {"true": "Bool.true", "false": "Bool.false", "none": "Option.none", "some": "Option.some"}
"""What Lean's core exports from its types' namespaces."""


Scope = Mapping[str, Local]


@dataclass
class Elaborator(Unknowns):
    """Terms where ``namespaces`` are open, the innermost first."""

    namespaces: tuple[str, ...] = ()

    # --- what is asked

    def statement(self, binders: Sequence[Binder], tree: Tree) -> Expr:
        """``∀ binders, tree``"""
        return self.closed(self._quantified(Quantified("∀", tuple(binders), tree), {}, None)[0])

    def bind(self, binders: Sequence[Binder], scope: Scope) -> tuple[list[Local], dict[str, Local]]:
        """A local for each name, each in scope of the following types."""
        inner, made = dict(scope), []
        for binder in binders:
            for name in binder.names:
                type = self.hole(TYPE) if binder.type is None else self.type(binder.type, inner)
                here = local(name, type, "implicit" if binder.implicit else "default")
                made.append(here)
                if name != "_":
                    inner[name] = here
        return made, inner

    def type(self, tree: Tree, scope: Scope) -> Expr:
        term, kind = self.infer(tree, scope)
        if not isinstance(self.reduced(kind), Sort):
            raise Unreadable(f"not a type: {term}")
        return term

    def check(self, tree: Tree, type: Expr, scope: Scope) -> Expr:
        term, found = self.infer(tree, scope, type)
        self.unify(found, type)
        return term

    def equation(
        self, head: Expr, type: Expr, equation: Equation, scope: Scope
    ) -> tuple[list[Local], Expr, Expr, Expr]:
        """The variables of an equation's patterns, its type and its sides; ``head`` of ``type`` is what it defines."""
        inner, made = dict(scope), []
        left = head
        for pattern in equation.patterns:
            type = self.reduced(type)
            if not isinstance(type, Pi):
                raise Unreadable(f"too many patterns for {head}")
            tree, names = self._variables(pattern)
            for name in names:
                inner[name] = local(name.lstrip("?"), self.hole(TYPE))
                made.append(inner[name])
            term = self.check(tree, type.type, inner)
            left = App(left, term)
            type = instantiate(type.body, [term])
        right = self.check(equation.value, type, inner)
        return made, type, left, right

    # --- terms

    def infer(self, tree: Tree, scope: Scope, wanted: Expr | None = None) -> tuple[Expr, Expr]:
        """The term of ``tree`` and its type; ``wanted`` helps, and need not be met."""
        if isinstance(tree, Number):
            return Lit(tree.value), Const("Nat")
        if isinstance(tree, Quantified):
            return self._quantified(tree, scope, wanted)
        if isinstance(tree, Items):
            ends: Tree = Ident("List.nil")
            for item in reversed(tree.items):
                ends = Apply(Ident("List.cons"), (item, ends))
            return self.infer(ends, scope, wanted)
        if isinstance(tree, Match):
            return self._match(tree, scope, wanted)
        fn, args = (tree.fn, tree.args) if isinstance(tree, Apply) else (tree, ())
        if fn == Ident("Ne"):
            equal, _ = self.infer(Apply(Ident("Eq"), args), scope)
            return App(Const("Not"), equal), PROP
        head, type = self._head(fn, scope, wanted)
        if isinstance(fn, Ident) and "." in fn.name and isinstance(head, App):
            return self._applied(head.fn, self._type_of(head.fn), [head.arg, *args], scope, wanted)
        return self._applied(head, type, list(args), scope, wanted)

    def _head(self, fn: Tree, scope: Scope, wanted: Expr | None) -> tuple[Expr, Expr]:
        if isinstance(fn, Dot):
            family, _ = spine(self.reduced(wanted)) if wanted is not None else (None, [])
            if not isinstance(family, Const):
                raise Unreadable(f"no type is expected at .{fn.name}")
            return self._constant(f"{family.name}.{fn.name}")
        if not isinstance(fn, Ident):
            return self.infer(fn, scope)
        first, _, rest = fn.name.partition(".")
        if first in scope:
            variable = scope[first]
            if not rest:
                return variable, variable.type
            value: Expr = variable
            type = variable.type
            for field in rest.split("."):
                owner, _ = spine(self.reduced(type))
                if not isinstance(owner, Const):
                    raise Unreadable(f"no field: {fn.name}")
                projection, of = self._constant(f"{owner.name}.{field}")
                value, type = App(projection, value), self._after(of, [value])
            return value, type
        if fn.name in ("Prop", "Type"):
            return (PROP, TYPE) if fn.name == "Prop" else (TYPE, Sort(Succ(ONE)))
        return self._constant(self.resolve(fn.name))

    def resolve(self, name: str) -> str:
        """The constant that a name means here."""
        inside = (f"{namespace}.{name}" for namespace in self.namespaces)
        for full in (*inside, name, EXPORTED.get(name, "")):
            if full in self.known:
                return full
        raise Unreadable(f"unknown name: {name}")

    def _constant(self, name: str) -> tuple[Expr, Expr]:
        known = self.known.get(name)
        if known is None:
            raise Unreadable(f"unknown name: {name}")
        levels = tuple(self._level() for _ in known.levels)
        return Const(name, levels), instantiate_levels(known.type, known.levels, levels)

    def _applied(
        self, head: Expr, type: Expr, args: list[Tree | Expr], scope: Scope, wanted: Expr | None
    ) -> tuple[Expr, Expr]:
        """``head`` with its arguments; implicit ones become holes. The result's type is met with ``wanted`` first."""
        given, waiting, left = [], [], list(args)
        while isinstance(binder := self.reduced(type), Pi) and (left or binder.kind == "implicit"):
            hole = self.hole(binder.type)
            if binder.kind != "implicit":
                waiting.append((hole, left.pop(0)))
            given.append(hole)
            type = instantiate(binder.body, [hole])
        if left:
            raise Unreadable(f"too many arguments for {head}")
        if wanted is not None:
            self._try(type, wanted)
        for hole, arg in waiting:
            if isinstance(arg, Expr):
                self.unify(arg.type if isinstance(arg, Local) else hole.type, hole.type)
                term = arg
            else:
                term = self.check(arg, hole.type, scope)
            self.unify(hole, term)
        return app(head, *given), type

    def _quantified(self, tree: Quantified, scope: Scope, wanted: Expr | None) -> tuple[Expr, Expr]:
        if tree.kind == "fun":
            return self._function(tree, scope, wanted)
        made, inner = self.bind(tree.binders, scope)
        body, kind = self.infer(tree.body, inner)
        kind = self.reduced(kind)
        if not isinstance(kind, Sort):
            raise Unreadable(f"not a type: {body}")
        if tree.kind == "∀":
            return self.forall(made, body), kind
        for variable in reversed(made):  # over types, not over proofs
            body = app(Const("Exists", (ONE,)), variable.type, self.function([variable], body))
        return body, PROP

    def _function(self, tree: Quantified, scope: Scope, wanted: Expr | None) -> tuple[Expr, Expr]:
        made, inner = self.bind(tree.binders, scope)
        for variable in made:
            binder = self.reduced(wanted) if wanted is not None else None
            if isinstance(binder, Pi):
                self.unify(variable.type, binder.type)
                wanted = instantiate(binder.body, [variable])
            else:
                wanted = None
        body, type = self.infer(tree.body, inner, wanted)
        if wanted is not None:
            self.unify(type, wanted)
        return self.function(made, body), self.forall(made, type)

    def _match(self, tree: Match, scope: Scope, wanted: Expr | None) -> tuple[Expr, Expr]:
        """A match by the constructors of one type is its recursor, with what recursion would give left unused."""
        if wanted is None:
            raise Unreadable("no type is expected at a match")
        major, type = self.infer(tree.scrutinee, scope)
        head, arguments = spine(self.reduced(type))
        family = self.families.get(head.name) if isinstance(head, Const) else None
        if family is None or not isinstance(head, Const):
            raise Unreadable(f"cannot match on {type}")
        params = arguments[: family.params]
        motive = self.function([local("t", type)], wanted)
        minors = {}
        for case in tree.cases:
            (pattern,) = case.patterns
            named, names = self._variables(pattern)
            inner = dict(scope)
            fields = [local(name.lstrip("?"), self.hole(TYPE)) for name in names]
            inner.update(zip(names, fields, strict=True))
            term = self.check(named, type, inner)
            constructor, given = spine(self.settled(term))
            if not isinstance(constructor, Const) or given[family.params :] != fields:
                raise Unreadable(f"a pattern of a match is a constructor and variables: {term}")
            again = [
                local("ih", wanted) for each in fields if spine(self.reduced(each.type))[0] == head
            ]  # the recursor offers what it would make of these
            value = self.check(case.value, wanted, inner)
            minors[constructor.name] = self.function([*fields, *again], value)
        if set(minors) != set(family.constructors) or len(minors) != len(tree.cases):
            raise Unreadable(f"a match needs each constructor of {family.name} once")
        recursor = Const(f"{family.name}.rec", (ONE, *head.levels))
        ordered = [minors[name] for name in family.constructors]
        return app(recursor, *params, motive, *ordered, major), wanted

    def _variables(self, pattern: Tree) -> tuple[Tree, list[str]]:
        """A pattern with a name for each ``_``, and the names of its variables."""
        if isinstance(pattern, Ident):
            if pattern.name == "_":
                name = f"?{next(self._numbers)}"
                return Ident(name), [name]
            if "." not in pattern.name and pattern.name not in EXPORTED:
                return pattern, [pattern.name]
            return pattern, []
        if isinstance(pattern, Apply | Items):
            inner = [
                self._variables(each)
                for each in (pattern.args if isinstance(pattern, Apply) else pattern.items)
            ]
            names = [name for _, found in inner for name in found]
            trees = tuple(tree for tree, _ in inner)
            return (Apply(pattern.fn, trees) if isinstance(pattern, Apply) else Items(trees)), names
        return pattern, []
