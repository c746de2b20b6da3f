"""Where Hugging Face models keep what a hook point names. Structural: no model class is imported or listed.

The layers are looked for in the language model: a vision-language model's vision tower has layers of its own, which
are not meant. For an encoder-decoder model, the decoder's are meant; tap ``model.get_encoder()`` for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal, TypeVar

from torch import nn

from .errors import UnknownHookPoint
from .hook_point import HookPoint

Model = TypeVar("Model", bound=nn.Module)

# Paths of the list of layers, from the module that holds the language model.
_LAYERS = (
    "layers",  # Llama, Mistral, Qwen, Gemma, Phi, GPT-NeoX, OPT's decoder, ModernBERT, Mamba
    "h",  # GPT-2, GPT-J, Bloom, Falcon
    "blocks",  # MPT
    "block",  # T5
    "encoder.layer",  # BERT, RoBERTa, MPNet, ViT
    "encoder.layers",  # CLIP, BART's encoder
    "transformer.layer",  # DistilBERT
    "transformer.h",
    "transformer.blocks",
    "decoder.layers",
    "decoder.block",
    "layer",
)
# Where the language model may be, if the model cannot say so itself.
_INSIDE = ("language_model", "model.language_model", "text_model", "model", "transformer", "decoder")

# Paths within a layer, the first that is there. A norm that follows attention or the MLP *before* the sum comes
# first: with it, resid_pre + attn_out + mlp_out == resid_post holds for every layer that has no scaled residuals.
_ATTENTION = (
    "post_self_attn_layernorm",  # GLM 4
    "self_attn",
    "attention.output.dense",  # BERT: the module above it adds the residual
    "attention.attn.o",  # MPNet: the same
    "self_attention.dense",  # Bloom, Falcon: the same
    "attn.out_proj",  # MPT, GPT-J
    "attn",
    "attention",
    "mixer",
)
_MLP = (
    "post_feedforward_layernorm",  # Gemma 2 and 3, OLMo 2
    "post_mlp_layernorm",  # GLM 4
    "mlp.dense_4h_to_h",  # Bloom: the module above it adds the residual
    "ffn.down_proj",  # MPT: the same
    "mlp",
    "feed_forward",
    "block_sparse_moe",
    "ffn",
    "fc2",  # OPT
    "output.dense",  # BERT
)
_MLP_IN = ("mlp", "feed_forward", "block_sparse_moe", "ffn", "fc1", "intermediate.dense", "intermediate")
_HEADS = (
    *(f"{attention}.{out}" for attention in ("self_attn", "attn", "attention", "self_attention")
      for out in ("o_proj", "out_proj", "c_proj", "dense", "Wo", "out_lin")),
    "attention.output.dense",
    "attention.attn.o",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A module, its path in the model, and whether its output or its first input is read."""

    module: nn.Module
    path: str
    reads: Literal["input", "output"] = "output"


@dataclass(frozen=True, slots=True)
class Layout:
    """The layers of a model's language model, the path of their list, and the token embedding."""

    path: str
    layers: tuple[nn.Module, ...]
    embedding: nn.Module | None


def layout(model: nn.Module) -> Layout:
    """Raises :class:`UnknownHookPoint`, with the lists of modules that there are, if no layers are found."""
    if not isinstance(model, nn.Module):
        raise UnknownHookPoint(f"expected a torch module, found {type(model).__name__}")
    model = unwrapped(model)
    for home in _homes(model):
        for path in _LAYERS:
            layers = _at(home, path)
            if isinstance(layers, nn.ModuleList) and len(layers):
                return Layout(_path(model, layers), tuple(layers), _embedding(home))
    lists = [f"{name} ({len(m)})" for name, m in model.named_modules() if isinstance(m, nn.ModuleList)]
    raise UnknownHookPoint(
        f"{type(model).__name__}: no list of layers found under a name that is known; "
        f"its lists of modules: {', '.join(lists[:10]) or 'none'}"
    )


