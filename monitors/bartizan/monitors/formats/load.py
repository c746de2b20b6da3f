"""Which reader reads what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from ..sae.check import check
from ..sae.errors import InvalidTensors, MalformedFile, UnknownFormat
from ..sae.sae import SparseAutoencoder
from . import (
    dictionary_learning,
    gemma_scope,
    gemma_scope2,
    llama_scope,
    saelens,
    single_files,
    sparsify,
)

READERS: Mapping[str, tuple[Callable[[Path], bool], Callable[[Path], SparseAutoencoder]]] = MappingProxyType(
    {
        "saelens": (saelens.detect, saelens.read),
        "sparsify": (sparsify.detect, sparsify.read),
        "gemma_scope2": (gemma_scope2.detect, gemma_scope2.read),
        "gemma_scope": (gemma_scope.detect, gemma_scope.read),
        "llama_scope": (llama_scope.detect, llama_scope.read),
        "dictionary_learning": (dictionary_learning.detect, dictionary_learning.read),
        "qwen_scope": (single_files.is_qwen_scope, single_files.read_qwen_scope),
        "goodfire": (single_files.is_goodfire, single_files.read_goodfire),
        "circuit_tracer": (single_files.is_circuit_tracer, single_files.read_circuit_tracer),
    }
)
"""By name: whether a path is of the format, and how it is read. No two formats share their files' names."""


def load(
    path: str | Path, *, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> SparseAutoencoder:
    """The autoencoder in a folder or file, in the type that it was saved in unless ``dtype`` is given.

    It has passed :func:`~bartizan.monitors.sae.check.check`. Raises :class:`UnknownFormat` if no format's files are
    there, or :class:`MalformedFile` naming the file, what was expected in it and what was found.
    """
    path = Path(path)
    for detect, read in READERS.values():
        if detect(path):
            sae = read(path)
            try:
                check(sae)
            except InvalidTensors as error:
                raise MalformedFile(path, str(error)) from error
            return sae.to(device=device, dtype=dtype)
    raise UnknownFormat(path, _found(path))


def save(sae: SparseAutoencoder, path: str | Path) -> None:
    """Write the autoencoder as SAELens does (version 6). Raises :class:`InvalidConfig` for what SAELens lacks."""
    saelens.write(sae, Path(path))


def _found(path: Path) -> str:
    wanted = (
        "expected a folder of SAELens (cfg.json, sae_weights.safetensors), sparsify (cfg.json, sae.safetensors), "
        "Gemma Scope (params.npz), Gemma Scope 2 (config.json, params.safetensors), Llama Scope (hyperparams.json, "
        "checkpoints/final.safetensors) or dictionary_learning (config.json, ae.pt), or one file of Qwen-Scope "
        "(layerN.sae.pt), Goodfire (.pt, .pth) or circuit-tracer (layer_N.safetensors)"
    )
    if not path.exists():
        return f"{wanted}; found nothing"
    if path.is_file():
        return f"{wanted}; found a file {path.name!r}"
    names = sorted(child.name for child in path.iterdir())
    return f"{wanted}; found {', '.join(names[:8]) or 'an empty folder'}"
