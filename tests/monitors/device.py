"""Where the monitors' tests compute: ``BARTIZAN_TEST_DEVICE=cuda pytest tests/monitors`` on a machine with a GPU."""

from __future__ import annotations

import os

DEVICE = os.environ.get("BARTIZAN_TEST_DEVICE", "cpu")
