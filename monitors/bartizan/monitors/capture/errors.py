"""Every exception that capture raises on purpose.

::

    BartizanError
    └── CaptureError            a tap, a hook point or a fingerprint that cannot be used as it is
        ├── UnknownHookPoint    no such place in this model, or a name that says no place
        └── Incomplete          the tap cannot vouch for what it holds: the measurement is missing, never "safe"
"""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class CaptureError(BartizanError):
    """A tap, a hook point or a fingerprint cannot be used as it is."""


class UnknownHookPoint(CaptureError):
    """The model has no such hook point; the message lists those that it has."""


class Incomplete(CaptureError):
    """Positions were not seen, were seen twice, or hold no numbers. Turn it into ``Missing``, with this text."""
