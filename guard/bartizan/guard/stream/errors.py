"""What can be wrong with a stream."""

from __future__ import annotations

from ..errors import BartizanError


class StreamError(BartizanError):
    """A stream that cannot be guarded."""


class UnknownFrame(StreamError):
    """A frame, or a part of one, that the provider's reader does not know: it might say or call anything.

    It is not passed on. The remedy is a newer Bartizan, or ``ignored=`` for a part that may be dropped.
    """


class BrokenStream(StreamError):
    """Frames in an order that makes no sense: arguments of a call that never began, or anything after the end."""
