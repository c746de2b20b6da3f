from __future__ import annotations

import gc
import os

from hypothesis import settings

# Tests run side by side: on a busy machine the threads of one torch would wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test asserts a time: a busy machine is no counterexample. A failure prints what reproduces it.
settings.register_profile("bartizan", deadline=None, print_blob=True)
settings.load_profile("bartizan")

# Looking for cycles in ten thousand tests and all that they import took a sixth of the time, and found nothing.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    """What there is before the first test stays to the last."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """It is freed in order at the end, as without tests."""
    gc.unfreeze()
