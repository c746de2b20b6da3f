from __future__ import annotations

import gc
import os

from hypothesis import HealthCheck, settings
from tests.waiting import PATIENCE

from bartizan.guard import Guard, SqliteStore
from bartizan.policies.repair.plan import DEFAULT

# Tests run side by side: on a busy machine the threads of one torch would wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test asserts a time: a busy machine is no counterexample. A failure prints what reproduces it.
settings.register_profile(
    "bartizan", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("bartizan")

# Whatever is given no time of its own has a busy machine's: a test about a deadline sets it.
for made, times in (
    (Guard.__init__, {"deadline": PATIENCE, "correct_within": PATIENCE}),
    (SqliteStore.__init__, {"busy_timeout": PATIENCE}),
):
    assert made.__kwdefaults__ is not None and times.keys() <= made.__kwdefaults__.keys()
    made.__kwdefaults__.update(times)
object.__setattr__(DEFAULT, "milliseconds", int(PATIENCE * 1000))

# Looking for cycles in ten thousand tests and all that they import took a sixth of the time, and found nothing.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    """What there is before the first test stays to the last."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """It is freed in order at the end, as without tests."""
    gc.unfreeze()
