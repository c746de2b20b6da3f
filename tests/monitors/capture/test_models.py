"""Finding layers and embeddings in models of many shapes."""

from __future__ import annotations

import pytest
import torch
import transformers as hf
from torch import nn

from bartizan.monitors.capture import HookPoint, Tap, UnknownHookPoint, layout, offers, place, shallow

from .tiny import DECODERS, ENCODERS, FAMILIES, LAYERS, VISION, WIDTH, build, ids


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_found(family: str) -> None:
    """The language model's layers are found, never those of a vision tower, which has one layer less."""
    model = build(family)
    found = layout(model)
    assert len(found.layers) == LAYERS
    assert model.get_submodule(found.path)[1] is place(model, HookPoint(1)).module
    assert "vision" not in found.path and "visual" not in found.path
    assert place(model, HookPoint(0, "embed")).module is model.get_input_embeddings()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_inside_has_the_same_layers(family: str) -> None:
    """A head around a model changes nothing about its layers."""
    model = build(family)
    assert layout(model.base_model).layers == layout(model).layers


@pytest.mark.parametrize("family", [*DECODERS, *ENCODERS])
def test_a_shallow_model_computes_the_same_and_owns_nothing(family: str) -> None:
    """Fewer layers, the same numbers to the last bit, the same weights in memory, and the model is as it was."""
    model, read = build(family), ids(2, 7)
    cut = shallow(model, 2)
    assert len(layout(cut).layers) == 2
    assert len(layout(model).layers) == LAYERS
    assert {p.data_ptr() for p in cut.parameters()} < {p.data_ptr() for p in model.parameters()}
    points = {HookPoint(1): None, HookPoint(0): None, HookPoint(0, "embed"): None}
    seen = []
    for one in (model, cut):
        with torch.no_grad(), Tap(one, points) as tap:
            one(input_ids=read)
        seen.append(tap.take(torch.ones_like(read), ids=read))
    assert all(torch.equal(seen[0][point], seen[1][point]) for point in points)
    assert shallow(model, LAYERS) is model


@pytest.mark.parametrize("layer", [3, 4, 9999])
def test_a_layer_that_is_not_there(layer: int) -> None:
    """The refusal lists what there is."""
    with pytest.raises(
        UnknownHookPoint, match=r"resid_post\.\d+: no such layer; .* layers 0 to 2 \(model\.layers\)"
    ):
        Tap(build("llama"), {HookPoint(layer): None})


def test_a_site_that_is_not_there() -> None:
    """A model without attention offers none."""
    config = hf.MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = hf.MambaForCausalLM(config)
    with pytest.raises(
        UnknownHookPoint, match=r"mlp_out\.0: nothing to read there; MambaForCausalLM offers resid_pre"
    ):
        place(model, HookPoint(0, "mlp_out"))
    assert "mlp_out" not in offers(model)


def test_a_state_space_model_reads_like_any_other() -> None:
    """A model whose cache counts no positions: one pass is complete."""
    config = hf.MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = hf.MambaForCausalLM(config).eval()
    with torch.no_grad(), Tap(model, {HookPoint(0): None, HookPoint(1, "resid_pre"): None}) as tap:
        model(ids(1, 5))
    after, before = tap.take(5, ids=ids(1, 5)).values()
    assert torch.equal(after, before)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_an_encoder_decoder_model(half: str) -> None:
    """The decoder is tapped; the encoder, if it is asked for."""
    config = hf.T5Config(
        vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_decoder_layers=3, num_heads=2
    )
    model = hf.T5ForConditionalGeneration(config).eval()
    given = {"input_ids": ids(1, 7), "decoder_input_ids": ids(1, 4)}
    tapped = model if half == "decoder" else model.get_encoder()
    with torch.no_grad(), Tap(tapped, {HookPoint(0): None}) as tap:
        output = model(**given, output_hidden_states=True)
    expected = output.encoder_hidden_states[1] if half == "encoder" else output.decoder_hidden_states[1]
    y_BTK = tap.take(expected.shape[1], ids=given["input_ids" if half == "encoder" else "decoder_input_ids"])
    assert torch.equal(y_BTK[HookPoint(0)], expected)


def test_encoder_decoder_generation() -> None:
    """The encoder's pass does not count; the decoder's tokens do."""
    config = hf.T5Config(
        vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    model = hf.T5ForConditionalGeneration(config).eval()
    with Tap(model, {HookPoint(1): None}) as tap:
        sequences = model.generate(ids(1, 7), max_new_tokens=5, min_new_tokens=5, do_sample=False)
    assert tap.take(5, ids=sequences[:, :-1])[HookPoint(1)].shape == (1, 5, WIDTH)


def test_shared_layers_are_refused() -> None:
    """ALBERT runs one group of layers many times: it has no list of layers to name."""
    config = hf.AlbertConfig(
        vocab_size=64, embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=32
    )
    with pytest.raises(UnknownHookPoint, match=r"no list of layers .*albert_layer_groups"):
        layout(hf.AlbertModel(config))


@pytest.mark.parametrize(
    "thing", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), nn.ModuleList(), "llama", None, 3], ids=repr
)
def test_things_without_layers(thing: object) -> None:
    """What is no transformer is refused with what was found in it."""
    with pytest.raises(UnknownHookPoint, match=r"no list of layers|expected a torch module"):
        Tap(thing, {HookPoint(0): None})  # type: ignore[arg-type]


class Plain(nn.Module):
    """A transformer of somebody's own: no base class, no configuration, layers that return a tuple."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp = nn.Linear(8, 8)

        def forward(self, x_BTD: torch.Tensor) -> tuple[torch.Tensor, None]:
            return x_BTD + self.mlp(x_BTD), None

    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(64, 8)
        self.layers = nn.ModuleList(Plain.Layer() for _ in range(2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x_BTD: torch.Tensor = self.wte(tokens)
        for layer in self.layers:
            x_BTD = layer(x_BTD)[0]
        return x_BTD


def test_a_model_of_ones_own() -> None:
    """Layers under a name that is known are enough: the shape is then that of the first thing read."""
    model = Plain()
    points = [HookPoint(0), HookPoint(0, "mlp_out"), HookPoint(0, "resid_pre"), HookPoint(1)]
    with torch.no_grad(), Tap(model, dict.fromkeys(points)) as tap:
        output = model(ids(2, 5))
    post, mlp, pre, last = tap.take(torch.ones(2, 5)).values()
    assert torch.equal(pre + mlp, post) and torch.equal(last, output)
    with pytest.raises(UnknownHookPoint, match="no token embedding"):
        place(model, HookPoint(0, "embed"))


@pytest.mark.parametrize("family", VISION)
def test_the_vision_tower_by_itself(family: str) -> None:
    """A vision tower can be tapped as a model of its own."""
    tower = build(family).model
    tower = tower.vision_tower if hasattr(tower, "vision_tower") else tower.visual
    assert len(layout(tower).layers) == 2
