"""Activations made of known directions, so that there is something to find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bartizan.monitors.sae_training import Activations, ActivationWriter

D_IN, DIRECTIONS = 24, 40


def planted(rows: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are sums of about 3 of 40 directions, on a common offset, in units of 7; and the directions."""
    generator = np.random.default_rng(seed)
    directions = np.random.default_rng(99).standard_normal((DIRECTIONS, D_IN))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    active = generator.random((rows, DIRECTIONS)) < 3 / DIRECTIONS
    strength = active * (1 + generator.exponential(1.0, (rows, DIRECTIONS)))
    noise = 0.02 * generator.standard_normal((rows, D_IN))
    return 7 * (strength @ directions + 0.5 + noise).astype(np.float32), directions


@pytest.fixture
def write_activations(tmp_path: Path) -> Callable[..., Activations]:
    def write(rows: int = 6000, *, seed: int = 0, name: str = "activations") -> Activations:
        folder = tmp_path / name
        with ActivationWriter(
            folder, d_in=D_IN, hook_point="resid_post.1", fingerprint={"model": "planted"}, shard_rows=1700
        ) as writer:
            for part in np.array_split(planted(rows, seed=seed)[0], 7):
                writer.write(part)
        return Activations(folder)

    return write
