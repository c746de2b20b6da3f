"""A slice of an autoencoder gives the full encoder's numbers, for every architecture and normalisation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.monitors.device import DEVICE
from torch import Tensor

from bartizan.monitors.sae import InvalidConfig, InvalidInput, Reading, SlicedEncoder, SparseAutoencoder

from .make import COMPETING, EXACT, NORMALISATIONS, activations, make

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@st.composite
def autoencoders(draw: st.DrawFn, kinds: tuple[str, ...]) -> tuple[SparseAutoencoder, list[int], Tensor]:
    """An autoencoder or transcoder of any shape and type, some of its features, and activations for it."""
    activation = draw(st.sampled_from(kinds))
    k = draw(st.integers(1, 6))
    d_sae = k * draw(st.integers(1, 20))
    d_in = draw(st.integers(2, 70))
    dtype = draw(st.sampled_from(DTYPES))
    seed = draw(st.integers(0, 10_000))
    transcoder = draw(st.booleans())
    options = {} if transcoder else {"apply_b_dec_to_input": draw(st.booleans())}
    if activation in ("topk", "abstopk"):
        options["rescale_acts_by_decoder_norm"] = draw(st.booleans())
    sae = make(
        activation,
        d_in=d_in,
        d_sae=d_sae,
        d_out=draw(st.integers(1, 40)) if transcoder else None,
        k=k,
        seed=seed,
        dtype=dtype,
        normalise=draw(st.sampled_from(NORMALISATIONS)),
        **options,
    )
    features = draw(st.lists(st.integers(0, d_sae - 1), min_size=1, max_size=8, unique=True))
    shape = draw(st.sampled_from([(1,), (3, 5), (2, 1), (4,), (1, 1, 7)]))
    scale = draw(st.sampled_from([0.1, 1.0, 30.0]))
    return sae, features, activations(*shape, d_in, seed=seed + 1, dtype=dtype) * scale


def within(latents: Tensor, reading: Reading) -> bool:
    """What rounding allows, and the support where it cannot decide."""
    slack = 1e-6 * reading.latents.abs()
    inside = (reading.low - slack <= latents) & (latents <= reading.high + slack)
    verdict = reading.above()
    return bool(inside.all()) and torch.equal((latents > 0)[verdict != -1], (verdict == 1)[verdict != -1])


def agree(sae: SparseAutoencoder, features: list[int], x: Tensor, floor: float = 0.0) -> None:
    """Support and values are the full encoder's; what rounding could decide is marked, and never contradicts."""
    sliced = SlicedEncoder(sae, features, floor=floor)
    full = sae.encode(x)[..., features].float()
    full = torch.where(full.abs() <= floor, 0.0, full)
    reading = sliced.read(x)
    fused = sliced(x)  # on a GPU by one kernel, which sums in another order
    assert torch.equal(fused, reading.latents) if DEVICE == "cpu" else within(fused, reading)
    ambiguous = (reading.low <= floor) & (reading.high > floor)
    if sae.config.activation == "abstopk":
        ambiguous |= (reading.low < -floor) & (reading.high >= -floor)
    support, expected = reading.latents != 0, full != 0
    assert torch.equal(support | ambiguous, expected | ambiguous)
    assert torch.equal(support & ~ambiguous, expected & ~ambiguous)
    size = torch.maximum(full.abs(), torch.ones_like(full))
    if sae.dtype == torch.float32:
        both = ~ambiguous
        assert ((reading.latents - full).abs() <= 1e-5 * size)[both].all()
        assert ambiguous.float().mean() < 0.5
    assert (reading.low <= reading.latents).all() and (reading.latents <= reading.high).all()
    assert (reading.low <= full + 1e-6 * size).all() and (full <= reading.high + 1e-6 * size).all()