def place(model: nn.Module, point: HookPoint) -> Place:
    """Where ``point`` is in ``model``. Raises :class:`UnknownHookPoint`, with what the model offers."""
    found = layout(model)
    if point.site == "embed":
        if found.embedding is None:
            raise UnknownHookPoint(f"{point}: no token embedding found; {offers(model)}")
        return Place(found.embedding, _path(unwrapped(model), found.embedding))
    if point.layer >= len(found.layers):
        raise UnknownHookPoint(f"{point}: no such layer; {offers(model)}")
    inner = _in_layer(found.layers[point.layer], f"{found.path}.{point.layer}", point)
    if inner is None:
        raise UnknownHookPoint(f"{point}: nothing to read there; {offers(model)}")
    return inner


def shallow(model: Model, layers: int) -> Model:
    """A model of the first ``layers`` layers, for whoever reads no deeper. It shares the weights, and nothing else.

    What it returns means nothing; what its layers compute is what they compute in ``model``, to the last bit. The
    model itself, if it has no more layers. Raises :class:`UnknownHookPoint` as :func:`layout`.
    """
    found = layout(model)
    if layers >= len(found.layers):
        return model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    copy = deepcopy(model, shared)
    deeper = unwrapped(copy).get_submodule(found.path)
    assert isinstance(deeper, nn.ModuleList)
    del deeper[layers:]
    return copy


def offers(model: nn.Module) -> str:
    """What hook points the model has, in words."""
    found = layout(model)
    name = type(unwrapped(model)).__name__
    sites = [
        site
        for site in ("resid_pre", "resid_post", "attn_out", "mlp_out", "mlp_in", "attn_z")
        if _in_layer(found.layers[0], "", HookPoint(0, site)) is not None
    ]
    embed = " and embed" if found.embedding is not None else ""
    return f"{name} offers {', '.join(sites)} at layers 0 to {len(found.layers) - 1} ({found.path}){embed}"


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside the wrapper that ``torch.compile`` makes."""
    inner = getattr(model, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else model


def _homes(model: nn.Module) -> Iterator[nn.Module]:
    """Modules that may hold the language model, the likeliest first."""
    get_decoder = getattr(model, "get_decoder", None)
    if callable(get_decoder):
        try:
            decoder = get_decoder()
        except (AttributeError, NotImplementedError, TypeError):
            decoder = None
        if isinstance(decoder, nn.Module):
            yield decoder
            if isinstance(inner := getattr(decoder, "model", None), nn.Module):
                yield inner  # a language model with its own head inside a vision-language model
    for path in _INSIDE:
        if isinstance(home := _at(model, path), nn.Module):
            yield home
    if isinstance(base := getattr(model, "base_model", None), nn.Module):
        yield base
    yield model


def _in_layer(layer: nn.Module, path: str, point: HookPoint) -> Place | None:
    if point.site == "resid_post":
        return Place(layer, path)
    if point.site == "resid_pre":
        return Place(layer, path, "input")
    if point.site == "attn_out" and _at(layer, "post_feedforward_layernorm") is not None:
        # Gemma 2 and 3, OLMo 2. In Llama's family the same name is the norm before the MLP.
        candidates: tuple[str, ...] = ("post_attention_layernorm",)
    else:
        candidates = {"attn_out": _ATTENTION, "mlp_out": _MLP, "mlp_in": _MLP_IN, "attn_z": _HEADS}[
            point.site
        ]
    for name in candidates:
        if isinstance(module := _at(layer, name), nn.Module):
            return Place(
                module, f"{path}.{name}", "input" if point.site in ("mlp_in", "attn_z") else "output"
            )
    return None


def _embedding(home: nn.Module) -> nn.Module | None:
    get = getattr(home, "get_input_embeddings", None)
    try:
        found = get() if callable(get) else None
    except (AttributeError, NotImplementedError):
        return None
    return found if isinstance(found, nn.Module) else None


def _at(module: nn.Module, path: str) -> nn.Module | None:
    found: object = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, nn.Module) else None


def _path(model: nn.Module, module: nn.Module) -> str:
    return next((name for name, candidate in model.named_modules() if candidate is module), "")
