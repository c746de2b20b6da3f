"""Weights, scores and choices as functions of activations: against the definition, and under hostile input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bartizan.monitors.filtering import (
    ChannelWeights,
    FilterError,
    FiringCounts,
    MalformedSample,
    WeightsBuilder,
    keep,
    score,
    select_features,
)

D, F = 6, 5


def by_definition(parts: list[tuple[Tensor, Tensor]], top: int, centre: bool) -> Tensor:
    apart = []
    for x_ND, latents_NF in parts:
        x_ND = x_ND.double()
        middle_D = x_ND.mean(0) if centre else torch.zeros(D)
        rows = []
        for f in range(latents_NF.shape[1]):
            best = sorted(range(len(x_ND)), key=lambda n, f=f: -float(latents_NF[n, f].abs()))[:top]  # type: ignore[misc]
            best = [n for n in best if latents_NF[n, f] != 0]
            row_D = x_ND[best].mean(0) - middle_D if best else torch.zeros(D).double()
            rows.append(row_D if row_D.abs().max() > 1e-12 else torch.zeros(D).double())
        apart.append(torch.stack(rows))
    return torch.nn.functional.cosine_similarity(apart[0], apart[1]).float()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), first=st.integers(1, 40), second=st.integers(1, 40), top=st.integers(1, 12),
    piece=st.integers(1, 15), centre=st.booleans(),
)  # fmt: skip
def test_weights_are_their_definition_however_tokens_arrive(
    seed: int, first: int, second: int, top: int, piece: int, centre: bool
) -> None:
    """One pass in pieces of any size equals sorting all tokens at once; latents of either sign count by size."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for number in (first, second):
        latents_NF = torch.randn(number, F, generator=generator)
        latents_NF[:, 0] = 0  # never fires
        latents_NF[latents_NF.abs() < 0.5] = 0
        parts.append((torch.randn(number, D, generator=generator), latents_NF))
    builder = WeightsBuilder(tuple(range(F)), D, ("user", "result"), top=top, centre=centre)
    for channel, (x_ND, latents_NF) in enumerate(parts):
        for start in range(0, len(x_ND), piece):
            builder.add(channel, x_ND[start : start + piece], latents_NF[start : start + piece])
    weights = builder.weights()
    torch.testing.assert_close(weights.w_F, by_definition(parts, top, centre), rtol=1e-4, atol=1e-5)
    assert bool(weights.one_sided_F[0])
    expected_CF = torch.stack([(latents_NF != 0).sum(0).clamp_max(top) for _, latents_NF in parts])
    assert torch.equal(weights.counts_CF, expected_CF)


def test_a_feature_that_means_the_same_weighs_more() -> None:
    """Feature 0 fires along one direction in both channels, feature 1 along opposite ones, 2 in one channel only."""
    one, other = torch.eye(D)[0], torch.eye(D)[1]
    builder = WeightsBuilder((10, 11, 12), D, ("text", "image"), top=2, centre=False)
    builder.add(0, torch.stack([one, other, one]), torch.tensor([[3.0, 0, 0], [0, 2, 0], [0, 0, 1]]))
    builder.add(1, torch.stack([one, -other]), torch.tensor([[1.0, 0, 0], [0, 5, 0]]))
    weights = builder.weights()
    assert weights.w_F.tolist() == pytest.approx([1, -1, 0])
    assert weights.one_sided_F.tolist() == [False, False, True]