@settings(max_examples=150, deadline=None)
@given(autoencoders(EXACT))
def test_exact_slices_equal_the_full_encoder(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """ReLU, JumpReLU and Gated: same support, values to 1e-5, over shapes, normalisations and types."""
    sae, features, x = case
    assert SlicedEncoder(sae, features).exactness == "exact"
    agree(sae, features, x)


@settings(max_examples=150, deadline=None)
@given(autoencoders(COMPETING), st.sampled_from([0.0, 0.5, 2.0]))
def test_lazy_slices_never_miss(case: tuple[SparseAutoencoder, list[int], Tensor], floor: float) -> None:
    """TopK, AbsTopK and GroupMax: whatever the full encoder fires above the floor is read, with its value."""
    sae, features, x = case
    assert SlicedEncoder(sae, features).exactness == "lazy-exact"
    agree(sae, features, x, floor)


def test_a_slice_in_fp32_is_bitwise_the_full_encoder_for_most_values() -> None:
    """On one processor the guard band is no excuse: next to nothing is ambiguous at realistic sizes."""
    sae = make("jumprelu", d_in=256, d_sae=4096)
    x = activations(512, 256)
    reading = SlicedEncoder(sae, list(range(0, 4096, 64))).read(x)
    full = sae.encode(x)[:, ::64]
    assert torch.equal(reading.latents != 0, full != 0)
    assert (reading.latents - full).abs().max() <= 1e-5
    assert (reading.above() == -1).float().mean() < 1e-3


@pytest.mark.parametrize("kind", EXACT + COMPETING)
def test_what_is_not_a_number_is_never_a_zero(kind: str) -> None:
    """A NaN or an infinity anywhere in a token makes its latents not finite, and its verdicts ambiguous."""
    sae = make(kind, apply_b_dec_to_input=False)
    x = activations(4, 16)
    x[1, 3], x[2, 0] = float("nan"), float("inf")
    sliced = SlicedEncoder(sae, [0, 5, 7])
    latents, verdict = sliced(x), sliced.read(x).above()
    assert not latents[1:3].isfinite().any()
    assert latents[[0, 3]].isfinite().all()
    assert (verdict[1] == -1).all()


def test_an_upper_bound_says_that_it_is_one() -> None:
    """Without the competition a TopK slice is never below the full encoder, and is labelled approximate."""
    sae = make("topk", k=3)
    x = activations(40, 16)
    bound = SlicedEncoder(sae, list(range(48)), upper_bound=True)
    assert bound.exactness == "approximate"
    assert (bound(x) >= sae.encode(x) - 1e-6).all()
    assert (bound(x) > 0).sum() > (sae.encode(x) > 0).sum()


def test_a_lazy_slice_encodes_only_the_tokens_that_may_fire() -> None:
    """With a rare feature the full encoder sees few tokens, and the answer is the same."""
    sae = make("topk", d_in=16, d_sae=64, k=8)
    with torch.no_grad():
        sae.b_enc[7] = -3.0
    x = activations(300, 16)
    seen: list[int] = []
    full = sae.pre_activations

    def counting(x_in: Tensor) -> Tensor:
        seen.append(len(x_in))
        return full(x_in)

    sae.pre_activations = counting  # type: ignore[method-assign]
    latents = SlicedEncoder(sae, [7])(x)
    assert sum(seen) < 30
    assert torch.equal(latents[:, 0] > 0, sae.encode(x)[:, 7] > 0)


@pytest.mark.parametrize(
    ("features", "says"),
    [([], "at least one"), ([1, 1], "1 twice"), ([48], "0..47"), ([-1], "0..47"), ([True], "integers")],
)
def test_features_that_do_not_exist_are_refused(features: list[int], says: str) -> None:
    """No wrap-around, no silent double: the error names the feature."""
    with pytest.raises(InvalidInput, match=says):
        SlicedEncoder(make(), features)


def test_activations_of_the_wrong_width_or_type_are_refused() -> None:
    """The error says what the autoencoder expects and what it got."""
    sliced = SlicedEncoder(make(), [0])
    with pytest.raises(InvalidInput, match=r"\(\.\.\., 16\)"):
        sliced(activations(3, 15))
    with pytest.raises(InvalidInput, match="int64"):
        sliced(torch.zeros(3, 16, dtype=torch.long))
    with pytest.raises(InvalidConfig, match="floor"):
        SlicedEncoder(make(), [0], floor=1.0)


@pytest.mark.parametrize("kind", EXACT)
def test_an_exact_slice_is_one_graph(kind: str) -> None:
    """torch.compile takes it whole, without a break back into Python, and the numbers stay the same."""
    sliced = SlicedEncoder(make(kind, normalise="layer_norm"), [0, 5, 7])
    x = activations(5, 16)
    torch._dynamo.reset()
    assert torch.equal(torch.compile(sliced, fullgraph=True, backend="eager")(x), sliced(x))
