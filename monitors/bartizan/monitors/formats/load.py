"""Which reader reads what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from ..sae.errors import UnknownFormat
from ..sae.sae import SparseAutoencoder
from . import saelens

Reader = Callable[[Path], SparseAutoencoder]
Detector = Callable[[Path], bool]

READERS: Mapping[str, tuple[Detector, Reader]] = MappingProxyType({"saelens": (saelens.detect, saelens.read)})


def load(
    path: str | Path, *, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> SparseAutoencoder:
    """The autoencoder in a folder or file, in the type that it was saved in unless ``dtype`` is given.

    Raises :class:`UnknownFormat` if no format fits, or :class:`MalformedFile`.
    """
    path = Path(path)
    for detect, read in READERS.values():
        if detect(path):
            return read(path).to(device=device, dtype=dtype)
    raise UnknownFormat(path, f"expected one of {', '.join(READERS)}")


def save(sae: SparseAutoencoder, path: str | Path) -> None:
    """Write the autoencoder as SAELens does."""
    saelens.write(sae, Path(path))
