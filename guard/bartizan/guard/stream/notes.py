"""What became of the pieces of a stream, told to the caller: every edit, and everything that was kept back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..gate import Patch

Kind: TypeAlias = Literal[
    "corrected", "denied", "escalated", "malformed", "hopeless", "redacted", "withheld", "rewritten", "restarted",
    "shadow", "finish", "failed", "aborted",
]  # fmt: skip
"""Of a call: it left ``corrected``, was ``denied`` or ``escalated``, was no call (``malformed``), or could not become
one that may leave (``hopeless``: the stream ended there). Of text: an occurrence was ``redacted``, or what grew too
long to be held or scored too high was ``withheld``, or was ``rewritten``, and the model was asked again
(``restarted``); ``shadow``: a rule that only watches would have done it. Of the stream: its reason to stop was changed
(``finish``), it was ``aborted``; something asked ``failed``, and was answered for."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was done. It never holds what was kept back.

    ``index``, ``id`` and ``tool`` are the call's (-1 and empty for text). ``edited`` says whether what left differs
    from what the model said: that is what the model should be told at its next turn. ``held`` counts the characters
    that were kept back with it, and ``unread`` those that had arrived and were not looked at any more.
    """

    kind: Kind
    message: str = ""
    rules: tuple[str, ...] = ()
    index: int = -1
    id: str = ""
    tool: str = ""
    patch: Patch = ()
    held: int = 0
    unread: int = 0

    @property
    def edited(self) -> bool:
        return self.kind not in ("shadow", "restarted", "failed", "finish")
