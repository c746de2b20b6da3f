"""What a loaded autoencoder is tested for: its tensors always, and what it does to activations if there are any.

A reader that misunderstands a convention (a transposed decoder, a bias subtracted or not, a factor folded or not) gives
an autoencoder of the right shapes that reads other features. Reconstruction tells: compare FVU and L0 with the card.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InvalidInput, InvalidTensors
from .sae import SparseAutoencoder


def check(sae: SparseAutoencoder) -> tuple[str, ...]:
    """Raises :class:`InvalidTensors` for numbers that mean nothing; returns what is allowed but odd."""
    for name, tensor in sae.named_parameters():
        if not tensor.isfinite().all():
            raise InvalidTensors(
                f"{name}: expected finite numbers, found {int((~tensor.isfinite()).sum())} others"
            )
    odd: list[str] = []
    norms = sae.decoder_norms()
    if (norms == 0).all():
        raise InvalidTensors("W_dec: expected decoder rows, found only zeros")
    if count := int((norms == 0).sum()):
        odd.append(f"{count} of {len(norms)} decoder rows are zero: those latents explain nothing")
    if sae.config.activation == "jumprelu" and (count := int((sae.threshold < 0).sum())):
        odd.append(f"{count} of {len(norms)} thresholds are negative: the same as 0")
    if sae.config.normalise == "expected_average_only_in":
        odd.append(
            "expects activations multiplied by a factor that the file does not hold: fold_input_scale(factor)"
        )
    return tuple(odd)


@dataclass(frozen=True, slots=True)
class Quality:
    """``fvu``: fraction of variance unexplained; ``l0``: latents per token; ``dead``: share that never fired."""

    fvu: float
    l0: float
    dead: float
    tokens: int

    def differs(
        self, *, fvu: float | None = None, l0: float | None = None, tolerance: float = 0.25
    ) -> tuple[str, ...]:
        """In what this differs from a card by more than the relative tolerance; empty if in nothing."""
        found: list[str] = []
        for name, said, is_ in (("fvu", fvu, self.fvu), ("l0", l0, self.l0)):
            if said is not None and not abs(is_ - said) <= tolerance * max(abs(said), 1e-6):
                found.append(f"{name}: the card says {said:g}, measured {is_:.4g} on {self.tokens} tokens")
        return tuple(found)


@torch.no_grad()
def quality(
    sae: SparseAutoencoder, x_ND: Tensor, target_NO: Tensor | None = None, chunk: int = 1024
) -> Quality:
    """Measured on activations (N, D): of the hook point, without BOS (its norm is an outlier).

    A transcoder needs the activations of where it writes as ``target_NO``.
    """
    if target_NO is None:
        if sae.config.transcoder:
            raise InvalidInput("expected target_NO for a transcoder: the activations where it writes")
        target_NO = x_ND
    if x_ND.dim() != 2 or len(x_ND) < 2 or len(target_NO) != len(x_ND):
        raise InvalidInput(f"expected two or more tokens (N, D), found {tuple(x_ND.shape)}")
    target_NO = target_NO.to(sae.device, torch.float32)
    error, active = 0.0, 0
    fired_F = torch.zeros(sae.config.d_sae, dtype=torch.bool, device=sae.device)
    for start in range(0, len(x_ND), chunk):
        x, target = x_ND[start : start + chunk].to(sae.device), target_NO[start : start + chunk]
        on = sae.encode(x) != 0
        active += int(on.sum())
        fired_F |= on.any(dim=0)
        error += float((sae(x).float() - target).square().sum())
    variance = float((target_NO - target_NO.mean(dim=0)).square().sum())
    return Quality(
        fvu=error / variance if variance else float("nan"),
        l0=active / len(x_ND),
        dead=1 - float(fired_F.float().mean()),
        tokens=len(x_ND),
    )
