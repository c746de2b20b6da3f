"""Probe heads: what they compute, and that a stream, however cut, gives what the batch gives."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from bartizan.monitors.probes.errors import BadActivations
from bartizan.monitors.probes.heads import KINDS, LINEAR, Head, HeadConfig, Kind, build_head

D = 6
every_kind = pytest.mark.parametrize("kind", KINDS)
kinds = st.sampled_from(KINDS)


def config(kind: Kind, hidden: int = 0) -> HeadConfig:
    if kind in LINEAR:
        return HeadConfig(kind=kind, d_in=D, **({"alpha": 0.3, "burn_in": 3} if kind == "ema" else {}))
    return HeadConfig(
        kind=kind, d_in=D, n_heads=3, hidden=hidden, **({"window": 4} if kind == "rolling" else {})
    )


def head_of(kind: Kind, hidden: int = 0) -> Head:
    head = build_head(config(kind, hidden))
    with torch.no_grad():
        for weight in head.parameters():
            weight.copy_(torch.randn_like(weight))
    return head.requires_grad_(False)


def plainly(head: Head, y_TK: Tensor) -> float:
    """The logit of one sequence's scored tokens, written token by token after the definitions."""
    y = y_TK.double().tolist()
    kind, offset = head.config.kind, float(head.offset)
    if len(y) < (2 if kind == "shift" else 1):
        return math.nan
    z = [row[0] for row in y]
    if kind == "last":
        return z[-1] + offset
    if kind == "mean":
        return sum(z) / len(z) + offset
    if kind == "shift":
        return z[-1] - z[0] + offset
    if kind == "ema":
        a, e, peak = head.config.alpha, 0.0, -math.inf
        for t, number in enumerate(z, 1):
            e = a * number + (1 - a) * e
            if t >= head.config.burn_in:
                peak = max(peak, e / (1 - (1 - a) ** t))
        return (peak if len(z) >= head.config.burn_in else e / (1 - (1 - a) ** len(z))) + offset
    H, total = head.config.n_heads, offset
    for h in range(H):
        if kind == "multimax":
            total += max(row[h] for row in y)
            continue
        weight, value = [math.exp(row[h]) for row in y], [row[H + h] for row in y]
        w = len(y) if kind == "attention" else min(head.config.window, len(y))
        total += max(
            sum(a * v for a, v in zip(weight[i : i + w], value[i : i + w], strict=True))
            / sum(weight[i : i + w])
            for i in range(len(y) - w + 1)
        )
    return total


def same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9, equal_nan=True)


@settings(max_examples=120)
@given(kinds, st.lists(st.integers(0, 150), min_size=1, max_size=4), st.integers(0, 2**16), st.booleans())
def test_pooling_is_the_definition(kind: Kind, lengths: list[int], seed: int, gaps: bool) -> None:
    """On ragged batches with padding, left, right or between the scored tokens, every head computes its formula."""
    torch.manual_seed(seed)
    head = head_of(kind)
    T = max(lengths) + 3
    y_BTK = torch.randn(len(lengths), T, head.config.n_out) * 3
    mask_BT = torch.zeros(len(lengths), T, dtype=torch.bool)
    for row, length in zip(mask_BT, lengths, strict=True):
        row[torch.randperm(T)[:length] if gaps else slice(T - length, T)] = True
    expected = [plainly(head, y_TK[mask_T]) for y_TK, mask_T in zip(y_BTK, mask_BT, strict=True)]
    same(head.pool(y_BTK, mask_BT), torch.tensor(expected, dtype=torch.float64))


@settings(max_examples=120)
@given(kinds, st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 2**16))
def test_a_stream_gives_what_the_batch_gives(kind: Kind, chunks: list[int], seed: int) -> None:
    """However the tokens are cut into chunks, every reading equals the pooling of all tokens until then."""
    torch.manual_seed(seed)
    head = head_of(kind)
    y_BTK = torch.randn(3, sum(chunks), head.config.n_out)
    mask_BT = torch.rand(3, sum(chunks)) < 0.7
    state, at = head.start(3), 0
    for size in chunks:
        if size == 1:
            state, logit = head.step(state, y_BTK[:, at], mask_BT[:, at])
        else:
            state = head.extend(state, y_BTK[:, at : at + size], mask_BT[:, at : at + size])
            logit = head.read(state)
        at += size
        same(logit, head.pool(y_BTK[:, :at], mask_BT[:, :at]))
    assert head.scored(state).tolist() == mask_BT.sum(dim=1).tolist()


