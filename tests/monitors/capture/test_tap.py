"""A tap reads what the model computes, and the model computes what it would have computed anyway."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bartizan.monitors.capture import HookPoint, Tap

from .tiny import DECODERS, FAMILIES, LAYERS, VISION, WIDTH, build, ids, images

POST_NORM = (
    "bert",
    "bert classifier",
    "distilbert",
)  # the norm comes after the sum, and none after the layers
POINTS = {HookPoint(layer): None for layer in range(LAYERS)}


def inputs(family: str, B: int = 2, T: int = 5) -> dict[str, Any]:
    return images(family, B)[0] if family in VISION else {"input_ids": ids(B, T)}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_tapped_is_what_the_layers_give(family: str) -> None:
    """resid_post.i is hidden_states[i + 1], but for the last layer of a decoder, which has a norm after it."""
    model, given = build(family), inputs(family)
    with torch.no_grad(), Tap(model, POINTS) as tap:
        output = model(**given, output_hidden_states=True)
    read = tap.take(torch.ones_like(given["input_ids"]), ids=given["input_ids"])
    for layer in range(LAYERS - 1):
        assert torch.equal(read[HookPoint(layer)], output.hidden_states[layer + 1])
    last = torch.equal(read[HookPoint(LAYERS - 1)], output.hidden_states[LAYERS])
    assert last == (family in POST_NORM)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in POST_NORM])
def test_the_sites_of_a_layer_add_up(family: str) -> None:
    """resid_pre + attn_out + mlp_out is resid_post, whichever module of the layer adds them."""
    model, given = build(family), inputs(family)
    sites = [HookPoint(1, site) for site in ("resid_pre", "attn_out", "mlp_out", "resid_post")]
    with torch.no_grad(), Tap(model, dict.fromkeys(sites)) as tap:
        model(**given)
    read = tap.take(torch.ones_like(given["input_ids"]))
    before, attention, mlp, after = (read[site] for site in sites)
    torch.testing.assert_close(before + attention + mlp, after, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", [*DECODERS, *VISION])
def test_generation_is_the_same_with_a_tap(family: str) -> None:
    """Sampled tokens and their scores are equal bit by bit; prefill and steps come out end to end."""
    model, given = build(family), inputs(family, B=1)
    sample = {
        "max_new_tokens": 6, "min_new_tokens": 6, "do_sample": True, "return_dict_in_generate": True,
        "output_logits": True, "pad_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(1)
    bare = model.generate(**given, **sample)
    torch.manual_seed(1)
    with Tap(model, {**POINTS, HookPoint(0, "embed"): lambda x_BTD: x_BTD.sum(2, keepdim=True)}) as tap:
        tapped = model.generate(**given, **sample)
    assert torch.equal(bare.sequences, tapped.sequences)
    assert all(torch.equal(a, b) for a, b in zip(bare.logits, tapped.logits, strict=True))
    seen = tapped.sequences[:, :-1]
    read = tap.take(seen.shape[1], ids=seen)
    assert read[HookPoint(1)].shape == (1, seen.shape[1], WIDTH)
    assert read[HookPoint(0, "embed")].shape == (1, seen.shape[1], 1)


@pytest.mark.parametrize("family", DECODERS)
def test_steps_of_a_generation_equal_one_pass_over_its_text(family: str) -> None:
    """The values of a generation are those of reading the finished text in one pass."""
    model, prompt = build(family), ids(1, 5)
    with Tap(model, POINTS) as tap:
        sequences = model.generate(
            prompt, max_new_tokens=6, min_new_tokens=6, do_sample=False, pad_token_id=0
        )
    stepwise = tap.take(10, ids=sequences[:, :-1])
    with torch.no_grad(), Tap(model, POINTS) as tap:
        model(sequences[:, :-1])
    at_once = tap.take(10)
    for point in POINTS:
        torch.testing.assert_close(stepwise[point], at_once[point], rtol=1e-4, atol=1e-4)
