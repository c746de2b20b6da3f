"""Many tenants read together: each gets what it would have got alone, whoever else is there."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bartizan.monitors.sae import (
    Directions,
    InvalidConfig,
    InvalidInput,
    InvalidTensors,
    SlicedEncoder,
    UnionEncoder,
)
from bartizan.monitors.sae.columns import rounding
from bartizan.monitors.sae.union import Part

from .make import COMPETING, EXACT, NORMALISATIONS, activations, make


def directions(K: int, d_in: int, seed: int = 0) -> Directions:
    return Directions(activations(K, d_in, seed=seed) / d_in**0.5, activations(K, seed=seed + 1))


@st.composite
def tenants(draw: st.DrawFn, d_in: int) -> dict[int, Part]:
    """One to six tenants on one hook point: slices of every architecture and type, and linear probes."""
    parts: dict[int, Part] = {}
    for name in draw(st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True)):
        if draw(st.booleans()):
            parts[name] = directions(draw(st.integers(1, 5)), d_in, seed=name)
            continue
        activation = draw(st.sampled_from(EXACT + COMPETING))
        sae = make(
            activation,
            d_in=d_in,
            d_sae=48,
            seed=draw(st.integers(0, 2)),  # few, so that some tenants share an autoencoder
            dtype=draw(st.sampled_from((torch.float32, torch.bfloat16, torch.float64))),
            normalise=draw(st.sampled_from(NORMALISATIONS)),
            apply_b_dec_to_input=draw(st.booleans()),
        )
        features = draw(st.lists(st.integers(0, 47), min_size=1, max_size=10, unique=True))
        upper_bound = activation in COMPETING and draw(st.booleans())
        parts[name] = SlicedEncoder(sae, features, upper_bound=upper_bound)
    return parts


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[int, Part], Tensor, int]:
    d_in = draw(st.integers(2, 70))
    shape = draw(st.sampled_from([(1,), (5,), (2, 9), (1, 17), (33,)]))
    x = activations(*shape, d_in, seed=draw(st.integers(0, 99))) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    return draw(tenants(d_in)), x, draw(st.sampled_from([32, 64, 96]))


def agrees(part: Part, found: Tensor, x: Tensor) -> None:
    """What the separate encoder gives; where rounding could decide, what it could have given."""
    alone = part(x)
    if isinstance(part, Directions):
        x_in, columns = part.prepare(x), part.columns
        p = columns.project(x_in)
        margin = rounding(p, x_in, columns.norms, columns.gate, columns.W.dtype) + 1e-6 * alone.abs()
        assert ((found - alone).abs() <= margin).all()
        return
    reading = part.read(x)
    slack = 1e-6 * torch.maximum(alone.abs(), torch.ones_like(alone))
    assert (found >= reading.low - slack).all() and (found <= reading.high + slack).all()
    sure = reading.above() != -1
    if part.config.activation != "abstopk":
        assert torch.equal((found > 0)[sure], (alone > 0)[sure])


@settings(max_examples=100, deadline=None)
@given(cases(), st.booleans())
def test_a_union_gives_what_the_separate_encoders_give(
    case: tuple[dict[int, Part], Tensor, int], isolated: bool
) -> None:
    """Every architecture, normalisation and type, mixed; one product or a block for each."""
    parts, x, width = case
    union = UnionEncoder(parts, isolated=isolated, width=width)
    y = union(x)
    assert y.shape == (*x.shape[:-1], union.n_out)
    by_tenant = union.split(y)
    assert by_tenant.keys() == parts.keys()
    for name, part in parts.items():
        assert by_tenant[name].shape == part(x).shape
        agrees(part, by_tenant[name], x)


@settings(max_examples=100, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_a_tenants_numbers_do_not_depend_on_the_others(
    case: tuple[dict[int, Part], Tensor, int], random: object
) -> None:
    """To the last bit: alone, among others, and in another order."""
    parts, x, width = case
    names = list(parts)
    random.shuffle(names)  # type: ignore[attr-defined]
    together = UnionEncoder(parts, width=width)
    shuffled = UnionEncoder({name: parts[name] for name in names}, width=width)
    first, second = together.split(together(x)), shuffled.split(shuffled(x))
    for name, part in parts.items():
        alone = UnionEncoder({name: part}, width=width)
        mine = alone.split(alone(x))[name]
        assert torch.equal(mine.double(), first[name].double())
        assert torch.equal(mine.double(), second[name].double())


@pytest.mark.parametrize("tokens", [1, 5, 64])
def test_not_with_two_threads_either(tokens: int) -> None:
    """At a realistic width, on more than one thread, a second tenant changes no bit."""
    torch.set_num_threads(2)
    first, second = (
        SlicedEncoder(make("jumprelu", d_in=512, d_sae=256, seed=seed), range(0, 256, 3)) for seed in (0, 1)
    )
    x = activations(tokens, 512)
    alone, both = UnionEncoder({"a": first}), UnionEncoder({"b": second, "a": first})
    assert torch.equal(alone(x), both.split(both(x))["a"])


def test_a_tenant_whose_weights_are_spoilt_costs_nobody_else_theirs() -> None:
    """Its own numbers are NaN; what crosses the tap is finite, and the others' bits are the same."""
    good, bad = directions(3, 16), directions(2, 16, seed=5)
    bad.columns.W[:, 1] = float("nan")
    x = activations(4, 16)
    alone, both = UnionEncoder({"good": good}), UnionEncoder({"bad": bad, "good": good})
    y = both(x)
    assert y.isfinite().all()
    assert torch.equal(both.split(y)["good"], alone(x))
    assert both.split(y)["bad"].isnan().tolist() == [[False, True]] * 4


