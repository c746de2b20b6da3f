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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any as Json
from typing import Literal

from ...language import ast
from ...policy import CheckedPolicy, canonical_text
from ...regular.answers import Empty
from ...regular.decide import decide
from ...regular.term import Term
from ..encoding.spelling import spell
from .elements import Said, clashing
from .languages import emptiness, tested

Reason = Literal["language", "law", "tool", "stage", "sum", "element"]
_TOOL = {"node": "Input", "path": ["tool"]}


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
    about: dict[str, list[tuple[Part, Term]]] = {}
    for part in parts:
        if (test := tested(part.condition)) is not None:
            about.setdefault(canonical_text(test[0]), []).append((part, test[1]))
    for tests in about.values():
        answer = decide([(term, part.value) for part, term in tests])
        if isinstance(answer, Empty) and not answer.uses_length:
            found = _text([tests[index][0] for index in answer.core])
            if found is not None:
                yield found


def _text(parts: Sequence[Part]) -> Found | None:
    """The fact that these tests of one text exclude each other, with the derivatives that show it."""
    tests = [(part, test) for part in parts if (test := tested(part.condition)) is not None]
    if len(tests) != len(parts) or any(test[0] != tests[0][1][0] for _, test in tests):
        return None
    shown = emptiness((test[1], part.value) for part, test in tests)
    return None if shown is None else Found(tuple(parts), "language", *shown)
