"""Sparse autoencoders and transcoders, of every published architecture that has a per-token encoder.

Tensors are named and stored as SAELens does: ``W_enc`` [d_in, d_sae], ``W_dec`` [d_sae, d_out], ``b_enc`` [d_sae],
``b_dec`` [d_out], ``threshold`` [d_sae] (jumprelu), ``b_gate``, ``r_mag``, ``b_mag`` [d_sae] (gated, in place of
``b_enc``), ``W_skip`` [d_out, d_in] (skip transcoders). Shapes: D d_in, F d_sae, O d_out, ... any leading dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from . import activations
from .config import SAEConfig
from .errors import InvalidConfig, InvalidInput, InvalidTensors
from .normalise import Undo, normalise

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


class SparseAutoencoder(nn.Module):
    """Encodes activations (..., D) as latents (..., F) and decodes latents as activations (..., O).

    Nothing is kept on the module while it runs: it may be called from many threads at once. The tensors are
    parameters that do not ask for gradients (a trainer may ask for them). Raises :class:`InvalidTensors` where the
    tensors do not fit the configuration, and when called :class:`InvalidInput`.
    """

    W_enc: nn.Parameter
    W_dec: nn.Parameter
    b_dec: nn.Parameter
    b_enc: nn.Parameter
    threshold: nn.Parameter
    b_gate: nn.Parameter
    r_mag: nn.Parameter
    b_mag: nn.Parameter
    W_skip: nn.Parameter

    def __init__(self, config: SAEConfig, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        _fit(config, tensors)
        self.config = config
        self.skip = "W_skip" in tensors
        for name, tensor in tensors.items():
            setattr(self, name, nn.Parameter(tensor.detach(), requires_grad=False))

    @property
    def dtype(self) -> torch.dtype:
        return self.W_enc.dtype

    @property
    def device(self) -> torch.device:
        return self.W_enc.device

    def encode(self, x: Tensor) -> Tensor:
        """The latents (..., F) of activations (..., D), in the units that ``config.units`` says."""
        return self.activate(self.pre_activations(self.prepare(x)[0]))

    def decode(self, latents: Tensor, undo: Undo | None = None) -> Tensor:
        """The reconstruction (..., O) of latents (..., F), in the encoder's units unless ``undo`` maps it back.

        ``undo`` is what :meth:`prepare` returned for the same tokens; it matters under a run-time normalisation. A
        transcoder's is never undone: it writes somewhere else. ``W_skip`` needs the input: see :meth:`forward`.
        """
        if self.config.rescale_acts_by_decoder_norm:
            latents = latents / self.decoder_norms()
        y = latents @ self.W_dec + self.b_dec
        return y if undo is None or self.config.transcoder else undo(y)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of ``x``, in the units and the shape of ``x`` (for a transcoder: (..., O))."""
        x_in, undo = self.prepare(x)
        y = self.decode(self.activate(self.pre_activations(x_in)), undo)
        if self.skip:
            y = y + x.to(self.dtype) @ self.W_skip.T
        return y.reshape(x.shape) if self.config.heads else y

    def prepare(self, x: Tensor) -> tuple[Tensor, Undo]:
        """What the encoder multiplies: ``x`` in the weights' type, normalised, without ``b_dec`` where it goes."""
        x, undo = normalise(self._checked(x).to(self.dtype), self.config.normalise)
        return (x - self.b_dec if self.config.apply_b_dec_to_input else x), undo

    def pre_activations(self, x_in: Tensor) -> Tensor:
        """(..., F) before the non-linearity; for gated, the bare projection that both of its paths share."""
        h: Tensor = x_in @ self.W_enc
        if self.config.activation == "gated":
            return h
        h = h + self.b_enc
        return h * self.decoder_norms() if self.config.rescale_acts_by_decoder_norm else h

    def activate(self, h: Tensor) -> Tensor:
        match self.config.activation:
            case "relu":
                return torch.relu(h)
            case "jumprelu":
                return activations.jumprelu(h, self.threshold)
            case "gated":
                return activations.gated(h, self.b_gate, self.r_mag, self.b_mag)
            case "topk":
                return activations.topk(h, self.k)
            case "abstopk":
                return activations.abstopk(h, self.k)
            case "groupmax":
                return activations.groupmax(h, self.k)

    @property
    def k(self) -> int:
        if self.config.k is None:
            raise InvalidConfig(f"activation {self.config.activation!r} has no k")
        return self.config.k

    def decoder_norms(self) -> Tensor:
        """||W_dec_i|| (F)."""
        norms: Tensor = self.W_dec.norm(dim=-1)
        return norms

    def fold_input_scale(self, scale: float) -> SparseAutoencoder:
        """The same autoencoder, for activations that were not multiplied by ``scale`` beforehand.

        As SAELens folds: ``W_enc * s``, ``W_dec / s``, ``b_dec / s``; ``b_enc`` and ``threshold`` stay, so that
        latents stay in normalised units. Only for ``expected_average_only_in``. A transcoder's output has another
        scale, which this does not know: refused.
        """
        if self.config.normalise != "expected_average_only_in" or self.config.transcoder:
            raise InvalidConfig(
                "a scale can be folded into an autoencoder of normalisation 'expected_average_only_in', found "
                f"{self.config.normalise!r}{' (a transcoder)' if self.config.transcoder else ''}"
            )
        if not 0 < scale < float("inf"):
            raise InvalidConfig(f"expected a positive finite scale, found {scale}")
        tensors: dict[str, Tensor] = dict(self.named_parameters())
        tensors |= {
            "W_enc": self.W_enc * scale,
            "W_dec": self.W_dec / scale,
            "b_dec": self.b_dec / scale,
        }
        config = replace(self.config, normalise="none", units="normalised")
        return SparseAutoencoder(config, tensors)

    def fold_decoder_norms(self) -> SparseAutoencoder:
        """The same autoencoder with decoder rows of norm 1: latent i is multiplied by ||W_dec_i||.

        Neuronpedia shows latents in these units. For topk and abstopk it would change which latents are chosen,
        unless they are rescaled by the norms anyway.
        """
        choosy = self.config.activation in ("topk", "abstopk", "groupmax")
        if choosy and not self.config.rescale_acts_by_decoder_norm:
            raise InvalidConfig(
                f"folding decoder norms into {self.config.activation} changes which latents fire"
            )
        norms = self.decoder_norms().clamp(min=1e-8)
        tensors: dict[str, Tensor] = dict(self.named_parameters())
        tensors |= {"W_enc": self.W_enc * norms, "W_dec": self.W_dec / norms[:, None]}
        for name in ("b_enc", "threshold", "b_gate", "b_mag"):
            if name in tensors:
                tensors[name] = tensors[name] * norms
        return SparseAutoencoder(replace(self.config, rescale_acts_by_decoder_norm=False), tensors)

    def _checked(self, x: Tensor) -> Tensor:
        d_in = self.config.d_in
        if not x.is_floating_point():
            raise InvalidInput(f"expected floating-point activations, found {x.dtype}")
        if self.config.heads and x.dim() >= 2 and x.shape[-1] != d_in:
            x = x.flatten(-2)
        if x.dim() < 1 or x.shape[-1] != d_in:
            raise InvalidInput(
                f"expected activations of shape (..., {d_in}) for hook point {self.config.hook_point}, found "
                f"{tuple(x.shape)}"
            )
        return x


