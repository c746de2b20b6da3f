"""What a head is, as a card says it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["last", "mean", "ema", "shift", "multimax", "rolling", "attention"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LINEAR: tuple[Kind, ...] = ("last", "mean", "ema", "shift")
"""Kinds with one direction: trained by logistic regression on pooled activations."""


class HeadConfig(BaseModel):
    """A head's kind and sizes.

    ``d_in`` is the width of the activations; ``n_heads`` (H) counts the parallel directions of multimax, rolling and
    attention heads; ``hidden`` > 0 puts one ReLU layer of that width before them. ``alpha`` and ``burn_in`` belong
    to the EMA, ``window`` to the rolling mean, both in scored tokens. A setting that the kind does not use must be
    left at its default: a card that says more than the head does is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Kind
    d_in: Annotated[int, Field(ge=1, le=1 << 17)]
    n_heads: Annotated[int, Field(ge=1, le=256)] = 1
    hidden: Annotated[int, Field(ge=0, le=1 << 14)] = 0
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.1
    burn_in: Annotated[int, Field(ge=1, le=1 << 16)] = 8
    window: Annotated[int, Field(ge=1, le=1 << 10)] = 10

    @model_validator(mode="after")
    def _says_nothing_unused(self) -> HeadConfig:
        used = {
            "n_heads": self.kind not in LINEAR,
            "hidden": self.kind not in LINEAR,
            "alpha": self.kind == "ema",
            "burn_in": self.kind == "ema",
            "window": self.kind == "rolling",
        }
        for name, uses in used.items():
            if not uses and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is set, but a head of kind {self.kind!r} has none: leave it out")
        return self

    @property
    def n_out(self) -> int:
        """K: how many numbers a token is reduced to."""
        return self.n_heads * (2 if self.kind in ("rolling", "attention") else 1)
