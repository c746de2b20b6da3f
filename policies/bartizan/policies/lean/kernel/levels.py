"""Universe levels: when one is at most another, for all values of the parameters.

The decision is exact. Once it is fixed which parameters are zero, every ``imax`` is a ``max`` or zero, and a level is a
maximum of terms ``p + k`` and one constant. Only the parameters that decide whether the right side of an ``imax`` is
zero are split, so there are rarely more than two.
"""

from __future__ import annotations

from itertools import chain, combinations

from ..calculus.build import bottom_up, inside
from ..calculus.terms import IMax, Level, Max, Param, Succ, Zero
from .errors import Budget, KernelError

MOST_SPLITS = 5

# A maximum: {parameter: offset}, the constant under "".
Normal = dict[str, int]


class Levels:
    """Comparisons of levels, remembered."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._normal: dict[tuple[frozenset[str], frozenset[str]], dict[Level, Normal]] = {}
        self._at_most: dict[tuple[Level, Level], bool] = {}

    def equal(self, left: Level, right: Level) -> bool:
        """Whether both are the same for all values of the parameters."""
        return left is right or (self.at_most(left, right) and self.at_most(right, left))

    def is_zero(self, level: Level) -> bool:
        """Whether the level is that of Prop for all values of the parameters."""
        return isinstance(level, Zero) or self.at_most(level, Zero())

    def never_zero(self, level: Level) -> bool:
        """Whether the level is that of Prop for no values of the parameters."""
        return self.at_most(Succ(Zero()), level)

    def at_most(self, left: Level, right: Level) -> bool:
        """Whether ``left <= right`` for all values of the parameters."""
        if left is right:
            return True
        key = (left, right)
        found = self._at_most.get(key)
        if found is None:
            found = self._at_most[key] = self._compare(left, right)
        return found

    def _compare(self, left: Level, right: Level) -> bool:
        split = sorted(self._split(left) | self._split(right))
        if len(split) > MOST_SPLITS:
            raise KernelError(
                f"a universe level has more than {MOST_SPLITS} parameters that an `imax` depends on"
            )
        for zeros in chain.from_iterable(combinations(split, count) for count in range(len(split) + 1)):
            zero = frozenset(zeros)
            nonzero = frozenset(split) - zero
            small, large = self.normal(left, zero, nonzero), self.normal(right, zero, nonzero)
            self.budget.spend(1 + ((len(small) + len(large)) >> 4))
            least = max(offset + (name in nonzero) for name, offset in large.items())
            for name, offset in small.items():
                if name and offset > large.get(name, -1):
                    return False
                if not name and offset > least:
                    return False
        return True

    def normal(self, level: Level, zero: frozenset[str], nonzero: frozenset[str]) -> Normal:
        """``level`` as a maximum, the parameters in ``zero`` being zero and those in ``nonzero`` not."""
        known = self._normal.setdefault((zero, nonzero), {})
        for part in bottom_up(level, inside, known):
            values = [known[each] for each in inside(part)]
            self.budget.spend(1 + (sum(map(len, values)) >> 2))  # they are copied
            known[part] = _combine(part, values, zero, nonzero)
        return known[level]

    def _split(self, level: Level) -> set[str]:
        """The parameters that decide whether the right side of some ``imax`` is zero."""
        found: set[str] = set()
        seen: set[tuple[Level, bool]] = set()
        stack = [(level, False)]  # whether it matters that the level is zero
        while stack:
            item = stack.pop()
            if item in seen or not item[0].has_params:
                continue
            self.budget.spend()
            seen.add(item)
            part, matters = item
            if isinstance(part, Param):
                if matters:
                    found.add(part.name)
            elif isinstance(part, IMax):  # it is zero if and only if its right side is
                stack += [(part.left, False), (part.right, True)]
            elif isinstance(part, Succ):  # it is never zero
                stack.append((part.of, False))
            else:
                stack += [(each, matters) for each in inside(part)]
        return found


def _combine(level: Level, inner: list[Normal], zero: frozenset[str], nonzero: frozenset[str]) -> Normal:
    if isinstance(level, Zero):
        return {"": 0}
    if isinstance(level, Param):
        return {"": 0} if level.name in zero else {"": 0, level.name: 0}
    if isinstance(level, Succ):
        return {name: offset + 1 for name, offset in inner[0].items()}
    left, right = inner
    if isinstance(level, IMax):
        # The parameters that decide it are split, so that `right` is zero or not is settled.
        if max(offset + (name in nonzero) for name, offset in right.items()) == 0:
            return {"": 0}
    elif not isinstance(level, Max):
        raise KernelError("not a universe level")
    return {name: max(left.get(name, -1), right.get(name, -1)) for name in {**left, **right}}


def imax(left: Level, right: Level) -> Level:
    """``IMax(left, right)``, in a simpler form where there is one: the level of a product."""
    if isinstance(right, Zero):
        return right
    if isinstance(right, IMax):  # both are zero if the innermost level is, otherwise the maximum of the three
        return IMax(Max(left, right.left), right.right)
    return Max(left, right) if isinstance(right, Succ) else IMax(left, right)