@every_kind
def test_long_streams_do_not_drift(kind: Kind) -> None:
    """After 3,000 single steps of large numbers the reading is that of the batch to 1e-5."""
    head = head_of(kind)
    y_BTK = torch.randn(2, 3000, head.config.n_out) * 20 + 5
    state = head.start(2)
    for t in range(3000):
        state, logit = head.step(state, y_BTK[:, t])
    torch.testing.assert_close(logit, head.pool(y_BTK), atol=1e-5, rtol=1e-5)


@every_kind
def test_others_in_the_batch_change_nothing(kind: Kind) -> None:
    """A sequence's logit alone, padded and among others is the same number."""
    head = head_of(kind)
    y_BTK = torch.randn(5, 20, head.config.n_out)
    mask_BT = torch.arange(20) < torch.tensor([[3], [20], [7], [12], [2]])
    together = head.pool(y_BTK, mask_BT)
    for b, length in enumerate([3, 20, 7, 12, 2]):
        same(together[b : b + 1], head.pool(y_BTK[b : b + 1, :length]))


@every_kind
def test_states_can_be_forked_and_stored(kind: Kind) -> None:
    """A prefix's state survives as bytes, serves two continuations, and is not changed by either."""
    head = head_of(kind)
    y_BTK = torch.randn(1, 9, head.config.n_out)
    prefix = head.extend(head.start(1), y_BTK[:, :5])
    stored = head.dump(prefix[0])
    for tail in (y_BTK[:, 5:], torch.randn(1, 3, head.config.n_out)):
        state = head.extend(head.restore(stored)[None], tail)
        same(head.read(state), head.pool(torch.cat([y_BTK[:, :5], tail], dim=1)))
    assert head.dump(prefix[0]) == stored


@every_kind
def test_another_heads_state_is_refused(kind: Kind) -> None:
    """Bytes that are cut, empty or of a head with other weights are no state."""
    head, other = head_of(kind), head_of(kind)
    stored = head.dump(head.start(1)[0])
    for data in (stored[:-1], b"", stored + b"\0", other.dump(other.start(1)[0])):
        with pytest.raises(BadActivations, match="from its beginning"):
            head.restore(data)


@every_kind
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_a_score(kind: Kind, value: float) -> None:
    """A NaN or infinity at a scored token makes that sequence unscored for good, and no other."""
    head = head_of(kind)
    y_BTK = torch.randn(2, 12, head.config.n_out)
    clean = head.pool(y_BTK)
    y_BTK[0, 4, -1] = value
    pooled = head.pool(y_BTK)
    assert pooled[0].isnan()
    same(pooled[1], clean[1])
    state = head.extend(head.start(2), y_BTK)
    _, later = head.step(state, torch.zeros(2, head.config.n_out))
    assert later[0].isnan() and later[1].isfinite()


@every_kind
def test_padding_may_hold_anything(kind: Kind) -> None:
    """NaN where the mask scores nothing is not looked at."""
    head = head_of(kind)
    y_BTK = torch.randn(1, 10, head.config.n_out)
    mask_BT = torch.arange(10)[None] < 6
    clean = head.pool(y_BTK[:, :6])
    y_BTK[:, 6:] = math.nan
    same(head.pool(y_BTK, mask_BT), clean)


@every_kind
def test_nothing_scored_is_no_score(kind: Kind) -> None:
    """An empty sequence, an empty span and a fresh state have no logit; a shift needs two positions."""
    head = head_of(kind)
    K = head.config.n_out
    assert head.read(head.start(2)).isnan().all()
    assert head.pool(torch.randn(2, 0, K)).isnan().all()
    assert head.pool(torch.randn(1, 4, K), torch.zeros(1, 4, dtype=torch.bool)).isnan().all()
    assert head.pool(torch.randn(1, 1, K)).isnan().all() == (kind == "shift")


