"""Unknowns in terms and levels, and first-order unification, which finds out what they are."""

from __future__ import annotations

from ..calculus.build import app, instantiate, lam, local, parts, replace, spine
from ..calculus.terms import (
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
    Zero,
)
from .context import Context, constructed, imax


class Unknowns(Context):
    """A context in which terms may hold unknowns: locals whose name begins with a question mark."""

    def start(self) -> None:
        """Forgets all unknowns."""
        self.found: dict[Expr, Expr] = {}
        self.levels: dict[Level, Level] = {}
        self.trail: list[Expr | Level] = []
        self.count = 0

    def unknown(self, type_: Expr) -> Local:
        return local("?", type_)

    def unknown_level(self) -> Level:
        self.count += 1
        return Param(f"?{self.count}")

    # --- what is known

    def known(self, term: Expr) -> Expr:
        while isinstance(term, Local) and term in self.found:
            term = self.found[term]
        return term

    def settle(self, term: Expr) -> Expr:
        """The term with what is known put in place."""
        if not (term.has_locals or term.has_params):
            return term

        def change(part: Expr, depth: int) -> Expr | None:
            if not (part.has_locals or part.has_params):
                return part
            if isinstance(part, Local):
                return self.settle(self.found[part]) if part in self.found else part
            if isinstance(part, Const):
                return Const(part.name, tuple(map(self.settle_level, part.levels)))
            if isinstance(part, Sort):
                return Sort(self.settle_level(part.level))
            head = part
            while isinstance(head, App):
                head = head.fn
            if isinstance(part, App) and head in self.found:
                return self.settle(self.beta(self.found[head], spine(part)[1]))
            return None

        return replace(term, change)

    def beta(self, head: Expr, args: list[Expr]) -> Expr:
        head = self.known(head)
        while args and isinstance(head, Lam):
            head, args = instantiate(head.body, [args[0]]), args[1:]
        return app(head, *args)

    def settle_level(self, level: Level) -> Level:
        match level:
            case Succ(of):
                return Succ(self.settle_level(of))
            case Max(left, right):
                return Max(self.settle_level(left), self.settle_level(right))
            case IMax(left, right):
                return imax(self.settle_level(left), self.settle_level(right))
            case Param() if level in self.levels:
                return self.settle_level(self.levels[level])
        return level

    def default_levels(self, term: Expr) -> Expr:
        """Levels that nothing determines are 0."""
        for part in parts(term):
            levels = (
                part.levels if isinstance(part, Const) else (part.level,) if isinstance(part, Sort) else ()
            )
            for level in levels:
                for each in _params(level):
                    if each.name.startswith("?"):
                        self.levels.setdefault(each, ZERO)
        return self.settle(term)

    def is_unknown(self, term: Expr) -> bool:
        return isinstance(term, Local) and term.name == "?" and term not in self.found

    def has_unknowns(self, term: Expr) -> bool:
        term = self.settle(term)
        return term.has_locals and any(self.is_unknown(part) for part in parts(term))

    # --- unification

    def unify(self, left: Expr, right: Expr) -> bool:
        """Whether the two are equal by computation, with what that says of unknowns; otherwise nothing is learned."""
        mark = len(self.trail)
        if self._unify(left, right):
            return True
        self._undo(mark)
        return False

    def _undo(self, mark: int) -> None:
        while len(self.trail) > mark:
            each = self.trail.pop()
            if isinstance(each, Level):
                del self.levels[each]
            else:
                del self.found[each]

    def _assign(self, unknown: Local, value: Expr) -> bool:
        value = self.settle(value)
        if value is unknown:
            return True
        if value.has_locals and any(part is unknown for part in parts(value)):
            return False
        self.found[unknown] = value
        self.trail.append(unknown)
        return self._unify(unknown.type, self.infer(value))

    def _unify(self, left: Expr, right: Expr) -> bool:
        left, right = self.known(left), self.known(right)
        if left is right:
            return True
        for one, other in ((left, right), (right, left)):
            if self.is_unknown(one):
                assert isinstance(one, Local)
                return self._assign(one, other)
        for one, other in ((left, right), (right, left)):
            head, args = spine(one)
            if self.is_unknown(self.known(head)) and args:
                places = [self.known(each) for each in args]
                if len(set(places)) == len(places) and all(
                    isinstance(each, Local) and not self.is_unknown(each) for each in places
                ):
                    target = self.known(head)
                    assert isinstance(target, Local)
                    locals_ = [each for each in places if isinstance(each, Local)]
                    return self._assign(target, lam(locals_, self.settle(other)))
        if isinstance(left, (Lam, Pi)) and type(left) is type(right):
            assert isinstance(right, (Lam, Pi))
            bound = local(left.name, left.type)
            return self._unify(left.type, right.type) and self._unify(
                instantiate(left.body, [bound]), instantiate(right.body, [bound])
            )
        if isinstance(left, Sort) and isinstance(right, Sort):
            return self._levels(left.level, right.level)
        if self._same_head(left, right):
            return True
        return self._computed(left, right)

    def _same_head(self, left: Expr, right: Expr) -> bool:
        """Equal heads and equal arguments."""
        (f, xs), (g, ys) = spine(left), spine(right)
        f, g = self.known(f), self.known(g)
        if len(xs) != len(ys) or (not xs and f is g):
            return f is g and not xs and not ys
        if isinstance(f, Const) and isinstance(g, Const):
            if f.name != g.name:
                return False
        elif f is not g and not (xs and self.is_unknown(f)):
            return False
        mark = len(self.trail)
        same = True
        if isinstance(f, Const) and isinstance(g, Const):
            same = all(map(self._levels, f.levels, g.levels))
        elif f is not g:
            same = self._unify(f, g)
        if same and all(map(self._unify, xs, ys)):
            return True
        self._undo(mark)
        return False

    def _computed(self, left: Expr, right: Expr) -> bool:
        """Equal after some reduction."""
        a, b = self.head(left), self.head(right)
        if a is not left or b is not right:
            return self._unify(a, b)
        if isinstance(a, Lam) or isinstance(b, Lam):
            one, other = (a, b) if isinstance(a, Lam) else (b, a)
            assert isinstance(one, Lam)
            bound = local(one.name, one.type)
            return self._unify(instantiate(one.body, [bound]), app(other, bound))
        if isinstance(a, Lit) != isinstance(b, Lit):
            c, d = constructed(a), constructed(b)
            heads = [spine(each)[0] for each in (c, d)]
            if all(isinstance(each, Const) and each.name in self.constructors for each in heads):
                return self._unify(c, d)
        heights = [self._height(each) for each in (a, b)]
        if max(heights) < 0:
            return False
        if heights[0] >= heights[1]:
            a = self.unfold(a) or a
        if heights[1] >= heights[0]:
            b = self.unfold(b) or b
        return self._unify(a, b)

    def _height(self, term: Expr) -> int:
        head, _ = spine(term)
        return self.heights.get(head.name, -1) if isinstance(head, Const) else -1

    def _levels(self, left: Level, right: Level) -> bool:
        left, right = self.settle_level(left), self.settle_level(right)
        if left is right:
            return True
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Param) and one.name.startswith("?"):
                self.levels[one] = other
                self.trail.append(one)
                return True
        if isinstance(left, Succ) and isinstance(right, Succ):
            return self._levels(left.of, right.of)
        if isinstance(left, (Max, IMax)) and isinstance(right, (Max, IMax)):
            return self._levels(left.left, right.left) and self._levels(left.right, right.right)
        return not isinstance(left, (Succ, Zero)) or not isinstance(right, (Succ, Zero))


def _params(level: Level) -> list[Param]:
    match level:
        case Param():
            return [level]
        case Succ(of):
            return _params(of)
        case Max(left, right) | IMax(left, right):
            return _params(left) + _params(right)
    return []
