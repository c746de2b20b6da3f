"""The breaker opens after failures in a row, pauses, and lets one attempt through."""

from __future__ import annotations

import pytest

from bartizan.monitors.host.breaker import Attempt, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=2, pause=1.0, longest=3.0, clock=clock)
    for _ in range(2):
        attempt = breaker.attempt()
        assert attempt == Attempt()
        breaker.failed(attempt)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    """A success in between starts the count again."""
    breaker = Breaker(failures=2)
    for _ in range(3):
        breaker.failed(Attempt())
        assert not breaker.open
        breaker.succeeded(Attempt())
    breaker.failed(Attempt())
    breaker.failed(Attempt())
    assert breaker.open and breaker.attempt() is None


def test_one_attempt_is_let_through_after_a_pause_that_doubles() -> None:
    """Failing trials lengthen the pause up to its bound; while one is under way nobody else tries."""
    clock = Clock()
    breaker = opened(clock)
    for pause in (1.0, 2.0, 3.0, 3.0):
        clock.now += pause - 0.01
        assert breaker.attempt() is None
        clock.now += 0.02
        trial = breaker.attempt()
        assert trial == Attempt(trial=True)
        assert breaker.attempt() is None
        breaker.failed(trial)
        assert breaker.attempt() is None


def test_a_trial_that_succeeds_opens_the_way() -> None:
    """Everybody may try again, and the next pause is the first again."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.5
    trial = breaker.attempt()
    assert trial is not None
    breaker.succeeded(trial)
    assert not breaker.open and breaker.attempt() == Attempt()


def test_a_trial_that_is_given_up_is_tried_by_the_next() -> None:
    """A caller that was cancelled does not leave the breaker open for ever."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.5
    trial = breaker.attempt()
    assert trial is not None
    breaker.given_up(trial)
    assert breaker.attempt() == Attempt(trial=True)


def test_late_failures_of_earlier_attempts_change_nothing() -> None:
    """What was under way when it opened neither lengthens the pause nor ends a trial."""
    clock = Clock()
    breaker = opened(clock)
    breaker.failed(Attempt())
    clock.now += 1.01
    assert breaker.attempt() == Attempt(trial=True)
    breaker.failed(Attempt())
    breaker.given_up(Attempt())
    assert breaker.attempt() is None


@pytest.mark.parametrize(("failures", "pause", "longest"), [(0, 1, 1), (1, 0, 1), (1, 2, 1)])
def test_settings_that_make_no_sense_are_refused(failures: int, pause: float, longest: float) -> None:
    """Each is an error that says what was expected."""
    with pytest.raises(ValueError, match="expected failures from 1"):
        Breaker(failures, pause, longest)
