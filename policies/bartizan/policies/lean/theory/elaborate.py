"""From the theory's notation to kernel terms: implicit arguments, ``match`` through recursors, rewriting, cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..build import app, constants, instantiate, lam, local, parts, pi, replace, spine
from ..declarations import Constructor, Definition, Inductive, InductiveType, Theorem
from ..terms import (
    ONE,
    PROP,
    ZERO,
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Level,
    Lit,
    Local,
    Max,
    Param,
    Pi,
    Sort,
    Succ,
)
from . import syntax
from .context import Shape, constructed, telescope
from .syntax import Syntax
from .unknowns import Unknowns


class Mistake(Exception):
    """Something in the source has no meaning."""


Closing: TypeAlias = Callable[[str, list[Local], list[Local], Expr], Expr]
"""Proves the goal of a case: constructor, fields, induction hypotheses, goal."""


class Elaborator(Unknowns):
    """Adds the commands of a source to the context, one after the other.

    A name is looked up as a local, then under ``namespace``, then as it is written.
    """

    def __init__(self, namespace: str = "") -> None:
        super().__init__()
        self.namespace = namespace
        self.scope: list[Local] = []
        self.level_params: tuple[str, ...] = ()
        self.start()

    def run(self, source: str) -> None:
        """Takes all commands of ``source``. Raises :class:`Mistake`, :class:`syntax.Malformed`."""
        for command in syntax.commands(source):
            try:
                self.command(command)
            except Mistake as error:
                raise Mistake(f"{command.name}: {error}") from error

    def command(self, command: syntax.Command) -> None:
        self.start()
        self.scope = []
        self.level_params = command.levels
        if command.kind in ("inductive", "structure"):
            self.inductive(command)
            return
        name = self.declared(command.name)
        bound = self.binders(command.binders)
        if command.type is None or command.value is None:
            raise Mistake("a type and a value are needed")
        type_ = self.settle(self.type_of(command.type))
        value = self.settle(self.check(command.value, type_))
        whole_type, whole = self.finish(pi(bound, self.settle(type_))), self.finish(lam(bound, value))
        if command.kind == "theorem":
            self.add(Theorem(name, command.levels, whole_type, whole))
        else:
            used = constants([whole])
            height = 1 + max((self.heights.get(each, 0) for each in used), default=0)
            self.add(Definition(name, command.levels, whole_type, whole, height))

    def declared(self, name: str) -> str:
        return f"{self.namespace}.{name}" if self.namespace else name

    def finish(self, term: Expr) -> Expr:
        term = self.default_levels(self.settle(term))
        if term.has_locals:
            left = [part for part in parts(term) if isinstance(part, Local)]
            raise Mistake(
                f"not determined or out of scope: {left[0]} : {self.settle(left[0].type)} in {term}"
            )
        return term

    def inductive(self, command: syntax.Command) -> None:
        name = self.declared(command.name)
        params = self.binders(command.binders)
        sort = self.settle(self.type_of(command.type)) if command.type is not None else Sort(ONE)
        levels = tuple(Param(each) for each in command.levels)
        whole = pi(params, sort)
        self.types[name] = command.levels, whole
        self_type = app(Const(name, levels), *params)
        outer = list(self.scope)
        made = []
        wanted = command.constructors if command.kind == "inductive" else (("mk", command.fields, None),)
        for constructor, fields, result in wanted:
            self.scope = list(outer)
            inside = self.binders(fields)
            target = self_type if result is None else self.settle(self.type_of(result))
            type_ = _implicit(pi([*params, *inside], target), len(params))
            made.append(Constructor(f"{name}.{constructor}", self.finish(type_)))
        self.add(
            Inductive(command.levels, len(params), (InductiveType(name, self.finish(whole), tuple(made)),))
        )
        if command.kind == "structure":
            self.projections(name, command.levels)

    def projections(self, name: str, level_params: tuple[str, ...]) -> None:
        """A function for each field of a structure."""
        shape = self.shapes[name]
        levels = tuple(map(Param, level_params))
        binders, _ = telescope(self.types[shape.constructors[0]][1])
        params, fields = binders[: shape.params], binders[shape.params :]
        value = local("self", app(Const(name, levels), *params))
        done: dict[Local, Expr] = {}
        for field in fields:
            type_ = _replaced(field.type, done)
            motive = lam([value], type_)
            sort = self.sort_of(type_)
            head = Const(f"{name}.rec", (sort, *levels) if shape.large else levels)
            body = app(head, *params, motive, lam(fields, field), value)
            full = f"{name}.{field.name}"
            kind = Theorem if isinstance(sort, type(ZERO)) else None
            type_, whole = pi([*params, value], type_), lam([*params, value], body)
            self.add(
                kind(full, level_params, type_, whole)
                if kind
                else Definition(full, level_params, type_, whole, 1)
            )
            done[field] = app(Const(full, levels), *params, value)

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
        return self.check(term, Sort(self.unknown_level()))

    def level(self, term: Syntax) -> Level:
        match term:
            case syntax.Number(value):
                level: Level = ZERO
                for _ in range(value):
                    level = Succ(level)
                return level
            case syntax.Name(name) if name in self.level_params:
                return Param(name)
            case syntax.Apply(syntax.Name("max"), (left, right)):
                return Max(self.level(left), self.level(right))
            case syntax.Apply(syntax.Name("imax"), (left, right)):
                return IMax(self.level(left), self.level(right))
        raise Mistake(f"not a level: {term}")

    # --- terms

    def check(self, term: Syntax, expected: Expr) -> Expr:
        """The term of an expected type."""
        made = self.elaborate(term, expected)
        self.require(made, expected, term)
        return made

    def require(self, made: Expr, expected: Expr, term: Syntax | str) -> None:
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
                return self.closed(binders, body, None)
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
            case syntax.Reduce(body):
                return self.check(body, self.simplify(expected))
            case syntax.Auto(cases):
                return self.auto(cases, expected)
        raise Mistake(f"no meaning for {term}")

    def closed(self, binders: Sequence[syntax.Binder], body: Syntax, expected: None) -> Expr:
        mark = len(self.scope)
        bound = self.binders(binders)
        inner = self.settle(self.type_of(body))
        bound = self._fixed(bound)
        del self.scope[mark:]
        return pi(bound, inner)

    def _fixed(self, bound: list[Local]) -> list[Local]:
        """The types of bound locals with what is known by now: the locals stay the same."""
        for each in bound:
            each.type = self.settle(each.type)
        return bound

    def function(self, binders: Sequence[syntax.Binder], body: Syntax, expected: Expr | None) -> Expr:
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

    # --- cases

    def match(self, term: syntax.Match, expected: Expr) -> Expr:
        subject = self.settle(self.elaborate(term.subject))
        arms = {arm.constructor: arm for arm in term.arms}
        reverted = [each for each in self.scope if each.name in term.generalizing]

        def arm(name: str, fields: list[Local], hypotheses: list[Local], goal: Expr) -> Expr:
            short = name.rpartition(".")[2]
            if short not in arms and "_" in arms:
                return self.check(arms["_"].body, goal)
            if short not in arms:
                raise Mistake(f"no arm for {short}")
            names = arms[short].names
            if len(names) not in (len(fields), len(fields) + len(hypotheses)):
                raise Mistake(f"{short} has {len(fields)} fields, found {names}")
            for each, written in zip([*fields, *hypotheses], names, strict=False):
                each.name = written
            for each in [*fields, *hypotheses][len(names) :]:
                each.name = "_"
            return self.check(arms[short].body, goal)

        unknown = set(arms) - {"_"} - {c.rpartition(".")[2] for c in self.shape_of(subject).constructors}
        if unknown:
            raise Mistake(f"no constructors {sorted(unknown)}")
        return self.cases(subject, expected, arm, reverted, term.equation)

    def shape_of(self, subject: Expr) -> Shape:
        head, _ = spine(self.whnf(self.settle(self.infer(subject))))
        if not isinstance(head, Const) or head.name not in self.shapes:
            raise Mistake(f"{subject} : {self.settle(self.infer(subject))} cannot be taken apart")
        return self.shapes[head.name]

    def cases(
        self, subject: Expr, expected: Expr, arm: Closing, chosen: Sequence[Local], equation: str | None
    ) -> Expr:
        """The recursor on ``subject``; in a proof, hypotheses that mention it are generalised along."""
        shape = self.shape_of(subject)
        if shape.indices:
            raise Mistake(f"{shape.name} has indices")
        type_ = self.whnf(self.settle(self.infer(subject)))
        head, params = spine(type_)
        assert isinstance(head, Const)
        moved = self.moved(subject, self.is_proposition(expected), chosen)
        place = local("x", type_)
        sort = Const("Eq", (self.sort_of(type_),))

        def goal_at(value: Expr) -> Expr:
            goal = pi(moved, expected)
            if equation is None:
                return _with(goal, subject, value)
            same = local(equation, app(sort, type_, subject, place))
            return _with(pi([same], _with(goal, subject, place)), place, value)

        goal = goal_at(place)
        level = self.settle_level(self.sort_of(goal))
        if not shape.large and level is not ZERO:
            raise Mistake(f"{shape.name} can be taken apart for proofs only")
        names = [*([equation] if equation is not None else []), *(each.name for each in moved)]
        outer, minors = list(self.scope), []
        for index, name in enumerate(shape.constructors):
            constructor = app(Const(name, head.levels), *params)
            inside, _ = telescope(self.infer(constructor))
            hypotheses = [local("ih", goal_at(inside[i])) for i in shape.recursive[index]]
            here, kept = goal_at(app(constructor, *inside)), []
            for each in names:
                assert isinstance(here, Pi)
                kept.append(local(each, here.type))
                here = instantiate(here.body, [kept[-1]])
            self.scope = [each for each in outer if each not in moved and each is not subject]
            self.scope += [*inside, *hypotheses, *kept]
            made = self.settle(arm(name, inside, hypotheses, here))
            minors.append(lam([*inside, *hypotheses, *kept], made))
        self.scope = outer
        levels = (level, *head.levels) if shape.large else head.levels
        result = app(Const(f"{shape.name}.rec", levels), *params, lam([place], goal), *minors, subject)
        if equation is not None:
            result = app(result, app(Const("Eq.refl", sort.levels), type_, subject))
        return app(result, *moved)

    def moved(self, subject: Expr, proving: bool, chosen: Sequence[Local]) -> list[Local]:
        """The hypotheses that are generalised when ``subject`` is taken apart."""
        found: list[Local] = []
        for each in self.scope:
            each.type = self.settle(each.type)
            about = proving and any(part is subject or part in found for part in parts(each.type))
            if each is not subject and (about or each in chosen):
                found.append(each)
        return found

    # --- rewriting

    def rewrite(self, rules: Sequence[tuple[bool, Syntax]], body: Syntax, expected: Expr) -> Expr:
        """The goal with the left side of each equation replaced by its right side (backwards after an arrow)."""
        if not rules:
            return self.check(body, expected)
        (backwards, rule), rest = rules[0], rules[1:]
        proof = self.elaborate(rule)
        equation = self.whnf(self.settle(self.infer(proof)))
        while isinstance(equation, Pi):
            unknown = self.unknown(equation.type)
            proof, equation = App(proof, unknown), self.whnf(instantiate(equation.body, [unknown]))
        head, args = spine(equation)
        if not isinstance(head, Const) or head.name != "Eq":
            raise Mistake(f"not an equation: {self.settle(equation)}")
        type_, left, right = args
        if backwards:
            left, right = right, left
        found = self._occurrence(expected, self.settle(left))
        if found is None:
            raise Mistake(f"{self.settle(left)} does not occur in {expected}")
        proof, left, right, type_ = self.settle(proof), found, self.settle(right), self.settle(type_)
        level = self.sort_of(type_)
        place = local("x", type_)
        inner = self.rewrite(rest, body, _with(expected, left, right))
        # Eq.rec goes from the left side of an equation to its right side: from `right` to `left` here
        symmetric = proof if backwards else app(Const("Eq.symm", (level,)), type_, left, right, proof)
        step = local("h", app(Const("Eq", (level,)), type_, right, place))
        motive = lam([place, step], _with(expected, left, place))
        return app(Const("Eq.rec", (ZERO, level)), type_, right, motive, inner, left, symmetric)

    def _occurrence(self, goal: Expr, pattern: Expr) -> Expr | None:
        """The first part of the goal that the pattern fits, settled."""
        if not self.has_unknowns(pattern):
            return pattern if any(part is pattern for part in parts(goal)) else None
        head, args = spine(pattern)
        for part in parts(goal):
            if part.loose:
                continue
            other, others = spine(part)
            if (
                len(others) == len(args)
                and (other is head or _same_constant(other, head))
                and self.unify(pattern, part)
            ):
                return self.settle(part)
        return None

    # --- what closes by itself

    def auto(self, cases: Sequence[Syntax | Expr], expected: Expr) -> Expr:
        if cases:
            subject = self.settle(cases[0] if isinstance(cases[0], Expr) else self.elaborate(cases[0]))

            def arm(name: str, fields: list[Local], hyps: list[Local], goal: Expr) -> Expr:
                return self.auto([*filter(self.is_enumeration, fields), *cases[1:]], self.settle(goal))

            return self.cases(subject, expected, arm, (), None)
        found = self.obvious(expected)
        if found is None:
            known = "\n  ".join(f"{each.name} : {self.settle(each.type)}" for each in self.scope)
            raise Mistake(f"not obvious: {self.simplify(expected)}\n  {known}")
        return found

    def is_enumeration(self, value: Local) -> bool:
        """Whether its type has finitely many values, all of them constructors."""
        head, _ = spine(self.whnf(self.settle(value.type)))
        return isinstance(head, Const) and head.name in self.shapes and not any(self.shapes[head.name].fields)

    def obvious(self, goal: Expr) -> Expr | None:
        """By contradiction, a hypothesis or computation; both parts of a conjunction, one of a disjunction."""
        goal = self.settle(goal)
        if not isinstance(goal, Pi):
            goal = self.whnf(goal) if not _is_fact(goal) else goal
        if isinstance(goal, Pi):
            bound = local("h", goal.type)
            self.scope.append(bound)
            inner = self.obvious(instantiate(goal.body, [bound]))
            self.scope.pop()
            return None if inner is None else lam([bound], inner)
        for each in reversed(self.scope):
            if self.is_unknown(each) or not self.is_proposition(self.settle(each.type)):
                continue
            against = self.contradiction(each, goal)
            if against is not None:
                return against
        for each in reversed(self.scope):
            if self.is_proposition(self.settle(each.type)) and self.unify(each.type, goal):
                return each
        head, args = spine(goal)
        name = head.name if isinstance(head, Const) else ""
        if name == "True":
            return Const("True.intro")
        if name == "Eq" and isinstance(head, Const) and self.unify(args[1], args[2]):
            return app(Const("Eq.refl", head.levels), args[0], args[1])
        if name == "And":
            left, right = self.obvious(args[0]), self.obvious(args[1])
            return None if left is None or right is None else app(Const("And.intro"), *args, left, right)
        if name == "Or":
            for place, constructor in enumerate(("Or.inl", "Or.inr")):
                side = self.obvious(args[place])
                if side is not None:
                    return app(Const(constructor), *args, side)
        return None

    def contradiction(self, proof: Expr, goal: Expr) -> Expr | None:
        """From an equation of different constructors, from False, or from a denial of something obvious."""
        claim = self.whnf(self.settle(self.infer(proof)))
        head, args = spine(claim)
        if isinstance(claim, Pi) and claim.body.loose == 0:
            equation, sides = spine(claim.type)
            if isinstance(equation, Const) and equation.name == "Eq" and self.unify(sides[1], sides[2]):
                same = app(Const("Eq.refl", equation.levels), sides[0], sides[1])
                return self.contradiction(App(proof, same), goal)
            return None
        if not isinstance(head, Const):
            return None
        if head.name == "False":
            return app(Const("False.rec", (ZERO,)), lam([local("h", Const("False"))], goal), proof)
        if head.name != "Eq":
            return None
        type_, left, right = args
        shape = spine(self.whnf(type_))[0]
        if not isinstance(shape, Const) or shape.name not in self.shapes:
            return None
        a, b = constructed(self.whnf(left)), constructed(self.whnf(right))
        heads = [spine(each)[0] for each in (a, b)]
        if (
            not all(isinstance(each, Const) and each.name in self.constructors for each in heads)
            or heads[0] is heads[1]
        ):
            return None
        discriminate = self._told_apart(type_, heads[0])
        place = local("x", type_)
        step = local("h", app(head, type_, left, place))
        motive = lam([place, step], App(discriminate, place))
        false = app(
            Const("Eq.rec", (ZERO, *head.levels)), type_, left, motive, Const("True.intro"), right, proof
        )
        return app(Const("False.rec", (ZERO,)), lam([local("h", Const("False"))], goal), false)

    def _told_apart(self, type_: Expr, constructor: Expr) -> Expr:
        """The predicate that is True of values made by one constructor and False of all others."""
        head, params = spine(self.whnf(type_))
        assert isinstance(head, Const)
        shape = self.shapes[head.name]
        place = local("x", type_)
        motive = lam([local("x", type_)], PROP)
        minors = []
        for index, name in enumerate(shape.constructors):
            inside, _ = telescope(self.infer(app(Const(name, head.levels), *params)))
            hypotheses = [local("ih", PROP) for _ in shape.recursive[index]]
            same = isinstance(constructor, Const) and constructor.name == name
            minors.append(lam([*inside, *hypotheses], Const("True" if same else "False")))
        return lam(
            [place], app(Const(f"{shape.name}.rec", (ONE, *head.levels)), *params, motive, *minors, place)
        )


def _is_fact(goal: Expr) -> bool:
    head, _ = spine(goal)
    return isinstance(head, Const) and head.name in ("Eq", "And", "Or", "True", "False", "Exists")


def _same_constant(one: Expr, other: Expr) -> bool:
    return isinstance(one, Const) and isinstance(other, Const) and one.name == other.name


def _needs_type(term: Syntax) -> bool:
    return isinstance(
        term, (syntax.Fun, syntax.Match, syntax.Rewrite, syntax.Reduce, syntax.Auto, syntax.Have, syntax.Hole)
    )


def _with(expr: Expr, old: Expr, new: Expr) -> Expr:
    """``expr`` with one part replaced wherever it occurs."""
    if old is new:
        return expr
    return replace(expr, lambda part, depth: new if part is old else None)


def _replaced(expr: Expr, values: dict[Local, Expr]) -> Expr:
    return replace(expr, lambda part, depth: values.get(part) if isinstance(part, Local) else None)


def _implicit(type_: Expr, count: int) -> Expr:
    """A product whose first ``count`` binders are implicit."""
    if count == 0 or not isinstance(type_, Pi):
        return type_
    return Pi(type_.name, type_.type, _implicit(type_.body, count - 1), "implicit")


__all__ = ["Elaborator", "Lam", "Mistake"]
