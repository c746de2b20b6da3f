"""One property for each variant: what defines it, of the full encoder and of its slice."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bartizan.monitors.sae import SlicedEncoder, SparseAutoencoder

from .make import NORMALISATIONS, activations, make

MARGIN = 1e-4
"""Nearer than this to a threshold or to a rival, and rounding may decide."""


@st.composite
def drawn(draw: st.DrawFn, activation: str, **settings: Any) -> tuple[SparseAutoencoder, list[int], Tensor]:
    """An autoencoder in fp32, some of its features and activations; the normalisation is drawn unless given."""
    d_in, k = draw(st.integers(2, 40)), draw(st.integers(1, 6))
    d_sae = k * draw(st.integers(1, 12))
    seed = draw(st.integers(0, 10_000))
    settings = {"normalise": draw(st.sampled_from(NORMALISATIONS))} | settings
    if settings.pop("transcoder", False):
        settings["d_out"] = draw(st.integers(1, 40))
    sae = make(activation, d_in=d_in, d_sae=d_sae, k=k, seed=seed, **settings)
    features = draw(st.lists(st.integers(0, d_sae - 1), min_size=1, max_size=8, unique=True))
    tokens = draw(st.integers(1, 12))
    return sae, features, activations(tokens, d_in, seed=seed + 1) * draw(st.sampled_from([0.1, 1.0, 10.0]))


def in_float64(sae: SparseAutoencoder, x: Tensor) -> Tensor:
    """The products of the encoder's columns with what it is fed, without their biases, as the equations say."""
    x = x.double()
    if sae.config.normalise == "constant_norm_rescale":
        x = x * x.shape[-1] ** 0.5 / x.norm(dim=-1, keepdim=True)
    elif sae.config.normalise == "layer_norm":
        x = x - x.mean(dim=-1, keepdim=True)
        x = x / ((x.square().sum(dim=-1, keepdim=True) / (x.shape[-1] - 1)).sqrt() + 1e-5)
    if sae.config.apply_b_dec_to_input:
        x = x - sae.b_dec.double()
    return torch.einsum("nd,df->nf", x, sae.W_enc.double())


def close(found: Tensor, expected: Tensor, unsure: Tensor) -> None:
    """Same support and values, but where rounding may decide."""
    assert torch.equal((found != 0)[~unsure], (expected != 0)[~unsure])
    scale = torch.maximum(expected.abs(), torch.ones_like(expected))
    assert ((found.double() - expected).abs() <= MARGIN * scale)[~unsure].all()


def both(sae: SparseAutoencoder, features: list[int], x: Tensor, expected: Tensor, unsure: Tensor) -> None:
    """The full encoder and the slice both give the equations' latents."""
    close(sae.encode(x), expected, unsure)
    close(SlicedEncoder(sae, features)(x), expected[:, features], unsure[:, features])


