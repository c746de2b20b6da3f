"""Who may propose other words for a piece of text that the rules refuse.

A rewriter is not trusted. What it proposes is emitted only if the rules let it pass where it would stand, after all
that was already sent: nothing in it is to be redacted, not even together with what came before, and its scores are
below their lines. One that fails, hangs or returns something else costs time and a line in the notes, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .events import Channel


@dataclass(frozen=True, slots=True)
class TextUnit:
    """A segment that a rule refuses, and where it would stand.

    ``prompt`` is what the caller says the model was asked (empty if it does not say); ``sent`` is the text that has
    left already, as it left; ``segment`` is the refused piece with the white space around it, so that
    ``sent + segment`` reads on; ``why`` are the ids of the rules that refuse it.
    """

    prompt: str
    sent: str
    segment: str
    why: tuple[str, ...]
    channel: Channel = "content"


class Rewriter(Protocol):
    """Proposes other words. It is cancelled when its time is over; work that blocks belongs in a thread or process."""

    @property
    def name(self) -> str:
        """As what it appears in the notes: ``corrector``."""
        ...

    async def rewrite(self, unit: TextUnit) -> str | None:
        """What could stand in the segment's place, white space around it included; None if it knows nothing."""
        ...