@pytest.mark.parametrize("hidden", [0, 5])
@every_kind
def test_standardisation_folds_into_the_weights(kind: Kind, hidden: int) -> None:
    """A head trained on standardised activations reads the raw ones after folding, with the same logits."""
    head = head_of(kind, 0 if kind in LINEAR else hidden)
    mean_D, std_D = torch.randn(D) * 5, torch.rand(D) + 0.5
    x_BTD = torch.randn(3, 15, D) * std_D + mean_D
    before = head((x_BTD - mean_D) / std_D)
    head.fold(mean_D, std_D)
    torch.testing.assert_close(head(x_BTD), before, atol=1e-4, rtol=1e-4)


def test_a_shift_is_the_difference_of_activations() -> None:
    """The difference of two tokens' numbers is the probe of the difference of their activations."""
    head = head_of("shift")
    before_BD, after_BD = torch.randn(4, D), torch.randn(4, D)
    direct = (after_BD - before_BD) @ head.weight[0] + head.offset
    torch.testing.assert_close(
        head(torch.stack([before_BD, after_BD], dim=1)).float(), direct, atol=1e-5, rtol=1e-5
    )


@every_kind
def test_half_precision_is_read_in_full(kind: Kind) -> None:
    """Activations in float16 give the logits of the same numbers in float32."""
    head = head_of(kind)
    x_BTD = torch.randn(2, 12, D).half()
    same(head(x_BTD), head(x_BTD.float()))


@every_kind
def test_gradients_are_finite(kind: Kind) -> None:
    """Training through padding, short sequences and empty states meets no NaN gradient."""
    head = head_of(kind).requires_grad_(True)
    mask_BT = torch.arange(9) < torch.tensor([[2], [9], [5]])
    head(torch.randn(3, 9, D), mask_BT).sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in head.parameters())
    assert head.weight.grad is not None and head.weight.grad.abs().sum() > 0


@every_kind
def test_what_speaks_for_it_is_ranked_within_the_mask(kind: Kind) -> None:
    """The token weights are finite exactly at scored tokens."""
    head = head_of(kind)
    mask_BT = torch.arange(8) < torch.tensor([[3], [8]])
    weight_BT = head.weigh(torch.randn(2, 8, head.config.n_out), mask_BT)
    assert torch.equal(weight_BT.isfinite(), mask_BT)


@every_kind
def test_other_shapes_are_refused(kind: Kind) -> None:
    """Activations of another width, integers, masks and states that do not fit: an error that names both shapes."""
    head = head_of(kind)
    K = head.config.n_out
    with pytest.raises(BadActivations, match="width 6, found"):
        head.project(torch.randn(2, 3, D + 1))
    with pytest.raises(BadActivations, match="int64"):
        head.project(torch.zeros(2, 3, D, dtype=torch.int64))
    with pytest.raises(BadActivations, match=r"expected floating-point numbers \[B, T, K\]"):
        head.pool(torch.randn(2, 3, K + 1))
    with pytest.raises(BadActivations, match=r"\[B, K\]"):
        head.step(head.start(2), torch.randn(2, 1, K))
    with pytest.raises(BadActivations, match="boolean mask"):
        head.pool(torch.randn(2, 3, K), torch.ones(2, 3))
    with pytest.raises(BadActivations, match="boolean mask"):
        head.pool(torch.randn(2, 3, K), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(BadActivations, match="expected states"):
        head.step(head.start(3), torch.randn(2, K))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "mean", "n_heads": 2},
        {"kind": "last", "alpha": 0.2},
        {"kind": "multimax", "window": 3},
        {"kind": "ema", "alpha": 0.0},
        {"kind": "ema", "alpha": math.nan},
        {"kind": "mean", "d_in": 0},
        {"kind": "mean", "d_in": "6"},
        {"kind": "median"},
        {"kind": "mean", "temperature": 1.0},
    ],
)
def test_a_configuration_says_only_what_the_head_does(fields: dict[str, object]) -> None:
    """Unknown kinds and fields, settings that the kind has not, and numbers out of range are refused."""
    with pytest.raises(ValidationError):
        HeadConfig.model_validate({"d_in": D, **fields})
