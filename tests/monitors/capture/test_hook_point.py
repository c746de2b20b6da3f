"""Hook points: one value for the names of several libraries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.monitors.capture import SITES, HookPoint, UnknownHookPoint


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("resid_post.4", HookPoint(4)),
        ("embed", HookPoint(0, "embed")),
        ("embed.0", HookPoint(0, "embed")),
        ("hook_embed", HookPoint(0, "embed")),
        ("blocks.12.hook_resid_post", HookPoint(12)),
        ("blocks.12.hook_resid_pre", HookPoint(12, "resid_pre")),
        ("blocks.0.hook_attn_out", HookPoint(0, "attn_out")),
        ("blocks.3.hook_mlp_out", HookPoint(3, "mlp_out")),
        ("blocks.3.attn.hook_z", HookPoint(3, "attn_z")),
        ("blocks.3.hook_out", HookPoint(3)),
        ("model.layers.4", HookPoint(4)),
        ("model.layers.4.output", HookPoint(4)),
        ("model.layers.4.input", HookPoint(4, "resid_pre")),
        ("layers.10", HookPoint(10)),
        ("layers.10.mlp", HookPoint(10, "mlp_out")),
        ("model.layers.22.post_feedforward_layernorm.output", HookPoint(22, "mlp_out")),
        ("model.layers.22.pre_feedforward_layernorm.output", HookPoint(22, "mlp_in")),
        ("model.layers.22.self_attn.o_proj.input", HookPoint(22, "attn_z")),
        ("model.language_model.layers.7.self_attn", HookPoint(7, "attn_out")),
        ("encoder.layer.5", HookPoint(5)),
        ("bert.encoder.layer.5.attention", HookPoint(5, "attn_out")),
        ("transformer.h.0", HookPoint(0)),
        ("gpt_neox.layers.11.mlp", HookPoint(11, "mlp_out")),
        ("  resid_pre.1\n", HookPoint(1, "resid_pre")),
    ],
)  # fmt: skip
def test_the_names_of_several_libraries(name: str, point: HookPoint) -> None:
    """Each name means the place that its library means."""
    assert HookPoint.parse(name) == point


@given(st.integers(0, 9999), st.sampled_from([site for site in SITES if site != "embed"]))
def test_a_name_says_its_point(layer: int, site: Any) -> None:
    """What str() writes, parse() reads."""
    assert HookPoint.parse(str(HookPoint(layer, site))) == HookPoint(layer, site)


@pytest.mark.parametrize(
    "name",
    [
        "", "resid_post", "resid_post.", "resid_post.-1", "resid_post.x", "resid_post.10000", "resid_mid.3", "embed.1",
        "layers", "model.layers.4.input_layernorm", "blocks.3.hook_resid_mid", "blocks.3.ln2.hook_normalized",
        "blocks.3.attn.hook_q", "4", "resid_post.4.5", "resid_post.٤", "a" * 10_000, "layers." * 5_000, "\x00",
        "model.layers.4.self_attn.o_proj", None, 4, b"resid_post.4", ["resid_post.4"],
    ],
    ids=lambda name: repr(name)[:40],
)  # fmt: skip
def test_names_that_say_no_place(name: Any) -> None:
    """A name that is not known, or not read here, is refused: never taken for a place nearby."""
    with pytest.raises(UnknownHookPoint) as refused:
        HookPoint.parse(name)
    assert len(str(refused.value)) < 500


@given(st.text())
def test_any_text_is_a_point_or_refused(name: str) -> None:
    """Nothing but UnknownHookPoint comes out of a text that names no point."""
    try:
        point = HookPoint.parse(name)
    except UnknownHookPoint:
        return
    assert HookPoint.parse(str(point)) == point


@pytest.mark.parametrize(
    "arguments", [(-1,), (True,), (1.0,), ("1",), (10_000,), (1, "resid"), (2, "embed"), (1, None)]
)
def test_points_that_no_model_has(arguments: Any) -> None:
    """Layers are counted from 0, sites have names, and the embeddings come first."""
    with pytest.raises(UnknownHookPoint):
        HookPoint(*arguments)


def test_points_are_values() -> None:
    """Hook points are hashable, ordered by layer, and cannot be changed."""
    points = [HookPoint(2), HookPoint(1, "mlp_out"), HookPoint(1)]
    assert sorted(points)[-1] == HookPoint(2)
    assert len({HookPoint(1), HookPoint.parse("blocks.1.hook_resid_post")}) == 1
    with pytest.raises(AttributeError):
        points[0].layer = 3  # type: ignore[misc]