@settings(max_examples=60, deadline=None)
@given(drawn("relu"))
def test_relu(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """A latent is the positive part of its pre-activation."""
    sae, features, x = case
    h = in_float64(sae, x) + sae.b_enc.double()
    both(sae, features, x, h.clamp(min=0), h.abs() < MARGIN)


@settings(max_examples=60, deadline=None)
@given(drawn("jumprelu"))
def test_jumprelu(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """A latent is its pre-activation where that is above the feature's threshold, and never shrunk by it."""
    sae, features, x = case
    h, threshold = in_float64(sae, x) + sae.b_enc.double(), sae.threshold.double()
    both(sae, features, x, torch.where(h > threshold, h, 0.0), (h - threshold).abs() < MARGIN)


@settings(max_examples=60, deadline=None)
@given(drawn("gated"))
def test_gated(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """One path decides whether, the other how much; neither looks at the other's bias."""
    sae, features, x = case
    p = in_float64(sae, x)
    gate, magnitude = p + sae.b_gate.double(), p * sae.r_mag.double().exp() + sae.b_mag.double()
    unsure = (gate.abs() < MARGIN) | (magnitude.abs() < MARGIN)
    both(sae, features, x, torch.where(gate > 0, magnitude.clamp(min=0), 0.0), unsure)


@settings(max_examples=60, deadline=None)
@given(drawn("jumprelu", trained_as="batchtopk"), st.floats(0.01, 3.0))
def test_batch_topk_at_inference(case: tuple[SparseAutoencoder, list[int], Tensor], level: float) -> None:
    """With the one threshold that it was saved with, a token's latents do not depend on the batch."""
    sae, features, x = case
    with torch.no_grad():
        sae.threshold.fill_(level)
    h = in_float64(sae, x) + sae.b_enc.double()
    expected, unsure = torch.where(h > level, h, 0.0), (h - level).abs() < MARGIN
    both(sae, features, x, expected, unsure)
    for row in range(len(x)):
        both(sae, features, x[row : row + 1], expected[row : row + 1], unsure[row : row + 1])


@settings(max_examples=60, deadline=None)
@given(drawn("topk"), st.booleans())
def test_topk_lazily(case: tuple[SparseAutoencoder, list[int], Tensor], few: bool) -> None:
    """The k largest pre-activations, if positive; the slice never misses one, and never adds one."""
    sae, features, x = case
    if few:  # most tokens are screened out
        with torch.no_grad():
            sae.b_enc[features] -= 3.0
    h = in_float64(sae, x) + sae.b_enc.double()
    expected, unsure = winners(h, h, sae.k)
    assert ((sae.encode(x) != 0).sum(dim=-1) <= sae.k).all()
    both(sae, features, x, expected.clamp(min=0), unsure | (h.abs() < MARGIN))


@settings(max_examples=60, deadline=None)
@given(drawn("abstopk"))
def test_abstopk_lazily(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """The k of the largest magnitude keep their signs."""
    sae, features, x = case
    h = in_float64(sae, x) + sae.b_enc.double()
    expected, unsure = winners(h, h.abs(), sae.k)
    both(sae, features, x, expected, unsure | (h.abs() < MARGIN))


@settings(max_examples=60, deadline=None)
@given(st.one_of(drawn(kind, transcoder=True) for kind in ("relu", "jumprelu")))
def test_transcoder(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """Its b_dec lives where it writes: the encoder never sees it, and the output starts from it."""
    sae, features, x = case
    h = in_float64(sae, x) + sae.b_enc.double()
    threshold = sae.threshold.double() if sae.config.activation == "jumprelu" else torch.zeros_like(h)
    expected, unsure = torch.where(h > threshold, h.clamp(min=0), 0.0), (h - threshold).abs() < MARGIN
    both(sae, features, x, expected, unsure)
    written = expected @ sae.W_dec.double() + sae.b_dec.double()
    sure = ~unsure.any(dim=-1)
    torch.testing.assert_close(sae(x)[sure].double(), written[sure], atol=1e-3, rtol=1e-3)
    moved = SparseAutoencoder(sae.config, dict(sae.named_parameters()) | {"b_dec": sae.b_dec + 1})
    assert torch.equal(moved.encode(x), sae.encode(x))
    assert torch.equal(SlicedEncoder(moved, features)(x), SlicedEncoder(sae, features)(x))


@settings(max_examples=60, deadline=None)
@given(drawn("relu", transcoder=True, skip=True))
def test_skip_transcoder(case: tuple[SparseAutoencoder, list[int], Tensor]) -> None:
    """The skip adds W_skip times the input as it came; latents and slices do not know of it."""
    sae, features, x = case
    tensors = dict(sae.named_parameters())
    W_skip = tensors.pop("W_skip")
    plain = SparseAutoencoder(sae.config, tensors)
    added = torch.einsum("nd,od->no", x.double(), W_skip.double())
    torch.testing.assert_close((sae(x) - plain(x)).double(), added, atol=1e-3, rtol=1e-3)
    assert torch.equal(sae.encode(x), plain.encode(x))
    assert torch.equal(SlicedEncoder(sae, features)(x), SlicedEncoder(plain, features)(x))


def winners(h: Tensor, score: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The pre-activations of the k best scores, zeros elsewhere; and which are too near to the border to tell."""
    ranked = score.sort(dim=-1, descending=True).values
    last = ranked[:, k - 1 : k]
    if k == h.shape[-1]:
        return h, torch.zeros_like(h, dtype=torch.bool)
    first_out = ranked[:, k : k + 1]
    near = ((score - last).abs() < MARGIN) | ((score - first_out).abs() < MARGIN)
    return torch.where(score >= last, h, 0.0), near & (last - first_out < MARGIN)
