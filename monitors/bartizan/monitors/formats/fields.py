"""Taking fields out of a configuration and tensors out of a file: with their types and shapes, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..sae.config import SAEConfig
from ..sae.errors import InvalidConfig, InvalidTensors, MalformedFile
from ..sae.sae import SparseAutoencoder


class Fields:
    """A configuration's fields, taken by name. ``where`` is the file that they come from."""

    def __init__(self, where: Path, values: Mapping[str, Any]) -> None:
        self.where = where
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def integer(self, name: str, default: int | None = None) -> int:
        value = self._get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise MalformedFile(self.where, f"{name}: expected an integer, found {value!r}")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MalformedFile(self.where, f"{name}: expected a number, found {value!r}")
        return float(value)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise MalformedFile(self.where, f"{name}: expected true or false, found {value!r}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name, default)
        if not isinstance(value, str):
            raise MalformedFile(self.where, f"{name}: expected a string, found {value!r}")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self.values.get(name) is None else self.text(name)

    def inner(self, name: str, default: Mapping[str, Any] | None = None) -> Fields:
        value = self._get(name, default)
        if not isinstance(value, Mapping):
            raise MalformedFile(self.where, f"{name}: expected an object, found {value!r:.60}")
        return Fields(self.where, value)

    def _get(self, name: str, default: object) -> object:
        value = self.values.get(name)
        if value is None:
            value = default
        if value is None:
            raise MalformedFile(self.where, f"expected the field {name!r}")
        return value


class Tensors:
    """A file's tensors, each taken once, so that what nobody took can be reported."""

    def __init__(self, where: Path, values: Mapping[str, Any]) -> None:
        self.where = where
        self._left = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int | None) -> Tensor:
        """A floating-point tensor of this shape, ``None`` for a dimension that is not known yet."""
        if name not in self._left:
            found = ", ".join(sorted(self._left)) or "nothing else"
            raise MalformedFile(self.where, f"expected a tensor {name!r}, found {found:.300}")
        value = self._left.pop(name)
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.layout != torch.strided:
            kind = f"{value.layout} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
            raise MalformedFile(self.where, f"{name}: expected a dense floating-point tensor, found {kind}")
        fits = value.dim() == len(shape) and all(
            want in (None, have) for want, have in zip(shape, value.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("?" if want is None else str(want) for want in shape)
            raise MalformedFile(self.where, f"{name}: expected shape ({wanted}), found {tuple(value.shape)}")
        return value

    def drop(self, *names: str) -> None:
        """What a format stores besides the weights."""
        for name in names:
            self._left.pop(name, None)

    def number(self, name: str) -> float:
        """A scalar that a format stores as a tensor (or as a plain number)."""
        value = self._left.pop(name, None)
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.item()
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MalformedFile(self.where, f"{name}: expected a single number, found {value!r:.60}")
        return float(value)

    def finish(self) -> None:
        if self._left:
            names = ", ".join(sorted(self._left))
            raise MalformedFile(
                self.where, f"expected no tensor that nothing is known of, found {names:.300}"
            )


def jumprelu(tensors: Tensors) -> dict[str, Tensor]:
    """The weights of a JumpReLU autoencoder or transcoder, as both Gemma Scopes store them."""
    W_enc = tensors.take("W_enc", None, None)
    d_sae = W_enc.shape[1]
    W_dec = tensors.take("W_dec", d_sae, None)
    return {
        "W_enc": W_enc,
        "W_dec": W_dec,
        "b_enc": tensors.take("b_enc", d_sae),
        "b_dec": tensors.take("b_dec", W_dec.shape[1]),
        "threshold": tensors.take("threshold", d_sae),
    }


def capital(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """``w_enc`` is ``W_enc``: files of one format differ in it."""
    return {"W_" + name[2:] if name.startswith("w_") else name: found for name, found in tensors.items()}


def build(where: Path, config: dict[str, Any], tensors: Mapping[str, Tensor]) -> SparseAutoencoder:
    """The autoencoder, in one floating-point type (the widest that the file uses), as a reader's last step."""
    try:
        settings = SAEConfig(**config)
        dtype = next(iter(tensors.values())).dtype
        for tensor in tensors.values():
            dtype = torch.promote_types(dtype, tensor.dtype)
        return SparseAutoencoder(
            settings, {name: tensor.to(dtype).contiguous() for name, tensor in tensors.items()}
        )
    except (InvalidConfig, InvalidTensors) as error:
        raise MalformedFile(where, str(error)) from error
