"""The Triton kernels give what the torch operations give: here interpreted, on a GPU compiled."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys

import pytest
import torch
from tests.monitors.device import DEVICE
from torch import Tensor

from bartizan.monitors.sae import Directions, SlicedEncoder, UnionEncoder, fused
from bartizan.monitors.sae.columns import Columns

from .make import EXACT, NORMALISATIONS, activations, make

GPU = pytest.mark.skipif(not DEVICE.startswith("cuda"), reason="needs BARTIZAN_TEST_DEVICE=cuda and a GPU")
TOKENS = (1, 2, fused.FEW, fused.FEW + 1, 64, 700, 1100, fused.MANY + 1)

INTERPRETED = """
import torch
from bartizan.monitors.sae import SlicedEncoder, fused
from tests.monitors.sae.make import EXACT, NORMALISATIONS, activations, make
from tests.monitors.sae.test_slicing import within

tried = 0
for kind in EXACT:
    for dtype in (torch.float32, torch.float16):
        for tokens in (1, fused.FEW + 1):
            normalise = NORMALISATIONS[tried % len(NORMALISATIONS)]
            sae = make(kind, d_in=50, d_sae=40, normalise=normalise, dtype=dtype)
            sliced = SlicedEncoder(sae, [0, 7, 39, 3, 8])
            x = activations(tokens, 50, dtype=dtype)
            assert fused.runs(x, sliced.columns)
            assert within(sliced(x), sliced.read(x)), (kind, normalise, dtype, tokens)
            tried += 1
print("tried", tried)
"""


def test_interpreted_kernels_give_torchs_numbers() -> None:
    """Triton's interpreter runs the very kernels on a CPU. (It has no bf16: that is checked on a GPU.)"""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("Triton is for Linux on x86-64")
    environment = os.environ | {"TRITON_INTERPRET": "1", "BARTIZAN_TEST_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERPRETED],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-2:] == ["tried", "12"], done.stderr


def test_a_cpu_is_left_to_torch() -> None:
    """No GPU, no kernels: nothing is tried, nothing is logged."""
    columns = SlicedEncoder(make().to("cpu"), [0]).columns
    assert not fused.runs(torch.zeros(1, 16), columns)


@GPU
@pytest.mark.parametrize("dtype", fused.TYPES)
@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("kind", EXACT)
def test_one_kernel_gives_the_full_encoders_numbers(kind: str, tokens: int, dtype: torch.dtype) -> None:
    """Whatever is normalised, whichever type; the support is the same where rounding cannot decide."""
    from .test_slicing import within

    for normalise in NORMALISATIONS:
        sae = make(kind, d_in=300, d_sae=900, dtype=dtype, normalise=normalise)
        features = list(range(0, 900, 13))
        sliced, x = SlicedEncoder(sae, features), activations(tokens, 300, dtype=dtype)
        assert fused.runs(x, sliced.columns)
        assert within(sliced(x), sliced.read(x))
        if dtype == torch.float32:
            torch.testing.assert_close(sliced(x), sae.encode(x)[:, features], rtol=1e-5, atol=1e-5)


@GPU
@pytest.mark.parametrize("tokens", TOKENS)
def test_columns_do_not_meet(tokens: int) -> None:
    """A tenant's numbers are the same to the last bit, alone and among a hundred others; so are a token's."""
    sae = make("jumprelu", d_in=200, d_sae=400)
    mine = SlicedEncoder(sae, [1, 17, 99])
    others = {n: SlicedEncoder(sae, [n, 399 - n]) for n in range(100, 120)}
    x = activations(tokens, 200)
    alone = UnionEncoder({"me": mine})
    crowd = UnionEncoder({**others, "me": mine, "last": SlicedEncoder(sae, list(range(64)))})
    assert torch.equal(alone.split(alone(x))["me"], crowd.split(crowd(x))["me"])
    noise = activations(tokens, 200, seed=9)
    noise[0] = x[0]
    assert torch.equal(mine(x)[0], mine(noise)[0])


@GPU
def test_what_is_not_a_number_costs_its_token_only() -> None:
    """NaN and infinities stay, whatever the kernel."""
    sliced = SlicedEncoder(make("relu", apply_b_dec_to_input=False), [0, 5, 7])
    for tokens in (4, 40):
        x = activations(tokens, 16)
        x[1, 3], x[2, 0] = torch.nan, torch.inf
        latents = sliced(x)
        assert not latents[1:3].isfinite().any()
        assert latents[3:].isfinite().all()


@GPU
@pytest.mark.parametrize("tokens", TOKENS)
def test_a_cuda_graph_replays_it(tokens: int) -> None:
    """Captured once, replayed on other activations: what a call gives."""
    union = UnionEncoder({
        "features": SlicedEncoder(make("jumprelu", d_in=64), [0, 5, 7]),
        "probe": Directions(activations(3, 64, seed=5), activations(3, seed=6)),
    })  # fmt: skip
    x, other = activations(tokens, 64), activations(tokens, 64, seed=8)
    expected = union(other)
    union(x)  # compiled before it is captured
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = union(x)
    x.copy_(other)
    graph.replay()
    assert torch.equal(y, expected)


@GPU
@pytest.mark.parametrize("kind", EXACT)
def test_inductor_compiles_it_whole(kind: str) -> None:
    """``torch.compile`` makes one graph of the torch operations, with the same numbers."""
    from .test_slicing import within

    sliced, x = SlicedEncoder(make(kind, d_in=64), [0, 5, 7]), activations(33, 64)
    assert within(torch.compile(sliced, fullgraph=True)(x), sliced.read(x))


@GPU
def test_gradients_take_the_torch_operations() -> None:
    """Whoever differentiates a slice gets a gradient."""
    sliced, x = SlicedEncoder(make(d_in=64), [0, 5, 7]), activations(3, 64).requires_grad_()
    sliced(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@GPU
def test_a_triton_that_fails_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Torch computes the slice, and the log says so, once."""

    def broken(*_: object) -> Tensor:
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(fused, "_found", {})
    monkeypatch.setattr(fused, "latents", broken)
    sliced, x = SlicedEncoder(make(d_in=64), [0, 5, 7]), activations(3, 64)
    with caplog.at_level(logging.WARNING):
        torch.testing.assert_close(sliced(x), sliced.read(x).latents)
        sliced(x)
    assert [record.getMessage() for record in caplog.records if "no C compiler" in record.getMessage()] != []
    assert len(caplog.records) == 1


def test_columns_side_by_side_are_the_columns() -> None:
    """``Columns.together`` keeps every row."""
    parts = [SlicedEncoder(make(kind, d_in=20), [0, 5]).columns for kind in EXACT]
    together = Columns.together(parts)
    x = activations(9, 20)
    expected = torch.cat([part.finish(part.project(x)) for part in parts], dim=-1)
    torch.testing.assert_close(together.finish(together.project(x)), expected)
