"""Texts whose activations carry a known signal. Directions: 0 is the signal, 1 a marker, the rest is noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bartizan.monitors.probe_training import Example
from bartizan.monitors.probe_training.examples import Role

D = 8
Plant = Callable[[np.random.Generator, NDArray[np.float32], int], NDArray[np.bool_]]
"""Changes x[T, D] for a label, and says which tokens it changed."""


def texts(
    plant: Plant,
    sources: Sequence[str] = ("a", "b", "c"),
    each: int = 40,
    seed: int = 0,
    role: Role = "train",
) -> list[Example]:
    """Half attacks and half benign texts of each source, of 24 to 48 tokens."""
    rng = np.random.default_rng(seed)
    made = []
    for source in sources:
        for number in range(each):
            label = number % 2
            x_TD = rng.normal(size=(int(rng.integers(24, 49)), D)).astype(np.float32)
            injected_T = plant(rng, x_TD, label)
            made.append(
                Example(
                    x_TD, label, source, role, injected_T=injected_T if label else None,
                    words=f"text {number} of {source}", before_D=np.zeros(D, np.float32),
                )
            )  # fmt: skip
    return made


def nowhere(x_TD: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.zeros(len(x_TD), dtype=bool)


def everywhere(rng: np.random.Generator, x_TD: NDArray[np.float32], label: int) -> NDArray[np.bool_]:
    """Every token of an attack is a little higher."""
    x_TD[:, 0] += 0.6 * label
    return nowhere(x_TD) | bool(label)


def at_the_end(rng: np.random.Generator, x_TD: NDArray[np.float32], label: int) -> NDArray[np.bool_]:
    """An attack is high at its last token, a benign text at another one."""
    at = len(x_TD) - 1 if label else int(rng.integers(len(x_TD) - 1))
    x_TD[at, 0] += 5
    return np.arange(len(x_TD)) == at


def burst(rng: np.random.Generator, x_TD: NDArray[np.float32], label: int) -> NDArray[np.bool_]:
    """Six high tokens, in a row in an attack, scattered in a benign text: neither mean nor maximum tells."""
    start = int(rng.integers(len(x_TD) - 6))
    at = start + np.arange(6) if label else np.arange(6) * (len(x_TD) // 6)
    x_TD[at, 0] += 3
    return np.isin(np.arange(len(x_TD)), at)


def spike(rng: np.random.Generator, x_TD: NDArray[np.float32], label: int) -> NDArray[np.bool_]:
    """One very high token in an attack; the same sum spread over a benign text."""
    if not label:
        x_TD[:, 0] += 9 / len(x_TD)
        return nowhere(x_TD)
    at = int(rng.integers(len(x_TD)))
    x_TD[at, 0] += 9
    return np.arange(len(x_TD)) == at


def marked(rng: np.random.Generator, x_TD: NDArray[np.float32], label: int) -> NDArray[np.bool_]:
    """Of three marked tokens an attack has two high ones, a benign text one. Unmarked ones are high or low."""
    x_TD[:, 0] += 3 * rng.choice([-1, 1], len(x_TD))
    at = rng.choice(len(x_TD), 3, replace=False)
    x_TD[at, 0] = [3, 3, -3] if label else [3, -3, -3]
    x_TD[at, 1] += 8
    return np.isin(np.arange(len(x_TD)), at)


def moved(examples: Sequence[Example], seed: int = 9) -> list[Example]:
    """The last token is where the text found the activations, moved up by an attack and down by a benign text."""
    rng = np.random.default_rng(seed)
    made = []
    for example in examples:
        before_D = rng.normal(scale=5, size=D).astype(np.float32)
        x_TD = example.x_TD.copy()
        x_TD[-1] = before_D + rng.normal(scale=0.5, size=D)
        x_TD[-1, 0] += 1.5 if example.label else -1.5
        made.append(Example(x_TD, example.label, example.source, example.role, before_D=before_D))
    return made
