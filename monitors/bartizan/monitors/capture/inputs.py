"""What one forward pass of a model is given, as far as a tap must know it: tokens, padding, and what is cached.

Models and versions of transformers name their cache differently (``past_key_values``, ``cache``, ``cache_params``,
``mems``), so a cache is known by its name or by what it can do. A cache whose length cannot be read is never
taken for an empty one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_TOKENS = ("decoder_input_ids", "decoder_inputs_embeds", "input_ids", "inputs_embeds")
_CACHES = ("past_key_values", "cache", "cache_params", "past_key_value", "mems", "past")


@dataclass(frozen=True, slots=True)
class Inputs:
    """``ids_BT`` is None where embeddings were given; ``shape`` is (B, T), None if it cannot be told.

    ``cached`` is how many positions the cache held before the pass: a tensor where only the device knows it (it is
    copied, since caches count in place), None where nobody can say.
    """

    ids_BT: Tensor | None
    shape: tuple[int, int] | None
    mask_BS: Tensor | None
    cache: Any
    cached: int | Tensor | None


def parameters(model: nn.Module) -> tuple[str, ...]:
    """The names of the arguments of the model's forward, in order."""
    try:
        return tuple(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):
        return ()


def read(names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Inputs:
    """The inputs of a call of a forward whose parameters are called ``names``. Copies nothing large, syncs nothing."""
    given = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
    ids_BT, shape, decoder = None, None, False
    for name in _TOKENS:
        tokens = given.get(name)
        if not isinstance(tokens, Tensor) or tokens.dim() < 2 or tokens.shape[1] == 0:
            continue  # no ids beside embeddings
        decoder = name.startswith("decoder")
        if name.endswith("ids") and tokens.dim() == 2:
            ids_BT, shape = tokens, (tokens.shape[0], tokens.shape[1])
        elif name.endswith("embeds") and tokens.dim() == 3:
            shape = (tokens.shape[0], tokens.shape[1])
        break
    mask = given.get("decoder_attention_mask" if decoder else "attention_mask")
    cache = _cache(given)
    return Inputs(
        ids_BT,
        shape,
        mask if isinstance(mask, Tensor) and mask.dim() == 2 else None,
        cache,
        0 if cache is None else cached(cache),
    )


def cached(cache: Any) -> int | Tensor | None:
    """How many positions a cache holds; None if that cannot be told."""
    # Before transformers 5: (keys, values) a layer, [B, heads, S, d_head].
    if isinstance(cache, (tuple, list)):
        try:
            length: Any = cache[0][0].shape[-2] if len(cache) else 0
        except (AttributeError, IndexError, TypeError):
            return None
    else:
        length = _length(cache)
    if isinstance(length, Tensor):
        return length.detach().clone() if length.device.type != "cpu" else int(length)
    return length if isinstance(length, int) else None


def cache_of(output: Any) -> Any:
    """The cache in a model's output, if there is one that can be recognised."""
    values: Iterable[Any] = ()
    if isinstance(output, Mapping):
        values = output.values()
    elif isinstance(output, (tuple, list)):
        values = output
    return next((value for value in values if _is_cache(value)), None)


def _cache(given: Mapping[str, Any]) -> Any:
    for name in _CACHES:
        if given.get(name) is not None:
            return given[name]
    return next((value for value in given.values() if _is_cache(value)), None)


def _is_cache(value: Any) -> bool:
    return not isinstance(value, (Tensor, torch.nn.Module)) and callable(
        getattr(value, "get_seq_length", None)
    )


def _length(cache: Any) -> Any:
    try:
        return cache.get_seq_length()
    except Exception:  # noqa: BLE001 (what cannot be read is unknown; state-space models count no positions)
        pass
    try:
        return 0 if cache.has_previous_state() is False else None
    except Exception:  # noqa: BLE001
        return None
