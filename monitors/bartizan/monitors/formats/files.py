"""Reading what others wrote: JSON, safetensors, npz and PyTorch archives, without running or believing any of it.

Nothing is unpickled: ``.pt`` files are read by PyTorch's restricted reader (``weights_only=True``), which builds
tensors and plain containers and nothing else, and npz files with ``allow_pickle=False``. Sizes are compared with the
bytes that are there before memory is asked for. Everything that goes wrong is a :class:`MalformedFile`.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from bartizan.guard.canonical import parse_json
from bartizan.guard.errors import MalformedJSON

from ..sae.errors import MalformedFile

MAX_JSON = 16 << 20
"""Bytes of a configuration. The largest published one is a few kilobytes."""

MAX_RATIO = 100
"""How much larger than its compressed form an npz member may be. Weights compress by less than two."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        if (size := path.stat().st_size) > MAX_JSON:
            raise MalformedFile(path, f"expected a configuration of at most {MAX_JSON} bytes, found {size}")
        value = parse_json(path.read_bytes())
    except OSError as error:
        raise MalformedFile(path, f"expected a readable file: {error.strerror}") from error
    except MalformedJSON as error:
        raise MalformedFile(path, str(error)) from error
    if not isinstance(value, dict):
        raise MalformedFile(path, f"expected a JSON object, found {type(value).__name__}")
    return value


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file; the library checks the header against the file's length."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        raise MalformedFile(path, f"expected a safetensors file: {error}") from error


def read_npz(path: Path) -> dict[str, Tensor]:
    """Every array of an npz archive of floating-point arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_member(path, archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _from_numpy(path, name, arrays[name]) for name in arrays.files}
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise MalformedFile(path, f"expected an npz archive of arrays: {error}") from error


def _check_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """An array's declared shape must be the bytes that follow it, and those must come from somewhere."""
    name, size = member.filename, member.file_size
    if not name.endswith(".npy"):
        raise MalformedFile(path, f"expected arrays only, found member {name!r}")
    if size > MAX_RATIO * max(member.compress_size, 1):
        raise MalformedFile(path, f"{name}: {size} bytes out of {member.compress_size} are no weights")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        if dtype.hasobject or dtype.kind != "f":
            raise MalformedFile(path, f"{name}: expected floating-point numbers, found {dtype}")
        if (declared := math.prod(shape) * dtype.itemsize) != size - file.tell():
            raise MalformedFile(
                path, f"{name}: shape {shape} of {dtype} is {declared} bytes, found {size - file.tell()}"
            )


def _from_numpy(path: Path, name: str, array: np.ndarray[Any, Any]) -> Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")))
    except TypeError as error:
        raise MalformedFile(path, f"{name}: {error}") from error


def read_torch(path: Path) -> dict[str, Any]:
    """The mapping in a PyTorch archive (``torch.save``), read with ``weights_only=True``.

    Only the archive format (PyTorch 1.6 and later): an older file is a bare pickle, and is refused with the remedy.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise MalformedFile(
                path,
                "expected an archive of torch.save (PyTorch 1.6 and later), found something else; an older file "
                "can be loaded and saved again by whoever trusts it",
            )
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise MalformedFile(
                    path, "expected stored members, as torch.save writes them, found compressed ones"
                )
        size = path.stat().st_size
        value = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise MalformedFile(
            path, f"expected tensors only, found something that would run code: {error}"
        ) from error
    except MalformedFile:
        raise
    except Exception as error:  # the reader raises whatever the bytes make it raise
        raise MalformedFile(
            path, f"expected an archive of torch.save: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(value, Mapping):
        raise MalformedFile(path, f"expected a mapping of names to tensors, found {type(value).__name__}")
    for name, item in value.items():
        if isinstance(item, Tensor) and _bytes(item) > size:
            raise MalformedFile(
                path, f"{name!r}: a tensor of {_bytes(item)} bytes in a file of {size} repeats itself"
            )
    return {str(name): item for name, item in value.items()}


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
