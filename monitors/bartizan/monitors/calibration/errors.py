"""What goes wrong with calibration, on purpose."""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class CalibrationError(BartizanError):
    """The root of what this package raises."""


class BadCalibrationData(CalibrationError):
    """Scores, p-values or settings from which nothing can be promised."""


class NotArmed(CalibrationError):
    """A contract that cannot be given: ``episodes`` is what there is, ``needed`` the fewest that would do."""

    def __init__(self, message: str, episodes: int, needed: int) -> None:
        self.episodes = episodes
        self.needed = needed
        super().__init__(message)
