"""How much a chat host takes on, and how long it remembers."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ChatSetupError


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """A reply has ``most_tokens`` tokens and takes ``max_seconds`` at most, and ``waiting`` requests may wait for it.

    Signals are kept for ``ttl`` seconds, and of at most ``capacity`` replies. Raises :class:`ChatSetupError`.
    """

    ttl: float = 3600.0
    capacity: int = 4096
    most_tokens: int = 4096
    waiting: int = 16
    max_seconds: float = 600.0

    def __post_init__(self) -> None:
        if not (self.ttl > 0 and self.max_seconds > 0):  # which NaN is not, either
            raise ChatSetupError(
                "expected ttl and max_seconds above 0, in seconds, "
                f"found {self.ttl:g} and {self.max_seconds:g}"
            )
        if self.capacity < 1 or self.most_tokens < 1 or self.waiting < 0:
            raise ChatSetupError(
                "expected signals of at least 1 reply to be kept, replies of at least 1 token and room for 0 or more "
                f"requests to wait, found {self.capacity}, {self.most_tokens} and {self.waiting}"
            )
