"""Many tenants' features and linear probes at one hook point, read together: one reduction for one tap.

::

    union = UnionEncoder({"acme": SlicedEncoder(sae, [17, 4096]), "probe": Directions(weight_KD, bias_K)})
    with Tap(model, {hook_point: union}) as tap:
        ...
    by_tenant = union.split(tap.take(tokens)[hook_point])

What the tenants share is done once: activations are prepared (type, normalisation, ``b_dec``) once for all that prepare
them alike. What they do not share stays apart: a tenant's numbers do not depend on who else is read, *to the last bit*
(of calls on one thread: another thread's products may differ there anyway).
A product's last bits depend on its shape and on where in it a column stands, so every tenant has blocks of columns of
its own, filled up with zeros, and every block is a product of the same shape. ``isolated=False`` multiplies all
columns of a group at once, which is faster for many tenants of few columns, and gives up the last bits (never more
than the guard band: see :class:`.slicing.Reading`).

Shapes: B batch, T tokens, D d_in, K columns of a tenant, G blocks, W a block's width; ... any leading dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from . import fused
from .columns import Columns, product
from .errors import InvalidConfig, InvalidInput, InvalidTensors
from .sae import FLOATS
from .slicing import SlicedEncoder

ALIGNED = 32
"""A width is a multiple of it, so that every block starts at a multiple of 64 bytes whatever its type: a product's last
bits depend on that, too."""

WIDTH = ALIGNED
"""Columns of a block: the least, since what fills a block up is multiplied as well."""

SPOILT = torch.finfo(torch.float32).max
"""Stands for a number that is not finite, on the way through a tap."""

Name = TypeVar("Name")


class Directions(nn.Module):
    """Linear probes (..., K): one logit for each row of ``weight_KD``, in its type, fp32 at least."""

    b_dec = None

    def __init__(self, weight_KD: Tensor, bias_K: Tensor) -> None:
        super().__init__()
        if weight_KD.dim() != 2 or 0 in weight_KD.shape or weight_KD.dtype not in FLOATS:
            raise InvalidTensors(
                f"expected floating-point directions (K, D), found {weight_KD.dtype} {tuple(weight_KD.shape)}"
            )
        if bias_K.shape != weight_KD.shape[:1] or not bias_K.is_floating_point():
            raise InvalidTensors(
                f"expected floating-point biases ({len(weight_KD)},), found {bias_K.dtype} {tuple(bias_K.shape)}"
            )
        self.columns = Columns.probe(weight_KD, bias_K)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """The logits (B, T, K), or (..., K)."""
        x_in = self.prepare(x_BTD)
        return self.finish(x_in, self.columns.project(x_in))

    def prepare(self, x: Tensor) -> Tensor:
        return self.normalised(x)

    def normalised(self, x: Tensor) -> Tensor:
        """Activations that fit, in the type of the weights."""
        d_in = self.columns.W.shape[0]
        if not x.is_floating_point() or x.dim() < 1 or x.shape[-1] != d_in:
            raise InvalidInput(
                f"expected floating-point activations (..., {d_in}), found {x.dtype} {tuple(x.shape)}"
            )
        return x.to(self.columns.W.dtype)

    def finish(self, x_in: Tensor, p: Tensor) -> Tensor:
        return self.columns.finish(p)


Part = SlicedEncoder | Directions


class UnionEncoder(nn.Module, Generic[Name]):
    """x_BTD -> y_BTK, K the columns of all tenants; :meth:`split` gives each its own.

    A number that is not finite (a tenant's weights, or a product that overflows) must cost that tenant its number,
    and nobody else theirs, while a tap refuses a whole pass for one of them: it is carried as the largest fp32 number,
    and is NaN again in :meth:`split`. The encoders are not copied. Raises :class:`InvalidConfig` for no tenants, or
    tenants of different widths or devices.
    """

    def __init__(self, tenants: Mapping[Name, Part], *, isolated: bool = True, width: int = WIDTH) -> None:
        super().__init__()
        if not tenants:
            raise InvalidConfig("expected at least one tenant")
        if width < 1 or width % ALIGNED:
            raise InvalidConfig(f"expected a width that is a multiple of {ALIGNED}, found {width}")
        self.names = tuple(tenants)
        self._slices: dict[Name, slice] = {}
        places, at = set(), 0
        for name, part in tenants.items():
            K = part.columns.W.shape[1]
            self._slices[name] = slice(at, at + K)
            at += K
            places.add((part.columns.W.shape[0], str(part.columns.W.device)))
        if len(places) != 1:
            found = ", ".join(f"{d_in} on {device}" for d_in, device in sorted(places))
            raise InvalidConfig(f"expected tenants of one width on one device, found {found}")
        self.n_out = at
        self._groups = nn.ModuleList(
            _Group(members, list(tenants.values()), isolated, width) for members in _alike(tenants)
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        """All tenants' numbers (..., K), finite."""
        found: dict[int, Tensor] = {}
        for group in self._groups:
            found |= group(x_BTD)
        y_BTK = torch.cat([found[number] for number in range(len(self.names))], dim=-1)
        return torch.nan_to_num(y_BTK, SPOILT, SPOILT, SPOILT)

    def split(self, y_BTK: Tensor) -> dict[Name, Tensor]:
        """Each tenant's numbers (..., K), in the order of its features; NaN where there is none."""
        if y_BTK.shape[-1:] != (self.n_out,):
            raise InvalidInput(
                f"expected the {self.n_out} numbers of this union, found shape {tuple(y_BTK.shape)}"
            )
        parts = {name: y_BTK[..., columns] for name, columns in self._slices.items()}
        return {name: torch.where(part == SPOILT, torch.nan, part) for name, part in parts.items()}


class _Group(nn.Module):
    """Tenants that prepare activations alike: the columns of all, and where whose are."""

    def __init__(self, members: list[int], parts: list[Part], isolated: bool, width: int) -> None:
        super().__init__()
        self._members = members
        self._isolated = isolated
        self._parts = [parts[number] for number in members]
        self._registered = nn.ModuleList(self._parts)  # so that they move with the union
        self._counts = [parts[number].columns.W.shape[1] for number in members]
        columns = [parts[number].columns.W for number in members]
        blocks = [_blocks(W, width) for W in columns]
        self._starts = [len(some) for some in blocks]
        packed = torch.cat(blocks) if isolated else torch.cat(columns, dim=1)
        self.register_buffer("_packed", packed, persistent=False)
        lonely = all(isinstance(part, Directions) or part.competition is None for part in self._parts)
        self._all = Columns.together([part.columns for part in self._parts]) if lonely else None

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        first = self._parts[0]
        # Columns that never meet are isolated in any case.
        if self._all is not None and fused.runs(x, self._all):
            y_K = fused.latents(first.normalised(x), self._all, first.b_dec)
            return dict(zip(self._members, torch.split(y_K, self._counts, dim=-1), strict=True))
        x_in = first.prepare(x)
        products = self._products(x_in)
        return {
            number: part.finish(x_in, p)
            for number, part, p in zip(self._members, self._parts, products, strict=True)
        }

    def _products(self, x_in: Tensor) -> list[Tensor]:
        packed: Tensor = self.get_buffer("_packed")
        if not self._isolated:
            return list(torch.split(product(x_in, packed), self._counts, dim=-1))
        done = [product(x_in, block_DW) for block_DW in packed]
        found, at = [], 0
        for blocks, count in zip(self._starts, self._counts, strict=True):
            found.append(torch.cat(done[at : at + blocks], dim=-1)[..., :count])
            at += blocks
        return found


def _blocks(W_DK: Tensor, width: int) -> Tensor:
    """(G, D, W): the columns in blocks of one width, the last filled up with zeros."""
    D, K = W_DK.shape
    G = -(-K // width)
    full = W_DK.new_zeros(D, G * width)
    full[:, :K] = W_DK
    return full.view(D, G, width).transpose(0, 1).contiguous()


def _alike(tenants: Mapping[Name, Part]) -> list[list[int]]:
    """The tenants' numbers, in groups whose activations are prepared alike, to the bit."""
    parts, groups = list(tenants.values()), list[list[int]]()
    for number, part in enumerate(parts):
        group = next((group for group in groups if _prepares_alike(parts[group[0]], part)), None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    return groups


def _prepares_alike(a: Part, b: Part) -> bool:
    if a.columns.W.dtype != b.columns.W.dtype:
        return False
    if isinstance(a, Directions) or isinstance(b, Directions):
        return isinstance(a, Directions) and isinstance(b, Directions)
    if (a.config.normalise, a.config.heads) != (b.config.normalise, b.config.heads):
        return False
    if a.b_dec is None or b.b_dec is None:
        return a.b_dec is b.b_dec
    return torch.equal(a.b_dec, b.b_dec)
