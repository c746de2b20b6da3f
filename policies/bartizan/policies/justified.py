"""What an author says of a finding that is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from .language.syntax import Span


@dataclass(frozen=True, slots=True)
class Justification:
    """Why an author keeps what a finding is about, and where that is written."""

    reason: str
    span: Span = field(default=Span(0, 0), compare=False)
