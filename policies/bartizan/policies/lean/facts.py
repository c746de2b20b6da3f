"""Facts about leaves: conditions that cannot all have certain values at once, whatever the call and the session.

To the theory, leaves are independent: nothing there relates two tests of one text. What does relate them is stated as a
hypothesis of the theorem that needs it, and stands in the certificate with its reason:

* ``language``: the conditions test one text, and no text is in all those languages and outside the others. The
  evidence is a set of derivatives: it has the language that they ask for, with each of its members all derivatives
  of that member, and none of them has the empty word. So there is no word at all;
* ``law``: a law of the builtin table, like ``from_user(x) => grounded(x)``, or what happened within a window, and so
  within a longer one;
* ``tool``: the condition asks which tool is called, and the theorem is about calls of one tool;
* ``stage``: a session is in some stage, and in no stage that is not one of them;
* ``element``: what is said of some element of a list cannot be so of one of which what is said of all is so;
* ``sum``: what is added up is never negative (:mod:`.sums`), and so no sum is.

What is said of E: a condition that is E has none of the values, so a fact says nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any as Json
from typing import Literal, TypeAlias

from ..language import ast
from ..language.builtins import STRING_PREDICATES
from ..policy import CheckedPolicy, canonical_text
from ..regular import literal, one_of
from ..regular.algebra import complement, intersection, loop
from ..regular.answers import Empty
from ..regular.budget import EXHAUSTED, Meter
from ..regular.decide import decide
from ..regular.derivative import Derivatives, derivative_classes
from ..regular.show import show
from ..regular.term import ANY, EMPTY, Term
from .elements import Said, clashing
from .spelling import spell

Reason = Literal["language", "law", "tool", "stage", "sum", "element"]
MAX_STATES = 5_000
SHOWN_STATES, SHOWN_LETTERS = 64, 16_384
_STEPS = 2_000_000
_TOOL = {"node": "Input", "path": ["tool"]}
MAX_LENGTH = 64
"""The largest size that a fact is about: each length is a state of its own."""

Lengths: TypeAlias = Callable[[int], tuple[int, int | None]]
_BELOW: Mapping[str, Lengths] = {
    "==": lambda n: (n, n),
    "<": lambda n: (0, n - 1),
    "<=": lambda n: (0, n),
}
_ABOVE: Mapping[str, Lengths] = {
    "==": lambda n: (n, n),
    "<": lambda n: (n + 1, None),
    "<=": lambda n: (n, None),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A condition (JSON of the checked AST) and a value that it is supposed to have."""

    condition: Json
    value: bool

    @property
    def key(self) -> tuple[str, bool]:
        return canonical_text(self.condition), self.value


@dataclass(frozen=True, slots=True)
class Found:
    """Why the parts cannot all be so.

    Of a language, ``states`` is how many derivatives show it, ``closed`` their digest, and ``derivatives`` they
    themselves, as extended regular expressions (``&`` and ``~``), where they are few.
    """

    parts: tuple[Part, ...]
    reason: Reason
    states: int = 0
    closed: str | None = None
    derivatives: tuple[str, ...] = ()

    @property
    def english(self) -> str:
        said = [f"`{spell(part.condition)}` is {str(part.value).lower()}" for part in self.parts]
        return f"not at once: {', '.join(said)}"


def contradiction(parts: Sequence[Part], tool: str, policy: CheckedPolicy) -> Found | None:
    """A fact that says that these cannot all be so at a call of ``tool``, about as few of them as possible."""
    for part in parts:
        if _asks_for(part, tool) is False:
            return Found((part,), "tool")
    for found in (*_laws(parts), *_stages(parts, policy), *_texts(parts), *_elements(parts)):
        return found
    return None


