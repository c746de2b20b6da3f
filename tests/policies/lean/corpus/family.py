"""Families of files: what is wrong with each member in one sentence, and valid twins beside them.

A member is a function that makes the file and whose docstring says what is wrong with it. A twin is a file of the
same family without the fault: it must be accepted, so that the members beside it fail for their fault and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.policies.lean.corpus.forge import File

Source = File | str | bytes
Make = Callable[[], Source]
M = TypeVar("M", bound=Make)


@dataclass(frozen=True)
class Member:
    """``kinds``: what the kernel may give as the kind of its reason; ``axioms``: what the file is checked with."""

    family: str
    name: str
    sentence: str
    make: Make
    kinds: tuple[str, ...] = ()
    axioms: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.family}-{self.name}"

    def source(self) -> str | bytes:
        made = self.make()
        return made.text() if isinstance(made, File) else made


@dataclass
class Family:
    name: str
    members: list[Member] = field(default_factory=list)
    twins: list[Member] = field(default_factory=list)

    def wrong(self, *kinds: str, axioms: tuple[str, ...] = ()) -> Callable[[M], M]:
        """Marks a function that makes a member, which is rejected for a reason of one of these kinds."""

        def mark(make: M) -> M:
            self.add(make.__name__, make.__doc__ or "", make, *kinds, axioms=axioms)
            return make

        return mark

    def add(self, name: str, sentence: str, make: Make, *kinds: str, axioms: tuple[str, ...] = ()) -> None:
        assert sentence.endswith(".") and kinds, (
            f"{self.name}/{name}: say what is wrong and which kind of reason"
        )
        spoken = name.replace("_", "-").strip("-")
        self.members.append(Member(self.name, spoken, sentence, make, kinds, axioms))

    def valid(self, make: M) -> M:
        """Marks a function that makes a twin, which is accepted."""
        self.twin(make.__name__, make.__doc__ or "", make)
        return make

    def twin(self, name: str, sentence: str, make: Make, axioms: tuple[str, ...] = ()) -> None:
        assert sentence.endswith("."), f"{self.name}/{name}: say what the twin is"
        spoken = name.replace("_", "-").strip("-")
        self.twins.append(Member(self.name, spoken, sentence, make, (), axioms))
