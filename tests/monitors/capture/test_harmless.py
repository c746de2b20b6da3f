"""A tap leaves the model as it was: its outputs bit by bit, its hooks, its gradients, its random numbers."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
import torch

from bartizan.monitors.capture import CaptureError, HookPoint, Incomplete, Step, Tap

from .tiny import DECODERS, ENCODERS, LAYERS, build, ids

POINT = HookPoint(1)
GREEDY = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}


def hooks(model: torch.nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("family", [*DECODERS, *ENCODERS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_pass_gives_the_same_bits(family: str, dtype: torch.dtype) -> None:
    """Whatever is tapped, the output is equal bit by bit, in the dtype of the model."""
    model = build(family).to(dtype)
    sites = ("resid_pre", "resid_post", "attn_out", "mlp_out", "mlp_in", "attn_z")
    points = {HookPoint(layer, site): None for layer in range(LAYERS) for site in sites}
    with torch.no_grad():
        bare = model(input_ids=ids(2, 5))[0]
        with Tap(model, points) as tap:
            tapped = model(input_ids=ids(2, 5))[0]
    assert torch.equal(bare, tapped)
    assert {y_BTK.dtype for y_BTK in tap.take(torch.ones(2, 5)).values()} == {dtype}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: x.zero_(),
        lambda x: x.add_(1e3)[:, :, :2],
        lambda x: torch.nn.functional.relu(x, inplace=True),
        lambda x: x.resize_(x.shape[0], x.shape[1], 3),
    ],
    ids=["zero", "add", "relu", "resize"],
)
def test_a_reduction_that_writes_where_it_reads(spoil: Any) -> None:
    """A reduction works on a copy: what it does to its input does not reach the model."""
    model = build("llama")
    points: dict[HookPoint, Any] = {
        HookPoint(1, site): spoil for site in ("resid_pre", "resid_post", "mlp_in")
    }
    bare = model.generate(ids(1, 5), **GREEDY)
    with Tap(model, points):
        assert torch.equal(model.generate(ids(1, 5), **GREEDY), bare)


def test_a_view_is_not_kept_alive() -> None:
    """What is kept is K numbers a token, also where the reduction returns a view of the activations."""
    model = build("llama")
    steps: list[Step] = []
    with Tap(model, {POINT: lambda x_BTD: x_BTD[:, :, :1]}, on_step=steps.append):
        model(ids(1, 5))
    assert steps[0].values[POINT].untyped_storage().nbytes() == 5 * 4


def test_a_buffer_that_is_used_again() -> None:
    """A reduction may return the same buffer each time (CUDA graphs do): each step's values are kept."""
    model, buffer = build("llama"), torch.zeros(1, 1, 1)

    def count(x_BTD: torch.Tensor) -> torch.Tensor:
        return buffer.add_(1).expand(1, x_BTD.shape[1], 1)

    with Tap(model, {POINT: count}) as tap:
        sequences = model.generate(ids(1, 3), **GREEDY)
    assert tap.take(7, ids=sequences[:, :-1])[POINT].flatten().tolist() == [1, 1, 1, 2, 3, 4, 5]


def test_gradients_pass_by() -> None:
    """Training through a tapped model gives the same gradients; what is taken has none."""
    model = build("gpt2")
    gradients = []
    for context in (contextlib.nullcontext(), Tap(model, {POINT: lambda x_BTD: x_BTD * 2})):
        model.zero_grad()
        with context as tap:
            model(ids(2, 5), labels=ids(2, 5)).loss.backward()
        gradients.append(
            [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        )
    assert gradients[0] and all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert isinstance(tap, Tap)
    assert not tap.take(torch.ones(2, 5))[POINT].requires_grad


def test_gradient_checkpointing_runs_layers_again() -> None:
    """A layer that runs again in the backward pass is not taken for more tokens."""
    model = build("llama")
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)(
        {"use_reentrant": False}
    )
    model.train()
    with Tap(model, {POINT: None}) as tap:
        loss = model(ids(1, 5), labels=ids(1, 5), use_cache=False).loss
        assert tap.take(5)[POINT].shape == (1, 5, 16)
        loss.backward()
        with pytest.raises(Incomplete):
            tap.take(5)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, contextlib.nullcontext])
def test_every_grad_mode(mode: Any) -> None:
    """What is taken can be used outside of the mode that the model ran in."""
    model = build("llama")
    with mode(), Tap(model, {POINT: None}) as tap:
        model(ids(1, 5))
    y_BTK = tap.take(5)[POINT]
    assert not y_BTK.is_inference()
    y_BTK.add_(1)


