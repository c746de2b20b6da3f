"""What closes by itself: contradictions, hypotheses, computation."""

from __future__ import annotations

from ..calculus.build import app, instantiate, lam, local, spine
from ..calculus.terms import ONE, PROP, ZERO, App, Const, Expr, Local, Pi
from .context import Shape, constructed, telescope
from .unknowns import Unknowns


class Mistake(Exception):
    """Something in the source has no meaning, or no proof."""


class Obvious(Unknowns):
    """A context with the locals that are in scope, of which some are hypotheses."""

    def __init__(self, namespace: str = "") -> None:
        super().__init__()
        self.namespace = namespace
        self.scope: list[Local] = []
        self.level_params: tuple[str, ...] = ()
        self.start()

    def shape_of(self, subject: Expr) -> Shape:
        head, _ = spine(self.whnf(self.settle(self.infer(subject))))
        if not isinstance(head, Const) or head.name not in self.shapes:
            raise Mistake(f"{subject} : {self.settle(self.infer(subject))} cannot be taken apart")
        return self.shapes[head.name]

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
