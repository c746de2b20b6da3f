"""What kind of reason a refusal gives, told by its words: the one place that knows how the kernel speaks."""

from __future__ import annotations

import re

from bartizan.policies.lean.kernel import BudgetError, KernelError

# The first pattern that is found decides.
WORDS = {
    "budget": r"more steps than the budget|levels deep|too deep|binders inside|bits$|parameters that an `imax`",
    "axiom": r"axioms are not allowed|the axiom of this name",
    "scope": r"has no binder|is not declared before|the free variable",
    "universe": r"universe parameter of the declaration|takes \d+ universe levels|parameter is declared twice",
    "pinned": r"declared differently from Lean's",
    "literal": r"a literal before Nat|string literals",
    "name": r"is already declared|have the same name|the anonymous name|a constructor is declared twice",
    "recursor": r"derived recursor|derived is|not the derived one|the rules of|the recursors must be|`all` must name",
    "inductive": r"left of an arrow|nested inductive types|does not end in|lives in universe|mutually inductive|"
    r"fewer than \d+ parameters|is not that of the declaration|does not begin with|without types|"
    r"disagrees with|numIndices|numFields|the constructors are not those|in the same universe",
    "quotient": r"a quotient primitive|^before Quot|the type of Quot|a quotient of unknown kind",
    "version": r"the format is",
    "type": r", expected|stands where|takes data out|is no field|has \d+ fields, no field|must be a Prop|"
    r"a function is expected|a function stands",
    "format": r"^expected|not a line of JSON|must be|has not come yet|unknown|not UTF-8|the file is empty|a line must|"
    r"natVal|takes two levels|quotients are not|a name |guillemets|does not name|more than \d+ characters",
}
_WORDS = {kind: re.compile(pattern) for kind, pattern in WORDS.items()}


def kind_of(error: KernelError) -> str:
    """The kind of an error's reason; ``"unknown"`` where no pattern fits."""
    if isinstance(error, BudgetError):
        return "budget"
    for kind, pattern in _WORDS.items():
        if pattern.search(error.reason):
            return kind
    return "unknown"
