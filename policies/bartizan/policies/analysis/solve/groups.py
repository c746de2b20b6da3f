"""Texts that are to be equal, as groups that one word is sought for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...regular.answers import Literal
from ..formula import Member, Same, Text
from .implicant import Facts


@dataclass(slots=True, eq=False)
class Group:
    """Texts that equalities make one.

    Attributes:
        texts: those texts.
        members: the facts about them, by what they say of the common word.
        low: the least length that the word may have; it comes from ``lowest``.
        high: the greatest length; it comes from ``highest``.
        limit: the greatest length that any word of these texts may have; it comes from ``shortest``.
    """

    texts: list[Text]
    lowest: Text
    highest: Text
    shortest: Text
    low: int
    high: int
    limit: int
    members: dict[Literal, Member] = field(default_factory=dict)
    _links: dict[Text, list[tuple[Text, Same]]] = field(default_factory=dict)

    @property
    def literals(self) -> list[Literal]:
        return list(self.members)

    @property
    def is_bounded(self) -> bool:
        """Whether the lengths are narrower than every word of these texts has to be."""
        return self.low > 0 or self.high < self.limit

    def links(self, texts: Iterable[Text]) -> list[Same]:
        """Equalities that connect ``texts`` with each other."""
        wanted = list(dict.fromkeys(texts))
        came_from: dict[Text, tuple[Text, Same] | None] = {wanted[0]: None}
        queue = [wanted[0]]
        for text in queue:
            for other, link in self._links.get(text, ()):
                if other not in came_from:
                    came_from[other] = (text, link)
                    queue.append(other)
        found: dict[Same, None] = {}
        for text in wanted[1:]:
            step = came_from[text]
            while step is not None:
                found[step[1]] = None
                step = came_from[step[0]]
        return list(found)


def group(facts: Facts) -> dict[Text, Group]:
    """For every text that the facts are about, its group."""
    links: dict[Text, list[tuple[Text, Same]]] = {}
    texts: dict[Text, None] = {}
    for same, equal in facts.equalities.items():
        texts[same.left] = texts[same.right] = None
        if equal:
            links.setdefault(same.left, []).append((same.right, same))
            links.setdefault(same.right, []).append((same.left, same))
    texts.update(dict.fromkeys(member.text for member in facts.members))
    texts.update(dict.fromkeys(facts.lengths))
    groups: dict[Text, Group] = {}
    for text in texts:
        if text not in groups:
            found = _group(text, links, facts)
            for each in found.texts:
                groups[each] = found
    for member, sign in facts.members.items():
        groups[member.text].members.setdefault((member.language, sign), member)
    return groups


def _group(first: Text, links: dict[Text, list[tuple[Text, Same]]], facts: Facts) -> Group:
    texts = {first: None}
    queue = [first]
    for text in queue:
        for other, _ in links.get(text, ()):
            if other not in texts:
                texts[other] = None
                queue.append(other)
    lengths = {text: facts.lengths.get(text, (0, text.limit)) for text in queue}
    lowest = max(queue, key=lambda text: lengths[text][0])
    highest = min(queue, key=lambda text: lengths[text][1])
    shortest = min(queue, key=lambda text: text.limit)
    low, high = lengths[lowest][0], lengths[highest][1]
    return Group(queue, lowest, highest, shortest, low, high, shortest.limit, _links=links)
