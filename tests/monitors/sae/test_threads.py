"""Nothing is kept on a module while it runs: many threads may call one at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from torch import Tensor

from bartizan.monitors.sae import SlicedEncoder, UnionEncoder

from .make import COMPETING, EXACT, activations, make

THREADS, CALLS = 8, 25


@pytest.mark.parametrize("normalise", ["constant_norm_rescale", "layer_norm"])
@pytest.mark.parametrize("kind", EXACT + COMPETING)
def test_concurrent_calls_give_what_calls_in_turn_give(kind: str, normalise: str) -> None:
    """Eight threads, each with tokens of its own scale and number: encoder, decoder, slice, union."""
    sae = make(kind, normalise=normalise)
    sliced = SlicedEncoder(sae, [0, 5, 7])
    union = UnionEncoder({"a": sliced, "b": SlicedEncoder(sae, [9])})
    calls: list[Callable[[Tensor], Tensor]] = [sae, sae.encode, sliced, lambda x: sliced.read(x).high, union]
    inputs = [activations(3 + n, 16, seed=n) * 10.0 ** (n - 4) for n in range(THREADS)]
    expected = [[call(x) for call in calls] for x in inputs]
    barrier = Barrier(THREADS)

    def work(number: int) -> bool:
        barrier.wait()
        return all(
            same(call(inputs[number]), value)
            for _ in range(CALLS)
            for call, value in zip(calls, expected[number], strict=True)
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def same(found: Tensor, expected: Tensor) -> bool:
    """To rounding: the last bits of torch's own products differ between threads. A mixed up scale is ten times off."""
    return bool((found - expected).abs().max() <= 1e-5 * expected.abs().max())