def test_weights_survive_a_file_and_foreign_files_are_refused(tmp_path: Path) -> None:
    """Saved and loaded they are the same; truncated, foreign or inconsistent ones are named."""
    path = tmp_path / "weights.safetensors"
    weights = ChannelWeights((3, 9), torch.tensor([0.5, -0.25]), torch.tensor([[1, 2], [3, 0]]), ("a", "b"))
    weights.save(path)
    loaded = ChannelWeights.load(path)
    assert (loaded.features, loaded.channels, loaded.w_F.tolist()) == ((3, 9), ("a", "b"), [0.5, -0.25])
    assert torch.equal(loaded.counts_CF, weights.counts_CF)
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:60],
        whole.replace(b"bartizan-channel-weights-1", b"bartizan-channel-weights-2"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(FilterError, match="weights"):
            ChannelWeights.load(path)
    ChannelWeights((3, 9), torch.tensor([0.5]), torch.tensor([[1, 2], [3, 0]]), ("a", "b")).save(path)
    with pytest.raises(FilterError, match="belong together"):
        ChannelWeights.load(path)


def test_what_cannot_be_compared_is_refused() -> None:
    """A channel without tokens, wrong widths, numbers that are not finite, more memory than there is."""
    builder = WeightsBuilder((0, 1), D, ("user", "result"))
    builder.add(0, torch.zeros(2, D), torch.ones(2, 2))
    with pytest.raises(FilterError, match="'result'"):
        builder.weights()
    with pytest.raises(FilterError, match=r"\[N, 6\]"):
        builder.add(1, torch.zeros(2, D + 1), torch.ones(2, 2))
    with pytest.raises(FilterError, match="not finite"):
        builder.add(1, torch.full((2, D), torch.nan), torch.ones(2, 2))
    with pytest.raises(FilterError, match="fewer features"):
        WeightsBuilder(tuple(range(131_072)), 4096, ("user", "result"))
    with pytest.raises(FilterError, match="two channels"):
        WeightsBuilder((0,), D, ("user", "user"))


def test_a_score_is_the_mean_weight_of_what_is_active() -> None:
    """Weighted by activation; no active feature is no score; a NaN is malformed."""
    latents_TF = torch.tensor([[1.0, 0, 0], [1, 2, 0]])
    assert score(latents_TF, torch.tensor([0.5, -1.0, 1.0])) == pytest.approx((2 * 0.5 - 2 * 1) / 4)
    assert score(torch.zeros(3, 2), torch.ones(2)) is None
    with pytest.raises(MalformedSample, match="finite"):
        score(torch.tensor([[torch.inf]]), torch.ones(1))


@given(st.lists(st.one_of(st.just(float("nan")), st.sampled_from([0.1, 0.2]), st.floats(-1, 1)), max_size=40))
def test_keeping_is_ranking(values: list[float]) -> None:
    """Half of the scored are kept, none of them worse than one left out, none without a score."""
    kept = keep(values, 0.5)
    scored = [value for value in values if value == value]
    assert len(kept) == (max(1, int(0.5 * len(scored) + 0.5)) if scored else 0)
    assert kept == sorted(kept)
    assert all(values[place] == values[place] for place in kept)
    left = [value for place, value in enumerate(values) if place not in kept and value == value]
    assert min((values[place] for place in kept), default=2) >= max(left, default=-2)


@pytest.mark.parametrize("fraction", [0, -1, 1.01, float("nan")])
def test_fractions_that_mean_nothing_are_refused(fraction: float) -> None:
    """Before a single row is read."""
    with pytest.raises(FilterError, match="fraction"):
        keep([], fraction)


def test_injection_features_must_be_silent_on_benign_results() -> None:
    """Of five features one qualifies; each of the others is dropped for its own reason."""
    w_F = torch.tensor([0.9, 0.9, 0.2, 0.0, 0.9])
    weights = ChannelWeights(
        (5, 6, 7, 8, 9), w_F, torch.tensor([[9, 9, 9, 9, 9], [9, 9, 9, 0, 9]]), ("user", "result")
    )
    counts = FiringCounts(5)
    for number in range(80):
        latents_TF = torch.zeros(3, 5)
        latents_TF[1, 1] = float(number < 20)  # feature 6 fires on a quarter of the benign results
        counts.add(latents_TF, injected=False)
    for _ in range(10):
        latents_TF = torch.zeros(2, 5)
        latents_TF[0, :4] = 1.0
        counts.add(latents_TF, injected=True)
    verdicts = select_features(weights, counts)
    assert [(one.feature, one.dropped) for one in verdicts] == [
        (5, ""),
        (7, "means another thing in result"),
        (8, "does not fire in both channels"),
        (6, "fires on benign tool text"),
        (9, "fires on no injection"),
    ]
    few = FiringCounts(5)
    few.add(torch.zeros(1, 5), injected=False)
    with pytest.raises(FilterError, match="1 benign tool results cannot show"):
        select_features(weights, few)