def objection(parts: Sequence[Part], reason: Reason, tool: str, policy: CheckedPolicy) -> str | Found:
    """The fact as it is found from its parts alone, or why it is none. Nothing is taken from a certificate."""
    if not parts:
        return "it is about nothing"
    if reason == "tool":
        return Found((parts[0],), "tool") if len(parts) == 1 and _asks_for(parts[0], tool) is False else (
            f"in a call of {tool} it may be so"
        )  # fmt: skip
    if reason == "law":
        found = next(_laws(parts), None)
    elif reason == "stage":
        found = next(_stages(parts, policy), None)
    elif reason == "element":
        found = next(_elements(parts), None)
    else:
        found = _text(parts)
    if found is None or len(found.parts) != len(parts):
        return "it does not follow from what the conditions mean"
    return found


# --- which tool


def _asks_for(part: Part, tool: str) -> bool | None:
    """Whether a condition on the tool has this value at a call of ``tool``; None for any other condition."""
    node = part.condition
    if node["node"] == "Allowed" and node["tool"] != tool:
        return not part.value  # it asks for a call of that tool
    if node["node"] == "OneOf" and _is_tool(node["operand"]):
        return (tool in node["items"]) is part.value
    if node["node"] == "Compare" and node["op"] == "==":
        for one, other in ((node["left"], node["right"]), (node["right"], node["left"])):
            if _is_tool(one) and other["node"] == "Const":
                return (other["value"] == tool) is part.value
    return None


def _is_tool(node: Json) -> bool:
    return {key: node.get(key) for key in _TOOL} == _TOOL


# --- laws of the builtin table


def _laws(parts: Sequence[Part]) -> Iterator[Found]:
    """``from_user(x) => grounded(x)``, and windows: the laws that relate two conditions."""
    about: dict[tuple[str, str], Part] = {}
    for part in parts:
        node = part.condition
        if node["node"] == "Provenance" and node["tool"] is None:
            wanted = {"from_user": True, "grounded": False}.get(node["predicate"])
            if wanted is part.value:
                about[node["predicate"], canonical_text(node["subject"])] = part
    yield from _windows(parts)
    for (predicate, subject), part in about.items():
        if predicate == "from_user" and (other := about.get(("grounded", subject))) is not None:
            yield Found((part, other), "law")


def _windows(parts: Sequence[Part]) -> Iterator[Found]:
    """What happened once also happened if less is asked of it, or within a longer time."""
    asked = [part for part in parts if part.condition["node"] == "Once"]
    for part in asked:
        for other in asked:
            if part.value and not other.value and _asks_less(other.condition, part.condition):
                yield Found((part, other), "law")


def _asks_less(one: Json, than: Json) -> bool:
    """Whether the past that ``than`` is true of is one that ``one`` is true of."""
    shorter, longer = than["within"], one["within"]
    return (
        all(one["match"][name] in (None, than["match"][name]) for name in ("kind", "tool"))
        and one["body"] in (ast.to_json(ast.TRUE), than["body"])
        and (one["key"] is None or (one["key"], one["query"]) == (than["key"], than["query"]))
        and (longer is None or (shorter is not None and shorter <= longer))
    )


# --- elements of a list


def _elements(parts: Sequence[Part]) -> Iterator[Found]:
    """Quantifiers over one list, of which an element would have to be what it cannot be."""

    def excluded(said: Sequence[Said]) -> bool:
        about = [Part(each.condition, each.value) for each in said]
        return any(True for _ in (*_laws(about), *_texts(about)))

    for places in clashing([Said(part.condition, part.value) for part in parts], excluded):
        yield Found(tuple(parts[place] for place in places), "element")


# --- stages


def _stages(parts: Sequence[Part], policy: CheckedPolicy) -> Iterator[Found]:
    """A session may be in one of some stages. They are all among those asked for, or none is."""
    if policy.stages is None:
        return
    asked = [part for part in parts if part.condition["node"] == "InStage"]
    chosen: list[Part] = []
    left = set(policy.stages.machine.stages)
    for part in asked:
        names = set(part.condition["names"])
        rest = left & names if part.value else left - names
        if rest != left:
            chosen.append(part)
            left = rest
    if not left:
        yield Found(tuple(_needed(chosen, lambda some: _excluded(some, policy))), "stage")


