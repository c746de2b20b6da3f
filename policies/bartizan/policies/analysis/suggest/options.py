"""How far a suggestion generalises from what was observed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Every number errs on the side of leaving an argument free.

    Attributes:
        min_observations: an argument seen less often than this stays as it is.
        max_listed: the longest list that is written as ``x in [...]`` (or of hosts, of mail domains).
        repeats: a list of texts is written only if each was seen so often, on average: a text that never
            comes back says nothing about the next one.
        max_text: longer texts are not listed.
        min_prefix: a common prefix shorter than this says nothing.
        readable: numbers are rounded away from what was observed, to 1, 2 or 5 times a power of ten.
        drop_unused: tools that a rule let no call of go leave its scope.
    """

    min_observations: int = 3
    max_listed: int = 8
    repeats: int = 2
    max_text: int = 200
    min_prefix: int = 6
    readable: bool = False
    drop_unused: bool = True

    def __post_init__(self) -> None:
        if min(self.min_observations, self.max_listed, self.repeats) < 1:
            raise ValueError("expected min_observations, max_listed and repeats of at least 1")
