"""What an autoencoder does to activations, measured, and compared with what its card says."""

from __future__ import annotations

import pytest
import torch

from bartizan.monitors.sae import (
    InvalidInput,
    InvalidTensors,
    Quality,
    SAEConfig,
    SparseAutoencoder,
    check,
    quality,
)

from .make import activations, make


def signs(d_in: int, *, dead: int = 0, scale: float = 1.0) -> SparseAutoencoder:
    """Reconstructs exactly, by one feature for each sign of each coordinate, and ``dead`` features of no use."""
    eye = torch.eye(d_in)
    W_enc = torch.cat([eye, -eye, torch.zeros(d_in, dead)], dim=1)
    b_enc = torch.cat([torch.zeros(2 * d_in), -torch.ones(dead)])
    tensors = {"W_enc": W_enc, "W_dec": W_enc.T * scale, "b_enc": b_enc, "b_dec": torch.zeros(d_in)}
    return SparseAutoencoder(SAEConfig(activation="relu", d_in=d_in, d_sae=2 * d_in + dead), tensors)


def test_a_perfect_autoencoder_has_nothing_unexplained() -> None:
    """One latent fires for each coordinate; the dead ones are counted; chunks do not matter."""
    x = activations(200, 6)
    for chunk in (1, 7, 1024):
        found = quality(signs(6, dead=4), x, chunk=chunk)
        assert found.fvu == pytest.approx(0.0, abs=1e-12)
        assert found.l0 == pytest.approx(6.0)
        assert found.dead == pytest.approx(4 / 16)
        assert found.tokens == 200


def test_the_unexplained_share_is_that_of_the_variance() -> None:
    """Half of every activation missing leaves a quarter of its square, over the variance around the mean."""
    x = activations(300, 6) + 2.0
    expected = float((x / 2).square().sum() / (x - x.mean(dim=0)).square().sum())
    assert quality(signs(6, scale=0.5), x).fvu == pytest.approx(expected, rel=1e-5)


def test_a_transcoder_is_measured_where_it_writes() -> None:
    """Against its target, which has to be given, token for token."""
    sae = make("relu", d_out=5)
    x = activations(50, 16)
    assert quality(sae, x, sae(x)).fvu == pytest.approx(0.0, abs=1e-10)
    assert quality(sae, x, activations(50, 5, seed=9)).fvu > 0.5
    with pytest.raises(InvalidInput, match="target_NO"):
        quality(sae, x)
    with pytest.raises(InvalidInput, match="two or more tokens"):
        quality(sae, x, activations(49, 5))
    with pytest.raises(InvalidInput, match="two or more tokens"):
        quality(signs(6), activations(1, 6))


def test_activations_without_variance_have_no_such_share() -> None:
    """NaN, and not a division by zero or a good mark; and no card is satisfied by it."""
    found = quality(signs(6), torch.ones(5, 6))
    assert found.fvu != found.fvu
    assert found.differs(fvu=0.1)


def test_a_measurement_differs_from_a_card_that_says_something_else() -> None:
    """Within the relative tolerance nothing is said; beyond it, what the card says and what was found."""
    found = Quality(fvu=0.22, l0=64.0, dead=0.0, tokens=1000)
    assert found.differs() == ()
    assert found.differs(fvu=0.2, l0=60.0) == ()
    (fvu,) = found.differs(fvu=0.1, l0=60.0)
    assert fvu.startswith("fvu")
    assert "0.1" in fvu
    assert "0.22" in fvu
    assert "1000 tokens" in fvu
    assert len(found.differs(fvu=0.1, l0=20.0)) == 2
    assert found.differs(fvu=0.2, tolerance=0.05) != ()


def test_a_misread_convention_shows() -> None:
    """Right shapes and a transposed meaning: the measurement differs from the card by far."""
    right = signs(6)
    tensors = dict(right.named_parameters()) | {"W_dec": right.W_dec.roll(1, dims=0)}
    wrong = SparseAutoencoder(right.config, tensors)
    x = activations(100, 6)
    check(wrong)  # nothing is wrong with its tensors as such
    assert quality(right, x).differs(fvu=1e-9, tolerance=10.0) == ()
    assert quality(wrong, x).differs(fvu=1e-9, tolerance=10.0) != ()


def test_check_refuses_numbers_that_mean_nothing_and_reports_what_is_odd() -> None:
    """Infinite weights and an empty decoder are errors; zero rows, negative thresholds, a missing factor are odd."""
    sae = make("jumprelu", normalise="expected_average_only_in")
    with torch.no_grad():
        sae.threshold[:3] = -1.0
        sae.W_dec[:2] = 0.0
    rows, thresholds, factor = check(sae)
    assert rows.startswith("2 of 48")
    assert thresholds.startswith("3 of 48")
    assert "fold_input_scale" in factor
    with torch.no_grad():
        sae.W_dec.zero_()
    with pytest.raises(InvalidTensors, match="only zeros"):
        check(sae)
    with torch.no_grad():
        sae.W_enc[0, 0] = float("inf")
    with pytest.raises(InvalidTensors, match="W_enc"):
        check(sae)