def expected_shapes(config: SAEConfig) -> dict[str, tuple[int, ...]]:
    """The tensors that an autoencoder of this configuration needs, with their shapes (``W_skip`` is optional)."""
    d_in, d_sae, d_out = config.d_in, config.d_sae, config.width_out
    shapes: dict[str, tuple[int, ...]] = {
        "W_enc": (d_in, d_sae),
        "W_dec": (d_sae, d_out),
        "b_dec": (d_out,),
    }
    biases = ("b_gate", "r_mag", "b_mag") if config.activation == "gated" else ("b_enc",)
    shapes |= dict.fromkeys(biases, (d_sae,))
    if config.activation == "jumprelu":
        shapes["threshold"] = (d_sae,)
    return shapes


def _fit(config: SAEConfig, tensors: Mapping[str, Tensor]) -> None:
    shapes = expected_shapes(config)
    if "W_skip" in tensors:
        shapes["W_skip"] = (config.width_out, config.d_in)
    if missing := sorted(shapes.keys() - tensors.keys()):
        raise InvalidTensors(f"a {config.activation} autoencoder needs {', '.join(missing)}")
    if extra := sorted(tensors.keys() - shapes.keys()):
        raise InvalidTensors(f"a {config.activation} autoencoder has no place for {', '.join(extra)}")
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            found = tuple(tensors[name].shape)
            raise InvalidTensors(f"{name}: expected shape {shape}, found {found}")
    kinds = {(tensor.dtype, tensor.device) for tensor in tensors.values()}
    if len(kinds) != 1 or next(iter(kinds))[0] not in FLOATS:
        found_kinds = sorted(f"{dtype} on {device}" for dtype, device in kinds)
        raise InvalidTensors(
            f"expected one floating-point type and one device, found {', '.join(found_kinds)}"
        )