def test_activations_that_are_no_numbers_are_nobodys_zeros() -> None:
    """A NaN in a token makes all tenants' numbers of that token NaN, and of no other."""
    sae = make("jumprelu")
    union = UnionEncoder({"a": SlicedEncoder(sae, [0, 3]), "b": directions(2, 16)})
    x = activations(3, 16)
    x[1, 0] = float("nan")
    for found in union.split(union(x)).values():
        assert found.isnan().all(dim=-1).tolist() == [False, True, False]
        assert found[[0, 2]].isfinite().all()


def test_activations_are_prepared_once_for_all_that_prepare_them_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three tenants of one autoencoder and one of another: two preparations."""
    seen: list[SlicedEncoder] = []
    prepare = SlicedEncoder.prepare

    def counting(self: SlicedEncoder, x: Tensor) -> Tensor:
        seen.append(self)
        return prepare(self, x)

    monkeypatch.setattr(SlicedEncoder, "prepare", counting)
    one, other = make("relu", normalise="layer_norm"), make("relu", seed=1, normalise="layer_norm")
    parts = {k: SlicedEncoder(one, [k]) for k in range(3)} | {3: SlicedEncoder(other, [3])}
    UnionEncoder(parts)(activations(2, 16))
    assert len(seen) == 2


def test_a_union_is_a_reduction_for_a_tap() -> None:
    """In a hook of a real module, and split again by tenant after two steps."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from bartizan.monitors.capture import HookPoint, Tap

    config = LlamaConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=32
    )
    model = LlamaForCausalLM(config).eval()
    point = HookPoint(0)
    parts: dict[tuple[str, str], Part] = {
        ("acme", "features"): SlicedEncoder(make("topk"), [1, 2, 3]),
        ("other", "probe"): directions(2, 16),
    }
    union = UnionEncoder(parts)
    tokens = torch.arange(1, 8)[None]
    with Tap(model, {point: None}) as tap:
        model(tokens)
    x_BTD = tap.take(7)[point]
    with Tap(model, {point: union}) as tap:
        model(tokens)
    by_tenant = union.split(tap.take(7)[point])
    for name, part in parts.items():
        torch.testing.assert_close(by_tenant[name], part(x_BTD), atol=1e-5, rtol=1e-5)


def test_what_cannot_be_read_together_is_refused() -> None:
    """No tenants, other widths, a wrong shape: the error says what was expected."""
    with pytest.raises(InvalidConfig, match="at least one tenant"):
        UnionEncoder({})
    with pytest.raises(InvalidConfig, match="12 on cpu, 16 on cpu"):
        UnionEncoder({"a": directions(1, 16), "b": directions(1, 12)})
    with pytest.raises(InvalidConfig, match="width"):
        UnionEncoder({"a": directions(1, 16)}, width=48)
    union = UnionEncoder({"a": directions(2, 16)})
    with pytest.raises(InvalidInput, match=r"\(\.\.\., 16\)"):
        union(activations(3, 15))
    with pytest.raises(InvalidInput, match="2 numbers"):
        union.split(activations(3, 5))
    with pytest.raises(InvalidTensors, match=r"\(K, D\)"):
        Directions(activations(3), activations(3))
    with pytest.raises(InvalidTensors, match="biases"):
        Directions(activations(3, 4), activations(2))
