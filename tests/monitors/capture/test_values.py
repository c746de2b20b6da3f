"""Reductions that fail and values that are no numbers spoil the measurement, and never the generation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bartizan.monitors.capture import HookPoint, Incomplete, Tap
from bartizan.monitors.capture.inputs import Inputs
from bartizan.monitors.capture.record import Record

from .tiny import build, ids

POINT = HookPoint(1)


@pytest.fixture
def model() -> Any:
    return build("llama")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_no_numbers(model: Any, value: float) -> None:
    """One value that is not finite spoils the measurement."""

    def spoil(x_BTD: torch.Tensor) -> torch.Tensor:
        y_BTK = x_BTD[:, :, :2].clone()
        y_BTK[0, 3, 1] = value
        return y_BTK

    with Tap(model, {POINT: spoil}) as tap:
        model(ids(1, 5))
    with pytest.raises(Incomplete, match="not finite"):
        tap.take(5)


def test_padding_may_hold_anything(model: Any) -> None:
    """What padding computes to is nobody's concern: it is left out before the values are looked at."""
    mask = torch.tensor([[0, 0, 1, 1, 1]])

    def spoil(x_BTD: torch.Tensor) -> torch.Tensor:
        return x_BTD.masked_fill(mask[:, :, None] == 0, float("nan"))

    with Tap(model, {POINT: spoil}) as tap:
        model(input_ids=ids(1, 5), attention_mask=mask)
    assert torch.isfinite(tap.take(mask)[POINT]).all()


@pytest.mark.parametrize(
    "reduction",
    [
        lambda x: x.sum(),
        lambda x: x[:, :, 0],
        lambda x: x[:, 1:],
        lambda x: x.mean(1, keepdim=True),
        lambda x: x > 0,
        lambda x: x.long(),
        lambda x: x.tolist(),
        lambda x: None,
        lambda x: 1 / 0,
        lambda x: x @ torch.zeros(3, 2),
        lambda x: torch.dropout(x, 0.5, train=True),
        lambda x: torch.rand_like(x),
    ],
    ids=["scalar", "no K", "fewer tokens", "pooled", "bool", "int", "list", "None", "raises", "shape", "dropout",
         "rand"],
)  # fmt: skip
def test_a_reduction_that_does_not_do_its_job(model: Any, reduction: Any) -> None:
    """It spoils the measurement, and nothing else: the same is generated, sampled from the same random numbers."""
    sample = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": True}
    torch.manual_seed(3)
    bare = model.generate(ids(1, 5), **sample)
    torch.manual_seed(3)
    with Tap(model, {POINT: reduction}) as tap:
        assert torch.equal(model.generate(ids(1, 5), **sample), bare)
    assert tap.problems
    with pytest.raises(
        Incomplete, match=r"resid_post\.1 could not be read: (TypeError|ZeroDivisionError|RuntimeError)"
    ):
        tap.take(8)


def test_a_reduction_that_changes_its_mind(model: Any) -> None:
    """Another number of values from one step to the next cannot be put end to end."""
    with Tap(model, {POINT: lambda x_BTD: x_BTD[:, :, : x_BTD.shape[1]]}) as tap:
        sequences = model.generate(ids(1, 4), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    with pytest.raises(Incomplete, match="another number of values"):
        tap.take(6, ids=sequences[:, :-1])


def test_problems_do_not_outlive_a_take(model: Any) -> None:
    """After an incomplete measurement, the next one starts clean."""
    with Tap(model, {POINT: lambda x_BTD: x_BTD if x_BTD.shape[1] > 4 else None}) as tap:  # type: ignore[arg-type,return-value]
        model(ids(1, 3))
        with pytest.raises(Incomplete):
            tap.take(3)
        model(ids(1, 5))
        assert tap.take(5)[POINT].shape == (1, 5, 16)


@pytest.mark.parametrize(("cached", "complete"), [(3, True), (2, False), (4, False)])
def test_a_length_that_only_the_device_knows(cached: int, complete: bool) -> None:
    """Where a cache's length is a tensor on the device, it is compared when the values are taken."""
    record = Record([POINT])
    for length, T in ((torch.tensor(0), 3), (torch.tensor(cached), 1)):
        record.begin(Inputs(ids(1, T), (1, T), None, record, length))
        record.add(POINT, torch.ones(1, T, 2))
        record.end(None)
    if complete:
        assert record.taken(4, None, None)[POINT].shape == (1, 4, 2)
    else:
        with pytest.raises(Incomplete, match="starts at another position than 3"):
            record.taken(4, None, None)
