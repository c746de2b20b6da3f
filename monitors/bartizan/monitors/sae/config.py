"""What a sparse autoencoder is, apart from its weights. Frozen: nothing about it changes while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from .errors import InvalidConfig

Activation = Literal["relu", "jumprelu", "topk", "abstopk", "groupmax", "gated"]
"""How pre-activations become latents. BatchTopK and Matryoshka autoencoders are read with the threshold that they
were saved with, which makes them ``jumprelu``; ``trained_as`` remembers what they were."""

Normalisation = Literal["none", "constant_norm_rescale", "layer_norm", "expected_average_only_in"]
"""What happens to an activation before the encoder (the names are SAELens's):

* ``constant_norm_rescale``: x * sqrt(d_in) / ||x||
* ``layer_norm``: (x - mean) / (std + 1e-5), with the unbiased std, and the epsilon added to it and not to the variance
* ``expected_average_only_in``: nothing. The autoencoder was trained on activations times one factor that this file
  does not hold. Fold the factor in (:meth:`SparseAutoencoder.fold_input_scale`), or scale what you feed it.
"""

Units = Literal["raw", "normalised", "unspecified"]
"""What a latent's number means, since thresholds do not transfer: ``raw``, measured on activations as the model
makes them; ``normalised``, on activations scaled to some norm, at run time or by a folded factor; ``unspecified``,
the format does not say whether a factor was folded."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class SAEConfig:
    """Shapes, equations and provenance of one autoencoder or transcoder.

    A transcoder (``transcoder=True``) reads at one hook point and writes at another: ``d_out`` may differ from
    ``d_in``, and its ``b_dec`` is never subtracted from the input. Raises :class:`InvalidConfig`.
    """

    activation: Activation
    d_in: int
    d_sae: int
    d_out: int | None = None
    k: int | None = None
    normalise: Normalisation = "none"
    apply_b_dec_to_input: bool = False
    rescale_acts_by_decoder_norm: bool = False
    transcoder: bool = False
    units: Units = "unspecified"
    hook_point: str | None = None
    hook_point_out: str | None = None
    model: str | None = None
    heads: bool = False
    """The hook point is a ``hook_z``: activations of shape (..., heads, d_head) are flattened first."""
    trained_as: str | None = None
    source: str = "memory"
    """The format that it was read from."""
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        for name in ("d_in", "d_sae"):
            _positive(name, getattr(self, name))
        if self.d_out is None:
            object.__setattr__(self, "d_out", self.d_in)
        _positive("d_out", self.d_out)
        _one_of("activation", self.activation, get_args(Activation))
        _one_of("normalise", self.normalise, get_args(Normalisation))
        _one_of("units", self.units, get_args(Units))
        if self.activation in ("topk", "abstopk", "groupmax"):
            _positive("k", self.k)
            if self.k is not None and self.k > self.d_sae:
                raise InvalidConfig(f"expected k <= d_sae = {self.d_sae}, found k = {self.k}")
        elif self.k is not None:
            raise InvalidConfig(f"expected no k for activation {self.activation!r}, found {self.k}")
        if self.activation == "groupmax" and self.k is not None and self.d_sae % self.k:
            raise InvalidConfig(
                f"expected d_sae to be a multiple of k for groupmax, found {self.d_sae} and {self.k}"
            )
        if self.rescale_acts_by_decoder_norm and self.activation not in ("topk", "abstopk"):
            raise InvalidConfig(
                f"rescale_acts_by_decoder_norm is defined for topk and abstopk, found {self.activation!r}; "
                "fold the norms into the weights instead"
            )
        if self.transcoder and self.apply_b_dec_to_input:
            raise InvalidConfig(
                "a transcoder's b_dec lives where it writes: apply_b_dec_to_input must be false"
            )
        if not self.transcoder and self.d_out != self.d_in:
            raise InvalidConfig(f"only a transcoder writes d_out = {self.d_out} != d_in = {self.d_in}")
        if self.heads and self.transcoder:
            raise InvalidConfig("expected heads=False for a transcoder")

    @property
    def width_out(self) -> int:
        """``d_out``, known."""
        return self.d_in if self.d_out is None else self.d_out


def _positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidConfig(f"expected {name} to be a positive integer, found {value!r}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidConfig(f"expected {name} to be one of {', '.join(allowed)}, found {value!r}")
