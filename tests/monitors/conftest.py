"""Fixtures of the monitors' tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def deterministic() -> None:
    """One thread and one seed: the tests run side by side, and a failure can be repeated."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
