"""What can go wrong at the chat host.

::

    ChatError                 the base of all
      ├─ BadRequest           the client's mistake: an OpenAI-shaped error with status 4xx
      │    └─ TooLong         the prompt does not fit into the model's context
      ├─ Overloaded           the queue is full: 429, ask again later
      └─ ChatSetupError       the host cannot start as it was asked to: says what to change
"""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class ChatError(BartizanError):
    """Something the chat host refuses or cannot do."""


class BadRequest(ChatError):
    """A request that is refused, with the field that is at fault (``param``), as OpenAI's errors name it."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.code, self.status = message, param, code, status


class TooLong(BadRequest):
    def __init__(self, message: str) -> None:
        super().__init__(message, param="messages", code="context_length_exceeded")


class Overloaded(ChatError):
    """More requests are waiting than the host lets wait."""


class ChatSetupError(ChatError):
    """A model, a tokenizer or an option with which this host cannot serve."""
