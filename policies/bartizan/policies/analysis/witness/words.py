"""Words that a reader knows apart at a glance, and provenance too: names for what a question asks the origin of.

A text whose origin matters has to be recognised wherever the session says it, so it is best a word that no other
text contains. One that is to *carry* something has to look like an identifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...regular import Language, literal, regex
from ..encode.expressions import Moment
from ..encode.symbols import Condition
from ..formula import Model

NAMES = ("alice", "bruno", "clara", "diego", "emma", "felix", "greta", "hugo")

_WORD = regex("^[a-z]+$")
_NAME = regex("^[a-z]{5,}$")
_NAMED = regex("[a-z]{5,}")
_PLAIN = regex("^[!-~]([ -~]*[!-~])?$")
_SOLID = regex(r"^\S(.*\S)?$")
_IDENTIFIERS = (
    regex(r"^https://[a-z]{5,}\.com/?$"),
    regex(r"^[a-z]{5,}@[a-z]{5,}\.com$"),
    regex(r"^[A-Z]{2}[0-9]{10}$"),
    regex(r"^/[a-z]{5,}(/[a-z]+)*$"),
    regex(r"[a-z]{5,}@[a-z]{5,}\.com"),
    regex(r"https://[a-z]{5,}\.com"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something whose origin is asked, with the answers to each question, by predicate and tool."""

    path: str
    index: int
    answers: dict[tuple[str, str | None], Condition] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A name for it, different from those of the others."""
        return NAMES[self.index % len(NAMES)] + (str(self.index) if self.index >= len(NAMES) else "")

    def carries(self, model: Model) -> bool:
        """Whether the model has it carry what is not grounded."""
        answer = self.answers.get(("carries_untrusted", None))
        return answer is not None and model.holds(answer.true)


def subjects_of(moment: Moment) -> list[Subject]:
    """What was asked the origin of at a moment, in the order of the questions."""
    found: dict[str, Subject] = {}
    for (predicate, path, tool), answer in moment.origins.items():
        subject = found.setdefault(path, Subject(path, len(found)))
        subject.answers[predicate, tool] = answer
    return list(found.values())


def nearest(path: str, subjects: Mapping[str, Subject]) -> Subject | None:
    """The innermost subject that a value is, or is a part of."""
    inside = (subjects[s] for s in subjects if path == s or path.startswith((f"{s}.", f"{s}[")))
    return max(inside, key=lambda subject: len(subject.path), default=None)


def languages_of(subject: Subject | None, model: Model) -> Iterator[Language]:
    """What a text should look like, the best first."""
    if subject is not None:
        if subject.carries(model):
            yield literal(f"https://{subject.name}.com/")
            yield literal(f"{subject.name}@{subject.name}.com")
            yield from _IDENTIFIERS
        yield literal(subject.name)
        yield _NAME
        yield _NAMED
    else:
        yield _WORD
    yield _PLAIN
    yield _SOLID


def opaque(subject: Subject, model: Model) -> str:
    """What stands for a value of type ``any``."""
    return f"https://{subject.name}.com/" if subject.carries(model) else subject.name