def test_a_reduction_keeps_its_precision() -> None:
    """The model's autocast does not reach into the reduction."""
    model, head = build("llama"), torch.nn.Linear(16, 2)
    seen: list[torch.dtype] = []

    def reduce(x_BTD: torch.Tensor) -> torch.Tensor:
        y_BTK: torch.Tensor = head(x_BTD.float())
        seen.append(y_BTK.dtype)
        return y_BTK

    with torch.autocast("cpu", dtype=torch.bfloat16), Tap(model, {POINT: reduce}) as tap:
        model(ids(1, 5))
    assert seen == [torch.float32]
    assert tap.take(5)[POINT].dtype == torch.float32


def test_hooks_are_removed() -> None:
    """After the context there are as many hooks as before, also if the body or the model raised."""
    model = build("llama")
    model(ids(1, 2), output_hidden_states=True)  # transformers installs hooks of its own
    before = hooks(model)
    with Tap(model, {POINT: None, HookPoint(0, "resid_pre"): None}):
        assert hooks(model) == before + 4
    assert hooks(model) == before
    with pytest.raises(ZeroDivisionError), Tap(model, {POINT: None}):
        1 / 0  # noqa: B018
    with pytest.raises(IndexError), Tap(model, {POINT: None}):
        model(torch.tensor([[999]]))
    with pytest.raises(KeyboardInterrupt), Tap(model, {POINT: None}):
        raise KeyboardInterrupt
    assert hooks(model) == before


def test_taps_within_taps() -> None:
    """Taps on one model do not disturb each other, in whichever order they are closed."""
    model = build("llama")
    outer, inner = Tap(model, {POINT: None}), Tap(model, {POINT: lambda x: x * 2, HookPoint(2): None})
    outer.__enter__()
    inner.__enter__()
    model(ids(1, 5))
    outer.__exit__(None, None, None)
    first = outer.take(5)[POINT]
    assert torch.equal(inner.take(5)[POINT], first * 2)
    model(ids(1, 3))
    assert inner.take(3)[POINT].shape == (1, 3, 16)
    inner.__exit__(None, None, None)
    with pytest.raises(Incomplete, match="no pass"):
        outer.take(3)


def test_a_tap_is_opened_once() -> None:
    """One tap cannot be entered twice at a time, and needs a hook point."""
    model = build("llama")
    with Tap(model, {POINT: None}) as tap:
        with pytest.raises(CaptureError, match="open already"):
            tap.__enter__()
        model(ids(1, 5))
        assert tap.take(5)
    with pytest.raises(CaptureError, match="at least one"):
        Tap(model, {})


# --- streams


def test_each_step_as_it_ends() -> None:
    """on_step gets each pass's values when it ends; end to end they are what take gives."""
    model = build("llama")
    steps: list[Step] = []
    with Tap(model, {POINT: lambda x_BTD: x_BTD[:, :, :3]}, on_step=steps.append) as tap:
        sequences = model.generate(ids(1, 4), **GREEDY)
        assert tap.problems == ()
    y_BTK = tap.take(8, ids=sequences[:, :-1])[POINT]
    assert [(step.number, step.start) for step in steps] == [(1, 0), (2, 4), (3, 5), (4, 6), (5, 7)]
    assert torch.equal(torch.cat([step.values[POINT] for step in steps], dim=1), y_BTK)
    read = [step.ids_BT for step in steps if step.ids_BT is not None]
    assert torch.equal(torch.cat(read, dim=1), sequences[:, :-1])


def test_a_step_that_fails() -> None:
    """An exception of on_step is noted; generation goes on, and no further step is handed out."""
    model, calls = build("llama"), []

    def fail(step: Step) -> None:
        calls.append(step.number)
        raise OSError("pipe closed")

    bare = model.generate(ids(1, 4), **GREEDY)
    with Tap(model, {POINT: None}, on_step=fail) as tap:
        assert torch.equal(model.generate(ids(1, 4), **GREEDY), bare)
    assert calls == [1]
    assert tap.problems == ("on_step failed: OSError: pipe closed",)
    with pytest.raises(Incomplete, match="on_step failed"):
        tap.take(8)


def test_generations_side_by_side() -> None:
    """Threads that generate with the same model, each with its own tap, get each its own values."""
    model = build("llama")
    prompts = [ids(1, 3 + number, seed=number) for number in range(4)]
    expected = []
    for prompt in prompts:
        with Tap(model, {POINT: None}) as tap:
            sequences = model.generate(prompt, **GREEDY)
        expected.append(tap.take(sequences.shape[1] - 1, ids=sequences[:, :-1])[POINT])
    found: dict[int, torch.Tensor] = {}

    def run(number: int) -> None:
        with Tap(model, {POINT: None}) as tap:
            sequences = model.generate(prompts[number], **GREEDY)
        found[number] = tap.take(sequences.shape[1] - 1, ids=sequences[:, :-1])[POINT]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        torch.testing.assert_close(found[number], expected[number])