def _excluded(parts: Sequence[Part], policy: CheckedPolicy) -> bool:
    assert policy.stages is not None
    left = set(policy.stages.machine.stages)
    for part in parts:
        names = set(part.condition["names"])
        left = left & names if part.value else left - names
    return not left


def _needed(parts: list[Part], excluded: Json) -> list[Part]:
    """The parts without those that are not needed."""
    kept = list(parts)
    for part in parts:
        without = [each for each in kept if each is not part]
        if without and excluded(without):
            kept = without
    return kept


# --- texts


def _texts(parts: Sequence[Part]) -> Iterator[Found]:
    """For each text that is tested, whether the tests exclude each other."""
    about: dict[str, list[Part]] = {}
    for part in parts:
        if (tested := _tested(part.condition)) is not None:
            about.setdefault(canonical_text(tested[0]), []).append(part)
    for tests in about.values():
        answer = decide([(_term(part), part.value) for part in tests])
        if isinstance(answer, Empty) and not answer.uses_length:
            found = _text([tests[index] for index in answer.core])
            if found is not None:
                yield found


def _text(parts: Sequence[Part]) -> Found | None:
    """The fact that these tests of one text exclude each other, with the derivatives that show it."""
    subjects = [tested[0] for part in parts if (tested := _tested(part.condition)) is not None]
    if len(subjects) != len(parts) or any(subject != subjects[0] for subject in subjects):
        return None
    term = intersection(_term(part) if part.value else complement(_term(part)) for part in parts)
    states = closed_set(term)
    if states is None or any(state.nullable for state in states):
        return None
    shown = sorted(show(state, 1 << 20) for state in states)
    digest = sha256("\n".join(shown).encode()).hexdigest()
    few = tuple(shown) if len(shown) <= SHOWN_STATES and sum(map(len, shown)) <= SHOWN_LETTERS else ()
    return Found(tuple(parts), "language", len(states), digest, few)


def closed_set(term: Term) -> tuple[Term, ...] | None:
    """The term with all its derivatives: a set that no derivative leads out of. None if it is too large."""
    derive = Derivatives()
    derive.meter = Meter(_STEPS)
    seen, waiting = {term}, [term]
    try:
        while waiting:
            state = waiting.pop()
            for letters in derivative_classes(state):
                follower = derive(state, letters.ranges[0][0])
                if follower not in seen:
                    if len(seen) >= MAX_STATES:
                        return None
                    seen.add(follower)
                    waiting.append(follower)
    except EXHAUSTED:
        return None
    return tuple(seen)


def _tested(node: Json) -> tuple[Json, Term] | None:
    """The text that a condition tests, and the language that it asks for; None for another condition."""
    kind = node["node"]
    if kind == "StringTest" and _is_text(node["operand"]):
        predicate = STRING_PREDICATES[node["predicate"]]
        params = node["params"]
        made = (
            predicate.language(tuple(params)) if predicate.param == "texts" else predicate.language(*params)
        )
        return node["operand"], made.term
    if kind == "OneOf" and _is_text(node["operand"]):
        return node["operand"], one_of(node["items"]).term
    if kind == "Compare":
        left, right = node["left"], node["right"]
        if right["node"] == "Const":
            return _compared(left, node["op"], right["value"], _BELOW)
        if left["node"] == "Const":
            return _compared(right, node["op"], left["value"], _ABOVE)
    return None


def _compared(node: Json, op: str, value: Json, lengths: Mapping[str, Lengths]) -> tuple[Json, Term] | None:
    """A text that equals a literal, or whose size is compared with a small one."""
    if op == "==" and _is_text(node):
        return node, literal(value).term
    if node["node"] == "Size" and _is_text(node["operand"]) and 0 <= value <= MAX_LENGTH:
        low, high = lengths[op](value)
        return node["operand"], EMPTY if high is not None and high < low else loop(ANY, low, high)
    return None


def _is_text(node: Mapping[str, Json]) -> bool:
    return bool(node["type"] == "str")


def _term(part: Part) -> Term:
    tested = _tested(part.condition)
    assert tested is not None
    return tested[1]
